//! Accounts at work: signing in, sessions, second factors, and the people themselves.

mod approvals;
mod directory;
mod emergencies;
mod people;
mod roles;
mod service;
mod setup;
mod sign_in;
mod submit;
mod tokens;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use config::SecondFactorPolicy;
use store::{Flood, Granted, Locking, Store, StoreError, UserId};
use uuid::Uuid;

pub use approvals::Asked;
pub use emergencies::Opening;
pub use people::{AccountChange, NewPerson};
pub use service::TokenOrder;
pub use setup::{Enrolment, Owner};
pub use sign_in::{Login, SignedIn};

use crate::directory::Directory;
use crate::holdings::Holdings;
use crate::password::{Busy, Cost, Hasher};
use crate::permission::Permission;
use crate::role::CustomRoles;
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
    Permission::ApprovalDecide,
    Permission::RetentionManage,
];
const PHI: &[Permission] =
    &[Permission::MessageBody, Permission::MessageSearch, Permission::MessageError];

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
    /// It needs the agreement of somebody else, which was asked for.
    #[error("this needs the agreement of somebody else")]
    ApprovalNeeded {
        /// The request.
        id: Uuid,
    },
    /// The directory cannot be asked who somebody is.
    #[error("the directory cannot be asked just now")]
    Directory,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Busy> for AccountError {
    fn from(_: Busy) -> AccountError {
        AccountError::TooMany { retry_s: 5 }
    }
}

/// What holds for all accounts.
pub struct AccountRules {
    /// The name of the engine, which second factors are shown with.
    pub node: String,
    /// Who must have a second factor.
    pub second_factor: SecondFactorPolicy,
    /// By which people may sign in who have no password here.
    pub directory: Option<config::Directory>,
    /// Whether what needs a second person needs one.
    pub approvals: bool,
}

/// The accounts of one engine.
pub struct Accounts {
    store: Store,
    node: String,
    now_us: fn() -> i64,
    policy: SecondFactorPolicy,
    hasher: Hasher,
    windows: Windows,
    refused_tokens: Flood<(Uuid, &'static str)>,
    /// Secrets of second factors that are not confirmed yet.
    enrolling: Mutex<HashMap<UserId, setup::Enrolling>>,
    setup: setup::Setup,
    directory: Option<Directory>,
    approvals: bool,
    /// As the store has them: replaced by each change of them, after its commit.
    roles: RwLock<Arc<CustomRoles>>,
}

impl Accounts {
    /// The accounts in a store. When nobody is there yet, a token for the first owner is written into the data folder.
    ///
    /// # Errors
    /// [`AccountError::Invalid`] when the settings of the directory cannot be meant.
    pub async fn open(
        store: Store,
        data: PathBuf,
        rules: AccountRules,
        (now_us, cost): (fn() -> i64, Cost),
    ) -> Result<Accounts, AccountError> {
        let AccountRules { node, second_factor: policy, directory, approvals } = rules;
        let custom = CustomRoles::of(store.roles().await?);
        let directory = directory.map(|settings| directory::open(settings, &custom)).transpose()?;
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
            refused_tokens: Flood::new(1),
            enrolling: Mutex::default(),
            setup,
            directory,
            approvals,
            roles: RwLock::new(Arc::new(custom)),
        })
    }

    /// The roles that the site has made.
    pub fn custom_roles(&self) -> Arc<CustomRoles> {
        Arc::clone(&self.roles.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What some grants amount to now.
    fn held(&self, grants: &[Granted]) -> Holdings {
        Holdings::of(grants, &self.custom_roles())
    }

    /// The file with the token for the first owner, while it is good for something.
    pub fn setup_token_file(&self) -> Option<PathBuf> {
        self.setup.file((self.now_us)())
    }

    fn must_enrol(&self, grants: &[Granted], second_factor: bool) -> bool {
        !second_factor && demands(self.policy, &self.held(grants))
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("policy", &self.policy).finish_non_exhaustive()
    }
}
