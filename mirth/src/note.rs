//! What the translation has to say: about everything that it met, where it stands, and what is left to do.

use std::fmt;

/// How much of a thing came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It does here what it did there.
    Translated,
    /// It came over, and something about it differs.
    Adapted,
    /// It is left for a person.
    ByHand,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Translated => "translated",
            Level::Adapted => "adapted",
            Level::ByHand => "by hand",
        })
    }
}

/// Where in the export something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The channel by its name in the export; none for what belongs to no channel.
    pub channel: Option<String>,
    /// The connector by its name: `source`, or the name of a destination.
    pub connector: Option<String>,
    /// The kind, number (from 1) and name of a rule, step or script, such as `step 2 "Set sender"`.
    pub step: Option<String>,
    /// The line of the export, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.channel, &self.connector, &self.step];
        for part in parts.into_iter().flatten() {
            write!(f, "{part}, ")?;
        }
        write!(f, "line {}", self.line)
    }
}

/// One thing to know about the translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub place: Place,
    /// How much of it came over.
    pub level: Level,
    /// What became of it, in one sentence. It may name hosts, folders and fields, and never holds a password.
    pub sentence: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.level, self.place, self.sentence)
    }
}

/// Where notes come together, with the place that new ones get.
#[derive(Default)]
pub(crate) struct Notes {
    all: Vec<Note>,
    /// How many of them stand in the channel's file as well, or need not.
    marked: usize,
    channel: Option<String>,
    connector: Option<String>,
    step: Option<String>,
}

impl Notes {
    pub(crate) fn enter_channel(&mut self, name: Option<&str>) {
        self.channel = name.map(one_line);
        self.enter_connector(None);
    }

    pub(crate) fn enter_connector(&mut self, name: Option<&str>) {
        self.connector = name.map(one_line);
        self.step = None;
    }

    pub(crate) fn enter_step(&mut self, step: Option<String>) {
        self.step = step.map(|step| one_line(&step));
    }

    pub(crate) fn connector(&self) -> Option<&str> {
        self.connector.as_deref()
    }

    pub(crate) fn add(&mut self, level: Level, line: usize, sentence: impl AsRef<str>) {
        let place = Place {
            channel: self.channel.clone(),
            connector: self.connector.clone(),
            step: self.step.clone(),
            line,
        };
        self.all.push(Note { place, level, sentence: one_line(sentence.as_ref()) });
    }

    pub(crate) fn translated(&mut self, line: usize, sentence: impl AsRef<str>) {
        self.add(Level::Translated, line, sentence);
    }

    pub(crate) fn adapted(&mut self, line: usize, sentence: impl AsRef<str>) {
        self.add(Level::Adapted, line, sentence);
    }

    pub(crate) fn by_hand(&mut self, line: usize, sentence: impl AsRef<str>) {
        self.add(Level::ByHand, line, sentence);
    }

    /// What is left by hand and stands nowhere in the channel's file so far. It counts as marked from now on.
    pub(crate) fn take_unmarked(&mut self) -> Vec<String> {
        let new = self.all.get(self.marked..).unwrap_or(&[]);
        let left = new.iter().filter(|note| note.level == Level::ByHand).map(|note| {
            match &note.place.step {
                Some(step) => format!("by hand: {step}: {}", note.sentence),
                None => format!("by hand: {}", note.sentence),
            }
        });
        let left = left.collect();
        self.marked = self.all.len();
        left
    }

    pub(crate) fn into_all(self) -> Vec<Note> {
        self.all
    }
}

/// A text of the export as part of a line: names may hold anything.
pub(crate) fn one_line(text: &str) -> String {
    const SHOWN_MAX: usize = 400;
    let clean = text.chars().map(|c| if c.is_control() || is_format(c) { ' ' } else { c });
    let words: Vec<String> =
        clean.collect::<String>().split_whitespace().map(str::to_owned).collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or("")),
        None => line,
    }
}

/// Characters that change how what follows them is shown.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
