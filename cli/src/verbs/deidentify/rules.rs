//! `--rules`: a TOML file with `[fields]`, a path and an action a line.

use std::path::Path;

use config::{Diagnostics, Item, Table, Text, nearest, parse_toml};
use deidentify::{Action, RuleError, Rules};

use crate::exit::{Code, Failure};
use crate::say;
use crate::verbs::serve::colour;

/// Reads the file; every problem is shown with its place.
pub fn read(path: &Path) -> Result<Rules, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Code::Refused, format!("cannot read `{}`: {error}", path.display()))
    })?;
    let (rules, diags) = parse(&path.display().to_string(), text);
    if diags.is_empty() {
        return Ok(rules);
    }
    say::talk(diags.render(colour()).trim_end());
    Err(Failure::silent(Code::Refused))
}

fn parse(path: &str, text: String) -> (Rules, Diagnostics) {
    let mut diags = Diagnostics::new();
    let mut rules = Rules::default();
    if let Some(table) = parse_toml(&mut diags, path, text) {
        for (key, item) in &table.entries {
            match (key.as_str(), item) {
                ("fields", Item::Table(fields)) => fill(&mut rules, fields, &mut diags),
                ("fields", item) => {
                    let title = format!("`fields` cannot be {}", item.kind());
                    diags.error("C0104", item.span(), title).label("expected a table: `[fields]`");
                }
                _ => {
                    diags
                        .error("C0102", key.span, format!("unknown key `{}`", key.value))
                        .label("a file of rules has one table, `[fields]`");
                }
            }
        }
    }
    (rules, diags)
}

fn fill(rules: &mut Rules, fields: &Table, diags: &mut Diagnostics) {
    for (path, item) in &fields.entries {
        let Some(action) = action(path, item, diags) else { continue };
        if let Err(error) = rules.add(path.as_str(), action) {
            refuse(path, &error, diags);
        }
    }
}

fn action(path: &Text, item: &Item, diags: &mut Diagnostics) -> Option<Action> {
    let Some(word) = item.as_text() else {
        let wrong = diags.error("C0104", item.span(), format!("a rule cannot be {}", item.kind()));
        wrong.label("expected a word such as `\"keep\"`");
        if item.as_table().is_some() {
            wrong.help(format!(
                "write a path with dots in quotes: `\"{}.1\" = \"keep\"`",
                path.value
            ));
        }
        return None;
    };
    let action = Action::of(word.as_str());
    if action.is_none() {
        let words: Vec<String> = Action::words().map(|word| format!("`{word}`")).collect();
        diags
            .error("C0107", word.span, format!("`{}` is not what a rule can do", word.value))
            .label(format!("expected one of {}", words.join(", ")))
            .did_you_mean(nearest(word.as_str(), Action::words()));
    }
    action
}

fn refuse(path: &Text, error: &RuleError, diags: &mut Diagnostics) {
    let wrong = match error {
        RuleError::Path(wrong) if !wrong.range.is_empty() => path.at(wrong.range.clone()),
        RuleError::Path(_) | RuleError::Index | RuleError::Delimiters | RuleError::Twice => {
            path.span
        }
    };
    let diagnostic = diags.error("C0202", wrong, format!("`{}` can have no rule", path.value));
    diagnostic.label(error.to_string());
    if let RuleError::Path(wrong) = error
        && let Some(help) = &wrong.help
    {
        diagnostic.help(help);
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn problems(text: &str) -> String {
        parse("rules.toml", text.to_owned()).1.render(false)
    }

    #[test]
    fn good_rules_are_read() {
        let text = "[fields]\nZPI-3 = \"replace\"\n\"PID-11.3\" = \"keep\"\nNTE-3 = \"scrub\"\nZZZ = 'clear'\n";
        assert_eq!(problems(text), "");
    }

    #[test]
    fn every_problem_has_a_place_and_a_hint() {
        let text = "[field]\n[fields]\nPID-11.3 = \"keep\"\nPID-8 = \"keeep\"\n\"PID.5\" = \"keep\"\nMSH-2 = \"keep\"\n\
                    \"PID-3[2]\" = \"keep\"\nPID-7 = 1\n";
        let said = problems(text);
        for words in [
            "unknown key `field`",
            "rules.toml:1",
            "write a path with dots in quotes: `\"PID-11.1\" = \"keep\"`",
            "did you mean `keep`?",
            "write `PID-5`",
            "MSH-1 and MSH-2 say how the rest is read",
            "a rule is for all segments of a name and all repetitions",
            "a rule cannot be a number",
        ] {
            assert!(said.contains(words), "{words}:\n{said}");
        }
        assert_eq!(said.matches("error[").count(), 7, "{said}");
    }
}
