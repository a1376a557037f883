//! The running thing: takes messages in, runs their programs, keeps lanes in order, retries,
//! reloads by difference, and stops without losing anything.

mod ack_ids;
mod acts;
mod answer;
mod apply;
mod budget;
mod caution;
mod clock;
mod decide;
mod disk;
mod dry_run;
mod engine;
mod flow;
mod gate;
mod inlet;
mod keys;
mod lanes;
mod last_words;
mod late;
mod outbound;
mod parcel;
mod plan;
mod posture;
mod recovery;
mod replay;
mod retry;
mod running;
mod selection;
pub mod site;
mod speaker;
mod start_error;
mod status;
mod watch;

pub use acts::{ActError, Discarded};
pub use apply::{ApplyError, Change, ChannelChange};
pub use clock::Clock;
pub use disk::Disk;
pub use dry_run::Trace;
pub use engine::{Ended, Engine, StartOptions};
pub use outbound::Live;
pub use replay::{ReplayMode, ReplayOrder, Replayed};
pub use selection::{Selection, group_name};
pub use start_error::StartError;
pub use status::{ChannelStatus, DestinationStatus, Status};
