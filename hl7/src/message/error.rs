//! Why a value could not be read or written.

use crate::charset::Charset;

/// What a delimiter separates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Fields of a segment.
    Field,
    /// Repetitions of a field.
    Repetition,
    /// Components of a repetition.
    Component,
    /// Subcomponents of a component.
    Subcomponent,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Level::Field => "field",
            Level::Repetition => "repetition",
            Level::Component => "component",
            Level::Subcomponent => "subcomponent",
        })
    }
}

/// A value that cannot be read as text: the message's charset does not have its bytes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{path} is not {charset}")]
pub struct ValueError {
    /// The path that was asked for.
    pub path: String,
    /// The charset that the message is read with.
    pub charset: Charset,
}

/// A change that cannot be made without breaking the message. The message is as it was before.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EditError {
    /// Insert the segment first.
    #[error("the message has no {segment}")]
    NoSegment {
        /// Its name, with the occurrence that was asked for.
        segment: String,
    },
    /// No repetition is the one that the path chooses.
    #[error("no repetition matches {path}")]
    NoMatch {
        /// The path.
        path: String,
    },
    /// A path without a field cannot hold a value.
    #[error("{path} is a segment, not a value")]
    NotAValue {
        /// The path.
        path: String,
    },
    /// MSH-1 and MSH-2 say how the rest is read.
    #[error("the delimiters in the header cannot be changed")]
    Header,
    /// Write to another charset, or leave the character out.
    #[error("{charset} has no character for a part of the value")]
    Unmappable {
        /// The charset of the message.
        charset: Charset,
    },
    /// The header declares no character to separate these.
    #[error("the message's header declares no {level} separator")]
    NoDelimiter {
        /// What would have to be separated.
        level: Level,
    },
    /// The value has a delimiter in it and the header declares no escape character.
    #[error(
        "the value holds a delimiter and the message's header declares no usable escape character"
    )]
    NoEscape,
    /// Raw bytes would make a segment, or more parts than the path is.
    #[error("the raw value would change the structure around it")]
    Structure,
    /// Not a name of a segment that can be added.
    #[error("`{name}` is not the name of a segment that can be added")]
    Name {
        /// What was asked for.
        name: String,
    },
}
