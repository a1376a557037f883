//! Reading, for the engine and for people.

mod audit;
mod dead;
mod detail;
mod filter;
mod line;
mod messages;
mod places;
mod reader;
mod revisions;
mod status;
mod work;

pub use audit::{AuditFilter, AuditRecord};
pub use dead::{DeadGroup, DeadKey, DeadLetter, Letter};
pub use detail::{AttemptDetail, BodyOf, Child, DeliveryDetail, MessageDetail, SealedText};
pub(crate) use filter::Known;
pub use filter::{Cursor, CursorError, MessageFilter, MessageState, Page};
pub use line::InLine;
pub(crate) use messages::summary_columns;
pub use messages::{MessageSummary, Messages};
pub use places::{HeadStanding, Placed};
pub(crate) use reader::{Pool, Reader, key_row};
pub use revisions::{Revision, RevisionSummary};
pub use status::{ChannelDay, ChannelStatus, Counted, DestinationStatus};
pub(crate) use work::{Queued, Waiting};
pub use work::{QueuedDelivery, Undecided};
