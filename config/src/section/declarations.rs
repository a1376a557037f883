use super::Section;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, Kind};
use crate::item::Item;
use crate::parse::parse_toml;
use crate::scope::Scope;

/// What is wrong with declarations themselves: a default or an example that its own kind refuses, a name declared twice, no documentation.
///
/// For the tests of the crates that declare settings.
pub fn declaration_problems(fields: &[&'static [Field]]) -> Vec<String> {
    let all: Vec<&'static Field> = fields.iter().flat_map(|list| list.iter()).collect();
    let mut problems = Vec::new();
    for (index, field) in all.iter().enumerate() {
        if all.iter().take(index).any(|other| other.name == field.name) {
            problems.push(format!("`{}` is declared twice", field.name));
        }
        if !field.doc.ends_with('.') {
            problems.push(format!("`{}` is not documented in whole sentences", field.name));
        }
        problems.extend(refused(field, None));
        problems.extend(field.examples.iter().filter_map(|example| refused(field, Some(example))));
        if let Kind::Section(inner) = field.kind {
            problems.extend(declaration_problems(&[inner]));
        }
    }
    problems
}

/// Reads a setting as it would stand in a file, or its default.
fn refused(field: &'static Field, example: Option<&str>) -> Option<String> {
    let mut diags = Diagnostics::new();
    let text = example.map_or_else(String::new, |example| format!("{} = {example}\n", field.name));
    let table = parse_toml(&mut diags, "declaration", text);
    if let Some(table) = &table {
        let variable =
            table.get(field.name).and_then(Item::as_table).and_then(|table| table.get("var"));
        if variable.is_none() {
            Section::read(table, &[std::slice::from_ref(field)], &Scope::none(), &mut diags);
        }
    }
    let problems: Vec<&str> = diags
        .sorted()
        .iter()
        .filter(|found| found.code() != "C0103")
        .map(|found| found.title())
        .collect();
    let what = example.map_or("its default".to_owned(), |example| format!("example `{example}`"));
    (!problems.is_empty())
        .then(|| format!("`{}` does not read {what}: {}", field.name, problems.join("; ")))
}
