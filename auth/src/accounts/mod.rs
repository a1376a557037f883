//! Accounts at work: signing in, sessions, second factors, and the people themselves.

mod people;
mod service;
mod setup;
mod sign_in;
mod tokens;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use config::SecondFactorPolicy;
use store::{Granted, Locking, Store, StoreError, UserId};

pub use people::{AccountChange, NewPerson};
pub use service::TokenOrder;
pub use setup::{Enrolment, Owner};
pub use sign_in::{Login, SignedIn};

use crate::holdings::Holdings;
use crate::password::{Busy, Cost, Hasher};
use crate::permission::Permission;
use crate::windows::Windows;

/// Wrong guesses lock an account for half an hour (security.md 2.3).
const LOCKING: Locking = Locking { guesses: 5, for_us: 30 * 60 * 1_000_000 };
/// No answer to a sign-in comes earlier, so that none tells how far it got.
const ANSWER_AFTER: Duration = Duration::from_millis(400);
/// A session ends after this long without a request, and after this long at all, microseconds.
const IDLE_US: i64 = 30 * 60 * 1_000_000;
const ABSOLUTE_US: i64 = 12 * 3_600 * 1_000_000;
/// Sessions of one user at once.
const AT_ONCE: i64 = 3;
/// The use of a session is written down this often.
const SEEN_EVERY_US: i64 = 60 * 1_000_000;

/// What only somebody with a second factor may do, by the policies.
const ADMINS: &[Permission] = &[
    Permission::ChannelApply,
    Permission::PeerWrite,
    Permission::PeerRevoke,
    Permission::CaManage,
    Permission::UserManage,
    Permission::RoleManage,
    Permission::SessionManage,
    Permission::TokenManage,
];
const PHI: &[Permission] = &[Permission::MessageBody, Permission::MessageError];

/// Whether whoever holds this must have a second factor.
fn demands(policy: SecondFactorPolicy, holdings: &Holdings) -> bool {
    let any = |of: &[Permission]| of.iter().any(|one| holdings.scope_of(*one).is_some());
    match policy {
        SecondFactorPolicy::Optional => false,
        SecondFactorPolicy::Admins => any(ADMINS),
        SecondFactorPolicy::Phi => any(ADMINS) || any(PHI),
        SecondFactorPolicy::All => true,
    }
}

/// Why somebody was not signed in, or something about accounts was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Name, password and code do not go together; nobody is told which of them is wrong.
    #[error("name, password and code do not go together")]
    Credentials,
    /// Too many tries, or too many at once.
    #[error("too many sign-ins just now")]
    TooMany {
        /// Seconds after which another try is taken.
        retry_s: u64,
    },
    /// What was given cannot be meant.
    #[error("{0}")]
    Invalid(String),
    /// It needs a sign-in of the last five minutes.
    #[error("this needs your password again: sign in anew")]
    StepUp,
    /// More than whoever asks may do.
    #[error("{0}")]
    Beyond(&'static str),
    /// What was named is not there.
    #[error("there is no such {0}")]
    Absent(&'static str),
    /// Not in this state.
    #[error("{0}")]
    Refused(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Busy> for AccountError {
    fn from(_: Busy) -> AccountError {
        AccountError::TooMany { retry_s: 5 }
    }
}

/// The accounts of one engine.
pub struct Accounts {
    store: Store,
    node: String,
    now_us: fn() -> i64,
    policy: SecondFactorPolicy,
    hasher: Hasher,
    windows: Windows,
    /// Secrets of second factors that are not confirmed yet.
    enrolling: Mutex<HashMap<UserId, setup::Enrolling>>,
    setup: setup::Setup,
}

impl Accounts {
    /// The accounts in a store. When nobody is there yet, a token for the first owner is written into the data folder.
    pub async fn open(
        store: Store,
        data: PathBuf,
        (node, policy): (String, SecondFactorPolicy),
        (now_us, cost): (fn() -> i64, Cost),
    ) -> Result<Accounts, StoreError> {
        let hasher = Hasher::new(cost);
        let setup = setup::Setup::begin(data, store.has_no_users().await?, now_us())
            .map_err(|error| StoreError::Internal(format!("the setup token: {error}")))?;
        Ok(Accounts {
            store,
            node,
            now_us,
            policy,
            hasher,
            windows: Windows::default(),
            enrolling: Mutex::default(),
            setup,
        })
    }

    /// The file with the token for the first owner, while it is good for something.
    pub fn setup_token_file(&self) -> Option<PathBuf> {
        self.setup.file((self.now_us)())
    }

    fn must_enrol(&self, grants: &[Granted], second_factor: bool) -> bool {
        !second_factor && demands(self.policy, &Holdings::of(grants))
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("policy", &self.policy).finish_non_exhaustive()
    }
}
