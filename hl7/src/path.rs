//! Paths to values, written as the standard writes them: `PID-3[2].1`.
//!
//! There is one grammar for files, scripts, the command line and the API. Counting starts at 1. Without an index a
//! path means the first segment and the first repetition; `[*]` means all; `[.5 = "MR"]` means the repetitions
//! whose component 5 is `MR`.

mod grammar;

use std::{fmt, ops::Range};

/// The three characters that name a segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SegmentName([u8; 3]);

impl SegmentName {
    /// Reads a name: an upper-case letter and two upper-case letters or digits.
    pub fn new(text: &str) -> Option<SegmentName> {
        match *text.as_bytes() {
            [a @ b'A'..=b'Z', b @ (b'A'..=b'Z' | b'0'..=b'9'), c @ (b'A'..=b'Z' | b'0'..=b'9')] => {
                Some(SegmentName([a, b, c]))
            }
            _ => None,
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 3] {
        &self.0
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of the segments of one name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Occurrence {
    /// None written: the first for a value, all for a bare segment.
    First,
    /// `[2]`.
    Nth(u16),
    /// `[*]`.
    All,
}

/// Which of the repetitions of a field.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Repetition {
    /// None written.
    First,
    /// `[2]`.
    Nth(u16),
    /// `[*]`.
    All,
    /// `[.5 = "MR"]`: chosen by what one of its components says, after unescaping.
    Where {
        /// The component that is looked at.
        component: u16,
        /// Its subcomponent, when one is written.
        subcomponent: Option<u16>,
        /// What it has to be.
        value: String,
    },
}

/// A place in a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// The segment.
    pub segment: SegmentName,
    /// Which one of them.
    pub occurrence: Occurrence,
    /// The field, unless the path is the segment itself.
    pub field: Option<u16>,
    /// Which repetition of the field.
    pub repetition: Repetition,
    /// The component, unless the path is the whole repetition.
    pub component: Option<u16>,
    /// The subcomponent, unless the path is the whole component.
    pub subcomponent: Option<u16>,
}

/// Why a text is no path, with the place in the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{problem}")]
pub struct PathError {
    /// The part of the text that is wrong.
    pub range: Range<usize>,
    /// What is wrong with it.
    pub problem: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Path {
    /// Reads a whole text as a path.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        grammar::parse(text)
    }

    /// Reads the path that a text starts with and says how many bytes it has: for grammars that contain paths.
    pub fn parse_prefix(text: &str) -> Result<(Path, usize), PathError> {
        grammar::parse_prefix(text)
    }

    /// The bare segment.
    pub fn of_segment(segment: SegmentName) -> Path {
        Path {
            segment,
            occurrence: Occurrence::First,
            field: None,
            repetition: Repetition::First,
            component: None,
            subcomponent: None,
        }
    }

    /// The same place in the given occurrence of the segment (from 1): what a path means inside `each`.
    pub fn at(&self, occurrence: usize) -> Path {
        let occurrence = u16::try_from(occurrence).unwrap_or(u16::MAX);
        Path { occurrence: Occurrence::Nth(occurrence), ..self.clone() }
    }

    /// Whether it can mean several places.
    pub fn is_many(&self) -> bool {
        self.occurrence == Occurrence::All
            || matches!(self.repetition, Repetition::All | Repetition::Where { .. })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.segment.as_str())?;
        match self.occurrence {
            Occurrence::First => {}
            Occurrence::Nth(n) => write!(f, "[{n}]")?,
            Occurrence::All => f.write_str("[*]")?,
        }
        let Some(field) = self.field else { return Ok(()) };
        write!(f, "-{field}")?;
        match &self.repetition {
            Repetition::First => {}
            Repetition::Nth(n) => write!(f, "[{n}]")?,
            Repetition::All => f.write_str("[*]")?,
            Repetition::Where { component, subcomponent, value } => {
                write!(f, "[.{component}")?;
                if let Some(subcomponent) = subcomponent {
                    write!(f, ".{subcomponent}")?;
                }
                write!(f, " = \"{}\"]", value.replace('"', "\"\""))?;
            }
        }
        for part in [self.component, self.subcomponent].into_iter().flatten() {
            write!(f, ".{part}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        Path::parse(text)
    }
}
