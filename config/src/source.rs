use std::borrow::Cow;
use std::ops::Range;

/// Which of the texts in [`Files`] is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub(crate) u32);

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// A part of this span, given by offsets from its start; what lies outside is cut off.
    pub fn narrow(self, range: Range<usize>) -> Span {
        let end = self.end.min(self.start.saturating_add(range.end));
        let start = end.min(self.start.saturating_add(range.start));
        Span { file: self.file, start, end }
    }
}

/// A place as people read it, counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

#[derive(Clone, Debug)]
struct File {
    path: String,
    text: String,
    concealed: Vec<Range<usize>>,
}

/// Every text that was read, so that a diagnostic can show the line it talks about.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: Vec<File>,
    root: String,
}

impl Files {
    /// Adds a text under the path that people know it by, relative to the site.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(File { path: path.into(), text: text.into(), concealed: Vec::new() });
        id
    }

    /// The folder that is put before every path when it is shown, so that a terminal can open it.
    pub fn set_root(&mut self, root: impl Into<String>) {
        self.root = root.into();
    }

    /// The path of a file, relative to the site.
    pub fn path(&self, file: FileId) -> &str {
        self.get(file).map_or("", |file| &file.path)
    }

    /// The path of a file as it is shown to people.
    pub fn shown_path(&self, file: FileId) -> String {
        match self.root.as_str() {
            "" | "." => self.path(file).to_owned(),
            root => format!("{}/{}", root.trim_end_matches('/'), self.path(file)),
        }
    }

    /// The text of a file.
    pub fn text(&self, file: FileId) -> &str {
        self.get(file).map_or("", |file| &file.text)
    }

    /// The bytes of a span, as written.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start..span.end).unwrap_or("")
    }

    /// The place where a span starts.
    pub fn position(&self, span: Span) -> Position {
        position(self.text(span.file), span.start)
    }

    /// The whole of a file, for a problem that has no smaller place.
    pub fn whole(&self, file: FileId) -> Span {
        Span { file, start: 0, end: self.text(file).len() }
    }

    /// Stars the span out of everything that is shown from now on: a password in a file must not reach a terminal or a build log.
    pub fn conceal(&mut self, span: Span) {
        if let Some(file) = self.files.get_mut(span.file.0 as usize) {
            file.concealed.push(span.start..span.end);
        }
    }

    /// The text of a file with what is concealed starred out, byte for byte as long as the original.
    pub fn shown_text(&self, file: FileId) -> Cow<'_, str> {
        let Some(file) = self.get(file) else { return Cow::Borrowed("") };
        if file.concealed.is_empty() {
            return Cow::Borrowed(&file.text);
        }
        let covered = |at: usize| file.concealed.iter().any(|range| range.contains(&at));
        let mut shown = String::with_capacity(file.text.len());
        for (at, character) in file.text.char_indices() {
            match character {
                '\r' | '\n' => shown.push(character),
                _ if covered(at) => (0..character.len_utf8()).for_each(|_| shown.push('*')),
                _ => shown.push(character),
            }
        }
        Cow::Owned(shown)
    }

    fn get(&self, file: FileId) -> Option<&File> {
        self.files.get(file.0 as usize)
    }
}

/// Line and column of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut files = Files::default();
        let file = files.add("a.toml", "a\näöx\n");
        let at = |start| files.position(Span { file, start, end: start });
        assert_eq!(at(0), Position { line: 1, column: 1 });
        assert_eq!(at(2), Position { line: 2, column: 1 });
        assert_eq!(at(6), Position { line: 2, column: 3 });
        assert_eq!(at(8), Position { line: 3, column: 1 });
    }

    #[test]
    fn what_is_concealed_keeps_its_length() {
        let mut files = Files::default();
        let file = files.add("a.toml", "p = 'häx' # x");
        files.conceal(Span { file, start: 4, end: 10 });
        assert_eq!(files.shown_text(file), "p = ****** # x");
    }

    #[test]
    fn the_part_of_a_span_stays_inside() {
        let span = Span { file: FileId(0), start: 10, end: 14 };
        assert_eq!(span.narrow(1..2), Span { start: 11, end: 12, ..span });
        assert_eq!(span.narrow(3..9), Span { start: 13, end: 14, ..span });
        assert_eq!(span.narrow(8..9), Span { start: 14, end: 14, ..span });
    }
}
