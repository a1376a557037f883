//! The settings of an http source.

use std::net::SocketAddr;
use std::time::Duration;

use config::{Diagnostics, Field, Kind, SecretRef, Section};
use net::tls::Clients;
use net::{Entrance, is_loopback};

use crate::batch::{BATCH_FIELD, Batches};

/// The settings an http source has beside those of every source and of every listener.
pub const SOURCE_FIELDS: &[Field] = &[
    Field::default("path", "The one path that messages are posted to.", Kind::Text, "/")
        .examples(&["\"/adt\""]),
    Field::optional(
        "token",
        "The token that senders show as `Authorization: Bearer ...`. It is read at every request, so that it can be renewed while the engine runs.",
        Kind::Secret,
    )
    .examples(&["{ secret = \"adt-token\" }"]),
    Field::default(
        "programs",
        "Lets in every program whose token (`hilum token add`) has `message.submit` for this channel. Tokens never cross a network in clear.",
        Kind::Bool,
        "false",
    ),
    Field::default(
        "max_message",
        "The longest message. A longer one is refused with status 413.",
        Kind::Size { min: "1 KiB", max: "256 MiB" },
        "16 MiB",
    ),
    Field::default(
        "body_time",
        "How long a body may take to come in. It must come with 1 KiB a second as well.",
        Kind::Duration { min: "1s", max: "10m" },
        "30s",
    ),
    Field::default(
        "idle",
        "How long a connection may wait for its next request.",
        Kind::Duration { min: "1s", max: "1h" },
        "60s",
    ),
    BATCH_FIELD,
];

/// What is agreed on in a TLS handshake.
const ALPN: &[&[u8]] = &[b"http/1.1"];

/// What a message that has come in may take to be answered, where that does not depend on a delivery.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// How senders prove who they are, besides by a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Not at all.
    None,
    /// By knowing this token.
    Token(SecretRef),
    /// By a token of their own.
    Program,
}

/// What an http source was told; two that are equal need no new socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where to listen, and who may connect.
    pub entrance: Entrance,
    /// The path of messages.
    pub path: String,
    /// What senders must know.
    pub proof: Proof,
    /// The longest message.
    pub message_bytes_max: usize,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long a connection may wait for its next request.
    pub idle: Duration,
    /// How long a message may take to be answered.
    pub answer_max: Duration,
    /// What is done with batches.
    pub batches: Batches,
}

impl ListenerSettings {
    /// The defaults, on this address of this machine.
    pub fn new(listen: SocketAddr) -> ListenerSettings {
        ListenerSettings {
            entrance: Entrance::inside(listen),
            path: "/".to_owned(),
            proof: Proof::None,
            message_bytes_max: 16 << 20,
            body_time: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            answer_max: ANSWER_MAX,
            batches: Batches::default(),
        }
    }

    /// Takes the settings from a section read by [`SOURCE_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<ListenerSettings> {
        let entrance = Entrance::read(section, ALPN, diags)?;
        let path = read_path(section, diags)?;
        let proof = read_proof(section, &entrance, diags)?;
        require_proof(section, &entrance, diags)?;
        let defaults = ListenerSettings::new(entrance.listen);
        let message_bytes_max =
            section.size("max_message").and_then(|bytes| usize::try_from(bytes).ok());
        Some(ListenerSettings {
            entrance,
            path,
            proof,
            message_bytes_max: message_bytes_max.unwrap_or(defaults.message_bytes_max),
            body_time: section.duration("body_time").unwrap_or(defaults.body_time),
            idle: section.duration("idle").unwrap_or(defaults.idle),
            answer_max: answer_max(section),
            batches: Batches::read(section),
        })
    }
}

/// The connector gives up on an answer only after the channel's own deadline for it.
fn answer_max(section: &Section<'_>) -> Duration {
    let waits = section.choice("ack") == Some("on-delivery");
    let deadline = section.duration("ack_deadline").filter(|_| waits).unwrap_or_default();
    ANSWER_MAX + deadline
}

fn read_path(section: &Section<'_>, diags: &mut Diagnostics) -> Option<String> {
    let written = section.text("path")?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#%\"<>\\^`{|}".contains(&byte);
    let whole = written.value.starts_with('/') && written.value.bytes().all(plain);
    let steps = |part: &str| part == "." || part == "..";
    if whole && !written.value.split('/').any(steps) && !written.value.contains("//") {
        return Some(written.value.clone());
    }
    diags
        .error("C0108", written.span, format!("`{}` is not a path", written.value))
        .label("a path starts with `/` and holds no query, no escapes and no spaces")
        .help("write for example `/adt`");
    None
}

fn read_proof(
    section: &Section<'_>,
    entrance: &Entrance,
    diags: &mut Diagnostics,
) -> Option<Proof> {
    let programs = section.bool("programs") == Some(true);
    if programs && section.is_given("token") {
        diags
            .error(
                "C0433",
                section.span_of("token"),
                "`token` and `programs` contradict each other",
            )
            .label("either one token for all, or each program its own");
        return None;
    }
    if programs && entrance.plaintext().is_some() {
        diags
            .error(
                "C0441",
                section.span_of("programs"),
                "tokens of programs would cross a network in clear",
            )
            .help("add `tls` instead of `plaintext`");
        return None;
    }
    Some(match section.secret("token") {
        Some(token) => Proof::Token(token.clone()),
        None if programs => Proof::Program,
        None => Proof::None,
    })
}

/// From other machines nobody may post who has not proved to be somebody.
fn require_proof(
    section: &Section<'_>,
    entrance: &Entrance,
    diags: &mut Diagnostics,
) -> Option<()> {
    let shows_certificate = entrance.tls().is_some_and(|tls| tls.clients() != Clients::Anybody);
    // A token that was written and is wrong has been reported.
    let shows_token = section.is_given("token") || section.bool("programs") == Some(true);
    if is_loopback(entrance.listen.ip()) || shows_certificate || shows_token {
        return Some(());
    }
    diags
        .error(
            "C0441",
            section.span_of("listen"),
            format!("anybody who reaches `{}` could post messages", entrance.listen),
        )
        .label("no proof of who sends")
        .help(
            "add `token = { secret = \"name\" }` or `programs = true`, or ask for certificates with `client` in `tls`",
        );
    None
}
