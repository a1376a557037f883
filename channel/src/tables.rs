use config::{CodeTable, Name};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// What a channel refers to besides its own file, looked up once when it is compiled: code tables, scripts, profiles.
pub trait Tables {
    /// The table of this name.
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>>;
    /// Every name, for suggestions.
    fn names(&self) -> Vec<Name>;
    /// The text of a script or profile, by its path below the folder of the channels.
    fn companion(&self, path: &str) -> Option<Arc<str>> {
        let _none = path;
        None
    }
    /// The site's time zone: what a timestamp without an offset means when it is compared with one that has an offset.
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}
