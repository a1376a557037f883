//! The way to the network: one accept loop with its limits, one dialer, one TLS builder, one stream type.
//!
//! No protocol lives here. Every socket of the engine is made in this crate, so that what holds for all of them is said
//! once: no plain text across a network unless somebody has written down why, no connection that the configuration does
//! not name, keepalive, limits on how many.

mod accept;
mod acknowledgement;
mod address;
mod attendance;
mod dial;
mod entrance;
mod gate;
mod handshake;
mod peers;
mod probe;
mod programs;
mod protection;
mod records;
mod resolve;
mod standing;
mod stream;
mod target;
pub mod tls;

pub use accept::{AcceptStats, Acceptor, Admitted, BindError};
pub use acknowledgement::Acknowledgement;
pub use address::{Forbidden, is_loopback};
pub use attendance::{Attendance, Presence, Present};
pub use dial::{DialError, Dialer};
pub use entrance::{ENTRANCE_FIELDS, Entrance};
pub use gate::{Gate, Pass, Refusal};
pub use peers::{Authorities, Knock, Nobody, PeerBook, PeerIdentity, PeerRefusal};
pub use probe::Step;
pub use programs::{MaySend, ProgramBook, Unavailable};
pub use resolve::{Resolve, Resolved};
pub use standing::Standing;
pub use stream::Stream;
pub use target::{NotAllowed, TARGET_FIELDS, Target};
