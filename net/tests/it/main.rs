//! The accept loop and the dialer on real sockets.

mod accept;
mod dial;
