//! Messages as files in a folder.

mod name;
mod settings;
mod writer;

pub use name::NameTemplate;
pub use settings::{DESTINATION_FIELDS, Settings};
pub use writer::Writer;
