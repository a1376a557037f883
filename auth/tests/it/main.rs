//! The certificate authority, seen by OpenSSL, and the registry of peers over a real store.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod approvals;
mod certificates;
mod directory;
mod home;
mod openssl;
mod registry;
mod roles;
