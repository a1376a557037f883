//! An XML file as a tree, read with limits and without entities of its own.

use crate::NotAnExport;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// The largest export, in bytes.
pub(crate) const BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most elements inside each other. Real exports have about 20.
const DEPTH_MAX: usize = 100;
/// The most elements of a file; what a server with a thousand channels exports has fewer.
const ELEMENTS_MAX: usize = 2_000_000;

/// An element with what is in it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// The attribute `class`, by which XStream says what an element holds.
    pub(crate) class: String,
    /// The line of its start tag, from 1.
    pub(crate) line: usize,
    /// All character data directly inside it.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element at the end of a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The text of a child without blanks around it; empty when there is none.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// The text of a child as it stands; empty when there is none.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    /// The children of a child.
    pub(crate) fn inside(&self, name: &str) -> &[Element] {
        self.child(name).map_or(&[], |child| child.children.as_slice())
    }

    /// Whether a switch of this name is on; one that is not written is as `otherwise` says.
    pub(crate) fn is_on(&self, name: &str, otherwise: bool) -> bool {
        match self.value(name) {
            "" => otherwise,
            text => text == "true",
        }
    }

    /// The part of the class or name after its last dot.
    pub(crate) fn kind(&self) -> &str {
        let name = if self.class.is_empty() { &self.name } else { &self.class };
        name.rsplit('.').next().unwrap_or(name)
    }
}

/// Reads a file into a tree.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, NotAnExport> {
    if bytes.len() > BYTES_MAX {
        return Err(NotAnExport::TooLarge { bytes_max: BYTES_MAX });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NotAnExport::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Builder::new(text).run()
}

struct Builder<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    line: usize,
    counted: usize,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Builder<'a> {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = true;
        config.allow_unmatched_ends = false;
        Builder { text, reader, open: Vec::new(), root: None, elements: 0, line: 1, counted: 0 }
    }

    fn run(mut self) -> Result<Element, NotAnExport> {
        loop {
            self.count_lines();
            let line = self.line;
            let event = self.reader.read_event();
            match event.map_err(|_| NotAnExport::NotXml { line })? {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.add(&text.xml10_content())?,
                Event::CData(text) => self.add(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let text = resolve(&reference).ok_or(NotAnExport::Entity { line })?;
                    self.add(text.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => return Err(NotAnExport::DocType { line }),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(NotAnExport::NotXml { line: self.line }),
        }
    }

    /// Brings `line` to where the reader is.
    fn count_lines(&mut self) {
        let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let read = self.text.as_bytes().get(self.counted..at).unwrap_or(&[]);
        self.line += read.iter().filter(|byte| **byte == b'\n').count();
        self.counted = at;
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), NotAnExport> {
        let line = self.line;
        self.elements += 1;
        if self.open.len() >= DEPTH_MAX || self.elements > ELEMENTS_MAX {
            return Err(NotAnExport::TooDeep { line, depth_max: DEPTH_MAX });
        }
        if self.root.is_some() {
            return Err(NotAnExport::NotXml { line });
        }
        let mut class = String::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| NotAnExport::NotXml { line })?;
            if attribute.key.as_ref() == "class" {
                class = attribute.value.as_ref().to_owned();
            }
        }
        let name = tag.name().as_ref().to_owned();
        self.open.push(Element { name, class, line, ..Element::default() });
        Ok(())
    }

    fn end(&mut self) {
        let Some(done) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(done),
            None => self.root = Some(done),
        }
    }

    fn add(&mut self, text: &str) -> Result<(), NotAnExport> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(NotAnExport::NotXml { line: self.line }),
        }
        Ok(())
    }
}

/// The character of one of XML's own references; others would have to be declared, and nothing here declares any.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok()?;
    }
    match reference.xml10_content().as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}
