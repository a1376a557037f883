//! Text to typed, located, explained: the configuration of a site.
//!
//! A setting is declared once as a [`Field`]; the reader, its checks, the JSON schema and the reference page come out of that declaration.
//! Readers report into [`Diagnostics`] and go on, so one run shows every problem of a site.

mod address;
mod alerts;
mod api;
mod applying;
mod audit;
mod backup;
mod code_table;
pub mod codes;
mod diagnostics;
mod directory;
mod field;
mod flow_limits;
mod item;
mod key_source;
mod metrics;
mod name;
mod network;
mod parse;
mod reference;
mod render;
mod retention;
pub mod schema;
mod scope;
mod section;
mod server;
pub mod site;
mod source;
mod store_url;
mod suggest;
mod text;
mod units;
mod vars;

pub use address::Address;
pub use alerts::{AlertLimits, Alerts};
pub use api::{Api, ApiTls, PrivateKey, SecondFactorPolicy};
pub use applying::{Applying, TestGate};
pub use audit::{Audit, AuditArchive};
pub use backup::Backup;
pub use code_table::CodeTable;
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use directory::{Directory, DirectoryGrant, DirectoryKind};
pub use field::{Choice, Field, Kind, Need};
pub use flow_limits::{FlowLimits, Flows};
pub use item::{Item, Table};
pub use key_source::{KeySource, KeySourceError};
pub use metrics::Metrics;
pub use name::{Name, NameError};
pub use network::{Network, NetworkError};
pub use parse::parse_toml;
pub use reference::reference;
pub use retention::{Retention, Stay};
pub use schema::schema;
pub use scope::Scope;
pub use section::{SecretRef, Section, Value, Variant, declaration_problems};
pub use server::{Profile, SERVER_FIELDS, Server};
pub use site::{Companion, Paths, Secrets, SiteFile, SiteFiles};
pub use source::{FileId, Files, Position, Span};
pub use store_url::{StoreUrl, StoreUrlError};
pub use suggest::nearest;
pub use text::Text;
pub use units::{parse_duration, parse_size, show_duration, show_size};
pub use vars::Vars;
