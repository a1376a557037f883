use super::{Action, StepDecl, leaves};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};
use regex::Regex;
use std::borrow::Cow;

pub(super) const DECL: StepDecl = StepDecl {
    name: "replace",
    doc: "Replaces a part of values, found as a text or by a regular expression.\n\nEvery component of a value is searched by \
          itself, after unescaping, and stays one component. A regular expression runs in linear time whatever it says; in `to`, \
          `$1` is what its first group matched, and a `$` is written `$$`.",
    fields: &[
        Field::required("replace", "The values.", Kind::Paths),
        Field::optional("text", "The text that is replaced, everywhere in the value.", Kind::Text),
        Field::optional(
            "regex",
            "A regular expression for what is replaced, everywhere in the value.",
            Kind::Regex,
        ),
        Field::required("to", "What it is replaced by.", Kind::Text),
    ],
    examples: &[
        "{ replace = 'PID-13', regex = '[^0-9+]', to = \"\" }",
        "{ replace = ['PID-5', 'NK1[*]-2'], text = \"ss\", to = \"s\" }",
    ],
    compile,
};

struct Replace {
    places: Vec<Place>,
    search: Search,
    to: String,
}

enum Search {
    Text(String),
    Regex(Regex),
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("replace"));
    let search = match (section.text("text"), section.text("regex")) {
        (Some(text), None) if text.value.is_empty() => {
            compiler
                .diags()
                .error("C0308", text.span, "the empty text is everywhere")
                .label("nothing can be found by this");
            return None;
        }
        (Some(text), None) => Search::Text(text.value.clone()),
        (None, Some(pattern)) => {
            Search::Regex(compiler.regex(&pattern.value, 0..pattern.value.len(), pattern)?)
        }
        (Some(_), Some(_)) => {
            let error = compiler.diags().error(
                "C0320",
                section.span_of("regex"),
                "`text` and `regex` exclude each other",
            );
            error.label("one of them says what is replaced");
            return None;
        }
        // A misspelt key was reported already.
        (None, None) if !section.is_sound() => return None,
        (None, None) => {
            let error = compiler.diags().error(
                "C0320",
                section.table().span,
                "`text` or `regex` is missing",
            );
            error.label("it belongs here").help("add `text = \"...\"` or `regex = '...'`");
            return None;
        }
    };
    let to = section.text("to")?.value.clone();
    Some(Box::new(Replace { places: places?, search, to }))
}

impl Action for Replace {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            work.at_each(place, |work, path| {
                leaves::change(work, path, |work, path| {
                    let text = work.text(path)?;
                    let Some(replaced) = self.search.apply(&text, &self.to) else { return Ok(()) };
                    work.set(path, &replaced)
                })
            })?;
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.places.iter().any(|target| target.may_touch(place))
    }
}

impl Search {
    /// The text with everything replaced, or nothing when nothing was found.
    fn apply(&self, text: &str, to: &str) -> Option<String> {
        match self {
            Search::Text(part) => {
                text.contains(part.as_str()).then(|| text.replace(part.as_str(), to))
            }
            Search::Regex(regex) => match regex.replace_all(text, to) {
                Cow::Borrowed(_) => None,
                Cow::Owned(replaced) => Some(replaced),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn what_is_found_is_replaced_everywhere() {
        assert_eq!(
            run(
                r#"{ replace = 'PID-13', regex = '[^0-9+]', to = "" }"#,
                "PID|||||||||||||(555) 1-2^PRN"
            ),
            "PID|||||||||||||55512^"
        );
        assert_eq!(
            run(
                r#"{ replace = 'PID-5', regex = '^(\w+) (\w+)$', to = "$2-$1" }"#,
                "PID|||||a b^c d"
            ),
            "PID|||||b-a^d-c"
        );
        assert_eq!(
            run(r#"{ replace = ['PID-5', 'PID-6'], text = ".", to = "!" }"#, "PID|||||a.b.|."),
            "PID|||||a!b!|!"
        );
    }

    #[test]
    fn a_replacement_stays_data() {
        let step = r#"{ replace = 'PID-5', text = "x", to = "|^~\\&\r\nMSH|" }"#;
        assert_eq!(run(step, "PID|||||axb"), r"PID|||||a\F\\S\\R\\E\\T\\X0D\\X0A\MSH\F\b");
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(
            refused(r#"{ replace = 'PID-5', to = "" }"#),
            ["C0320 `text` or `regex` is missing"]
        );
        assert_eq!(
            refused(r#"{ replace = 'PID-5', regex = '(', to = "" }"#),
            ["C0307 this regular expression cannot be used"]
        );
        assert_eq!(
            refused(r#"{ replace = 'PID-5', text = "", to = "" }"#),
            ["C0308 the empty text is everywhere"]
        );
        let both = r#"{ replace = 'PID-5', text = "a", regex = 'a', to = "" }"#;
        assert_eq!(refused(both), ["C0320 `text` and `regex` exclude each other"]);
    }
}
