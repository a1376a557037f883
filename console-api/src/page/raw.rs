//! A message line by line, each with the places of its values, so that a page can name the one under the cursor.

use hl7::{Message, Node, NodeLevel, ParseOptions, Path};
use serde_json::{Value, json};

use super::{about, version_of, visible};

/// Bytes that are shown of one line; an embedded document is cut there.
const LINE_BYTES: usize = 64 * 1024;

/// The lines. Places are counted in characters of `text`; what controls terminals is shown as pictures, one character for one.
pub fn raw(bytes: &[u8], hex: bool) -> Value {
    let message = Message::parse(bytes, &ParseOptions::default());
    let version = version_of(&message);
    let nodes: Vec<Node<'_>> = message.outline().collect();
    let mut lines = Vec::new();
    let mut rest = nodes.as_slice();
    while let Some((segment, behind)) = rest.split_first() {
        let count = behind.iter().take_while(|node| node.level > NodeLevel::Segment).count();
        let (inside, next) = behind.split_at(count);
        rest = next;
        let mut line = Line { message: &message, text: String::new(), chars: 0, at: 0 };
        line.at = segment.range.start;
        let end = segment.range.end.min(segment.range.start + LINE_BYTES);
        let mut spans = Vec::new();
        for leaf in inside.iter().filter(|node| !node.has_parts && node.range.end <= end) {
            let Some(path) = &leaf.path else { continue };
            line.to(leaf.range.start);
            let start = line.chars;
            line.to(leaf.range.end);
            let about = about(version, path);
            spans.push(json!({ "path": path.to_string(), "start": start, "end": line.chars, "about": about }));
        }
        line.to(end);
        let mut shown = json!({
            "path": segment.path.as_ref().map(Path::to_string),
            "text": line.text,
            "spans": spans,
            "offset": segment.range.start,
            "bytes": segment.range.len(),
            "cut": end < segment.range.end,
        });
        if hex {
            let digits = bytes.get(segment.range.start..end).unwrap_or_default();
            let digits = digits.iter().map(|byte| format!("{byte:02x}"));
            shown["hex"] = json!(digits.collect::<String>());
        }
        lines.push(shown);
    }
    json!({ "charset": message.charset().name(), "bytes": bytes.len(), "lines": lines })
}

/// A line as far as it is read.
struct Line<'a> {
    message: &'a Message,
    text: String,
    chars: usize,
    at: usize,
}

impl Line<'_> {
    /// Reads on to a byte.
    fn to(&mut self, end: usize) {
        let piece = self.message.as_bytes().get(self.at..end).unwrap_or_default();
        let piece = visible(&self.message.charset().decode_lossy(piece));
        self.chars += piece.chars().count();
        self.text.push_str(&piece);
        self.at = end.max(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_place_in_the_line() {
        let text = "MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1|||||||UNICODE UTF-8\rPID|1||8\u{e4}1^^^H&x~9||D\u{7}E";
        let shown = raw(text.as_bytes(), true);
        let line = &shown["lines"][1];
        let shown_text: Vec<char> = line["text"].as_str().unwrap().chars().collect();
        let spans = line["spans"].as_array().unwrap();
        let value = |path: &str| -> String {
            let span = spans.iter().find(|span| span["path"] == path).unwrap();
            let place = |name: &str| usize::try_from(span[name].as_u64().unwrap()).unwrap();
            shown_text[place("start")..place("end")].iter().collect()
        };
        assert_eq!(value("PID-3[1].1"), "8\u{e4}1");
        assert_eq!(value("PID-3[1].4.2"), "x");
        assert_eq!(value("PID-3[2]"), "9");
        assert_eq!(value("PID-5"), "D\u{2407}E");
        assert!(line["hex"].as_str().unwrap().starts_with("504944"));
        assert!(spans[1]["about"].as_str().is_some());
    }
}
