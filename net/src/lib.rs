//! The way to the network: one accept loop with its limits, one dialer, one stream type.
//!
//! No protocol and no policy lives here. Every socket of the engine is made in this crate, so that what holds
//! for all of them (loopback only without TLS, keepalive, limits on how many) is said once.

mod accept;
mod address;
mod attendance;
mod dial;
mod gate;
mod peers;
mod stream;

pub use accept::{AcceptStats, Acceptor, Admitted, BindError};
pub use address::{is_loopback, is_surely_loopback};
pub use attendance::{Attendance, Presence, Present};
pub use dial::{DialError, Dialer};
pub use gate::{Gate, Pass, Refusal};
pub use peers::{Authorities, Knock, Nobody, PeerBook, PeerIdentity, PeerRefusal};
pub use stream::Stream;
