use crate::ack::{AckPolicy, AckSettings, Admission, Admitted, PeerMismatch, admit};
use crate::charset_rule::CharsetRule;
use crate::program::Program;
use crate::tables::Tables;
use config::{Diagnostics, Name, Profile, Section, Value};
use hl7::{Charset, Limits, Message, ParseOptions, Peek, Unreadable};

/// What one channel file means, apart from the connectors that its messages come and go by.
pub struct Channel {
    description: Option<String>,
    owner: Option<String>,
    only: Option<Profile>,
    search: Option<Vec<&'static str>>,
    ack: AckSettings,
    admission: Admission,
    peer_mismatch: PeerMismatch,
    lf_ends_segments: bool,
    program: Program,
}

impl Channel {
    /// Compiles what [`CHANNEL_FIELDS`](crate::CHANNEL_FIELDS), [`SOURCE_FIELDS`](crate::SOURCE_FIELDS) and
    /// [`DESTINATION_FIELDS`](crate::DESTINATION_FIELDS) have read. Every problem is reported, and an error gives none.
    pub fn compile(
        top: &Section<'_>,
        source: Option<&Section<'_>>,
        destinations: &[&Section<'_>],
        tables: &dyn Tables,
        diags: &mut Diagnostics,
    ) -> Option<Channel> {
        let named = named(destinations, diags);
        let names: Vec<Name> = named.iter().map(|(name, _)| name.clone()).collect();
        let ack = source.map(|source| AckSettings::read(source, &names, diags));
        let acks = ack.as_ref().and_then(|ack| ack.application.as_ref());
        if let Some((_, section)) = named.iter().find(|(name, _)| Some(name) == acks) {
            refuse_routing(section, diags);
        }
        // Messages do not go where acknowledgements are sent.
        let routed: Vec<_> = named.into_iter().filter(|(name, _)| Some(name) != acks).collect();
        let program = Program::compile(top.section("transform"), &routed, tables, diags);
        let (source, ack) = (source?, ack?);
        let charset = source.text("charset").and_then(|text| CharsetRule::parse(text, diags));
        let versions = source.is_given("versions").then(|| {
            let texts = source.list("versions").iter().filter_map(Value::text);
            texts.map(|text| text.value.clone()).collect()
        });
        let admission = Admission {
            versions,
            strict_charset: source.bool("strict_charset").unwrap_or(false),
            charset: charset?,
            limits: Limits::default(),
        };
        let text = |key: &str| top.text(key).map(|text| text.value.clone());
        Some(Channel {
            description: text("description"),
            owner: text("owner"),
            only: only(top),
            search: top
                .is_given("search")
                .then(|| top.list("search").iter().filter_map(Value::choice).collect()),
            ack,
            admission,
            peer_mismatch: match source.choice("peer_mismatch") {
                Some("flag") => PeerMismatch::Flag,
                _ => PeerMismatch::Reject,
            },
            lf_ends_segments: source.bool("lf_ends_segments").unwrap_or(false),
            program: program?,
        })
    }

    /// What it is for.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Who answers for it.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// The profile that it runs in, when it does not run in both.
    pub fn only(&self) -> Option<Profile> {
        self.only
    }

    /// How its senders are answered.
    pub fn ack(&self) -> &AckSettings {
        &self.ack
    }

    /// What it does with a message.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// What is done with a message in which a peer speaks as somebody else.
    pub fn peer_mismatch(&self) -> PeerMismatch {
        self.peer_mismatch
    }

    /// Whether its messages are found by this kind of number.
    pub fn is_searched_by(&self, kind: &str) -> bool {
        self.search.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// A lone LF before what looks like a segment ends one.
    pub fn lf_ends_segments(&self) -> bool {
        self.lf_ends_segments
    }

    /// Decides by the header alone whether a frame is for the program.
    pub fn admit(&self, bytes: &[u8], peek: Result<&Peek, &Unreadable>) -> Admitted {
        admit(&self.admission, bytes, peek)
    }

    /// The message of some received bytes, cut into segments and read by the channel's rules.
    pub fn message(&self, bytes: Vec<u8>) -> Message {
        let mut message =
            Message::parse(bytes, &ParseOptions { lf_ends_segments: self.lf_ends_segments });
        self.set_charset(&mut message);
        message
    }

    /// Makes a message be read by the channel's charset rule.
    pub fn set_charset(&self, message: &mut Message) {
        match self.admission.charset {
            // What parsing does by itself.
            CharsetRule::Declared { otherwise: Charset::Utf8 } => {}
            CharsetRule::Fixed(charset) => message.set_charset(charset),
            rule @ CharsetRule::Declared { .. } => {
                if let Ok(peek) = hl7::peek(message.as_bytes()) {
                    message.set_charset(rule.of(&peek));
                }
            }
        }
    }

    /// With `ack = "on-accept"` a failure anywhere means that nothing is delivered: the sender hears AE and will send it again.
    pub fn queues_nothing_on_failure(&self) -> bool {
        self.ack.policy == AckPolicy::OnAccept
    }

    /// The destinations that an acknowledgement waits for, empty for all of them; none when it waits for no delivery.
    pub fn waits_for(&self) -> Option<&[Name]> {
        match &self.ack.policy {
            AckPolicy::OnDelivery { destinations, .. } => Some(destinations),
            AckPolicy::OnReceipt | AckPolicy::OnAccept => None,
        }
    }
}

/// A destination of acknowledgements gets nothing from the program, so what would choose or change messages does nothing.
fn refuse_routing(section: &Section<'_>, diags: &mut Diagnostics) {
    for key in ["when", "steps", "order_by"].into_iter().filter(|key| section.is_given(key)) {
        diags
            .error("C0320", section.span_of(key), format!("`{key}` has no meaning here"))
            .label(
                "this destination gets the source's application acknowledgements and nothing else",
            )
            .help("leave it out; to change acknowledgements, send them to a channel of their own");
    }
}

/// The profile that a channel or a destination is kept to, if it is.
pub fn only(section: &Section<'_>) -> Option<Profile> {
    match section.choice("only") {
        Some("production") => Some(Profile::Production),
        Some("development") => Some(Profile::Development),
        _ => None,
    }
}

/// The destinations by name; a name that is there twice is reported.
fn named<'a, 't>(
    destinations: &[&'a Section<'t>],
    diags: &mut Diagnostics,
) -> Vec<(Name, &'a Section<'t>)> {
    let mut named: Vec<(Name, &Section<'_>)> = Vec::with_capacity(destinations.len());
    for section in destinations {
        // A missing or wrong name was reported when the section was read.
        let Some(text) = section.text("name") else { continue };
        let Ok(name) = Name::new(&text.value) else { continue };
        if let Some((_, first)) = named.iter().find(|(other, _)| *other == name) {
            let error =
                diags.error("C0106", text.span, format!("destination `{name}` is there twice"));
            error.label("a second one of this name").related(first.span_of("name"), "the first");
        }
        named.push((name, section));
    }
    named
}
