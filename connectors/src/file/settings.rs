//! The settings of a file destination.

use std::path::PathBuf;

use config::{Diagnostics, Field, Kind, Section};

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
        "file_name",
        "The name of each file. Values: `{received}`, `{id}` (of the message), `{delivery}`, `{part}`, and fields such as `{MSH-10}`. Other characters than \
         letters, digits, `.`, `_` and `-` become `_`. A file that exists with the same content counts as delivered; with other content it makes a dead letter.",
        Kind::Template,
        "{received}-{id}.hl7",
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
}

impl Settings {
    /// Takes the settings from a section read by [`DESTINATION_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Settings> {
        let folder = section.path("folder")?.to_owned();
        let written = section.text("folder")?;
        let makes_folder = std::path::Path::new(written.as_str()).starts_with("data");
        let name = section.text("file_name")?;
        match NameTemplate::parse(name.as_str()) {
            Ok(name) => Some(Settings { folder, makes_folder, name }),
            Err(error) => {
                error.report(name, format!("`{}` cannot name files", name.value), diags);
                None
            }
        }
    }
}
