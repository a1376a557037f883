//! Somebody who has been recognised, and what they may ask for.

use store::{Actor, ActorKind, Scope};

use crate::permission::Grant;
use crate::permit::Permit;

/// A recognised actor: the one place where permits come from.
#[derive(Clone)]
pub struct Session {
    actor: Actor,
}

impl Session {
    /// The session of a process that reached the engine through its unix socket.
    ///
    /// The caller must have compared the peer's uid with the engine's own: whoever runs as that
    /// uid can read the store and its key anyway, so the socket grants everything and the audit
    /// log says `cli-uid` (decisions.md 5).
    pub fn of_same_uid(uid: u32) -> Session {
        let actor = Actor {
            id: format!("os:{uid}"),
            kind: ActorKind::User,
            name: None,
            auth: Some("cli-uid".to_owned()),
        };
        Session { actor }
    }

    /// A permit for one kind of act, or nothing when this actor does not hold it.
    pub fn permit<G: Grant>(&self) -> Option<Permit<G>> {
        Some(Permit::new(self.actor.clone(), Scope::All))
    }

    /// Who this is.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}
