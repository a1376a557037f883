//! Whether what was written is a site.

use channel::{CHANNEL_FIELDS, Channel, DESTINATION_FIELDS, SOURCE_FIELDS, Tables};
use config::{CodeTable, Diagnostics, Name, Scope, Section, Severity, parse_toml};
use std::collections::BTreeMap;
use std::sync::Arc;

struct NoTables;

impl Tables for NoTables {
    fn table(&self, _: &Name) -> Option<Arc<CodeTable>> {
        None
    }

    fn names(&self) -> Vec<Name> {
        Vec::new()
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
            problems.extend(compiled(path, text));
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
fn compiled(path: &str, text: &str) -> Vec<String> {
    let mut diags = Diagnostics::new();
    let Some(root) = parse_toml(&mut diags, "channel.toml", without_scripts(text)) else {
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
    Channel::compile(&top, source.as_ref(), &destinations, &NoTables, &mut diags);
    let errors = diags.sorted();
    let errors = errors.into_iter().filter(|diagnostic| diagnostic.severity() == Severity::Error);
    // Keys of connectors are known to the connectors only.
    errors
        .filter(|diagnostic| !matches!(diagnostic.code(), "C0102" | "C0103"))
        .map(|diagnostic| format!("{path}: {} {}", diagnostic.code(), diagnostic.title()))
        .collect()
}

/// Script steps run elsewhere, so they are left out of what is compiled here.
fn without_scripts(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("{ script = "));
    lines.map(|line| format!("{line}\n")).collect()
}
