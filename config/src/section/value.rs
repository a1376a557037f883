use super::Section;
use crate::address::Address;
use crate::name::Name;
use crate::network::Network;
use crate::site::{SecretError, Secrets};
use crate::source::Span;
use crate::text::Text;
use jiff::civil::Date;
use phi::Secret;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A secret by reference: its name, never its value.
#[derive(Clone, Debug)]
pub struct SecretRef {
    /// The name to resolve with [`Secrets::resolve`](crate::site::Secrets::resolve).
    pub name: Name,
    /// A text put before the value, such as `Bearer `.
    pub prefix: String,
    /// Where its value is looked for.
    pub(super) places: Option<Secrets>,
}

impl SecretRef {
    /// The value with its prefix, as it is now: a secret that was renewed needs no restart.
    pub fn value(&self) -> Result<Secret<String>, SecretError> {
        let places = self.places.as_ref().ok_or_else(|| SecretError::Missing(self.name.clone()))?;
        let value = places.resolve(&self.name)?;
        match self.prefix.as_str() {
            "" => Ok(value),
            prefix => Ok(Secret::new(format!("{prefix}{}", value.expose_secret()))),
        }
    }
}

/// Equality of what is said, not of where its value is kept.
impl PartialEq for SecretRef {
    fn eq(&self, other: &SecretRef) -> bool {
        (&self.name, &self.prefix) == (&other.name, &other.prefix)
    }
}

impl Eq for SecretRef {}

/// One value of a setting, checked.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    pub(super) span: Span,
    pub(super) text: Option<Text>,
    pub(super) typed: Typed<'a>,
}

/// What a value is once it was read; a plain text has nothing beyond its text.
#[derive(Clone, Debug)]
pub(super) enum Typed<'a> {
    Plain,
    Bool(bool),
    Integer(i64),
    Duration(Duration),
    Size(u64),
    Choice(&'static str),
    Listen(SocketAddr),
    Address(Address),
    Secret(SecretRef),
    Path(PathBuf),
    Date(Date),
    Network(Network),
    List(Vec<Value<'a>>),
    Map(Vec<(&'a Text, Value<'a>)>),
    Section(Section<'a>),
    /// A table or list that another declaration reads.
    Unread,
}

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $result:ty, $value:ident => $take:expr) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<$result> {
            if let Typed::$variant($value) = &self.typed { Some($take) } else { None }
        }
    };
}

impl<'a> Value<'a> {
    getter!(/** A truth value. */ bool, Bool, bool, value => *value);
    getter!(/** A whole number. */ integer, Integer, i64, value => *value);
    getter!(/** A duration. */ duration, Duration, Duration, value => *value);
    getter!(/** A size in bytes. */ size, Size, u64, value => *value);
    getter!(/** The chosen word. */ choice, Choice, &'static str, value => value);
    getter!(/** An address to listen on. */ listen, Listen, SocketAddr, value => *value);
    getter!(/** An address to connect to. */ address, Address, &Address, value => value);
    getter!(/** A secret by name. */ secret, Secret, &SecretRef, value => value);
    getter!(/** A resolved path. */ path, Path, &Path, value => value);
    getter!(/** A day. */ date, Date, Date, value => *value);
    getter!(/** A network. */ network, Network, Network, value => *value);
    getter!(/** A nested table. */ section, Section, &Section<'a>, value => value);

    /// Where it is written; a variable's value is written where the variable is used.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The text, for everything that is written as one.
    pub fn text(&self) -> Option<&Text> {
        self.text.as_ref()
    }

    /// The entries, empty when it is not a list.
    pub fn list(&self) -> &[Value<'a>] {
        if let Typed::List(values) = &self.typed { values } else { &[] }
    }

    /// The keys and values, empty when it is not a table of chosen keys.
    pub fn map(&self) -> &[(&'a Text, Value<'a>)] {
        if let Typed::Map(entries) = &self.typed { entries } else { &[] }
    }

    /// The one text, or the texts of the list.
    pub fn texts(&self) -> Vec<&Text> {
        match &self.text {
            Some(text) => vec![text],
            None => self.list().iter().filter_map(Value::text).collect(),
        }
    }
}
