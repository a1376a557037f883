//! Who may do what: actors, permissions, and the permits that admin actions ask for.
//!
//! Nothing here knows a route or a page. A [`Permit`] can be made in this crate alone, so a
//! service function that takes one cannot be called by code that never asked.

mod accounts;
pub mod ca;
mod directory;
mod holdings;
mod password;
mod permission;
mod permit;
mod registry;
mod role;
mod second_factor;
mod session;
mod windows;

pub use accounts::{
    AccountChange, AccountError, AccountRules, Accounts, Asked, Enrolment, Login, NewPerson,
    Opening, Owner, SignedIn, TokenOrder,
};
pub use holdings::Holdings;
pub use password::Cost;
pub use permission::{Grant, Permission, grants};
pub use permit::Permit;
pub use registry::{
    Book, Expiry, KeySource, ListState, OVERLAP_DAYS_MAX, PeerOrder, Registry, RegistryError,
    Rotation, Signed, Trusted,
};
pub use role::{CustomRole, CustomRoles, ROLES, Role};
pub use session::Session;
/// Who acts, as the audit log records it.
pub use store::Actor;
