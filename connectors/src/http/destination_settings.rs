//! The settings of an http destination.

use std::time::Duration;

use config::{Choice, Diagnostics, Field, Kind, Section};
use hyper::Method;
use hyper::header::HeaderValue;
use net::{Dialer, Target};

use super::headers::Header;
use super::statuses::{RETRIED, STATUS, Statuses};
use super::url::Url;
use crate::Template;
use crate::mllp::{ACTION_FIELDS, Actions};

/// The settings an http destination has beside those of every destination, and of every one in a network.
pub const DESTINATION_FIELDS: &[Field] = &[
    Field::required(
        "url",
        "Where messages are sent. It comes from the configuration alone, never from a message. `https` needs `tls`; `http` is on this machine, or `plaintext` says why not.",
        Kind::Reference,
    )
    .examples(&["\"http://127.0.0.1:8080/hl7\"", "{ var = \"results_url\" }"]),
    Field::default("method", "The method of the requests.", Kind::Choice(METHODS), "POST"),
    Field::optional(
        "headers",
        "Headers of every request. Credentials are secrets by reference; they are read at every request, so that they can be renewed while the engine runs.",
        Kind::Map(&Kind::Any(&[Kind::Secret, Kind::Text])),
    )
    .examples(&["{ Authorization = { secret = \"results-token\", prefix = \"Bearer \" }, X-Site = \"north\" }"]),
    Field::default("content_type", "What the body is declared as.", Kind::Text, "application/hl7-v2")
        .examples(&["\"x-application/hl7-v2+er7; charset=utf-8\""]),
    Field::optional(
        "idempotency_key",
        "Sent as `Idempotency-Key`, by which the receiver knows a repetition: the same for every try of a delivery. Values: `{id}` (of the message), \
         `{delivery}`, `{part}`, `{received}`, and fields such as `{MSH-10}`. When it would hold nothing of the message it is the delivery's id.",
        Kind::Template,
    )
    .examples(&["\"{MSH-10}\"", "\"{MSH-4}/{MSH-10}\""]),
    Field::optional(
        "accept",
        "The statuses that mean that the receiver has the message; when nothing is said, all from 200 to 299.",
        Kind::List(&STATUS),
    )
    .examples(&["[200, 201, 409]", "[\"2xx\", 409]"]),
    Field::optional(
        "retry_on",
        "What is tried again; every other status makes a dead letter. When nothing is said: `[\"timeout\", 408, 425, 429, \"5xx\"]`. \
         A receiver that cannot be reached is always tried again.",
        Kind::List(&RETRIED),
    )
    .examples(&["[\"timeout\", \"connect\", 429, \"5xx\"]"]),
    Field::default("answer", "What decides about a delivery.", Kind::Choice(ANSWERS), "status"),
    Field::optional(
        "on",
        "With `answer = \"ack\"`: what each kind of acknowledgement means. `AA` and `CA` accept.",
        Kind::Section(ACTION_FIELDS),
    )
    .examples(&["{ error = \"retry\" }"]),
    Field::default("connect_timeout", "How long to try to connect.", Kind::Duration { min: "100ms", max: "5m" }, "10s"),
    Field::default(
        "timeout",
        "How long to wait for the whole answer. Afterwards the connection is closed.",
        Kind::Duration { min: "100ms", max: "1h" },
        "30s",
    ),
];

const METHODS: &[Choice] =
    &[Choice { name: "POST", doc: "Send it there." }, Choice { name: "PUT", doc: "Put it there." }];

const ANSWERS: &[Choice] = &[
    Choice { name: "status", doc: "The status alone." },
    Choice {
        name: "ack",
        doc: "The HL7 acknowledgement in the body, as over MLLP. A positive one counts only with a status of `accept`.",
    },
];

/// What is offered in a TLS handshake.
const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// The wait for an answer when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What an http destination was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderSettings {
    /// Where requests go.
    pub url: Url,
    /// The receiver behind it.
    pub target: Target,
    /// Their method.
    pub method: Method,
    /// Their headers.
    pub headers: Vec<Header>,
    /// What their body is declared as.
    pub content_type: HeaderValue,
    /// By what the receiver knows a repetition.
    pub idempotency_key: Option<Template>,
    /// What each status means.
    pub statuses: Statuses,
    /// What decides.
    pub judging: Judging,
    /// How long to try to connect.
    pub connect_timeout: Duration,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

/// What decides about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judging {
    /// The status.
    Status,
    /// The acknowledgement in the body, by this table.
    Acknowledgement(Actions),
}

impl SenderSettings {
    /// The defaults, to this place.
    pub fn new(url: Url, target: Target) -> SenderSettings {
        SenderSettings {
            url,
            target,
            method: Method::POST,
            headers: Vec::new(),
            content_type: HeaderValue::from_static("application/hl7-v2"),
            idempotency_key: None,
            statuses: Statuses::default(),
            judging: Judging::Status,
            connect_timeout: Dialer::CONNECT_TIMEOUT,
            timeout: TIMEOUT,
        }
    }

    /// Takes the settings from a section read by [`DESTINATION_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<SenderSettings> {
        let place = read_url(section, diags);
        let headers = Header::read_all(section, diags);
        let content_type = read_content_type(section, diags);
        let idempotency_key = read_key(section, diags);
        let statuses = Statuses::read(section, diags);
        let judging = read_judging(section, diags);
        let (url, target) = place?;
        let defaults = SenderSettings::new(url, target);
        Some(SenderSettings {
            method: if section.choice("method") == Some("PUT") {
                Method::PUT
            } else {
                Method::POST
            },
            headers: headers?,
            content_type: content_type?,
            idempotency_key: idempotency_key?,
            statuses: statuses?,
            judging: judging?,
            connect_timeout: section
                .duration("connect_timeout")
                .unwrap_or(defaults.connect_timeout),
            timeout: section.duration("timeout").unwrap_or(defaults.timeout),
            ..defaults
        })
    }
}

pub(super) fn read_url(section: &Section<'_>, diags: &mut Diagnostics) -> Option<(Url, Target)> {
    let written = section.text("url")?;
    let place = section.span_of("url");
    let url = match Url::parse(&written.value) {
        Ok(url) => url,
        Err(problem) => {
            diags
                .error("C0108", place, "`url` cannot be sent to")
                .label(problem)
                .help("write for example `https://lab.example/hl7`");
            return None;
        }
    };
    let contradiction = match (url.tls, section.is_given("tls")) {
        (true, false) => Some((
            "`https` needs to know whom to trust",
            "add `tls = { ca = \"...\" }`, with the authority of the receiver's certificate",
        )),
        (false, true) => Some(("`http` has no TLS", "write `https://`, or leave `tls` out")),
        (true, true) | (false, false) => None,
    };
    if let Some((problem, help)) = contradiction {
        diags
            .error("C0433", place, problem)
            .label("`url` and `tls` contradict each other")
            .help(help);
        return None;
    }
    let target = Target::read(section, (&url.address, place), ALPN, diags)?;
    Some((url, target))
}

fn read_content_type(section: &Section<'_>, diags: &mut Diagnostics) -> Option<HeaderValue> {
    let written = section.text("content_type")?;
    match HeaderValue::from_str(&written.value) {
        Ok(value) if written.value.contains('/') => Some(value),
        Ok(_) | Err(_) => {
            diags
                .error("C0108", written.span, format!("`{}` is not a content type", written.value))
                .label("written as `application/hl7-v2`");
            None
        }
    }
}

/// None when it is wrong, `Some(None)` when there is none.
fn read_key(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Option<Template>> {
    let Some(written) = section.text("idempotency_key") else { return Some(None) };
    match Template::parse(&written.value) {
        Ok(template) => Some(Some(template)),
        Err(error) => {
            let title = format!("`{}` cannot be a key", written.value);
            error.report(written, title, diags);
            None
        }
    }
}

fn read_judging(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Judging> {
    if section.choice("answer") == Some("ack") {
        return Some(Judging::Acknowledgement(Actions::read(section.section("on"))));
    }
    if !section.is_given("on") {
        return Some(Judging::Status);
    }
    diags
        .error("C0320", section.span_of("on"), "`on` has no meaning here")
        .label("it belongs to `answer = \"ack\"`")
        .help("leave it out, or set `answer`");
    None
}
