//! The settings of a file destination.

use std::path::PathBuf;
use std::time::Duration;

use config::{Choice, Diagnostics, Field, Kind, Section};

use super::name::NameTemplate;

/// The settings a file destination has beside those of every destination.
pub const DESTINATION_FIELDS: &[Field] = &[
    Field::required(
        "folder",
        "The folder to write to, relative to the site; `data/...` lies in the data folder, and is made when it is missing. Other folders must exist: \
         a disk that is not mounted must not be written beside.",
        Kind::File,
    )
    .examples(&["\"data/out/laboratory\"", "\"/srv/exchange/laboratory\""]),
    Field::default(
        "mode",
        "What becomes of messages. In every mode a message is on disk before it counts as delivered.",
        Kind::Choice(&[
            Choice { name: "file", doc: "One file for each." },
            Choice {
                name: "append",
                doc: "One after the other at the end of a file, such as one a day.",
            },
            Choice {
                name: "batch",
                doc: "Collected into files with FHS, BHS, BTS and FTS, which appear when they are whole. One such destination writes to a folder.",
            },
        ]),
        "file",
    ),
    Field::optional(
        "file_name",
        "The name of each file. Values: `{received}`, `{date}` (of receipt, UTC), `{id}` (of the message), `{delivery}`, `{part}`, and fields such as \
         `{MSH-10}`; a batch is named by its first message. Other characters than letters, digits, `.`, `_` and `-` become `_`. With `mode = \"file\"`, a file that \
         exists with the same content counts as delivered, with other content it makes a dead letter. `{received}-{id}.hl7` when nothing is said, and \
         `{date}.hl7` with `mode = \"append\"`.",
        Kind::Template,
    )
    .examples(&["\"{received}-{id}.hl7\"", "\"results-{date}.hl7\""]),
    Field::default(
        "messages",
        "With `mode = \"batch\"`: a batch of so many messages is closed.",
        Kind::Integer { min: 1, max: 10_000 },
        "1000",
    ),
    Field::default(
        "every",
        "With `mode = \"batch\"`: a batch whose first message is so old is closed.",
        Kind::Duration { min: "100ms", max: "24h" },
        "1m",
    ),
    Field::default(
        "max_size",
        "With `mode = \"batch\"`: a batch with so many bytes of messages is closed.",
        Kind::Size { min: "1 KiB", max: "1 GiB" },
        "64 MiB",
    ),
];

/// What a file destination was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder, resolved.
    pub folder: PathBuf,
    /// Whether the folder is ours to make.
    pub makes_folder: bool,
    /// The name of each file.
    pub name: NameTemplate,
    /// What becomes of messages.
    pub mode: Mode,
}

/// What becomes of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One file for each.
    File,
    /// One after the other in a file.
    Append,
    /// Collected into batches.
    Batch(BatchLimits),
}

/// When a batch is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// It has so many messages.
    pub messages_max: usize,
    /// Its first message is so old.
    pub age_max: Duration,
    /// Its messages have so many bytes.
    pub bytes_max: u64,
}

impl BatchLimits {
    /// How often the age of a batch is looked at.
    pub(super) fn look_every(&self) -> Duration {
        (self.age_max / 4).clamp(Duration::from_millis(20), Duration::from_secs(5))
    }
}

impl Settings {
    /// Takes the settings from a section read by [`DESTINATION_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Settings> {
        let folder = section.path("folder")?.to_owned();
        let written = section.text("folder")?;
        let makes_folder = std::path::Path::new(written.as_str()).starts_with("data");
        let mode = match section.choice("mode") {
            Some("append") => Mode::Append,
            Some("batch") => Mode::Batch(BatchLimits {
                messages_max: usize::try_from(section.integer("messages")?).ok()?,
                age_max: section.duration("every")?,
                bytes_max: section.size("max_size")?,
            }),
            _ => Mode::File,
        };
        if !matches!(mode, Mode::Batch(_)) {
            for key in
                ["messages", "every", "max_size"].into_iter().filter(|key| section.is_given(key))
            {
                diags
                    .error("C0320", section.span_of(key), format!("`{key}` has no meaning here"))
                    .label("it belongs to `mode = \"batch\"`")
                    .help("leave it out, or set `mode`");
            }
        }
        let name = match section.text("file_name") {
            Some(name) => NameTemplate::parse(name.as_str()).map_err(|error| {
                error.report(name, format!("`{}` cannot name files", name.value), diags);
            }),
            None if mode == Mode::Append => NameTemplate::parse("{date}.hl7").map_err(drop),
            None => NameTemplate::parse("{received}-{id}.hl7").map_err(drop),
        };
        Some(Settings { folder, makes_folder, name: name.ok()?, mode })
    }
}
