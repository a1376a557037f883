//! Somebody who has been recognised, and what they may ask for.

use store::{Actor, ActorKind, Granted, Scope, Source, UserId};
use uuid::Uuid;

use crate::holdings::Holdings;
use crate::permission::Grant;
use crate::permit::Permit;
use crate::role::CustomRoles;

/// How long after proving who they are somebody may do what is dangerous, microseconds.
const STEP_UP_US: i64 = 5 * 60 * 1_000_000;

/// A recognised actor: the one place where permits come from.
#[derive(Clone)]
pub struct Session {
    pub(crate) actor: Actor,
    pub(crate) holdings: Holdings,
    pub(crate) login: Option<LoginOf>,
    /// A program's, with the hash of its token: it proves nothing anew.
    pub(crate) program: Option<[u8; 32]>,
    /// That of an emergency, with the hash of its token.
    pub(crate) emergency: Option<EmergencyOf>,
}

/// What a session that began with an envelope knows besides.
#[derive(Clone)]
pub(crate) struct EmergencyOf {
    pub id: Uuid,
    pub token: [u8; 32],
    pub until_us: i64,
}

/// What a session that began with a sign-in knows besides.
#[derive(Clone)]
pub(crate) struct LoginOf {
    pub user: UserId,
    pub token: [u8; 32],
    /// The user must add a second factor first.
    pub must_enrol: bool,
    pub step_up_us: i64,
    pub until_us: i64,
}

impl Session {
    /// The session of a process that reached the engine through its unix socket.
    ///
    /// The caller must have compared the peer's uid with the engine's own: whoever runs as that
    /// uid can read the store and its key anyway, so the socket grants everything and the audit
    /// log says `cli-uid` (decisions.md 5).
    pub fn of_same_uid(uid: u32) -> Session {
        let actor = Actor {
            auth: Some("cli-uid".to_owned()),
            source: Some(Source { address: None, via: "socket" }),
            ..Actor::new(ActorKind::User, format!("os:{uid}"))
        };
        Session { actor, holdings: Holdings::all(), login: None, program: None, emergency: None }
    }

    /// The session of a program, for one request.
    pub(crate) fn of_program(actor: Actor, holdings: Holdings, token: [u8; 32]) -> Session {
        Session { actor, holdings, login: None, program: Some(token), emergency: None }
    }

    /// The session of somebody who has signed in.
    pub(crate) fn of_login(actor: Actor, holdings: Holdings, login: LoginOf) -> Session {
        Session { actor, holdings, login: Some(login), program: None, emergency: None }
    }

    /// The session of whoever has opened an envelope: an owner's, for a while.
    pub(crate) fn of_emergency(actor: Actor, emergency: EmergencyOf) -> Session {
        let owner = Granted { role: "system-owner".to_owned(), scope: Scope::All };
        let holdings = Holdings::of(&[owner], &CustomRoles::default());
        Session { actor, holdings, login: None, program: None, emergency: Some(emergency) }
    }

    /// Whether this is the machine's own operator, over the unix socket.
    pub fn is_operator(&self) -> bool {
        self.login.is_none() && self.program.is_none() && self.emergency.is_none()
    }

    /// Whether this began with an envelope.
    pub fn is_emergency(&self) -> bool {
        self.emergency.is_some()
    }

    /// A permit for one kind of act, or nothing when this actor does not hold it.
    pub fn permit<G: Grant>(&self) -> Option<Permit<G>> {
        if self.must_enrol() {
            return None;
        }
        let scope = self.holdings.scope_of(G::PERMISSION)?;
        if !G::PERMISSION.is_of_channels() && *scope != Scope::All {
            return None;
        }
        Some(Permit::new(self.actor.clone(), scope.clone()))
    }

    /// Who this is.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What they hold.
    pub fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// The user who signed in; nobody over the unix socket.
    pub fn user(&self) -> Option<UserId> {
        self.login.as_ref().map(|login| login.user)
    }

    /// Whether nothing is allowed but to add a second factor.
    pub fn must_enrol(&self) -> bool {
        self.login.as_ref().is_some_and(|login| login.must_enrol)
    }

    /// Whether they have proven who they are a moment ago. Over the unix socket the system has.
    pub fn is_fresh(&self, now_us: i64) -> bool {
        if self.program.is_some() {
            return false;
        }
        self.login.as_ref().is_none_or(|login| {
            (login.step_up_us..login.step_up_us.saturating_add(STEP_UP_US)).contains(&now_us)
        })
    }

    /// When it ends at the latest, microseconds UTC; nothing over the unix socket.
    pub fn until_us(&self) -> Option<i64> {
        let emergency = self.emergency.as_ref().map(|emergency| emergency.until_us);
        self.login.as_ref().map(|login| login.until_us).or(emergency)
    }
}
