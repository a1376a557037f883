//! Why a request is not taken: its status, its name for counters, and the one sentence that the sender gets.

/// A reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The head breaks the grammar of HTTP/1.1.
    Malformed,
    /// Two programs could read two different lengths out of it.
    AmbiguousLength,
    /// Not exactly one `Host`.
    Host,
    /// The head is longer than 16 KiB.
    HeadTooLong,
    /// The head has more than 64 fields.
    TooManyFields,
    /// The head took too long.
    HeadTooSlow,
    /// Another version of HTTP.
    Version,
    /// Another path.
    Path,
    /// Another method than `POST`.
    Method,
    /// It comes out of a web page.
    WebPage,
    /// No token, or a wrong one.
    Unauthorized,
    /// The token to compare with cannot be read.
    NoToken,
    /// Something other than `100-continue` is expected of us.
    Expectation,
    /// A transfer coding other than `chunked`.
    TransferCoding,
    /// The body is compressed.
    Encoded,
    /// The body is not declared as HL7.
    ContentType,
    /// Neither a length nor chunks.
    NoLength,
    /// The body is longer than `max_message`.
    TooLong,
    /// The body has no bytes.
    Empty,
    /// A chunk breaks the grammar.
    Chunk,
    /// The body took too long.
    TooSlow,
    /// The connection ended before the body did.
    Cut,
    /// The memory for unfinished messages was used up for too long.
    NoMemory,
    /// The message could not be stored.
    NotStored,
    /// Whether it was stored was not known in time.
    Late,
}

/// The seconds after which a sender may try again.
pub(super) const RETRY_AFTER_S: u32 = 5;

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Refusal; 25] = [
        Refusal::Malformed,
        Refusal::AmbiguousLength,
        Refusal::Host,
        Refusal::HeadTooLong,
        Refusal::TooManyFields,
        Refusal::HeadTooSlow,
        Refusal::Version,
        Refusal::Path,
        Refusal::Method,
        Refusal::WebPage,
        Refusal::Unauthorized,
        Refusal::NoToken,
        Refusal::Expectation,
        Refusal::TransferCoding,
        Refusal::Encoded,
        Refusal::ContentType,
        Refusal::NoLength,
        Refusal::TooLong,
        Refusal::Empty,
        Refusal::Chunk,
        Refusal::TooSlow,
        Refusal::Cut,
        Refusal::NoMemory,
        Refusal::NotStored,
        Refusal::Late,
    ];

    /// Its place in [`Refusal::ALL`].
    pub(super) fn number(self) -> usize {
        self as usize
    }

    /// Status, stable name, sentence.
    fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Refusal::Malformed => (400, "malformed", "the request is not well-formed HTTP/1.1"),
            Refusal::AmbiguousLength => {
                (400, "ambiguous-length", "the length of the body is said twice or not clearly")
            }
            Refusal::Host => (400, "host", "the request needs exactly one `Host` field"),
            Refusal::HeadTooLong => (431, "head-too-long", "the head of the request is too long"),
            Refusal::TooManyFields => (431, "too-many-fields", "the request has too many fields"),
            Refusal::HeadTooSlow => {
                (408, "head-too-slow", "the head of the request came in too slowly")
            }
            Refusal::Version => (505, "version", "only HTTP/1.1 is spoken here"),
            Refusal::Path => (404, "path", "nothing is received under this path"),
            Refusal::Method => (405, "method", "messages are sent with `POST`"),
            Refusal::WebPage => (403, "web-page", "requests of web pages are not taken"),
            Refusal::Unauthorized => {
                (401, "unauthorized", "a valid token is needed: `Authorization: Bearer ...`")
            }
            Refusal::NoToken => (503, "no-token", "no token can be checked at the moment"),
            Refusal::Expectation => (417, "expectation", "only `100-continue` can be expected"),
            Refusal::TransferCoding => {
                (501, "transfer-coding", "the only transfer coding is `chunked`")
            }
            Refusal::Encoded => (415, "encoded", "the body must not be compressed"),
            Refusal::ContentType => (
                415,
                "content-type",
                "the body must be `application/hl7-v2`, `x-application/hl7-v2+er7` or `text/plain`",
            ),
            Refusal::NoLength => (411, "no-length", "the length of the body is missing"),
            Refusal::TooLong => (413, "too-long", "the message is too long"),
            Refusal::Empty => (400, "empty", "the body is empty"),
            Refusal::Chunk => (400, "chunk", "the body breaks the rules of `chunked`"),
            Refusal::TooSlow => (408, "too-slow", "the body came in too slowly"),
            Refusal::Cut => (400, "cut", "the body ended too early"),
            Refusal::NoMemory => {
                (503, "no-memory", "too many unfinished messages are in memory: send it again")
            }
            Refusal::NotStored => {
                (503, "not-stored", "the message could not be stored: send it again")
            }
            Refusal::Late => {
                (503, "late", "it is not known yet whether the message is stored: send it again")
            }
        }
    }

    /// The status code.
    pub fn status(self) -> u16 {
        self.facts().0
    }

    /// A stable name for counters and logs.
    pub fn name(self) -> &'static str {
        self.facts().1
    }

    /// What the sender is told.
    pub fn sentence(self) -> &'static str {
        self.facts().2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_is_listed_at_its_number_with_a_name_and_words_of_its_own() {
        for (number, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal.number(), number, "{refusal:?}");
            assert!((400..=505).contains(&refusal.status()), "{refusal:?}");
            assert!(!refusal.sentence().ends_with('.'), "{refusal:?}");
        }
        let names: BTreeSet<&str> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
        let words: BTreeSet<&str> = Refusal::ALL.iter().map(|refusal| refusal.sentence()).collect();
        assert_eq!((names.len(), words.len()), (Refusal::ALL.len(), Refusal::ALL.len()));
    }
}
