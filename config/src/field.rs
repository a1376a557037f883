/// One setting, declared once: the reader, the checks, the JSON schema and the reference page come out of it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it is, in Markdown, first sentence first.
    pub doc: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// May it be left out?
    pub need: Need,
    /// Values as they would be written in TOML.
    pub examples: &'static [&'static str],
}

impl Field {
    /// A setting that must be written.
    pub const fn required(name: &'static str, doc: &'static str, kind: Kind) -> Field {
        Field { name, doc, kind, need: Need::Required, examples: &[] }
    }

    /// A setting that may be left out.
    pub const fn optional(name: &'static str, doc: &'static str, kind: Kind) -> Field {
        Field { name, doc, kind, need: Need::Optional, examples: &[] }
    }

    /// A setting with a value when it is left out, see [`Need::Default`].
    pub const fn default(
        name: &'static str,
        doc: &'static str,
        kind: Kind,
        value: &'static str,
    ) -> Field {
        Field { name, doc, kind, need: Need::Default(value), examples: &[] }
    }

    /// The same with examples, as they would be written in TOML.
    pub const fn examples(self, examples: &'static [&'static str]) -> Field {
        Field { examples, ..self }
    }
}

/// May a setting be left out?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must be written.
    Required,
    /// It may be left out, and is then absent.
    Optional,
    /// It may be left out, and then has this value: a text without its quotes (`1 MiB`, `on-receipt`), a number, `true` or `false`.
    Default(&'static str),
}

/// One of the words a setting may have.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The word.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What may be written as the value of a setting.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A [`Name`](crate::Name).
    Name,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A duration with its unit, such as `"24h"`.
    Duration {
        /// Shortest, as it would be written.
        min: &'static str,
        /// Longest, as it would be written.
        max: &'static str,
    },
    /// A size with its unit, such as `"1 MiB"`.
    Size {
        /// Smallest, as it would be written.
        min: &'static str,
        /// Largest, as it would be written.
        max: &'static str,
    },
    /// One of a few words.
    Choice(&'static [Choice]),
    /// An IP address and port to listen on.
    ListenAddress,
    /// A host and port to connect to.
    Address,
    /// A text that is often `{ var = "..." }`. (A variable may stand for any single value; this kind only says so in the reference.)
    Reference,
    /// `{ secret = "name" }`; a literal is refused.
    Secret,
    /// A path, relative to the site; `data/...` is in the data folder.
    File,
    /// A time zone such as `"Europe/Berlin"`.
    Zone,
    /// A day, written without quotes: `2027-06-30`.
    Date,
    /// A network such as `"10.1.0.0/16"`, or one address.
    Network,
    /// A condition on the message; `channel` reads it.
    Condition,
    /// A path into the message; `channel` reads it.
    Path,
    /// One path or a list of paths.
    Paths,
    /// A text with `{paths}` in it; `channel` reads it.
    Template,
    /// A regular expression; `channel` compiles it.
    Regex,
    /// The name of a code table.
    TableName,
    /// A list of steps; `channel` reads it. Schema definition `steps`.
    Steps,
    /// A list of one kind.
    List(&'static Kind),
    /// A table whose keys the writer chooses, each with a value of one kind.
    Map(&'static Kind),
    /// A table with these settings.
    Section(&'static [Field]),
    /// A table that another declaration reads, with the name of its schema definition.
    Table(&'static str),
    /// A list of such tables, `[[name]]`.
    Tables(&'static str),
    /// The first of these that fits.
    Any(&'static [Kind]),
}

impl Kind {
    /// What is expected, in the words of a diagnostic.
    pub fn expected(&self) -> String {
        match self {
            Kind::Text | Kind::Reference => "a text".to_owned(),
            Kind::Name => "a name".to_owned(),
            Kind::Bool => "`true` or `false`".to_owned(),
            Kind::Integer { .. } => "a whole number".to_owned(),
            Kind::Duration { .. } => "a duration such as `\"30s\"` or `\"24h\"`".to_owned(),
            Kind::Size { .. } => "a size such as `\"1 MiB\"`".to_owned(),
            Kind::Choice(choices) => {
                words(choices.iter().map(|choice| format!("`\"{}\"`", choice.name)).collect())
            }
            Kind::ListenAddress => {
                "an address to listen on such as `\"127.0.0.1:2575\"`".to_owned()
            }
            Kind::Address => "an address such as `\"lab.example:2575\"`".to_owned(),
            Kind::Secret => "a secret by reference: `{ secret = \"name\" }`".to_owned(),
            Kind::File => "a path of a file or folder".to_owned(),
            Kind::Zone => "a time zone such as `\"Europe/Berlin\"`".to_owned(),
            Kind::Date => "a day without quotes, such as `2027-06-30`".to_owned(),
            Kind::Network => "a network such as `\"10.1.0.0/16\"`, or one address".to_owned(),
            Kind::Condition => "a condition in quotes".to_owned(),
            Kind::Path => "a path such as `'PID-3.1'`".to_owned(),
            Kind::Paths => "a path such as `'PID-3.1'` or a list of paths".to_owned(),
            Kind::Template => "a text, with `{PID-3.1}` where a value goes".to_owned(),
            Kind::Regex => "a regular expression in single quotes".to_owned(),
            Kind::TableName => "the name of a code table".to_owned(),
            Kind::Steps => "a list of steps: `[{ ... }, { ... }]`".to_owned(),
            Kind::List(kind) => format!("a list, each {}", kind.expected()),
            Kind::Map(kind) => format!("a table, each value {}", kind.expected()),
            Kind::Section(_) | Kind::Table(_) => "a table".to_owned(),
            Kind::Tables(name) => format!("a list of tables, each under `[[{name}]]`"),
            Kind::Any(kinds) => words(kinds.iter().map(Kind::expected).collect()),
        }
    }
}

/// "a, b or c".
pub(crate) fn words(mut words: Vec<String>) -> String {
    match words.pop() {
        None => String::new(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}
