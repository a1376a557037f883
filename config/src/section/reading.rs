//! Tables, lists and references; single values are read in `scalar`.

use super::value::{Typed, Value};
use super::{Section, Variant};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::field::{Field, Kind, Need, words};
use crate::item::{Item, Table};
use crate::scope::Scope;
use crate::source::Span;
use crate::suggest::nearest;
use crate::text::Text;

/// One run over a table, collecting what is wrong.
pub(super) struct Reading<'s> {
    pub(super) scope: &'s Scope<'s>,
    pub(super) found: Vec<Diagnostic>,
    pub(super) conceal: Vec<Span>,
}

impl<'s> Reading<'s> {
    pub(super) fn new(scope: &'s Scope<'s>) -> Reading<'s> {
        Reading { scope, found: Vec::new(), conceal: Vec::new() }
    }

    pub(super) fn report(self, diags: &mut Diagnostics) {
        for span in self.conceal {
            diags.files_mut().conceal(span);
        }
        for diagnostic in self.found {
            diags.push(diagnostic);
        }
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        title: impl Into<String>,
    ) -> &mut Diagnostic {
        let index = self.found.len();
        self.found.push(Diagnostic::error(code, span, title));
        &mut self.found[index]
    }

    pub(super) fn section<'a>(
        &mut self,
        table: &'a Table,
        tag: Option<&'static str>,
        lists: &[&'static [Field]],
    ) -> Section<'a> {
        let before = self.found.len();
        let fields: Vec<&'static Field> = lists.iter().flat_map(|list| list.iter()).collect();
        let misspelt = self.unknown_keys(table, tag, &fields);
        let mut values: Vec<(&'static str, Value<'a>)> = Vec::new();
        for field in fields {
            if values.iter().any(|(name, _)| *name == field.name) {
                continue;
            }
            let value = match table.get(field.name) {
                Some(item) => self.value(field.name, &field.kind, item),
                // One slip is one error: what was misspelt is not also missing.
                None if field.need == Need::Required && misspelt.contains(&field.name) => None,
                None => self.absent(table, field),
            };
            values.extend(value.map(|value| (field.name, value)));
        }
        Section { table, values, sound: self.found.len() == before }
    }

    /// Reports keys that are no settings; returns the settings that were most likely meant.
    fn unknown_keys(
        &mut self,
        table: &Table,
        tag: Option<&'static str>,
        fields: &[&'static Field],
    ) -> Vec<&'static str> {
        let names = fields.iter().map(|field| field.name);
        let known: Vec<&'static str> = tag.into_iter().chain(names).collect();
        let is_unknown = |key: &Text| !known.contains(&key.value.as_str());
        let mut meant = Vec::new();
        for (key, _) in table.entries.iter().filter(|(key, _)| is_unknown(key)) {
            let near = nearest(&key.value, known.iter().copied());
            let unknown = self.error("C0102", key.span, format!("unknown key `{}`", key.value));
            unknown.label("not a key here").did_you_mean(near);
            if near.is_none() && !known.is_empty() {
                let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
                unknown.help(format!("the keys here are {}", all.join(", ")));
            }
            meant.extend(near);
        }
        meant
    }

    fn absent<'a>(&mut self, table: &Table, field: &'static Field) -> Option<Value<'a>> {
        match field.need {
            Need::Optional => None,
            Need::Required => {
                let example = field.examples.first().map_or_else(
                    || format!("`{}`, {}", field.name, field.kind.expected()),
                    |example| format!("`{} = {example}`", field.name),
                );
                self.error("C0103", table.span, format!("`{}` is missing", field.name))
                    .label("it belongs here")
                    .help(format!("add {example}"));
                None
            }
            Need::Default(text) => {
                let item = match (&field.kind, text, text.parse::<i64>()) {
                    (Kind::Bool, text, _) => Item::Bool(text == "true", table.span),
                    (Kind::Integer { .. }, _, Ok(number)) => Item::Integer(number, table.span),
                    (_, text, _) => Item::Text(Text::new(text, table.span)),
                };
                self.scalar(field.name, &field.kind, &item)
            }
        }
    }

    /// A value that was written, which may be a reference to a variable.
    pub(super) fn value<'a>(
        &mut self,
        key: &str,
        kind: &Kind,
        item: &'a Item,
    ) -> Option<Value<'a>> {
        if let Some((table, name)) = variable(kind, item) {
            for (extra, _) in table.entries.iter().filter(|(key, _)| key.value != "var") {
                self.error("C0102", extra.span, format!("unknown key `{}`", extra.value))
                    .label("a variable is written `{ var = \"name\" }`");
            }
            return self.variable(key, kind, name, item.span());
        }
        match kind {
            Kind::Section(fields) => match item.as_table() {
                Some(table) => Some(Value {
                    span: item.span(),
                    text: None,
                    typed: Typed::Section(self.section(table, None, &[fields])),
                }),
                None => self.wrong_kind(key, kind, item),
            },
            Kind::List(inner) => match item.as_list() {
                Some(list) => self.list(key, inner, list, item.span()),
                None => self.wrong_kind(key, kind, item),
            },
            Kind::Map(inner) => match item.as_table() {
                Some(table) => self.map(inner, table),
                None => self.wrong_kind(key, kind, item),
            },
            Kind::Paths => match item.as_list() {
                Some(list) => self.list(key, &Kind::Path, list, item.span()),
                None => self.scalar(key, kind, item),
            },
            Kind::Table(_) => match item.as_table() {
                Some(_) => Some(unread(item.span())),
                None => self.wrong_kind(key, kind, item),
            },
            Kind::Tables(_) | Kind::Steps => self.tables(key, kind, item),
            Kind::Any(kinds) => self.any(key, kind, kinds, item),
            Kind::Text
            | Kind::Name
            | Kind::Bool
            | Kind::Integer { .. }
            | Kind::Duration { .. }
            | Kind::Size { .. }
            | Kind::Choice(_) => self.scalar(key, kind, item),
            Kind::ListenAddress
            | Kind::Address
            | Kind::Reference
            | Kind::Secret
            | Kind::File
            | Kind::Zone
            | Kind::Date
            | Kind::Network => self.scalar(key, kind, item),
            Kind::Condition | Kind::Path | Kind::Template | Kind::Regex | Kind::TableName => {
                self.scalar(key, kind, item)
            }
        }
    }

    fn list<'a>(
        &mut self,
        key: &str,
        kind: &Kind,
        list: &'a [Item],
        span: Span,
    ) -> Option<Value<'a>> {
        let values: Vec<_> = list.iter().map(|item| self.value(key, kind, item)).collect();
        let values: Option<Vec<_>> = values.into_iter().collect();
        Some(Value { span, text: None, typed: Typed::List(values?) })
    }

    fn map<'a>(&mut self, kind: &Kind, table: &'a Table) -> Option<Value<'a>> {
        let entries = table.entries.iter();
        let entries: Vec<_> =
            entries.map(|(key, item)| Some((key, self.value(&key.value, kind, item)?))).collect();
        let entries: Option<Vec<_>> = entries.into_iter().collect();
        Some(Value { span: table.span, text: None, typed: Typed::Map(entries?) })
    }

    fn tables<'a>(&mut self, key: &str, kind: &Kind, item: &'a Item) -> Option<Value<'a>> {
        let Some(list) = item.as_list() else { return self.wrong_kind(key, kind, item) };
        for entry in list.iter().filter(|entry| entry.as_table().is_none()) {
            self.error(
                "C0104",
                entry.span(),
                format!("an entry of `{key}` cannot be {}", entry.kind()),
            )
            .label("expected a table: `{ ... }`");
        }
        Some(unread(item.span()))
    }

    /// The first kind that reads without a problem; when none does, what the first one says that takes values of this shape.
    fn any<'a>(
        &mut self,
        key: &str,
        kind: &Kind,
        kinds: &[Kind],
        item: &'a Item,
    ) -> Option<Value<'a>> {
        let mut refusal: Option<Reading<'_>> = None;
        for kind in kinds {
            let mut attempt = Reading::new(self.scope);
            let value = attempt.value(key, kind, item);
            if attempt.found.is_empty() {
                return value;
            }
            let other_shape =
                |found: &Diagnostic| found.code == "C0104" && found.span == item.span();
            if refusal.is_none() && !attempt.found.iter().any(other_shape) {
                refusal = Some(attempt);
            }
        }
        let Some(refusal) = refusal else { return self.wrong_kind(key, kind, item) };
        self.found.extend(refusal.found);
        self.conceal.extend(refusal.conceal);
        None
    }

    pub(super) fn wrong_kind<'a>(
        &mut self,
        key: &str,
        kind: &Kind,
        item: &Item,
    ) -> Option<Value<'a>> {
        let wrong = self.error("C0104", item.span(), format!("`{key}` cannot be {}", item.kind()));
        wrong.label(format!("expected {}", kind.expected()));
        match (kind, item) {
            (Kind::Duration { .. }, Item::Integer(number, _)) => {
                wrong.help(format!("write the unit as well: `\"{number}s\"`"));
            }
            (Kind::Size { .. }, Item::Integer(number, _)) => {
                wrong.help(format!("write the unit as well: `\"{number} B\"`"));
            }
            _ => {}
        }
        None
    }

    fn variable<'a>(
        &mut self,
        key: &str,
        kind: &Kind,
        name: &Text,
        used: Span,
    ) -> Option<Value<'a>> {
        let Some(vars) = self.scope.vars else {
            self.error("C0209", used, format!("`{key}` cannot come from a variable"))
                .label("variables are for addresses and other settings of sources and destinations")
                .help("write the value itself; what differs between environments belongs in a code table or a setting");
            return None;
        };
        let Some(item) = vars.get(&name.value) else {
            let near = nearest(&name.value, vars.names());
            let unknown =
                self.error("C0205", name.span, format!("unknown variable `{}`", name.value));
            if vars.exists() {
                unknown.label(format!("not in `{}`", vars.path())).did_you_mean(near);
            } else {
                unknown.label(format!("there is no `{}`", vars.path()));
            }
            if near.is_none() {
                unknown.help(format!("add `{} = \"...\"` to `{}`", name.value, vars.path()));
            }
            return None;
        };
        let before = self.found.len();
        let value = self.scalar(key, kind, item).map(|value| Value { span: used, ..value });
        for diagnostic in self.found.iter_mut().skip(before) {
            diagnostic.related(used, "used here");
        }
        value
    }

    pub(super) fn variant<'v>(
        &mut self,
        table: &Table,
        tag: &'static str,
        variants: &'v [Variant],
    ) -> Option<&'v Variant> {
        let names = || variants.iter().map(|variant| variant.name);
        let expected = words(names().map(|name| format!("`\"{name}\"`")).collect());
        match table.get(tag) {
            None => {
                self.error("C0103", table.span, format!("`{tag}` is missing"))
                    .label("it belongs here")
                    .help(format!("`{tag}` is {expected}"));
                None
            }
            Some(Item::Text(text)) => {
                let found = variants.iter().find(|variant| variant.name == text.value);
                if found.is_none() {
                    self.error("C0107", text.span, format!("`{}` is not a `{tag}`", text.value))
                        .label(format!("expected {expected}"))
                        .did_you_mean(nearest(&text.value, names()));
                }
                found
            }
            Some(item) => {
                self.error("C0104", item.span(), format!("`{tag}` cannot be {}", item.kind()))
                    .label(format!("expected {expected}"));
                None
            }
        }
    }
}

fn unread<'a>(span: Span) -> Value<'a> {
    Value { span, text: None, typed: Typed::Unread }
}

/// The name in `{ var = "name" }`, unless the setting is a table of its own.
fn variable<'a>(kind: &Kind, item: &'a Item) -> Option<(&'a Table, &'a Text)> {
    let own_table = matches!(
        kind,
        Kind::Section(_)
            | Kind::Table(_)
            | Kind::Tables(_)
            | Kind::Steps
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Secret
    );
    let table = item.as_table().filter(|_| !own_table)?;
    Some((table, table.get("var")?.as_text()?))
}
