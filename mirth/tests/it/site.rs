//! Whether what was written is a site.

use channel::{CHANNEL_FIELDS, Channel, DESTINATION_FIELDS, SOURCE_FIELDS, Tables};
use config::{CodeTable, Diagnostics, Name, Scope, Section, Severity, parse_toml};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The scripts of the site, by path below the channels.
struct Files<'a>(&'a BTreeMap<String, String>);

impl Tables for Files<'_> {
    fn table(&self, _: &Name) -> Option<Arc<CodeTable>> {
        None
    }

    fn names(&self) -> Vec<Name> {
        Vec::new()
    }

    fn companion(&self, path: &str) -> Option<Arc<str>> {
        self.0.get(&format!("site/channels/{path}")).map(|text| Arc::from(text.as_str()))
    }
}

/// What is wrong with the files of a site, by path.
pub fn problems(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in files {
        let below = path.strip_prefix("site/").unwrap_or(path);
        let strange = |part: &str| part.is_empty() || part.starts_with('.') || part.contains('\\');
        if below.split('/').any(strange) {
            problems.push(format!("{path}: the path leaves the site"));
        }
        if !path.contains(".toml") {
            continue;
        }
        if let Err(error) = toml::de::DeTable::parse(text) {
            problems.push(format!("{path}: {error}"));
        } else if path.contains("channels/") {
            problems.extend(compiled(path, text, files));
        }
        for script in scripts(text) {
            if !files.contains_key(&format!("site/channels/{script}")) {
                problems.push(format!("{path}: no file {script}"));
            }
        }
    }
    problems
}

/// The paths that a channel file names as scripts.
fn scripts(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.filter_map(|line| line.split_once("script = \"")?.1.split('"').next()).collect()
}

/// What the compiler of channels says against conditions, paths, templates and steps.
fn compiled(path: &str, text: &str, files: &BTreeMap<String, String>) -> Vec<String> {
    let mut diags = Diagnostics::new();
    let Some(root) = parse_toml(&mut diags, "channel.toml", text.to_owned()) else {
        return vec![format!("{path}: not read")];
    };
    let scope = Scope::none();
    let top = Section::read(&root, &[CHANNEL_FIELDS], &scope, &mut diags);
    let source = top
        .table_of("source")
        .map(|table| Section::read(table, &[SOURCE_FIELDS], &scope, &mut diags));
    let destinations: Vec<Section<'_>> = top
        .tables("destination")
        .into_iter()
        .map(|table| Section::read(table, &[DESTINATION_FIELDS], &scope, &mut diags))
        .collect();
    let destinations: Vec<&Section<'_>> = destinations.iter().collect();
    Channel::compile(&top, source.as_ref(), &destinations, &Files(files), &mut diags);
    let errors = diags.sorted();
    let errors = errors.into_iter().filter(|diagnostic| diagnostic.severity() == Severity::Error);
    // Keys of connectors are known to the connectors only, and JavaScript with XML in it is no JavaScript any more: a note says so.
    errors
        .filter(|diagnostic| !matches!(diagnostic.code(), "C0102" | "C0103" | "C0213"))
        .map(|diagnostic| format!("{path}: {} {}", diagnostic.code(), diagnostic.title()))
        .collect()
}
