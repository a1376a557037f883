//! The reference pages and schemas in `docs/`, out of everybody's declarations.
//!
//! What is declared once cannot be documented differently: a test compares these texts with the files.

use std::fmt::Write;

use ::channel::{CHANNEL_FIELDS, DESTINATION_FIELDS, SOURCE_FIELDS, STEP_FIELDS, StepDecl, steps};
use config::codes::CODES;
use config::{Field, Kind, Need, SERVER_FIELDS};
use connectors::http::TRACES_FIELDS;
use connectors::syslog::SYSLOG_FIELDS;
use net::TARGET_FIELDS;

use super::{channel_schema, destinations, server_schema, sources};
use crate::alerts::{RULES, SINK_FIELDS, SINKS};
use crate::retry::LANE_FIELDS;

/// What `[syslog]` is.
const SYSLOG: &str = "Sends the audit log and the engine's own log to a collector, as syslog over TLS (RFC 5424, RFC 5425). What the collector \
    is not known to have waits on the disk and is sent again after a break, so an entry may come twice: `place` in its structured data \
    is the same then. A record of the audit log has its number there.";

/// What `[telemetry]` is.
const TELEMETRY: &str = "Posts a span for each message taken and for each try at a destination to a collector of OpenTelemetry (OTLP over HTTP, JSON). \
    The id of a trace is that of the first message of its line. What the collector does not take is dropped and counted.";

/// A generated file.
pub struct Page {
    /// Its path below the top of the source tree.
    pub path: &'static str,
    /// What it says.
    pub text: String,
}

/// Every generated file.
pub fn pages() -> Vec<Page> {
    let page = |path, text| Page { path, text };
    vec![
        page("docs/reference/channel.md", channel()),
        page("docs/reference/steps.md", all_steps()),
        page("docs/reference/server.md", server()),
        page("docs/reference/codes.md", codes()),
        page("docs/reference/alerts.md", alerts()),
        page("docs/schema/channel.json", format!("{:#}\n", channel_schema())),
        page("docs/schema/server.json", format!("{:#}\n", server_schema())),
    ]
}

/// Everything that may stand in a channel file, by table: what `[source]` and each kind of it take, and so on.
pub fn channel_tables() -> Vec<(String, Vec<&'static [Field]>)> {
    let mut tables = vec![("The file".to_owned(), vec![CHANNEL_FIELDS])];
    tables.push(("`[source]`".to_owned(), vec![SOURCE_FIELDS]));
    for kind in sources() {
        tables.push((format!("`[source]` with `type = \"{}\"`", kind.name), kind.fields.to_vec()));
    }
    tables.push(("`[[destination]]`".to_owned(), vec![DESTINATION_FIELDS]));
    tables.push(("`[[destination]]`: order and retries".to_owned(), vec![LANE_FIELDS]));
    for kind in destinations() {
        tables.push((
            format!("`[[destination]]` with `type = \"{}\"`", kind.name),
            kind.fields.to_vec(),
        ));
    }
    tables
}

fn channel() -> String {
    let mut page = "# Channel files\n\n\
        `channels/NAME.toml`, one for each channel. [The guide](../guide.md) explains by example; the steps have [a page of their own](steps.md). \
        Settings of `[source]` and `[[destination]]` may be `{ var = \"name\" }`: a value of `vars/ENVIRONMENT.toml`.\n"
        .to_owned();
    for (title, fields) in channel_tables() {
        let introduction = introduction(&title);
        page.push('\n');
        page.push_str(&deeper(&config::reference(&title, &introduction, &fields)));
    }
    page
}

/// What a kind of source or destination is; for the tables that all of them share, how they are chosen.
fn introduction(title: &str) -> String {
    let kind = |prefix: &str, kinds: &[config::Variant]| {
        kinds
            .iter()
            .find(|kind| title == format!("`{prefix}` with `type = \"{}\"`", kind.name))
            .map(|kind| kind.doc)
    };
    match kind("[source]", &sources()).or_else(|| kind("[[destination]]", &destinations())) {
        Some(doc) => doc.to_owned(),
        None if title == "The file" => "What stands at the top, before the tables.".to_owned(),
        None if title == "`[source]`" => "What every source takes beside its `type`.".to_owned(),
        None => "What every destination takes beside its `type`.".to_owned(),
    }
}

fn server() -> String {
    let introduction = "The settings of the engine. Everything has a default; an empty or missing file is a valid one. \
        [How to run it](../operations.md) says what they mean in practice.";
    let mut page = config::reference("server.toml", introduction, &[SERVER_FIELDS]);
    for (title, doc, fields) in sink_tables() {
        page.push('\n');
        page.push_str(&deeper(&config::reference(&title, doc, &fields)));
    }
    page.push('\n');
    let fields = [TRACES_FIELDS, TARGET_FIELDS];
    page.push_str(&deeper(&config::reference("`[telemetry]`", TELEMETRY, &fields)));
    page.push('\n');
    let fields = [SYSLOG_FIELDS, TARGET_FIELDS];
    page.push_str(&deeper(&config::reference("`[syslog]`", SYSLOG, &fields)));
    page
}

/// Everything that may stand in `[[alerts.sink]]`: what each takes, and each kind of it.
pub fn sink_tables() -> Vec<(String, &'static str, Vec<&'static [Field]>)> {
    let shared = "What every sink takes beside its `type`.";
    let mut tables = vec![("`[[alerts.sink]]`".to_owned(), shared, vec![SINK_FIELDS])];
    for kind in SINKS {
        let title = format!("`[[alerts.sink]]` with `type = \"{}\"`", kind.name);
        tables.push((title, kind.doc, kind.fields.to_vec()));
    }
    tables
}

fn all_steps() -> String {
    let mut page = "# Steps\n\n\
        What may stand in `steps`, under `[transform]` and in a `[[destination]]`. A step is one inline table that starts with its verb. \
        [The guide](../guide.md#steps) shows what each does to a message.\n\n"
        .to_owned();
    for step in steps() {
        let _ = writeln!(page, "- [`{0}`](#{0}): {1}", step.name, first_sentence(step.doc));
    }
    page.push_str("\n## Every step\n\nKeys that any step may carry.\n\n");
    keys(&mut page, STEP_FIELDS);
    steps().iter().for_each(|step| one_step(&mut page, step));
    page
}

fn one_step(page: &mut String, step: &StepDecl) {
    let _ = write!(page, "\n## `{}`\n\n{}\n\n", step.name, step.doc);
    keys(page, step.fields);
    let _ = write!(page, "\n```toml\n{}\n```\n", step.examples.join("\n"));
}

fn keys(page: &mut String, fields: &[Field]) {
    page.push_str("| Key | Value | Meaning |\n|---|---|---|\n");
    for field in fields {
        let need = match field.need {
            Need::Required => String::new(),
            Need::Optional => "; optional".to_owned(),
            Need::Default(text) => format!("; `{text}` if left out"),
        };
        let choices = match field.kind {
            Kind::Choice(choices) => choices
                .iter()
                .map(|choice| format!(" `\"{}\"`: {}", choice.name, choice.doc))
                .collect::<String>(),
            _ => String::new(),
        };
        let row = format!(
            "`{}` | {}{need} | {}{choices}",
            field.name,
            cell(&field.kind.expected()),
            cell(field.doc)
        );
        let _ = writeln!(page, "| {row} |");
    }
}

fn alerts() -> String {
    let mut page = "# Alerts\n\n\
        Every rule by which something becomes an alert. The numbers in brackets are defaults; [`[alerts]`](server.md) changes those with a name. \
        [How to run it](../operations.md#alerts) says who is told and how.\n\n| Kind | Severity | When |\n|---|---|---|\n"
        .to_owned();
    for rule in RULES {
        let _ = writeln!(page, "| `{}` | {} | {} |", rule.kind, rule.severity, cell(rule.doc));
    }
    page
}

fn codes() -> String {
    let mut page = "# Codes\n\n\
        `C....` is said about the configuration, `R....` about a message. `hilum explain CODE` shows the same pages.\n\n| Code | |\n|---|---|\n"
        .to_owned();
    for code in CODES {
        let _ = writeln!(page, "| `{}` | {} |", code.code, cell(code.title()));
    }
    for code in CODES {
        page.push('\n');
        page.push_str(deeper(code.page).trim_end());
        page.push('\n');
    }
    page
}

/// A page as a part of another one: every heading a level down.
fn deeper(page: &str) -> String {
    let mut out = String::with_capacity(page.len() + 64);
    let mut in_code = false;
    for line in page.lines() {
        in_code ^= line.starts_with("```");
        if !in_code && line.starts_with('#') {
            out.push('#');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A text that does not end the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn first_sentence(doc: &str) -> &str {
    doc.split("\n\n").next().unwrap_or(doc)
}
