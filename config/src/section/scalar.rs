//! Single values: texts of every kind, numbers, truth values, secrets.

use super::reading::Reading;
use super::value::{SecretRef, Typed, Value};
use crate::address::Address;
use crate::field::{Choice, Kind};
use crate::item::{Item, Table};
use crate::name::{Name, NameError};
use crate::network::Network;
use crate::suggest::nearest;
use crate::text::Text;
use crate::units::{parse_duration, parse_size};
use std::net::SocketAddr;

impl Reading<'_> {
    /// Reads a value that is not made of others; a default or a variable can be nothing else.
    pub(super) fn scalar<'a>(&mut self, key: &str, kind: &Kind, item: &Item) -> Option<Value<'a>> {
        let (text, typed) = match (kind, item) {
            (Kind::Bool, Item::Bool(value, _)) => (None, Typed::Bool(*value)),
            (Kind::Integer { min, max }, Item::Integer(value, _)) => {
                if !(*min..=*max).contains(value) {
                    return self.out_of_range(key, item, min.to_string(), max.to_string());
                }
                (None, Typed::Integer(*value))
            }
            (Kind::Secret, Item::Table(table)) => (None, Typed::Secret(self.secret(key, table)?)),
            (Kind::Secret, Item::Text(text)) => return self.literal_secret(key, text),
            (Kind::Date, Item::Datetime(written, _)) => (None, self.date(written, item)?),
            (Kind::Any(kinds), _) => return self.any_scalar(key, kinds, item),
            (_, Item::Text(text)) => (Some(text.clone()), self.text(key, kind, item, text)?),
            (_, Item::Table(table)) if table.get("secret").is_some() => {
                self.error("C0209", item.span(), format!("`{key}` cannot be a secret"))
                    .label(format!("expected {}", kind.expected()));
                return None;
            }
            _ => return self.wrong_kind(key, kind, item),
        };
        Some(Value { span: item.span(), text, typed })
    }

    fn any_scalar<'a>(&mut self, key: &str, kinds: &[Kind], item: &Item) -> Option<Value<'a>> {
        let mut first: Option<Reading<'_>> = None;
        for kind in kinds {
            let mut attempt = Reading::new(self.scope);
            let value = attempt.scalar(key, kind, item);
            if attempt.found.is_empty() {
                return value;
            }
            first.get_or_insert(attempt);
        }
        if let Some(first) = first {
            self.found.extend(first.found);
            self.conceal.extend(first.conceal);
        }
        None
    }

    fn text(&mut self, key: &str, kind: &Kind, item: &Item, text: &Text) -> Option<Typed<'static>> {
        let value = text.value.as_str();
        match kind {
            Kind::Text
            | Kind::Reference
            | Kind::Condition
            | Kind::Path
            | Kind::Paths
            | Kind::Template
            | Kind::Regex => Some(Typed::Plain),
            Kind::Name => match Name::new(value) {
                Ok(_) => Some(Typed::Plain),
                Err(error) => self.not_a_name(text, &error),
            },
            Kind::TableName => self.table_name(text),
            Kind::Duration { min, max } => self.duration(key, kind, item, text, [min, max]),
            Kind::Size { min, max } => self.size(key, kind, item, text, [min, max]),
            Kind::Choice(choices) => self.choice(key, kind, choices, text),
            Kind::ListenAddress => match value.parse::<SocketAddr>() {
                Ok(listen) => Some(Typed::Listen(listen)),
                Err(_) => self.malformed(text, "an address to listen on", kind),
            },
            Kind::Address => match Address::parse(value) {
                Ok(address) => Some(Typed::Address(address)),
                Err(problem) => {
                    self.error("C0108", text.span, format!("`{value}` is not an address"))
                        .label(problem);
                    None
                }
            },
            Kind::Network => match value.parse::<Network>() {
                Ok(network) => Some(Typed::Network(network)),
                Err(problem) => {
                    self.error(problem.code(), text.span, format!("`{value}` is not a network"))
                        .label(problem.to_string());
                    None
                }
            },
            Kind::File => self.file(text),
            Kind::Zone => match jiff::tz::TimeZone::get(value) {
                Ok(_) => Some(Typed::Plain),
                Err(_) => self.malformed(text, "a time zone", kind),
            },
            Kind::Bool
            | Kind::Integer { .. }
            | Kind::Date
            | Kind::Secret
            | Kind::Steps
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Section(_)
            | Kind::Table(_)
            | Kind::Tables(_)
            | Kind::Any(_) => self.wrong_kind(key, kind, item).map(|_: Value<'_>| Typed::Plain),
        }
    }

    fn duration(
        &mut self,
        key: &str,
        kind: &Kind,
        item: &Item,
        text: &Text,
        [min, max]: [&str; 2],
    ) -> Option<Typed<'static>> {
        let Some(found) = parse_duration(&text.value) else {
            return self.malformed(text, "a duration", kind);
        };
        let below = parse_duration(min).is_some_and(|min| found < min);
        if below || parse_duration(max).is_some_and(|max| found > max) {
            self.out_of_range(key, item, min.to_owned(), max.to_owned());
            return None;
        }
        Some(Typed::Duration(found))
    }

    fn size(
        &mut self,
        key: &str,
        kind: &Kind,
        item: &Item,
        text: &Text,
        [min, max]: [&str; 2],
    ) -> Option<Typed<'static>> {
        let Some(found) = parse_size(&text.value) else {
            return self.malformed(text, "a size", kind);
        };
        let below = parse_size(min).is_some_and(|min| found < min);
        if below || parse_size(max).is_some_and(|max| found > max) {
            self.out_of_range(key, item, min.to_owned(), max.to_owned());
            return None;
        }
        Some(Typed::Size(found))
    }

    fn date(&mut self, written: &str, item: &Item) -> Option<Typed<'static>> {
        match written.parse() {
            Ok(date) if written.len() == "2027-06-30".len() => Some(Typed::Date(date)),
            Ok(_) | Err(_) => {
                self.error("C0108", item.span(), format!("`{written}` is not a day"))
                    .label(format!("expected {}", Kind::Date.expected()));
                None
            }
        }
    }

    fn malformed<T>(&mut self, text: &Text, what: &str, kind: &Kind) -> Option<T> {
        let better = corrected(kind, &text.value);
        let wrong = self.error("C0108", text.span, format!("`{}` is not {what}", text.value));
        wrong.label(format!("expected {}", kind.expected()));
        if let Some(better) = better {
            wrong.help(format!("write `\"{better}\"`"));
        }
        None
    }

    fn not_a_name<T>(&mut self, text: &Text, error: &NameError) -> Option<T> {
        self.error("C0201", text.span, format!("`{}` is not a name", text.value))
            .help(error.to_string());
        None
    }

    fn out_of_range<'a>(
        &mut self,
        key: &str,
        item: &Item,
        min: String,
        max: String,
    ) -> Option<Value<'a>> {
        self.error("C0105", item.span(), format!("`{key}` is out of range"))
            .label(format!("from {min} to {max}"));
        None
    }

    fn choice(
        &mut self,
        key: &str,
        kind: &Kind,
        choices: &'static [Choice],
        text: &Text,
    ) -> Option<Typed<'static>> {
        if let Some(choice) = choices.iter().find(|choice| choice.name == text.value) {
            return Some(Typed::Choice(choice.name));
        }
        let near = nearest(&text.value, choices.iter().map(|choice| choice.name));
        self.error("C0107", text.span, format!("`{}` is not a value of `{key}`", text.value))
            .label(format!("expected {}", kind.expected()))
            .did_you_mean(near);
        None
    }

    fn table_name(&mut self, text: &Text) -> Option<Typed<'static>> {
        let Some(tables) = self.scope.tables else { return Some(Typed::Plain) };
        if tables.iter().any(|table| table.as_str() == text.value) {
            return Some(Typed::Plain);
        }
        let near = nearest(&text.value, tables.iter().map(Name::as_str));
        let unknown =
            self.error("C0207", text.span, format!("unknown code table `{}`", text.value));
        unknown.label("no file in `tables/` has this name").did_you_mean(near);
        if near.is_none() {
            unknown.help(format!(
                "a code table is a file `tables/{}.csv` with the columns `from,to,note`",
                text.value
            ));
        }
        None
    }

    fn file(&mut self, text: &Text) -> Option<Typed<'static>> {
        let problem = match text.value.as_str() {
            "" => Some("a path is not empty"),
            value if value.contains('\0') => Some("a path has no NUL"),
            value if value.split('/').any(|part| part == "..") => Some(
                "`..` is not allowed: write the path from the site's folder, or an absolute one",
            ),
            _ => None,
        };
        if let Some(problem) = problem {
            self.error("C0108", text.span, format!("`{}` is not a path", text.value))
                .label(problem);
            return None;
        }
        Some(self.scope.paths.map_or_else(
            || Typed::Path(text.value.clone().into()),
            |paths| Typed::Path(paths.resolve(&text.value)),
        ))
    }

    fn literal_secret<'a>(&mut self, key: &str, text: &Text) -> Option<Value<'a>> {
        self.conceal.push(text.span);
        self.error("C0410", text.span, format!("`{key}` is a secret and cannot be written here"))
            .label("a literal secret")
            .help(format!("write `{key} = {{ secret = \"name\" }}` and put the value into `data/secrets/name` with mode 0600"));
        None
    }

    fn secret(&mut self, key: &str, table: &Table) -> Option<SecretRef> {
        let mut prefix = String::new();
        let mut named = None;
        for (name, item) in &table.entries {
            match (name.value.as_str(), item) {
                ("secret", Item::Text(text)) => named = Some(text),
                ("prefix", Item::Text(text)) => prefix.clone_from(&text.value),
                ("secret" | "prefix", item) => {
                    self.error(
                        "C0104",
                        item.span(),
                        format!("`{}` cannot be {}", name.value, item.kind()),
                    )
                    .label("expected a text");
                    return None;
                }
                (other, _) => {
                    let near = nearest(other, ["secret", "prefix"]);
                    self.error("C0102", name.span, format!("unknown key `{other}`"))
                        .label("a reference has `secret` and `prefix`")
                        .did_you_mean(near);
                    return None;
                }
            }
        }
        let Some(text) = named else {
            self.error("C0103", table.span, "`secret` is missing")
                .label(format!("`{key}` is written `{{ secret = \"name\" }}`"));
            return None;
        };
        let name = match Name::new(&text.value) {
            Ok(name) => name,
            Err(error) => return self.not_a_name(text, &error),
        };
        let places = self.scope.secrets.cloned();
        self.known_secret(&name, text).then_some(SecretRef { name, prefix, places })
    }

    fn known_secret(&mut self, name: &Name, text: &Text) -> bool {
        let Some(secrets) = self.scope.secrets else { return true };
        let Err(problem) = secrets.resolve(name) else { return true };
        let names = secrets.names();
        let near = nearest(name.as_str(), names.iter().map(Name::as_str));
        let unknown = self.error(problem.code(), text.span, problem.to_string());
        unknown.did_you_mean(near);
        for help in problem.help(name) {
            unknown.help(help);
        }
        false
    }
}

/// The slips that are made most often, put right.
fn corrected(kind: &Kind, written: &str) -> Option<String> {
    let reads = |text: &String| match kind {
        Kind::Duration { .. } => parse_duration(text).is_some(),
        Kind::Size { .. } => parse_size(text).is_some(),
        Kind::ListenAddress => text.parse::<SocketAddr>().is_ok(),
        _ => false,
    };
    let letters = written.find(|character: char| character.is_ascii_alphabetic());
    let (number, unit) = written.split_at(letters.unwrap_or(written.len()));
    let (number, unit) = (number.trim(), unit.to_ascii_lowercase());
    let first = unit.get(..1).unwrap_or("");
    let candidates = [
        written.replace("localhost", "127.0.0.1"),
        format!("127.0.0.1:{}", written.trim_start_matches([':', '*'])),
        format!("{number}{}", if first.is_empty() { "s" } else { first }),
        format!("{number} {}iB", first.to_ascii_uppercase()),
        format!("{number} B"),
    ];
    candidates.into_iter().find(reads)
}
