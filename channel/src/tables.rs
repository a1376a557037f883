use config::{CodeTable, Name};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// The code tables of a site, looked up once when a channel is compiled.
pub trait Tables {
    /// The table of this name.
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>>;
    /// Every name, for suggestions.
    fn names(&self) -> Vec<Name>;
    /// The site's time zone: what a timestamp without an offset means when it is compared with one that has an offset.
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}
