//! A message as a tree of its segments, fields and parts, by the names of its version.

use hl7::dictionary::{Element, Version, dictionary};
use hl7::{Message, Node, NodeLevel, ParseOptions, Path, Repetition};
use serde_json::{Value, json};

use super::note::{meaning, note};
use super::{optionality, part_of, title, version_of};

/// A longer value that looks like an embedded document is folded.
const FOLD_BYTES: usize = 512;
/// Parts that are shown; a message with more is shown up to there.
const PARTS_MAX: usize = 20_000;

/// Which fields are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// All that the version has.
    All,
    /// Those that are there.
    Populated,
    /// Those with something worth a look.
    Noted,
}

impl Show {
    /// The one with this word.
    pub fn parse(text: &str) -> Option<Show> {
        match text {
            "all" => Some(Show::All),
            "populated" => Some(Show::Populated),
            "noted" => Some(Show::Noted),
            _ => None,
        }
    }
}

struct Tree<'a> {
    message: &'a Message,
    version: Version,
    nodes: Vec<Node<'a>>,
    at: usize,
}

/// The tree.
pub fn fields(bytes: &[u8], show: Show) -> Value {
    let message = Message::parse(bytes, &ParseOptions::default());
    let version = version_of(&message);
    let nodes: Vec<Node<'_>> = message.outline().take(PARTS_MAX).collect();
    let cut = nodes.len() == PARTS_MAX;
    let mut tree = Tree { message: &message, version, nodes, at: 0 };
    let mut segments = Vec::new();
    while tree.at < tree.nodes.len() {
        let index = segments.len();
        segments.push(tree.segment(index, show));
    }
    if show == Show::Noted {
        segments.retain(|segment| has_parts(segment, "fields") || !segment["note"].is_null());
    }
    json!({
        "version": version.as_str(),
        "charset": message.charset().name(),
        "segments": segments,
        "cut": cut,
    })
}

fn has_parts(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_array).is_some_and(|parts| !parts.is_empty())
}

impl Tree<'_> {
    /// The segment at hand, with its fields.
    fn segment(&mut self, index: usize, show: Show) -> Value {
        let node = self.nodes[self.at].clone();
        self.at += 1;
        let mut fields = Vec::new();
        while self.level().is_some_and(|level| level > NodeLevel::Segment) {
            let field = self.part();
            let populated = field["populated"] == Value::Bool(true);
            let keep = match show {
                Show::All => true,
                Show::Populated => populated,
                Show::Noted => is_noted(&field),
            };
            if keep {
                fields.push(field);
            }
        }
        let name = node.path.as_ref().map(|path| path.segment.as_str().to_owned());
        if let (Show::All, Some(path)) = (show, &node.path) {
            self.absent(path, &mut fields);
        }
        let known = name.as_deref().and_then(|name| dictionary().segment(self.version, name));
        let is_own = name.as_deref().is_some_and(|name| name.starts_with('Z'));
        let odd = (known.is_none() && !is_own).then_some("its version has no such segment");
        json!({
            "name": name,
            "path": node.path.as_ref().map(Path::to_string),
            "title": known,
            "index": index,
            "note": odd,
            "fields": fields,
        })
    }

    /// Fields of the version that the segment does not reach.
    fn absent(&self, segment: &Path, fields: &mut Vec<Value>) {
        let name = segment.segment.as_str();
        let last = dictionary().last_field(name).map_or(0, |(last, _)| last);
        let reached = u16::try_from(fields.len()).unwrap_or(u16::MAX);
        for number in reached + 1..=last {
            let Some(element) = dictionary().field(self.version, name, number) else { continue };
            let path = Path { field: Some(number), ..segment.clone() };
            let mut field = self.facts(Some(&path), NodeLevel::Field);
            field["populated"] = json!(false);
            field["value"] = Value::Null;
            field["note"] = json!(note(self.version, element, ""));
            fields.push(field);
        }
    }

    fn level(&self) -> Option<NodeLevel> {
        self.nodes.get(self.at).map(|node| node.level)
    }

    /// The part at hand, with its parts.
    fn part(&mut self) -> Value {
        let node = self.nodes[self.at].clone();
        self.at += 1;
        let mut shown = self.facts(node.path.as_ref(), node.level);
        shown["populated"] = json!(!node.value.is_empty());
        let mut parts = Vec::new();
        let mut data_of = None;
        while self.level().is_some_and(|level| level > node.level) {
            data_of = data_of.or_else(|| self.document(&node));
            parts.push(self.part());
        }
        if parts.is_empty() {
            self.value(&node, &mut shown);
        } else {
            if let Some(kind) = data_of {
                fold_document(&mut parts, &kind);
            }
            shown["value"] = Value::Null;
            let name = inside(&parts);
            shown[name] = Value::Array(parts);
        }
        shown
    }

    /// What kind of document stands in a value of the type ED.
    fn document(&self, node: &Node<'_>) -> Option<String> {
        let components = self.nodes.get(self.at..)?;
        let own: Vec<&Node<'_>> = components
            .iter()
            .take_while(|one| one.level > node.level)
            .filter(|one| one.level == NodeLevel::Component)
            .take(5)
            .collect();
        let [_, kind, subtype, encoding, data] = own.as_slice() else { return None };
        let text = |node: &Node<'_>| String::from_utf8_lossy(node.value).into_owned();
        let is_base64 = text(encoding).eq_ignore_ascii_case("base64");
        let is_long = data.value.len() > FOLD_BYTES;
        (is_base64 && is_long).then(|| format!("{}/{}", text(kind), text(subtype)).to_lowercase())
    }

    fn value(&self, node: &Node<'_>, shown: &mut Value) {
        let text = self.message.charset().decode_lossy(node.value).into_owned();
        let element = node.path.as_ref().and_then(|path| self.element(path));
        if node.value.len() > FOLD_BYTES && is_base64(node.value) {
            shown["folded"] = json!({ "type": "base64", "bytes": node.value.len() });
            return;
        }
        let charset = self.message.charset();
        let plain = hl7::unescape(node.value, self.message.delimiters(), charset);
        let read = charset.decode_lossy(&plain).into_owned();
        if let Some(element) = element {
            shown["table_meaning"] = json!(meaning(self.version, element, &read));
            shown["note"] = json!(note(self.version, element, &read));
        }
        shown["value"] = json!(text);
    }

    fn element(&self, path: &Path) -> Option<&'static Element> {
        dictionary().element(self.version, path)
    }

    /// What is known about a place.
    fn facts(&self, path: Option<&Path>, level: NodeLevel) -> Value {
        let element = path.and_then(|path| self.element(path));
        let level = match level {
            NodeLevel::Segment => "segment",
            NodeLevel::Field => "field",
            NodeLevel::Repetition => "repetition",
            NodeLevel::Component => "component",
            NodeLevel::Subcomponent => "subcomponent",
        };
        let title = path.and_then(|path| match path.repetition {
            Repetition::Nth(number) if path.component.is_none() => {
                Some(format!("repetition {number}"))
            }
            _ if path.component.is_some() => element.map(|element| element.name.to_owned()),
            _ => Some(title(self.version, path)),
        });
        json!({
            "path": path.map(Path::to_string),
            "level": level,
            "title": title,
            "type": element.map(|element| element.datatype),
            "part_of": path.and_then(|path| part_of(self.version, path)),
            "optionality": element.map(optionality),
            "required": element.map(|one| optionality(one) == "required"),
            "repeatable": element.map(|element| element.repeats),
            "length": element.and_then(|element| element.length),
            "table": element.and_then(|element| element.table),
            "table_meaning": null,
            "note": null,
        })
    }
}

/// The name of the list that parts stand in.
fn inside(parts: &[Value]) -> &'static str {
    match parts.first().and_then(|part| part["level"].as_str()) {
        Some("repetition") => "repetitions",
        Some("subcomponent") => "subcomponents",
        _ => "components",
    }
}

fn fold_document(parts: &mut [Value], kind: &str) {
    if let Some(data) = parts.get_mut(4) {
        let bytes = match (&data["folded"]["bytes"], &data["value"]) {
            (Value::Number(bytes), _) => json!(bytes),
            (_, Value::String(text)) => json!(text.len()),
            _ => Value::Null,
        };
        data["folded"] = json!({ "type": kind, "bytes": bytes });
        data["value"] = Value::Null;
        data["note"] = Value::Null;
    }
}

fn is_base64(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// Whether a part, or one inside of it, has a note.
fn is_noted(part: &Value) -> bool {
    let inside = ["repetitions", "components", "subcomponents"].into_iter();
    let mut parts = inside.filter_map(|name| part[name].as_array()).flatten();
    !part["note"].is_null() || parts.any(is_noted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(segments: &str, show: Show) -> Value {
        let text = format!("MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1\r{segments}");
        fields(text.as_bytes(), show)
    }

    fn field(tree: &Value, segment: &str, path: &str) -> Value {
        let segments = tree["segments"].as_array().unwrap();
        let segment = segments.iter().find(|one| one["name"] == segment).unwrap();
        let fields = segment["fields"].as_array().unwrap();
        fields.iter().find(|field| field["path"] == path).cloned().unwrap_or(Value::Null)
    }

    #[test]
    fn fields_have_the_names_of_their_version() {
        let tree = shown("PID|1||8001^^^H^MR~9^^^I||DOE^JANE|||F\r", Show::Populated);
        assert_eq!(tree["version"], "2.5.1");
        let ids = field(&tree, "PID", "PID-3[*]");
        assert_eq!(ids["title"], "Patient Identifier List");
        let first = &ids["repetitions"][0]["components"][0];
        assert_eq!((&first["path"], &first["value"]), (&json!("PID-3[1].1"), &json!("8001")));
        assert_eq!((&first["title"], &first["part_of"]), (&json!("ID Number"), &json!("CX.1")));
        assert_eq!(field(&tree, "PID", "PID-8")["table_meaning"], "Female");
        assert_eq!(field(&tree, "PID", "PID-4"), Value::Null, "it is empty");
    }

    #[test]
    fn all_shows_what_is_absent_and_noted_what_is_odd() {
        let tree = shown("PID|1||8001||DOE|||Q\r", Show::All);
        let birth = field(&tree, "PID", "PID-10");
        assert_eq!((&birth["populated"], &birth["title"]), (&json!(false), &json!("Race")));
        let tree = shown("PID|1||8001||DOE|||Q\rXYZ|1\r", Show::Noted);
        let sex = field(&tree, "PID", "PID-8");
        assert!(sex["note"].as_str().unwrap().contains("0001"), "{sex}");
        assert_eq!(field(&tree, "PID", "PID-3"), Value::Null);
        let names: Vec<&Value> =
            tree["segments"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert!(names.contains(&&json!("XYZ")), "{names:?}");
    }

    #[test]
    fn a_document_is_folded() {
        let data = "QUJD".repeat(400);
        let tree =
            shown(&format!("OBX|1|ED|R||LAB^application^PDF^Base64^{data}\r"), Show::Populated);
        let value = field(&tree, "OBX", "OBX-5");
        let document = &value["components"][4];
        assert_eq!(document["folded"], json!({ "type": "application/pdf", "bytes": 1600 }));
        assert!(!tree.to_string().contains("QUJDQUJD"));
    }
}
