//! A table read by its declarations.

mod declarations;
mod reading;
mod scalar;
mod value;

pub use declarations::declaration_problems;
pub use value::{SecretRef, Value};

use crate::address::Address;
use crate::diagnostics::Diagnostics;
use crate::field::Field;
use crate::item::{Item, Table};
use crate::network::Network;
use crate::scope::Scope;
use crate::source::Span;
use crate::text::Text;
use jiff::civil::Date;
use reading::Reading;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A table whose settings were read and checked by their declarations.
///
/// Reading reports every problem of the table at once; the getters afterwards only hand out values and never report again. A getter gives
/// `None` for a setting that was left out without a default, and for one that was reported.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    table: &'a Table,
    values: Vec<(&'static str, Value<'a>)>,
    sound: bool,
}

/// One of the shapes a table may have, chosen by a key such as `type`.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The value of the choosing key.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// The settings it has beside the shared ones.
    pub fields: &'static [&'static [Field]],
}

impl<'a> Section<'a> {
    /// Reads a table by the union of some lists of settings.
    pub fn read(
        table: &'a Table,
        fields: &[&'static [Field]],
        scope: &Scope<'_>,
        diags: &mut Diagnostics,
    ) -> Section<'a> {
        Section::read_beside(table, None, fields, scope, diags)
    }

    /// Reads a table whose key `tag` chooses what other settings it has; `None` when the choice itself is missing or unknown.
    pub fn tagged(
        table: &'a Table,
        tag: &'static str,
        variants: &[Variant],
        shared: &[&'static [Field]],
        scope: &Scope<'_>,
        diags: &mut Diagnostics,
    ) -> Option<(&'static str, Section<'a>)> {
        let mut reading = Reading::new(scope);
        let variant = reading.variant(table, tag, variants);
        reading.report(diags);
        let variant = variant?;
        let fields: Vec<&'static [Field]> = shared.iter().chain(variant.fields).copied().collect();
        Some((variant.name, Section::read_beside(table, Some(tag), &fields, scope, diags)))
    }

    fn read_beside(
        table: &'a Table,
        tag: Option<&'static str>,
        fields: &[&'static [Field]],
        scope: &Scope<'_>,
        diags: &mut Diagnostics,
    ) -> Section<'a> {
        let mut reading = Reading::new(scope);
        let section = reading.section(table, tag, fields);
        reading.report(diags);
        section
    }

    /// The table that was read.
    pub fn table(&self) -> &'a Table {
        self.table
    }

    /// Nothing in this table was wrong.
    pub fn is_sound(&self) -> bool {
        self.sound
    }

    /// A value with all that is known of it.
    pub fn value(&self, name: &str) -> Option<&Value<'a>> {
        self.values.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Was it written (and not left to its default)?
    pub fn is_given(&self, name: &str) -> bool {
        self.table.get(name).is_some()
    }

    /// Where the value is written; where the table is, when it is not.
    pub fn span_of(&self, name: &str) -> Span {
        self.table.get(name).map_or(self.table.span, Item::span)
    }

    /// Any setting that is written as one text.
    pub fn text(&self, name: &str) -> Option<&Text> {
        self.value(name)?.text()
    }

    /// A setting that is one text or a list of texts.
    pub fn texts(&self, name: &str) -> Vec<&Text> {
        self.value(name).map(Value::texts).unwrap_or_default()
    }

    /// A [`Kind::Bool`](crate::Kind::Bool).
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.value(name)?.bool()
    }

    /// A [`Kind::Integer`](crate::Kind::Integer).
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name)?.integer()
    }

    /// A [`Kind::Duration`](crate::Kind::Duration).
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.value(name)?.duration()
    }

    /// A [`Kind::Size`](crate::Kind::Size), in bytes.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.value(name)?.size()
    }

    /// A [`Kind::Choice`](crate::Kind::Choice).
    pub fn choice(&self, name: &str) -> Option<&'static str> {
        self.value(name)?.choice()
    }

    /// A [`Kind::ListenAddress`](crate::Kind::ListenAddress).
    pub fn listen(&self, name: &str) -> Option<SocketAddr> {
        self.value(name)?.listen()
    }

    /// A [`Kind::Address`](crate::Kind::Address).
    pub fn address(&self, name: &str) -> Option<&Address> {
        self.value(name)?.address()
    }

    /// A [`Kind::Secret`](crate::Kind::Secret), still by name.
    pub fn secret(&self, name: &str) -> Option<&SecretRef> {
        self.value(name)?.secret()
    }

    /// A [`Kind::File`](crate::Kind::File), resolved against the site and the data folder.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.value(name)?.path()
    }

    /// A [`Kind::Date`](crate::Kind::Date).
    pub fn date(&self, name: &str) -> Option<Date> {
        self.value(name)?.date()
    }

    /// A list of [`Kind::Network`](crate::Kind::Network).
    pub fn networks(&self, name: &str) -> Vec<Network> {
        self.list(name).iter().filter_map(Value::network).collect()
    }

    /// A nested table.
    pub fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.value(name)?.section()
    }

    /// The entries of a list, typed.
    pub fn list(&self, name: &str) -> &[Value<'a>] {
        self.value(name).map_or(&[], Value::list)
    }

    /// The entries of a [`Kind::Map`](crate::Kind::Map), in the order they were written.
    pub fn map(&self, name: &str) -> &[(&'a Text, Value<'a>)] {
        self.value(name).map_or(&[], Value::map)
    }

    /// The value as it was parsed.
    pub fn item(&self, name: &str) -> Option<&'a Item> {
        self.table.get(name)
    }

    /// The entries of a list as they were parsed, such as steps.
    pub fn items(&self, name: &str) -> &'a [Item] {
        self.value(name).and_then(|_| self.table.get(name)).and_then(Item::as_list).unwrap_or(&[])
    }

    /// A table that another declaration reads.
    pub fn table_of(&self, name: &str) -> Option<&'a Table> {
        self.value(name).and_then(|_| self.table.get(name)).and_then(Item::as_table)
    }

    /// A list of tables that another declaration reads, `[[name]]`.
    pub fn tables(&self, name: &str) -> Vec<&'a Table> {
        self.items(name).iter().filter_map(Item::as_table).collect()
    }
}
