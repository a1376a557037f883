//! Reading values.

use std::{borrow::Cow, ops::Range};

use super::{Message, ValueError};
use crate::{
    delimiters::Delimiters,
    escape::unescape,
    path::{Occurrence, Path},
};

/// The HL7 null: "delete what you have", which is neither empty nor absent.
const NULL: &[u8] = b"\"\"";

impl Message {
    /// The bytes of the first place that a path means, as they were sent; `None` when there is no such place.
    #[inline]
    pub fn raw(&self, path: &Path) -> Option<&[u8]> {
        self.first(path).map(|range| &self.bytes[range])
    }

    /// The bytes of every place that a path means.
    pub fn raw_all(&self, path: &Path) -> Vec<&[u8]> {
        self.every(path).into_iter().map(|range| &self.bytes[range]).collect()
    }

    /// The bytes of the whole field of a path, with all its repetitions, in the first segment that it means.
    pub fn raw_field(&self, path: &Path) -> Option<&[u8]> {
        self.fields_of(path).into_iter().next().map(|range| &self.bytes[range])
    }

    /// Where the first place that a path means is in the message.
    pub fn range(&self, path: &Path) -> Option<Range<usize>> {
        self.first(path)
    }

    /// The value as text, unescaped; empty when it is absent. What has parts is given encoded, as it was sent.
    pub fn text(&self, path: &Path) -> Result<Cow<'_, str>, ValueError> {
        match self.first(path) {
            Some(range) => self.text_of(range, path),
            None => Ok(Cow::Borrowed("")),
        }
    }

    /// The text of every place that a path means.
    pub fn text_all(&self, path: &Path) -> Result<Vec<Cow<'_, str>>, ValueError> {
        self.every(path).into_iter().map(|range| self.text_of(range, path)).collect()
    }

    /// Whether the value is the HL7 null, `""`.
    pub fn is_null(&self, path: &Path) -> bool {
        self.raw(path) == Some(NULL)
    }

    /// Whether anything was sent at one of the places that a path means, the HL7 null too. Separators with nothing
    /// between them are nothing.
    pub fn exists(&self, path: &Path) -> bool {
        if path.is_many() {
            return self.every(path).into_iter().any(|range| self.is_sent(range, path));
        }
        self.first(path).is_some_and(|range| self.is_sent(range, path))
    }

    /// Whether nothing was sent: the value is absent or empty.
    pub fn is_empty(&self, path: &Path) -> bool {
        !self.exists(path)
    }

    /// How many repetitions the field of a path has; none when it is absent or empty.
    pub fn repetitions(&self, path: &Path) -> usize {
        let occurrence = match path.occurrence {
            Occurrence::First | Occurrence::All => 0,
            Occurrence::Nth(n) => usize::from(n).saturating_sub(1),
        };
        let field = path.field.and_then(|field| {
            let index = self.indexes_of(path.segment).nth(occurrence)?;
            Some((self.field(index, field)?, field <= 2 && self.is_header(index)))
        });
        match field {
            None => 0,
            Some((range, _)) if range.is_empty() => 0,
            Some((_, true)) => 1,
            Some((range, false)) => {
                1 + self.walk.count(&self.bytes[range], &self.delimiters.repetition)
            }
        }
    }

    fn is_sent(&self, range: Range<usize>, path: &Path) -> bool {
        if path.field.is_none() {
            return true;
        }
        if path.field <= Some(2) && crate::header::is_header_name(path.segment.as_bytes()) {
            return !range.is_empty();
        }
        let parts = [&self.delimiters.component, &self.delimiters.subcomponent];
        let mut rest = &self.bytes[range];
        while !rest.is_empty() {
            let Some(len) = parts
                .iter()
                .find(|delimiter| !delimiter.is_none() && rest.starts_with(delimiter.as_bytes()))
                .map(|delimiter| delimiter.len())
            else {
                return true;
            };
            rest = &rest[len..];
        }
        false
    }

    /// Whether a place has parts below the one that the path names, so that unescaping would confuse them.
    fn has_parts(&self, bytes: &[u8], path: &Path) -> bool {
        let Some(field) = path.field else { return true };
        if field <= 2 && crate::header::is_header_name(path.segment.as_bytes()) {
            return true;
        }
        path.subcomponent.is_none()
            && (self.walk.find(bytes, &self.delimiters.subcomponent).is_some()
                || path.component.is_none()
                    && self.walk.find(bytes, &self.delimiters.component).is_some())
    }

    fn text_of(&self, range: Range<usize>, path: &Path) -> Result<Cow<'_, str>, ValueError> {
        let bytes = &self.bytes[range];
        let value = match self.is_plain(bytes) || self.has_parts(bytes, path) {
            true => Cow::Borrowed(bytes),
            false => unescape(bytes, &self.delimiters, self.charset),
        };
        let text = match value {
            Cow::Borrowed(bytes) => self.charset.decode(bytes),
            Cow::Owned(bytes) => {
                self.charset.decode(&bytes).map(|text| Cow::Owned(text.into_owned()))
            }
        };
        text.map_err(|error| ValueError { path: path.to_string(), charset: error.charset })
    }

    /// Whether a value has neither parts nor escapes, which one search tells for the usual delimiters.
    #[inline]
    fn is_plain(&self, bytes: &[u8]) -> bool {
        let Delimiters { escape, component, subcomponent, .. } = &self.delimiters;
        match (escape.single(), component.single(), subcomponent.single()) {
            (Some(escape), Some(component), Some(subcomponent)) => {
                memchr::memchr3(escape, component, subcomponent, bytes).is_none()
            }
            _ => false,
        }
    }
}
