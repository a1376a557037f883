//! Acknowledgements: the answer to a sender, in its own delimiters, charset and version.

mod version;

use crate::{
    charset::Charset,
    delimiters::{Delimiter, DelimiterFault, Delimiters},
    escape::escape,
    peek::Peek,
};
use version::Version;

/// What an acknowledgement says (HL7 table 0008).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the codes are the names")]
pub enum AckCode {
    AA,
    AE,
    AR,
    CA,
    CE,
    CR,
}

impl AckCode {
    /// The code as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            AckCode::AA => "AA",
            AckCode::AE => "AE",
            AckCode::AR => "AR",
            AckCode::CA => "CA",
            AckCode::CE => "CE",
            AckCode::CR => "CR",
        }
    }

    /// Reads a code as a receiver sent it.
    pub fn from_bytes(bytes: &[u8]) -> Option<AckCode> {
        Some(match bytes.trim_ascii() {
            b"AA" => AckCode::AA,
            b"AE" => AckCode::AE,
            b"AR" => AckCode::AR,
            b"CA" => AckCode::CA,
            b"CE" => AckCode::CE,
            b"CR" => AckCode::CR,
            _ => return None,
        })
    }

    /// AA or CA: the receiver has the message.
    pub fn is_positive(self) -> bool {
        matches!(self, AckCode::AA | AckCode::CA)
    }
}

impl std::fmt::Display for AckCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bad a problem is (HL7 table 0516).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Severity {
    #[default]
    Error,
    Warning,
    Information,
}

impl Severity {
    fn code(self) -> &'static str {
        match self {
            Severity::Error => "E",
            Severity::Warning => "W",
            Severity::Information => "I",
        }
    }
}

/// Where in the received message a problem is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Location<'a> {
    /// Name of the segment.
    pub segment: &'a str,
    /// Which one of that name, from 1.
    pub occurrence: u16,
    /// The field, when it is not the whole segment.
    pub field: Option<u16>,
    /// The repetition.
    pub repetition: Option<u16>,
    /// The component.
    pub component: Option<u16>,
    /// The subcomponent.
    pub subcomponent: Option<u16>,
}

/// One thing that is wrong with the received message. Its text goes over the wire: no patient data, no internals.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Code of HL7 table 0357.
    pub code: u16,
    /// What is wrong, for people.
    pub text: &'a str,
    /// Where.
    pub location: Option<Location<'a>>,
    /// How bad.
    pub severity: Severity,
}

/// What a listener may change about its acknowledgements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AckOptions {
    /// MSH-12 when the message has none.
    pub version: String,
    /// MSH-9 is `ACK` whatever the version.
    pub plain_type: bool,
    /// MSH-7 without fractions of a second; versions up to 2.3 always get it so.
    pub whole_seconds: bool,
    /// MSA-3 has the text of the first problem, also where the standard has withdrawn it.
    pub text: bool,
    /// MSA-3 of positive answers.
    pub accept_text: Option<String>,
    /// What MSH-3 to MSH-6 are, when not those of the received message in reverse.
    pub header: AckHeader,
}

/// Fields of an acknowledgement's header that do not come from the received one: HL7 text, `^` between components.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AckHeader {
    /// MSH-3.
    pub sending_application: Option<String>,
    /// MSH-4.
    pub sending_facility: Option<String>,
    /// MSH-5.
    pub receiving_application: Option<String>,
    /// MSH-6.
    pub receiving_facility: Option<String>,
}

impl Default for AckOptions {
    fn default() -> AckOptions {
        AckOptions {
            version: "2.5.1".to_owned(),
            plain_type: false,
            whole_seconds: false,
            text: true,
            accept_text: None,
            header: AckHeader::default(),
        }
    }
}

/// All that an acknowledgement is made of.
pub struct AckRequest<'a> {
    /// The bytes that are answered.
    pub received: &'a [u8],
    /// Their header; `None` when they are unreadable.
    pub peek: Option<&'a Peek>,
    /// The answer.
    pub code: AckCode,
    /// The acknowledgement's own MSH-10: unique, at most 20 characters.
    pub control_id: &'a str,
    /// The time now as HL7 text with offset.
    pub now: &'a str,
    /// What is wrong, worst first.
    pub problems: &'a [Problem<'a>],
    /// The listener's options.
    pub options: &'a AckOptions,
}

/// HL7 2.1 to 2.6 limit MSA-3, and 2.1 to 2.4 ERR-1, to this many characters.
const TEXT_MAX_CHARS: usize = 80;

/// Builds the acknowledgement, segments ended with CR.
pub fn ack(request: &AckRequest<'_>) -> Vec<u8> {
    let mut writer = Writer::new(request);
    writer.header();
    writer.acknowledgment();
    writer.errors();
    writer.out
}

/// The sender's header when its delimiters can carry an answer, else nothing and the usual ones.
fn usable<'a>(request: &AckRequest<'a>) -> Option<&'a Peek> {
    let peek = request.peek?;
    let delimiters = peek.delimiters();
    let carries =
        !delimiters.field.is_none() && delimiters.fault() != Some(DelimiterFault::Unusable);
    carries.then_some(peek)
}

struct Writer<'a> {
    request: &'a AckRequest<'a>,
    header: Option<&'a Peek>,
    delimiters: Delimiters,
    charset: Charset,
    version: Version,
    out: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(request: &'a AckRequest<'a>) -> Writer<'a> {
        let header = usable(request);
        let delimiters = header.map_or(Delimiters::STANDARD, |peek| *peek.delimiters());
        let sent = request.peek.map(|peek| peek.version(request.received)).unwrap_or_default();
        let version =
            Version::parse(sent).or_else(|| Version::parse(request.options.version.as_bytes()));
        Writer {
            request,
            header,
            delimiters,
            charset: request.peek.map_or(Charset::Utf8, Peek::charset),
            version: version.unwrap_or(Version::V2_5),
            out: Vec::with_capacity(256),
        }
    }

    fn header(&mut self) {
        let peek = self.header;
        self.out.extend_from_slice(b"MSH");
        self.out.extend_from_slice(self.delimiters.field.as_bytes());
        self.out
            .extend_from_slice(peek.map_or(b"^~\\&", |peek| peek.field(self.request.received, 2)));
        let own = &self.request.options.header;
        for (own, field) in [
            (&own.sending_application, 5),
            (&own.sending_facility, 6),
            (&own.receiving_application, 3),
            (&own.receiving_facility, 4),
        ] {
            match own {
                Some(own) => self.components(own),
                None => self.raw(self.sent(field)),
            }
        }
        let now = self.now();
        self.text(&now);
        self.raw(b"");
        self.message_type();
        self.text(self.request.control_id);
        let processing = match peek.map(|peek| peek.processing_id(self.request.received)) {
            None | Some(b"") => b"P",
            Some(sent) => sent,
        };
        self.raw(processing);
        match self.sent(12) {
            b"" => self.text(&self.request.options.version),
            version => self.raw(version),
        }
        let charset = self.sent(18);
        if !charset.is_empty() {
            for _ in 13..18 {
                self.raw(b"");
            }
            self.raw(charset);
        }
        self.out.push(b'\r');
    }

    /// A header field as it was sent; nothing for a batch's fields that mean something else.
    fn sent(&self, field: usize) -> &'a [u8] {
        match self.header {
            Some(peek) if !peek.is_batch() || field < 7 => peek.field(self.request.received, field),
            _ => b"",
        }
    }

    fn now(&self) -> String {
        let now = self.request.now;
        let whole = self.request.options.whole_seconds || self.version <= Version::V2_3;
        match now.split_once('.') {
            Some((seconds, fraction)) if whole => {
                let offset =
                    fraction.find(['+', '-']).and_then(|at| fraction.get(at..)).unwrap_or_default();
                format!("{seconds}{offset}")
            }
            _ => now.to_owned(),
        }
    }

    fn message_type(&mut self) {
        let event =
            self.header.map(|peek| peek.trigger_event(self.request.received)).unwrap_or_default();
        let plain =
            self.request.options.plain_type || self.version <= Version::V2_3 || event.is_empty();
        let mut value = b"ACK".to_vec();
        let component = self.delimiters.component;
        if !plain && !component.is_none() {
            value.extend_from_slice(component.as_bytes());
            value.extend_from_slice(event);
            if self.version >= Version::V2_4 {
                value.extend_from_slice(component.as_bytes());
                value.extend_from_slice(b"ACK");
            }
        }
        self.raw(&value);
    }

    fn acknowledgment(&mut self) {
        self.out.extend_from_slice(b"MSA");
        self.raw(self.request.code.as_str().as_bytes());
        let control_id = self.control_id();
        self.raw(&control_id);
        let first = self.request.problems.first();
        let text = first
            .filter(|_| self.request.options.text)
            .map(|problem| cut(problem.text))
            .or_else(|| self.accept_text())
            .unwrap_or_default();
        let condition = first.filter(|_| self.version.has_error_condition());
        if !text.is_empty() || condition.is_some() {
            self.text(text);
        }
        if let Some(problem) = condition {
            self.raw(b"");
            self.raw(b"");
            let value = self.coded(problem, self.delimiters.component);
            self.raw(&value);
        }
        self.out.push(b'\r');
    }

    /// MSH-10 of the received message byte for byte; it is only re-coded when its own delimiters could not be used.
    fn control_id(&self) -> Vec<u8> {
        let Some(peek) = self.request.peek else { return Vec::new() };
        let sent = peek.control_id(self.request.received);
        if self.header.is_some() || !sent.contains(&b'|') {
            return sent.to_vec();
        }
        escape(&self.charset.decode_lossy(sent), &self.delimiters, self.charset).unwrap_or_default()
    }

    fn errors(&mut self) {
        if self.request.problems.is_empty() {
            return;
        }
        if self.version < Version::V2_5 {
            return self.error_locations();
        }
        for problem in self.request.problems {
            self.out.extend_from_slice(b"ERR");
            self.raw(b"");
            let location =
                problem.location.map(|location| self.location(&location)).unwrap_or_default();
            self.raw(&location);
            let code = self.coded(problem, self.delimiters.component);
            self.raw(&code);
            self.raw(problem.severity.code().as_bytes());
            self.out.push(b'\r');
        }
    }

    /// 2.1 to 2.4: one ERR whose repetitions say `segment^sequence^field^code&text`.
    fn error_locations(&mut self) {
        let (component, repetition) = (self.delimiters.component, self.delimiters.repetition);
        if component.is_none() {
            return;
        }
        let mut value: Vec<u8> = Vec::new();
        for problem in self.request.problems {
            let location = problem.location.unwrap_or_default();
            let mut one = Vec::new();
            if !location.segment.is_empty() {
                one.extend(self.escaped(location.segment));
            }
            let sequence =
                if location.segment.is_empty() { None } else { Some(location.occurrence.max(1)) };
            for number in [sequence, location.field] {
                one.extend_from_slice(component.as_bytes());
                one.extend(
                    number.map(|number| number.to_string()).unwrap_or_default().into_bytes(),
                );
            }
            one.extend_from_slice(component.as_bytes());
            one.extend(self.coded(problem, self.delimiters.subcomponent));
            if !value.is_empty() {
                if repetition.is_none() {
                    break;
                }
                value.extend_from_slice(repetition.as_bytes());
            }
            value.extend(one);
        }
        self.out.extend_from_slice(b"ERR");
        self.raw(&value);
        self.out.push(b'\r');
    }

    /// ERR-2: `segment^sequence^field^repetition^component^subcomponent`, as deep as it is known.
    fn location(&self, location: &Location<'_>) -> Vec<u8> {
        let mut value = self.escaped(location.segment);
        if self.delimiters.component.is_none() {
            return value;
        }
        let numbers = [
            Some(location.occurrence.max(1)),
            location.field,
            location.field.map(|_| location.repetition.unwrap_or(1)),
            location.component,
            location.subcomponent,
        ];
        for number in numbers.iter().map_while(|number| *number) {
            value.extend_from_slice(self.delimiters.component.as_bytes());
            value.extend_from_slice(number.to_string().as_bytes());
        }
        value
    }

    /// `code^text^HL70357` with the given separator; the code alone when there is none.
    fn coded(&self, problem: &Problem<'_>, separator: Delimiter) -> Vec<u8> {
        let mut value = problem.code.to_string().into_bytes();
        if !separator.is_none() {
            value.extend_from_slice(separator.as_bytes());
            value.extend(self.escaped(cut(problem.text)));
            value.extend_from_slice(separator.as_bytes());
            value.extend_from_slice(b"HL70357");
        }
        value
    }

    fn accept_text(&self) -> Option<&'a str> {
        let positive = self.request.code.is_positive();
        self.request.options.accept_text.as_deref().filter(|_| positive).map(cut)
    }

    /// A text whose `^` are component separators, in the sender's delimiters.
    fn components(&mut self, text: &str) {
        let component = self.delimiters.component;
        let mut value = Vec::new();
        for (n, part) in text.split('^').enumerate() {
            if n > 0 && component.is_none() {
                break;
            }
            if n > 0 {
                value.extend_from_slice(component.as_bytes());
            }
            value.extend(self.escaped(part));
        }
        self.raw(&value);
    }

    fn raw(&mut self, value: &[u8]) {
        self.out.extend_from_slice(self.delimiters.field.as_bytes());
        self.out.extend_from_slice(value);
    }

    fn text(&mut self, value: &str) {
        let value = self.escaped(value);
        self.raw(&value);
    }

    /// A text of ours in the sender's charset; what the charset or the delimiters cannot say is left out.
    fn escaped(&self, text: &str) -> Vec<u8> {
        escape(text, &self.delimiters, self.charset).unwrap_or_else(|_| {
            let letter = |letter: &char| {
                letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '.' | ',' | '-' | '+')
            };
            text.chars().filter(letter).collect::<String>().into_bytes()
        })
    }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT_MAX_CHARS).map_or(text, |(end, _)| &text[..end])
}

impl<'a> AckRequest<'a> {
    /// A positive answer with everything else left to the received header.
    pub fn accept(
        received: &'a [u8],
        peek: &'a Peek,
        control_id: &'a str,
        now: &'a str,
        options: &'a AckOptions,
    ) -> Self {
        AckRequest {
            received,
            peek: Some(peek),
            code: AckCode::AA,
            control_id,
            now,
            problems: &[],
            options,
        }
    }
}
