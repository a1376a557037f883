//! The proof that somebody may do one kind of thing, within one scope.

use std::marker::PhantomData;

use store::{Actor, Scope};

use crate::permission::{Grant, Permission};

/// What a service function asks for: this actor holds this permission for these channels.
///
/// The permission is in the type, so a permit for reading cannot be handed to a function that
/// changes something. Only [`crate::Session::permit`] makes one:
///
/// ```compile_fail
/// let permit = auth::Permit::<auth::grants::MessageBody> { .. };
/// ```
///
/// A permit for one thing is no permit for another:
///
/// ```compile_fail
/// fn replay(_: &auth::Permit<auth::grants::MessageReplay>) {}
/// fn read(permit: &auth::Permit<auth::grants::MessageMeta>) { replay(permit) }
/// ```
pub struct Permit<G: Grant> {
    actor: Actor,
    scope: Scope,
    grant: PhantomData<G>,
}

impl<G: Grant> Permit<G> {
    pub(crate) fn new(actor: Actor, scope: Scope) -> Permit<G> {
        Permit { actor, scope, grant: PhantomData }
    }

    /// Who holds it.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The channels it reaches.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Which permission it proves.
    pub fn permission(&self) -> Permission {
        G::PERMISSION
    }
}
