//! Channels of Mirth Connect and Open Integration Engine as channels of a site.
//!
//! [`translate`] takes what those export - a channel, several, a group or a whole server - and gives the files of a site, with a note
//! about everything that it met: what came over, what differs, and what is left for a person. Nothing is dropped without one. The
//! translation is pure: it reads bytes and gives texts, and whoever calls it decides where they go.
//!
//! Mirth itself turns each rule and step into JavaScript. The translation does the same first, and then reads that JavaScript: what is
//! a straight assignment or comparison becomes a step or condition, and everything else stays the script that it was. So a filter that
//! has no equal never lets a message through: what only it could decide about fails until somebody writes it.

mod ask;
mod channel;
mod condition;
mod destination;
mod draft;
mod export;
mod foreign;
mod js;
mod name;
mod note;
mod path;
mod properties;
mod rules;
mod source;
mod steps;
mod toml_text;
mod values;
mod velocity;
mod walk;
mod xml;

pub use note::{Level, Note, Place};

/// The files of a site, and what there is to know about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Paths below the site, with `/`, and the text of each file. No path leaves the site.
    pub files: Vec<(String, String)>,
    /// In the order of the export.
    pub notes: Vec<Note>,
}

/// Why a file cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnExport {
    /// The file is larger than an export can be.
    #[error("the file is larger than {bytes_max} bytes; export channels one by one")]
    TooLarge {
        /// The largest file, in bytes.
        bytes_max: usize,
    },
    /// The bytes are no UTF-8.
    #[error("the file is not UTF-8, as exports are")]
    NotUtf8,
    /// The XML is broken.
    #[error("the file is no well-formed XML: see line {line}")]
    NotXml {
        /// Where it breaks.
        line: usize,
    },
    /// It declares a document type, which no export does.
    #[error("line {line} declares a document type, which no export does")]
    DocType {
        /// Where.
        line: usize,
    },
    /// It uses an entity that XML does not have by itself.
    #[error("line {line} uses an entity, which no export does")]
    Entity {
        /// Where.
        line: usize,
    },
    /// It has more levels or elements than an export.
    #[error(
        "line {line}: more than {depth_max} elements inside each other, or too many in all, which no export has"
    )]
    TooDeep {
        /// Where.
        line: usize,
        /// The most levels.
        depth_max: usize,
    },
    /// There is no channel in it.
    #[error(
        "no channel is in it; the outermost element is `{root}`, where `channel`, `list` or `serverConfiguration` is expected"
    )]
    NoChannel {
        /// The name of the outermost element.
        root: String,
    },
}

/// Translates an export into the files of a site.
pub fn translate(xml: &[u8]) -> Result<Translation, NotAnExport> {
    export::translate(&xml::parse(xml)?)
}
