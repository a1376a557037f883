//! What a database has to do for the store, beyond answering statements.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use crate::error::StoreError;
use crate::group::{Group, Unwritten};
use crate::migrate::Migration;
use crate::sql::{Later, Session};

/// One writing connection.
pub(crate) trait Backend: Session {
    /// Runs a migration inside the open transaction.
    fn script(&mut self, migration: &'static Migration) -> Later<'_, ()>;

    /// Opens a transaction for an act.
    fn begin(&mut self) -> Later<'_, ()>;

    /// Makes it durable.
    fn commit(&mut self) -> Later<'_, ()>;

    /// Undoes what is open, if anything is.
    fn rollback(&mut self) -> Later<'_, ()>;

    /// Writes a group: in a transaction of its own that is synced when this returns, or as a part of the open one.
    fn write<'a>(&'a mut self, group: &'a Group, framing: Framing) -> Writing<'a>;

    /// Whether what is deleted from now on is written over, where that is not so in any case.
    fn erase(&mut self, over: bool) -> Later<'_, ()>;

    /// Gives some of the space that nothing is in back to the file system, outside of a transaction; whether there is more.
    fn give_back(&mut self) -> Later<'_, bool>;

    /// Makes the connection usable again after it failed.
    fn recover(&mut self) -> Later<'_, ()>;

    /// What is due between groups, off the path of callers.
    fn rest(&mut self) -> Later<'_, ()>;

    /// Ends the connection.
    fn close(self: Box<Self>) -> Later<'static, ()>;
}

/// A group on its way.
pub(crate) type Writing<'a> = Pin<Box<dyn Future<Output = Result<(), Unwritten>> + Send + 'a>>;

/// Who opens and ends the transaction of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The group itself.
    Whole,
    /// An act, which has opened one.
    Inside,
}

/// What a job does inside its transaction.
pub(crate) type Run = Box<dyn for<'a> FnOnce(&'a mut dyn Backend) -> Later<'a, Done> + Send>;

/// An act of a person, or anything else that has a transaction of its own between groups.
pub(crate) struct Job {
    pub run: Run,
    pub reply: tokio::sync::oneshot::Sender<Result<Box<dyn Any + Send>, StoreError>>,
}

/// What a job gives when its transaction is on disk.
pub(crate) struct Done {
    pub value: Box<dyn Any + Send>,
    /// Run by the writer before the next group.
    pub after: Box<dyn FnOnce() + Send>,
}

impl Done {
    pub(crate) fn new<T: Any + Send>(value: T) -> Done {
        Done { value: Box::new(value), after: Box::new(|| {}) }
    }

    pub(crate) fn and_then(self, after: impl FnOnce() + Send + 'static) -> Done {
        Done { after: Box::new(after), ..self }
    }
}
