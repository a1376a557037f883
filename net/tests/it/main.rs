//! The accept loop and the dialer on real sockets.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accept;
mod dial;
mod issued;
mod settings;
mod tls;
