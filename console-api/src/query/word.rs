//! The words of a search, each with everything that is known about it: the parser, the page of the documentation and the hints come from here.

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// An id, or a control id.
    Id,
    /// The patient's number.
    Mrn,
    /// The visit's.
    Visit,
    /// The placer's order number.
    Order,
    /// The filler's order number or accession.
    Accession,
    /// What became of it.
    State,
    /// MSH-9.
    Type,
    /// The channel.
    Channel,
    /// Where it goes.
    Destination,
    /// MSH-3 or MSH-4.
    From,
    /// How it came to be.
    Origin,
    /// How it was answered.
    Ack,
    /// What went wrong.
    Error,
    /// Why it ended.
    Reason,
    /// The first moment.
    Since,
    /// The moment before which.
    Until,
}

/// A word with its documentation.
pub struct WordDecl {
    /// Which one.
    pub word: Word,
    /// As it is typed, without the colon.
    pub name: &'static str,
    /// What may stand behind the colon.
    pub takes: &'static str,
    /// What it finds.
    pub doc: &'static str,
    /// An example.
    pub example: &'static str,
}

/// All of them, in the order of the canonical form.
pub const WORDS: &[WordDecl] = &[
    WordDecl {
        word: Word::Id,
        name: "id",
        takes: "the id of a message or a delivery, or a control id (MSH-10)",
        doc: "The message itself, or the messages with this control id.",
        example: "id:MSG0001",
    },
    WordDecl {
        word: Word::Mrn,
        name: "mrn",
        takes: "a number",
        doc: "Messages about a patient: any PID-3.1. Needs `message.search`; recorded without the number.",
        example: "mrn:8001",
    },
    WordDecl {
        word: Word::Visit,
        name: "visit",
        takes: "a number",
        doc: "Messages about a visit: PV1-19.1. Needs `message.search`; recorded without the number.",
        example: "visit:V2231",
    },
    WordDecl {
        word: Word::Order,
        name: "order",
        takes: "a number",
        doc: "Messages about an order, by the placer's number: ORC-2.1, OBR-2.1. Needs `message.search`; recorded without the number.",
        example: "order:P102",
    },
    WordDecl {
        word: Word::Accession,
        name: "accession",
        takes: "a number",
        doc: "Messages about an order, by the filler's number: ORC-3.1, OBR-3.1, OBR-18. Needs `message.search`; recorded without the number.",
        example: "accession:F100",
    },
    WordDecl {
        word: Word::State,
        name: "state",
        takes: "`received`, `delivered`, `partly_delivered`, `filtered`, `unrouted`, `rejected`, `failed`, `discarded`, or `dead`, `held`, `waiting`",
        doc: "What became of the message; the last three: it has a delivery in this state.",
        example: "state:dead",
    },
    WordDecl {
        word: Word::Type,
        name: "type",
        takes: "a type, or a type and an event",
        doc: "MSH-9. `ADT` and `ADT^*` find every event.",
        example: "type:ADT^A01",
    },
    WordDecl {
        word: Word::Channel,
        name: "channel",
        takes: "a channel",
        doc: "Messages of this channel; of all that one may see when it is left out.",
        example: "channel:adt-fanout",
    },
    WordDecl {
        word: Word::Destination,
        name: "destination",
        takes: "a destination",
        doc: "Messages that go there. Beside `state:` and `error:` it is the same delivery that is meant.",
        example: "destination:lab",
    },
    WordDecl {
        word: Word::From,
        name: "from",
        takes: "a name, or two with `/` between",
        doc: "The sending application or facility (MSH-3, MSH-4), or both.",
        example: "from:EPIC/MAIN",
    },
    WordDecl {
        word: Word::Origin,
        name: "origin",
        takes: "`peer`, `replay`, `edit`, `channel` or `acknowledgement`",
        doc: "How the message came to be.",
        example: "origin:replay",
    },
    WordDecl {
        word: Word::Ack,
        name: "ack",
        takes: "a code",
        doc: "How the message was answered (MSA-1).",
        example: "ack:AE",
    },
    WordDecl {
        word: Word::Error,
        name: "error",
        takes: "a code, or a name as the list of dead letters has it",
        doc: "What went wrong with the message or one of its deliveries. Texts of errors are sealed and not searched.",
        example: "error:refused-1a2b3c4d",
    },
    WordDecl {
        word: Word::Reason,
        name: "reason",
        takes: "a code",
        doc: "Why the message itself ended as it did.",
        example: "reason:acknowledgement",
    },
    WordDecl {
        word: Word::Since,
        name: "since",
        takes: "a length of time (`30m`, `2h`, `3d`), a day, or a day and a time, in the site's zone",
        doc: "Received at or after. The last 24 hours when neither a time nor an id or number is said.",
        example: "since:2026-11-21T14:03",
    },
    WordDecl {
        word: Word::Until,
        name: "until",
        takes: "the same",
        doc: "Received before. A day is meant up to its end.",
        example: "until:2026-11-21",
    },
];

impl Word {
    /// What is known about it.
    pub fn decl(self) -> &'static WordDecl {
        // Every word is in the list: a test says so.
        WORDS.iter().find(|decl| decl.word == self).unwrap_or(&WORDS[0])
    }

    /// As it is typed, without the colon.
    pub fn name(self) -> &'static str {
        self.decl().name
    }

    /// Whether what stands behind it is a number of a patient, visit or order.
    pub fn is_number(self) -> bool {
        matches!(self, Word::Mrn | Word::Visit | Word::Order | Word::Accession)
    }
}

/// The words as a table in Markdown, for the documentation.
pub fn table() -> String {
    let mut text = "| Word | Takes | Finds | Example |\n|---|---|---|---|\n".to_owned();
    for decl in WORDS {
        let WordDecl { name, takes, doc, example, .. } = decl;
        text.push_str(&format!("| `{name}:` | {takes} | {doc} | `{example}` |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_words_and_each_is_once() {
        assert!(WORDS.is_sorted_by(|one, next| one.word < next.word));
        assert!(WORDS.iter().all(|decl| decl.word.name() == decl.name));
        assert_eq!(WORDS.last().map(|decl| decl.word), Some(Word::Until));
    }
}
