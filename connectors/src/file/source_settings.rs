//! The settings of a file source.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Choice, Diagnostics, Field, Kind, Section};

use super::pattern::Pattern;

/// The settings a file source has beside those of every source.
pub const SOURCE_FIELDS: &[Field] = &[
    Field::required(
        "folder",
        "The folder that files are taken from, relative to the site; `data/...` lies in the data folder, and is made when it is missing. Other folders \
         must exist. One source reads a folder.",
        Kind::File,
    )
    .examples(&["\"data/in/orders\"", "\"/srv/exchange/orders\""]),
    Field::default(
        "pattern",
        "The names of the files that are taken: `*` stands for any text and `?` for one character; capital and small letters are the same. Names that \
         begin with a dot are never taken.",
        Kind::Text,
        "*.hl7",
    ),
    Field::default(
        "every",
        "How often the folder is looked through. Where the system tells of changes, a new file is noticed at once.",
        Kind::Duration { min: "50ms", max: "1h" },
        "5s",
    ),
    Field::default(
        "stable",
        "How long the size and the time of a file must have stayed the same before it is taken. `\"0s\"` takes it at once, for those who rename whole files into \
         the folder.",
        Kind::Duration { min: "0s", max: "1h" },
        "2s",
    ),
    Field::default(
        "max_file",
        "The largest file. A larger one goes to `errors` unread.",
        Kind::Size { min: "1 KiB", max: "100 MiB" },
        "100 MiB",
    ),
    Field::default(
        "order",
        "Which of several files comes first.",
        Kind::Choice(&[
            Choice { name: "name", doc: "By name, byte by byte." },
            Choice { name: "time", doc: "By the time of the last change, then by name." },
        ]),
        "name",
    ),
    Field::default(
        "after",
        "What becomes of a file whose messages are all on disk.",
        Kind::Choice(&[
            Choice { name: "move", doc: "It is moved to `done`." },
            Choice { name: "delete", doc: "It is deleted." },
        ]),
        "move",
    ),
    Field::optional(
        "done",
        "With `after = \"move\"`: where files go, on the same file system. The folder `done` inside `folder`, when nothing is said.",
        Kind::File,
    )
    .examples(&["\"data/done/orders\""]),
    Field::optional(
        "errors",
        "Where files go that hold something else than messages, or a message that was not accepted; a `.why` file says why. On the same file system. The \
         folder `errors` inside `folder`, when nothing is said.",
        Kind::File,
    )
    .examples(&["\"data/errors/orders\""]),
    Field::optional(
        "ack_folder",
        "Where the acknowledgements of a file's messages are written, as a batch in a file of its name with `.ack`. None are written, when nothing is said.",
        Kind::File,
    )
    .examples(&["\"data/acks/orders\""]),
];

/// What a file source was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSettings {
    /// Where files are taken from.
    pub folder: Place,
    /// Which.
    pub pattern: Pattern,
    /// How often it is looked.
    pub every: Duration,
    /// How long a file must have been left alone.
    pub stable: Duration,
    /// The largest file.
    pub file_bytes_max: u64,
    /// Which comes first.
    pub order: Order,
    /// Where files go that are done; none of those that are deleted.
    pub done: Option<Place>,
    /// Where files go that are refused.
    pub errors: Place,
    /// Where acknowledgements go.
    pub acks: Option<Place>,
}

/// A folder, and whether it is ours to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Resolved.
    pub path: PathBuf,
    /// It is made when it is missing.
    pub is_made: bool,
}

/// Which of several files comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Name,
    /// By time, then by name.
    Time,
}

impl SourceSettings {
    /// The defaults, on this folder.
    pub fn new(folder: impl Into<PathBuf>) -> SourceSettings {
        let path = folder.into();
        let inside = |name: &str| Place { path: path.join(name), is_made: true };
        SourceSettings {
            pattern: Pattern::new("*.hl7"),
            every: Duration::from_secs(5),
            stable: Duration::from_secs(2),
            file_bytes_max: 100 << 20,
            order: Order::Name,
            done: Some(inside("done")),
            errors: inside("errors"),
            acks: None,
            folder: Place { path, is_made: false },
        }
    }

    /// Takes the settings from a section read by [`SOURCE_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<SourceSettings> {
        let folder = Place::read(section, "folder")?;
        if section.choice("after") == Some("delete") && section.is_given("done") {
            diags
                .error("C0320", section.span_of("done"), "`done` has no meaning here")
                .label("it belongs to `after = \"move\"`")
                .help("leave it out, or set `after`");
        }
        for name in ["done", "errors", "ack_folder"] {
            if section.path(name).is_some_and(|path| path == folder.path) {
                diags
                    .error("C0107", section.span_of(name), format!("`{name}` is `folder` itself"))
                    .label("files put there would be taken again")
                    .help("name another folder, or leave it out");
            }
        }
        let defaults = SourceSettings::new(folder.path.clone());
        let place = |name| Place::read(section, name);
        let time = |name, default| section.duration(name).unwrap_or(default);
        Some(SourceSettings {
            folder,
            pattern: section
                .text("pattern")
                .map_or(defaults.pattern, |text| Pattern::new(&text.value)),
            every: time("every", defaults.every),
            stable: time("stable", defaults.stable),
            file_bytes_max: section.size("max_file").unwrap_or(defaults.file_bytes_max),
            order: match section.choice("order") {
                Some("time") => Order::Time,
                _ => Order::Name,
            },
            done: match section.choice("after") {
                Some("delete") => None,
                _ => place("done").or(defaults.done),
            },
            errors: place("errors").unwrap_or(defaults.errors),
            acks: place("ack_folder"),
        })
    }
}

impl Place {
    fn read(section: &Section<'_>, name: &str) -> Option<Place> {
        let path = section.path(name)?.to_owned();
        let is_made = Path::new(section.text(name)?.as_str()).starts_with("data");
        Some(Place { path, is_made })
    }
}

/// For people: `file data/in/orders/*.hl7`.
impl fmt::Display for SourceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}/{}", self.folder.path.display(), self.pattern)
    }
}
