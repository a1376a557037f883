//! What is worth a look about a value: never a judgement, the message is as it is.

use hl7::dictionary::{Element, Optionality, Version, dictionary};

/// What is odd about a value; of a part that has no parts.
pub(super) fn note(version: Version, element: &Element, text: &str) -> Option<String> {
    if text.is_empty() {
        return (element.optionality == Optionality::Required)
            .then(|| "required, and empty".to_owned());
    }
    if text == "\"\"" {
        return Some("the null: what the receiver has is to be deleted".to_owned());
    }
    let length = text.chars().count();
    if let Some(most) = element.length.filter(|most| length > *most) {
        return Some(format!("{length} characters, where the version has at most {most}"));
    }
    let table = element.table.filter(|table| dictionary().has_codes(version, table))?;
    match dictionary().code(version, table, text) {
        Some(_) => None,
        None => Some(format!("no code of table {table} in this version")),
    }
}

/// What a code means.
pub(super) fn meaning(version: Version, element: &Element, text: &str) -> Option<&'static str> {
    let code = dictionary().code(version, element.table?, text)?;
    Some(code).filter(|code| !code.is_empty())
}
