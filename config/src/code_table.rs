use crate::diagnostics::Diagnostics;
use crate::name::Name;
use crate::source::{FileId, Span};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// A code table, `tables/<name>.csv` with the columns `from,to,note`: what one system calls `IN`, the other calls `I`.
#[derive(Debug)]
pub struct CodeTable {
    name: Name,
    hash: String,
    rows: HashMap<String, String>,
    misses: AtomicU64,
}

impl CodeTable {
    /// Reads the CSV text; bad rows and codes that appear twice are reported, all of them.
    pub fn parse(name: Name, path: &str, text: &str, diags: &mut Diagnostics) -> Option<CodeTable> {
        let file = diags.add_file(path, text);
        let errors_before = diags.error_count();
        let (hash, misses) = (sha256_hex(text.as_bytes()), AtomicU64::new(0));
        let mut table = CodeTable { name, hash, rows: HashMap::new(), misses };
        table.fill(file, text, diags);
        (diags.error_count() == errors_before).then_some(table)
    }

    /// The hash of a table's text, whether it can be read or not.
    pub fn hash_of(text: &str) -> String {
        sha256_hex(text.as_bytes())
    }

    /// The name of the table, which is the file's.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// SHA-256 of the file, in hexadecimal; a changed table is a changed revision.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The code that another stands for.
    pub fn get(&self, from: &str) -> Option<&str> {
        self.rows.get(from).map(String::as_str)
    }

    /// Is there a row for this code?
    pub fn contains(&self, from: &str) -> bool {
        self.rows.contains_key(from)
    }

    /// Counts a value that was looked up in vain: a figure for people, which decides nothing.
    pub fn missed(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// How many values were looked up in vain since it was read.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn fill(&mut self, file: FileId, text: &str, diags: &mut Diagnostics) {
        let mut records = records(file, text, diags).into_iter();
        let Some((span, header)) = records.next() else {
            diags
                .error("C0005", Span { file, start: 0, end: 0 }, "this table is empty")
                .label("the first line is `from,to,note`");
            return;
        };
        // Rows under a wrong header would all be wrong for the same reason.
        if !check_header(&header, span, diags) {
            return;
        }
        let mut places: HashMap<String, Span> = HashMap::new();
        for (span, record) in records {
            let Some((from, to)) = codes(&record, header.len(), span, diags) else { continue };
            match places.entry(from.to_owned()) {
                Entry::Occupied(first) => {
                    diags
                        .error("C0006", span, format!("code `{from}` is in this table twice"))
                        .label("again here")
                        .related(*first.get(), "first here");
                }
                Entry::Vacant(place) => {
                    place.insert(span);
                    self.rows.insert(from.to_owned(), to.to_owned());
                }
            }
        }
    }
}

/// The rows with their places.
fn records(file: FileId, text: &str, diags: &mut Diagnostics) -> Vec<(Span, csv::StringRecord)> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let skipped = text.len() - body.len();
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).from_reader(body.as_bytes());
    let mut found = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let start = record.position().map_or(0, csv::Position::byte);
                let start = skipped + usize::try_from(start).unwrap_or(0);
                found.push((row_span(file, text, start), record));
            }
            // The text is UTF-8 and rows may have any length, so only the reader's own limits are left.
            Err(error) => {
                let start = Span { file, start: 0, end: 0 };
                diags.error("C0005", start, format!("not a readable table: {error}"));
            }
        }
    }
    found
}

/// The two codes of a row.
fn codes<'r>(
    record: &'r csv::StringRecord,
    columns: usize,
    span: Span,
    diags: &mut Diagnostics,
) -> Option<(&'r str, &'r str)> {
    let (Some(from), Some(to)) = (record.get(0), record.get(1)) else {
        diags
            .error("C0005", span, "this row has no `to`")
            .label("a row is `from,to` or `from,to,note`");
        return None;
    };
    if record.len() > columns {
        let title = format!("this row has {} values, the header has {columns}", record.len());
        diags
            .error("C0005", span, title)
            .label("one value too many")
            .help("write a value with a comma in double quotes: `\"a, b\"`");
        return None;
    }
    if from.trim() != from || to.trim() != to {
        diags
            .warning("C0008", span, "a code starts or ends with a blank")
            .label("blanks count when codes are compared");
    }
    Some((from, to))
}

fn check_header(record: &csv::StringRecord, span: Span, diags: &mut Diagnostics) -> bool {
    let columns: Vec<&str> = record.iter().collect();
    let right = matches!(columns.as_slice(), ["from", "to"] | ["from", "to", "note"]);
    if !right {
        let header = diags.error("C0005", span, "a code table starts with the line `from,to,note`");
        header.label("not that line");
        if columns.first().is_some_and(|first| first.contains(';')) {
            header.help("separate the columns with commas: this file uses semicolons");
        }
    }
    right
}

/// The row that starts at an offset, without its line end.
fn row_span(file: FileId, text: &str, start: usize) -> Span {
    let bytes = text.as_bytes();
    // The reader counts from the end of the previous row, which may leave line ends before this one.
    let start = (start..bytes.len())
        .find(|at| !matches!(bytes.get(*at), Some(b'\r' | b'\n')))
        .unwrap_or(bytes.len());
    let end = (start..bytes.len())
        .find(|at| matches!(bytes.get(*at), Some(b'\r' | b'\n')))
        .unwrap_or(bytes.len());
    Span { file, start, end }
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<CodeTable>, String) {
        let mut diags = Diagnostics::new();
        let table = CodeTable::parse(Name::new("t").unwrap(), "tables/t.csv", text, &mut diags);
        (table, diags.render(false))
    }

    #[test]
    fn codes_are_found() {
        let (table, said) =
            parse("\u{feff}from,to,note\r\nIN,I,inpatient\r\n\"a,b\",\"c\"\"d\"\r\n,U\r\n");
        let table = table.unwrap();
        assert_eq!(said, "");
        assert_eq!(table.len(), 3);
        assert_eq!(table.get("IN"), Some("I"));
        assert_eq!(table.get("a,b"), Some("c\"d"));
        assert_eq!(table.get(""), Some("U"));
        assert!(!table.contains("in"));
    }

    #[test]
    fn the_hash_is_that_of_the_file() {
        let (table, _) = parse("from,to\n");
        let table = table.unwrap();
        assert!(table.is_empty());
        assert_eq!(
            table.hash(),
            "576697c4afba1c8b3279ef5ed172ae77c79c87b26f2e3729f313bfd2e190b235"
        );
    }
}
