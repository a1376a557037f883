//! Accounts: the people who sign in, what they may do, and their sessions.
//!
//! The store keeps rows and what must be decided in one statement: how often somebody may guess, that a code is used once, that there is
//! one first owner. What a password, a code or a role is, the caller knows.

mod approval;
mod directory;
mod emergency;
mod grant;
mod role;
mod service;
mod session;
mod sign_in;
mod user;

use phi::Secret;

use crate::audit::Target;
use crate::error::StoreError;
use crate::ids::{ChannelId, UserId};
use crate::seal::{self, Column, Place};
use crate::store::{Parts, Store};

pub(crate) use approval::spend;
pub use approval::{Approval, ApprovalState, NewApproval};
pub use directory::{DirectorySession, DirectoryUser};
pub use emergency::{Emergency, NewEmergency};
pub use grant::Granted;
pub use role::RoleRow;
pub use service::{NewServiceToken, ServiceToken};
pub use session::{NewSession, SessionRow};
pub use sign_in::{Credentials, Locking, SecondFactor, SignIn};
pub use user::{NewUser, User, UserState};

/// The writer that acts on accounts share: one order for all of them.
const ACCOUNTS: i64 = 0;

fn place(user: UserId, column: Column) -> Place {
    Place { channel: ChannelId::from_number(0), column, row: user.uuid() }
}

fn seal(parts: &Parts, user: UserId, column: Column, secret: &[u8]) -> Vec<u8> {
    seal::seal(&parts.auth, place(user, column), secret)
}

impl Store {
    async fn unseal(
        &self,
        user: UserId,
        column: Column,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, StoreError> {
        let place = place(user, column);
        let opened = self.inner.reader.open(place.channel, place.column, place.row, sealed).await?;
        Ok(Secret::new(opened))
    }
}

fn target(user: UserId) -> Target {
    Target { kind: "user", id: Some(user.to_string()), channel: None }
}
