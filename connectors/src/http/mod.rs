//! HL7 v2 over HTTP: the source that takes messages by `POST`, and the destination that sends them.

mod body;
mod connection;
mod destination_settings;
mod head;
mod headers;
mod idempotency;
mod line;
mod link;
mod listener;
mod refusal;
mod reply;
mod sender;
mod source_settings;
mod stats;
mod statuses;
mod token;
mod traces;
mod url;
mod webhook;

pub use destination_settings::{DESTINATION_FIELDS, Judging, SenderSettings};
pub use headers::Header;
pub use listener::Listener;
pub use refusal::Refusal;
pub use sender::Sender;
pub use source_settings::{ListenerSettings, Proof, SOURCE_FIELDS};
pub use stats::{ListenerCounts, ListenerStats};
pub use statuses::Statuses;
pub use traces::{TRACES_FIELDS, TracesSettings};
pub use url::Url;
pub use webhook::{WEBHOOK_FIELDS, Webhook, WebhookError, WebhookSettings, signature};
