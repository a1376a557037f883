//! Messages as files in a folder.

mod append;
mod collect;
mod folder;
mod inbox;
mod name;
mod pattern;
mod reading;
mod settings;
mod sightings;
mod single;
mod source;
mod source_settings;
mod source_stats;
mod watch;
mod writer;

pub use name::NameTemplate;
pub use pattern::Pattern;
pub use settings::{BatchLimits, DESTINATION_FIELDS, Mode, Settings};
pub use source::FolderSource;
pub use source_settings::{Order, Place, SOURCE_FIELDS, SourceSettings};
pub use source_stats::{SourceCounts, SourceStats};
pub use writer::Writer;
