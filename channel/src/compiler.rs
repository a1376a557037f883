use crate::place::{Loop, Place};
use crate::problem::Problem;
use crate::tables::Tables;
use config::{CodeTable, Diagnostics, Name, Scope, Span, Text};
use hl7::{Path, SegmentName};
use regex::{Regex, RegexBuilder};
use std::ops::Range;
use std::sync::Arc;

/// The longest regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1_000;
/// The most memory a compiled expression may take, in bytes.
const REGEX_SIZE_MAX: usize = 1 << 20;

/// What compiling the parts of one list of steps has in common: where problems go, which tables there are, which loops are around.
pub(crate) struct Compiler<'a> {
    tables: &'a dyn Tables,
    table_names: Vec<Name>,
    diags: &'a mut Diagnostics,
    /// The `each` around, the outermost first.
    pub(crate) loops: Vec<Loop>,
    /// In the steps of a destination, where filters are not allowed.
    pub(crate) in_destination: bool,
    /// How many steps of the list have been numbered.
    pub(crate) numbered: u16,
    /// How many lists are around.
    pub(crate) depth: usize,
    /// The code tables that codes are looked up in.
    pub(crate) looked_up: Vec<Arc<CodeTable>>,
    /// How many of the steps are scripts.
    pub(crate) scripts: usize,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(
        tables: &'a dyn Tables,
        diags: &'a mut Diagnostics,
        in_destination: bool,
    ) -> Compiler<'a> {
        let table_names = tables.names();
        Compiler {
            tables,
            table_names,
            diags,
            loops: Vec::new(),
            in_destination,
            numbered: 0,
            depth: 0,
            scripts: 0,
            looked_up: Vec::new(),
        }
    }

    pub(crate) fn tables(&self) -> &'a dyn Tables {
        self.tables
    }

    pub(crate) fn diags(&mut self) -> &mut Diagnostics {
        self.diags
    }

    /// Reads the table of a step by its declaration. Variables are not for steps: a revision holds all that decides what they do.
    pub(crate) fn section<'t>(
        &mut self,
        table: &'t config::Table,
        fields: &[&'static [config::Field]],
    ) -> config::Section<'t> {
        let scope = Scope::none().with_tables(&self.table_names);
        config::Section::read(table, fields, &scope, self.diags)
    }

    /// Filters stand where they decide about the whole message: not among a destination's steps, and not inside a loop.
    pub(crate) fn filter_allowed(&mut self, verb: &str, span: Span) -> bool {
        if !self.loops.is_empty() {
            let error =
                self.diags.error("C0321", span, format!("`{verb}` cannot stand inside `each`"));
            error
                .label("it would filter the whole message")
                .help("`delete` removes the current segment");
            return false;
        }
        if self.in_destination {
            let error = self.diags.error(
                "C0321",
                span,
                format!("`{verb}` cannot stand in a destination's steps"),
            );
            error
                .label("this is no filter of messages")
                .help("which messages a destination gets is said by its `when`");
            return false;
        }
        true
    }

    /// A message is split where everything that follows is for each part by itself: between the steps of `[transform]`.
    pub(crate) fn split_allowed(&mut self, span: Span) -> bool {
        let (title, label, help) = if self.in_destination {
            (
                "`split` cannot stand in a destination's steps",
                "every destination is asked for every part",
                "split the message in `[transform]`",
            )
        } else if self.depth > 1 {
            (
                "`split` cannot stand inside other steps",
                "the steps around it work on one message",
                "put it between the steps of `[transform]`, with a `when` if it has a condition",
            )
        } else {
            return true;
        };
        self.diags.error("C0321", span, title).label(label).help(help);
        false
    }

    pub(crate) fn report(&mut self, problem: Problem, text: &Text) {
        problem.report(text, self.diags);
    }

    pub(crate) fn line(&self, span: Span) -> u32 {
        u32::try_from(self.diags.files().position(span).line).unwrap_or(u32::MAX)
    }

    /// Binds a path to the loops around it.
    pub(crate) fn place(&self, path: Path) -> Place {
        Place::new(path, &self.loops)
    }

    /// Reads a path that stands alone in a text.
    pub(crate) fn path(&mut self, text: &Text) -> Option<Path> {
        match crate::problem::path(&text.value, 0) {
            Ok(path) => Some(path),
            Err(problem) => {
                self.report(problem, text);
                None
            }
        }
    }

    /// Reads a path to a value.
    pub(crate) fn value_place(&mut self, text: &Text) -> Option<Place> {
        let path = self.path(text)?;
        if path.field.is_some() {
            return Some(self.place(path));
        }
        let title = format!("`{path}` is a segment, not a value");
        let problem = Problem::new("C0304", 0..text.value.len(), title, "a field is missing");
        self.report(problem.help(format!("write a field such as `{path}-1`")), text);
        None
    }

    /// Reads a path to a value that may be written.
    pub(crate) fn target(&mut self, text: &Text) -> Option<Place> {
        let place = self.value_place(text)?;
        self.writable(place, text)
    }

    /// Reads one path or a list of paths to values that may be written; all of them, so that each problem is found.
    pub(crate) fn targets(&mut self, texts: Vec<&Text>) -> Option<Vec<Place>> {
        let places: Vec<Option<Place>> = texts.into_iter().map(|text| self.target(text)).collect();
        places.into_iter().collect()
    }

    /// Is one of the loops around over this segment?
    pub(crate) fn is_looped(&self, segment: SegmentName) -> bool {
        self.loops.iter().any(|around| around.segment == segment)
    }

    /// Reads the name of a segment.
    pub(crate) fn segment(&mut self, text: &Text) -> Option<SegmentName> {
        let name = SegmentName::new(&text.value);
        if name.is_none() {
            let title = format!("`{}` is not the name of a segment", text.value);
            let label = "three capitals, such as `OBX`";
            let problem = Problem::new("C0322", 0..text.value.len(), title, label);
            // A whole path was meant well, and it says which segment.
            let problem = match Path::parse(&text.value) {
                Ok(path) => problem.help(format!("write `{}`", path.segment)),
                Err(_) => problem,
            };
            self.report(problem, text);
        }
        name
    }

    fn writable(&mut self, place: Place, text: &Text) -> Option<Place> {
        let path = place.path();
        if path.segment.as_str() != "MSH" || !matches!(path.field, Some(1 | 2)) {
            return Some(place);
        }
        let title = format!("`{path}` cannot be changed");
        let problem =
            Problem::new("C0322", 0..text.value.len(), title, "this says how the rest is read");
        self.report(problem.help("the delimiters of a message are the sender's"), text);
        None
    }

    /// Compiles a regular expression; it runs in linear time whatever it says.
    pub(crate) fn regex(
        &mut self,
        pattern: &str,
        range: Range<usize>,
        text: &Text,
    ) -> Option<Regex> {
        if pattern.len() > REGEX_BYTES_MAX {
            let title = format!("a regular expression is at most {REGEX_BYTES_MAX} bytes long");
            self.report(Problem::new("C0307", range, title, "too long"), text);
            return None;
        }
        let built = RegexBuilder::new(pattern)
            .size_limit(REGEX_SIZE_MAX)
            .dfa_size_limit(REGEX_SIZE_MAX)
            .build();
        match built {
            Ok(regex) => Some(regex),
            Err(error) => {
                let label = match &error {
                    regex::Error::CompiledTooBig(_) => "it needs too much memory".to_owned(),
                    // The last line of a syntax error says what is wrong; the ones before repeat the expression.
                    other => {
                        let shown = other.to_string();
                        let last = shown.lines().last().unwrap_or("not understood").trim();
                        last.trim_start_matches("error: ").to_owned()
                    }
                };
                self.report(
                    Problem::new("C0307", range, "this regular expression cannot be used", label),
                    text,
                );
                None
            }
        }
    }
}
