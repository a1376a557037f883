use crate::source::Span;
use crate::text::Text;

/// A value of a configuration file with its place.
#[derive(Clone, Debug)]
pub enum Item {
    /// `"text"` or `'text'`.
    Text(Text),
    /// `42`.
    Integer(i64, Span),
    /// `4.2`.
    Float(f64, Span),
    /// `true`.
    Bool(bool, Span),
    /// `2026-01-31`, as written.
    Datetime(String, Span),
    /// `[...]`.
    List(Vec<Item>, Span),
    /// `{...}` or `[table]`.
    Table(Table),
}

impl Item {
    /// Where it is written.
    pub fn span(&self) -> Span {
        match self {
            Item::Text(text) => text.span,
            Item::Integer(_, span)
            | Item::Float(_, span)
            | Item::Bool(_, span)
            | Item::Datetime(_, span)
            | Item::List(_, span) => *span,
            Item::Table(table) => table.span,
        }
    }

    /// What it is, in the words of a diagnostic: "a text".
    pub fn kind(&self) -> &'static str {
        match self {
            Item::Text(_) => "a text",
            Item::Integer(..) => "a number",
            Item::Float(..) => "a number with a fraction",
            Item::Bool(..) => "a truth value",
            Item::Datetime(..) => "a date",
            Item::List(..) => "a list",
            Item::Table(_) => "a table",
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Item::Text(text) => Some(text),
            Item::Integer(..)
            | Item::Float(..)
            | Item::Bool(..)
            | Item::Datetime(..)
            | Item::List(..)
            | Item::Table(_) => None,
        }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match self {
            Item::Table(table) => Some(table),
            Item::Text(_)
            | Item::Integer(..)
            | Item::Float(..)
            | Item::Bool(..)
            | Item::Datetime(..)
            | Item::List(..) => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Item]> {
        match self {
            Item::List(list, _) => Some(list),
            Item::Text(_)
            | Item::Integer(..)
            | Item::Float(..)
            | Item::Bool(..)
            | Item::Datetime(..)
            | Item::Table(_) => None,
        }
    }
}

/// Keys and values in the order they were written.
#[derive(Clone, Debug)]
pub struct Table {
    /// The `[header]`, the `{...}`, or the start of the file.
    pub span: Span,
    /// The entries.
    pub entries: Vec<(Text, Item)>,
}

impl Table {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Item> {
        self.entries.iter().find(|(name, _)| name.value == key).map(|(_, item)| item)
    }

    /// The key as it is written, to point at it.
    pub fn key(&self, key: &str) -> Option<&Text> {
        self.entries.iter().find(|(name, _)| name.value == key).map(|(name, _)| name)
    }
}

/// Equality of what is said, not of where: see [`Text`].
impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Text(a), Item::Text(b)) => a == b,
            (Item::Integer(a, _), Item::Integer(b, _)) => a == b,
            (Item::Float(a, _), Item::Float(b, _)) => a.to_bits() == b.to_bits(),
            (Item::Bool(a, _), Item::Bool(b, _)) => a == b,
            (Item::Datetime(a, _), Item::Datetime(b, _)) => a == b,
            (Item::List(a, _), Item::List(b, _)) => a == b,
            (Item::Table(a), Item::Table(b)) => a == b,
            (
                Item::Text(_)
                | Item::Integer(..)
                | Item::Float(..)
                | Item::Bool(..)
                | Item::Datetime(..)
                | Item::List(..)
                | Item::Table(_),
                _,
            ) => false,
        }
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Table) -> bool {
        self.entries == other.entries
    }
}
