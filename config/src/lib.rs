//! Text to typed, located, explained: the configuration of a site.
//!
//! A setting is declared once as a [`Field`]; the reader, its checks, the JSON schema and the reference page come out of that declaration.
//! Readers report into [`Diagnostics`] and go on, so one run shows every problem of a site.

mod address;
mod diagnostics;
mod field;
mod item;
mod name;
mod parse;
mod render;
mod source;
mod suggest;
mod text;
mod units;

pub use address::{Address, require_loopback};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use field::{Choice, Field, Kind, Need};
pub use item::{Item, Table};
pub use name::{Name, NameError};
pub use parse::parse_toml;
pub use source::{FileId, Files, Position, Span};
pub use suggest::nearest;
pub use text::Text;
pub use units::{parse_duration, parse_size, show_duration, show_size};
