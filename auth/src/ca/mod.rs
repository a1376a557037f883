//! The internal certificate authority: roots, the certificates that they sign, their revocation lists.
//!
//! Pure: bytes and times in, bytes out. What is kept and what is trusted is the registry's.

mod certificate;
mod leaf;
mod request;
mod revocations;
mod root;

pub use certificate::{Certificate, pem};
pub use leaf::{LeafOrder, SubjectName};
pub use request::{KeyKind, Request};
pub use revocations::Revocations;
pub use root::{NewRoot, Signer};

/// How long a root is valid.
pub const ROOT_DAYS: i64 = 3_652;
/// How long a certificate of it is valid.
pub const LEAF_DAYS: i64 = 90;
/// How long a revocation list is good for.
pub const LIST_DAYS: i64 = 7;

pub(crate) const DAY_US: i64 = 86_400_000_000;

/// What is wrong with a certificate, a request or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// There is no such block in the text.
    #[error("there is no {0} in it")]
    Missing(&'static str),
    /// It does not read.
    #[error("the {0} cannot be read")]
    Unreadable(&'static str),
    /// The signature on a request is not by the key inside.
    #[error("the request is not signed by its own key, or asks for what is not given here")]
    Request,
    /// A certificate must say what it is for.
    #[error("name what it is for: server, client or both")]
    NoUse,
    /// A server is found by its name.
    #[error("a server's certificate needs at least one name or address")]
    NoName,
    /// The root ends too soon.
    #[error("the root expires before such a certificate would: rotate it first")]
    RootEnds,
    /// The library refused.
    #[error("the {0} could not be made")]
    Unmade(&'static str),
}
