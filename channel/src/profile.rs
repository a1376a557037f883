//! A site's own rules for messages, place by place.

use std::sync::Arc;

use config::{Choice, CodeTable, Field, Kind, Name, Scope, Section, Text, parse_toml};
use hl7::dictionary::{Version, dictionary};
use hl7::{Path, SegmentName};
use regex::Regex;

use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::Place;
use crate::problem::Problem;
use crate::rules::Found;
use crate::work::Work;

/// The rules of one file.
pub(crate) struct Profile {
    fields: Vec<Rule>,
    segments: Vec<OwnSegment>,
}

/// What is wanted of one place.
struct Rule {
    place: Place,
    shown: String,
    required: bool,
    length: Option<usize>,
    table: Option<Arc<CodeTable>>,
    hl7_table: Option<String>,
    pattern: Option<Regex>,
    warns: bool,
}

/// A segment of the site's own.
struct OwnSegment {
    name: SegmentName,
    required: bool,
    warns: bool,
    fields: Vec<String>,
}

const LEVELS: &[Choice] = &[
    Choice { name: "fail", doc: "The message fails." },
    Choice { name: "warn", doc: "It is noted in the trace." },
];

const TOP: &[Field] = &[
    Field::optional("field", "What is wanted of a place.", Kind::Tables("field")),
    Field::optional("segment", "A segment of the site's own.", Kind::Tables("segment")),
];

const RULE: &[Field] = &[
    Field::required("path", "The place. `[*]` means every one.", Kind::Path),
    Field::default("required", "It must be there.", Kind::Bool, "false"),
    Field::optional("length", "The most characters.", Kind::Integer { min: 1, max: 1_000_000 }),
    Field::optional("table", "The code table in which it must be.", Kind::TableName),
    Field::optional(
        "hl7_table",
        "The table of the standard in which it must be, such as `\"0001\"`.",
        Kind::Text,
    ),
    Field::optional("pattern", "A regular expression that it must match.", Kind::Regex),
    Field::default("level", "What a violation means.", Kind::Choice(LEVELS), "fail"),
];

const SEGMENT: &[Field] = &[
    Field::required("name", "Its name.", Kind::Text),
    Field::default("required", "It must be there.", Kind::Bool, "false"),
    Field::optional("fields", "What its fields are called.", Kind::List(&Kind::Text)),
    Field::default("level", "What a violation means.", Kind::Choice(LEVELS), "fail"),
];

impl Profile {
    /// Reads the file that a step names; what is wrong is reported at its place.
    pub(crate) fn compile(text: &Text, compiler: &mut Compiler<'_>) -> Option<Profile> {
        let Some(source) = compiler.tables().companion(&text.value) else {
            let title = format!("there is no profile `{}`", text.value);
            let error = compiler.diags().error("C0214", text.span, title);
            error.label("no such file in `channels/`");
            return None;
        };
        let path = format!("channels/{}", text.value);
        let root = parse_toml(compiler.diags(), &path, source.to_string())?;
        let errors = compiler.diags().error_count();
        let names = compiler.tables().names();
        let scope = Scope::none().with_tables(&names);
        let top = Section::read(&root, &[TOP], &scope, compiler.diags());
        let (mut fields, mut segments) = (Vec::new(), Vec::new());
        for table in top.tables("field") {
            let section = Section::read(table, &[RULE], &scope, compiler.diags());
            fields.extend(Rule::compile(&section, compiler));
        }
        for table in top.tables("segment") {
            let section = Section::read(table, &[SEGMENT], &scope, compiler.diags());
            segments.extend(OwnSegment::compile(&section, compiler));
        }
        (compiler.diags().error_count() == errors).then_some(Profile { fields, segments })
    }

    /// What breaks the rules, and whether that is only noted.
    pub(crate) fn look(&self, work: &mut Work<'_>) -> Result<Vec<(Found, bool)>, Fault> {
        let mut found = Vec::new();
        for rule in &self.fields {
            rule.look(work, &self.segments, &mut found)?;
        }
        for segment in self.segments.iter().filter(|segment| segment.required) {
            if work.message().count(segment.name.as_str()) == 0 {
                let text = format!("{} is required and missing", segment.name);
                found.push((Found { text }, segment.warns));
            }
        }
        Ok(found)
    }
}

impl Rule {
    fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Rule> {
        let written = section.text("path")?;
        let place = compiler.value_place(written);
        let pattern = section
            .text("pattern")
            .map(|text| compiler.regex(&text.value, 0..text.value.len(), text));
        let table = section.text("table").and_then(|text| Name::new(&text.value).ok());
        let table = table.and_then(|name| compiler.tables().table(&name));
        Some(Rule {
            place: place?,
            shown: written.value.clone(),
            required: section.bool("required").unwrap_or(false),
            length: section.integer("length").and_then(|length| usize::try_from(length).ok()),
            table,
            hl7_table: section.text("hl7_table").map(|text| text.value.clone()),
            pattern: match pattern {
                None => None,
                Some(pattern) => Some(pattern?),
            },
            warns: section.choice("level") == Some("warn"),
        })
    }

    fn look(
        &self,
        work: &mut Work<'_>,
        own: &[OwnSegment],
        found: &mut Vec<(Found, bool)>,
    ) -> Result<(), Fault> {
        let places: Vec<Path> = {
            let scene = work.scene();
            let each = self.place.each(scene.message, scene.cursors)?;
            each.into_iter().map(|path| path.into_owned()).collect()
        };
        let segment = self.place.path().segment;
        let name = self.place.path().field.and_then(|field| {
            let own = own.iter().find(|one| one.name == segment)?;
            own.fields.get(usize::from(field).checked_sub(1)?)
        });
        let mut odd = |path: String, what: String| {
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            found.push((Found { text: format!("{path}{name} {what}") }, self.warns));
        };
        // A segment that is not there has no field that could be missing, unless the profile wants the segment itself.
        let there = work.message().count(segment.as_str()) > 0;
        if self.required && there && places.iter().all(|path| work.message().is_empty(path)) {
            odd(self.shown.clone(), "is required and empty".to_owned());
        }
        for path in places {
            let Some(text) = work.value(&path)? else { continue };
            if text.is_empty() {
                continue;
            }
            let count = text.chars().count();
            if let Some(most) = self.length.filter(|most| count > *most) {
                odd(path.to_string(), format!("has {count} characters and may have {most}"));
            }
            if let Some(table) = self.table.as_ref().filter(|table| !table.contains(&text)) {
                odd(path.to_string(), format!("is not in code table `{}`", table.name()));
            }
            if let Some(table) = &self.hl7_table
                && dictionary().code(Version::NEWEST, table, &text).is_none()
            {
                odd(path.to_string(), format!("is not in table {table}"));
            }
            if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&text)) {
                odd(path.to_string(), "does not match its pattern".to_owned());
            }
        }
        Ok(())
    }
}

impl OwnSegment {
    fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<OwnSegment> {
        let text = section.text("name")?;
        let Some(name) = SegmentName::new(&text.value) else {
            let title = format!("`{}` is not the name of a segment", text.value);
            let label = "three capitals, such as `ZPI`";
            compiler.report(Problem::new("C0322", 0..text.value.len(), title, label), text);
            return None;
        };
        let fields = section.list("fields").iter().filter_map(config::Value::text);
        Some(OwnSegment {
            name,
            required: section.bool("required").unwrap_or(false),
            warns: section.choice("level") == Some("warn"),
            fields: fields.map(|field| field.value.clone()).collect(),
        })
    }
}
