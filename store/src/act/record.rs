//! Records of what changes nothing in the store: reads that must be known, and what was refused.

use std::sync::Arc;

use config::Name;

use crate::audit::{self, Act, ActOutcome, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::sql::Later;
use crate::store::{Parts, Store};

impl Store {
    /// Writes an audit record alone: what was read, denied, or done outside the store. The caller goes on only when it is on disk.
    pub async fn record(
        &self,
        act: &Act,
        target: Target,
        outcome: ActOutcome,
        code: Option<String>,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            act: act.clone(),
            target,
            outcome,
            code,
            before: Json::Null,
            after: Json::Null,
        };
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        let parts = Arc::clone(&self.inner);
        desk.run(move |session| {
            Box::pin(async move {
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Records that somebody writes a file of a channel: what of it, and the hashes of the text before and after.
    pub async fn record_edit(
        &self,
        act: &Act,
        channel: &Name,
        what: &str,
        (before, after): (Option<&str>, &str),
    ) -> Result<(), StoreError> {
        let hash = |hash: &str| Json::object([("hash", Json::text(hash))]);
        let channel = channel.to_string();
        let id = if what == "channel" { channel.clone() } else { format!("{channel} {what}") };
        let target = Target { kind: "channel-file", id: Some(id), channel: Some(channel) };
        let entry = Entry::success(act, target, before.map_or(Json::Null, hash), hash(after));
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        let parts = Arc::clone(&self.inner);
        desk.run(move |session| {
            Box::pin(async move {
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Runs an act of a channel on its writer.
    pub(crate) async fn act<T, F>(&self, channel: i64, act: &Act, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Backend, Arc<Parts>) -> Later<'a, Done> + Send + 'static,
    {
        self.inner.time.told(act.now_us);
        let parts = Arc::clone(&self.inner);
        self.seat(crate::ids::ChannelId::from_number(channel))
            .run(move |session| job(session, parts))
            .await
    }
}
