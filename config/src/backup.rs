//! Backups: how often, where to, and for whom.

use std::path::PathBuf;
use std::time::Duration;

use crate::field::{Field, Kind};
use crate::section::{Section, Value};
use crate::source::Span;

/// The settings of backups.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The folder of the files.
    pub folder: PathBuf,
    /// The public keys of those who can read them, as written.
    pub recipients: Vec<String>,
    /// Where they are written.
    pub recipients_span: Span,
    /// How often one is made.
    pub every: Duration,
    /// How many are kept.
    pub keep: usize,
}

/// The settings of `[backup]`.
pub(crate) const BACKUP_FIELDS: &[Field] = &[
    Field::required(
        "recipients",
        "The public keys of those who can read backups, as `age-keygen` shows them. The engine itself cannot.",
        Kind::List(&Kind::Text),
    )
    .examples(&["[\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"]"]),
    Field::default(
        "folder",
        "Where backups go, best on another machine's disk.",
        Kind::File,
        "data/backups",
    )
    .examples(&["\"/mnt/backup/hilum\""]),
    Field::default(
        "every",
        "How often a backup is made.",
        Kind::Duration { min: "5m", max: "7d" },
        "6h",
    ),
    Field::default(
        "keep",
        "How many backups are kept; the oldest give way.",
        Kind::Integer { min: 1, max: 10_000 },
        "28",
    ),
];

impl Backup {
    pub(crate) fn read(section: &Section<'_>) -> Option<Backup> {
        let recipients = section.list("recipients").iter().filter_map(Value::text);
        Some(Backup {
            folder: section.path("folder")?.to_owned(),
            recipients: recipients.map(|key| key.value.clone()).collect(),
            recipients_span: section.span_of("recipients"),
            every: section.duration("every")?,
            keep: usize::try_from(section.integer("keep")?).ok()?,
        })
    }
}
