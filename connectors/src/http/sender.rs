//! The http destination: one request for each message, each answer judged.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use net::{DialError, Dialer};
use phi::Phi;
use tokio::time::{Instant, timeout, timeout_at};

use super::destination_settings::{Judging, SenderSettings};
use super::idempotency;
use super::link::{Answer, Link};
use super::statuses;
use crate::mllp::{Action, judge};
use crate::{Evidence, Outcome, Outgoing};

/// A destination's connection to its receiver.
///
/// Delivery is at least once: what was sent and not answered is sent again with the same `Idempotency-Key` and the same MSH-10, by
/// which the receiver can know it.
///
/// | what happened | what it means |
/// |---|---|
/// | no connection, no TLS, no value for a secret | later, and never given up |
/// | the receiver closed a kept connection before a byte of an answer | later, and never given up |
/// | a status of `accept` | accepted; with `answer = "ack"` as the acknowledgement in the body says |
/// | 429, 502, 503, 504 where they are tried again | later, and never given up: the service is away |
/// | another status of `retry_on` | later, and given up in the end |
/// | any other status, redirects among them | never |
/// | no whole answer in time, a broken one, none at all | later, and given up in the end; never, where `retry_on` leaves out `timeout` |
pub struct Sender {
    settings: SenderSettings,
    dialer: Dialer,
    link: Option<Link>,
}

/// What became of one exchange.
struct Verdict {
    code: &'static str,
    action: Action,
    answered: bool,
    response: Option<Bytes>,
    text: Option<String>,
}

impl Verdict {
    /// The receiver has not read the message.
    fn unread(code: &'static str, text: impl Into<String>) -> Verdict {
        Verdict {
            code,
            action: Action::Retry,
            answered: false,
            response: None,
            text: Some(text.into()),
        }
    }
}

impl Sender {
    /// A sender that has not connected yet.
    pub fn new(settings: SenderSettings) -> Sender {
        let dialer = Dialer::new(settings.connect_timeout);
        Sender { settings, dialer, link: None }
    }

    /// Sends one message and waits for its answer.
    ///
    /// A future that is dropped takes the connection along: an answer to it can not be taken for another's.
    pub async fn deliver(&mut self, out: &Outgoing<'_>) -> Outcome {
        let started = Instant::now();
        let verdict = self.exchange(out).await;
        let evidence = Evidence {
            code: verdict.code,
            answered: verdict.answered,
            peer: self.settings.url.to_string(),
            duration: started.elapsed(),
            response: verdict.response.map(Phi::new),
            text: verdict.text.map(Phi::new),
        };
        match verdict.action {
            Action::Accept => Outcome::Accepted(evidence),
            Action::Retry => Outcome::Later(evidence),
            Action::DeadLetter => Outcome::Never(evidence),
        }
    }

    async fn exchange(&mut self, out: &Outgoing<'_>) -> Verdict {
        let headers = match self.headers(out) {
            Ok(headers) => headers,
            Err(problem) => return Verdict::unread("no-secret", problem),
        };
        let kept = self.link.take().filter(|_| self.settings.target.still_holds());
        let kept = kept.filter(Link::is_quiet);
        let reused = kept.is_some();
        let mut link = match kept {
            Some(link) => link,
            None => match self.connect().await {
                Ok(link) => link,
                Err(verdict) => return verdict,
            },
        };
        let request = match self.settings.url.request(
            &self.settings.method,
            headers,
            out.body,
            link.is_two(),
        ) {
            Ok(request) => request,
            Err(error) => return Verdict::unread("unreachable", error.to_string()),
        };
        let mut answer = Answer::default();
        let exchanged = timeout(self.settings.timeout, link.exchange(request, &mut answer)).await;
        let verdict = match &exchanged {
            Ok(Ok(())) => self.judge(out.body, &answer),
            Ok(Err(error)) => self.unanswered(error, reused, &answer),
            Err(_) => {
                let limit = config::show_duration(self.settings.timeout);
                self.broken("timeout", format!("no whole answer within {limit}"))
            }
        };
        // Whatever an exchange that was broken off leaves on a connection is not the next one's.
        if matches!(exchanged, Ok(Ok(()))) && !answer.cut {
            self.link = Some(link);
        }
        let response = Some(answer.body.freeze()).filter(|body| !body.is_empty());
        Verdict { response, ..verdict }
    }

    async fn connect(&self) -> Result<Link, Verdict> {
        let until = Instant::now() + self.settings.connect_timeout;
        let stream = self.dialer.connect(&self.settings.target).await;
        let stream = stream.map_err(|error| match error {
            DialError::NotAllowed { .. } | DialError::PlaintextEnded { .. } => {
                Verdict::unread("not-allowed", error.to_string())
            }
            error => Verdict::unread("unreachable", error.to_string()),
        })?;
        let two = stream.session().and_then(|session| session.alpn).as_deref() == Some(b"h2");
        match timeout_at(until, Link::over(stream, two)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(error)) => Err(Verdict::unread("unreachable", error.to_string())),
            Err(_) => Err(Verdict::unread("unreachable", "no HTTP connection in time")),
        }
    }

    fn headers(&self, out: &Outgoing<'_>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("hilum"));
        headers.insert(CONTENT_TYPE, self.settings.content_type.clone());
        if let Some(template) = &self.settings.idempotency_key
            && let Some(key) = idempotency::key(template, out)
        {
            headers.insert("idempotency-key", key);
        }
        self.settings.headers.iter().try_for_each(|header| header.add_to(&mut headers))?;
        Ok(headers)
    }

    fn judge(&self, sent: &[u8], answer: &Answer) -> Verdict {
        let Some(status) = answer.status else {
            return self.broken("garbage", "the answer has no status");
        };
        let action = self.settings.statuses.action(status);
        if let Judging::Acknowledgement(actions) = &self.settings.judging {
            let is_reply = hl7::read_reply(&answer.body).is_some();
            // A positive acknowledgement counts only with a status that says the same.
            if is_reply || action == Action::Accept {
                let judged = judge(sent, &answer.body, actions);
                if judged.action != Action::Accept || action == Action::Accept {
                    return Verdict {
                        code: judged.code,
                        action: judged.action,
                        answered: true,
                        response: None,
                        text: judged.text,
                    };
                }
            }
        }
        let unavailable = action == Action::Retry && statuses::is_unavailable(status);
        let text = said(status, answer.cut);
        Verdict {
            code: statuses::code(status),
            action,
            answered: !unavailable,
            response: None,
            text: Some(text).filter(|_| action != Action::Accept || answer.cut),
        }
    }

    fn unanswered(&self, error: &hyper::Error, reused: bool, answer: &Answer) -> Verdict {
        let began = answer.status.is_some();
        if error.is_parse() {
            return self.broken("garbage", format!("the answer is not HTTP: {error}"));
        }
        // On a kept connection the close may have been on its way before the message was.
        if reused && !began {
            return Verdict::unread("closed", "the receiver had closed the connection");
        }
        let what = if began { "in the middle of its answer" } else { "without an answer" };
        self.broken("closed", format!("the receiver closed the connection {what}"))
    }

    /// What became of the message is not known.
    fn broken(&self, code: &'static str, text: impl Into<String>) -> Verdict {
        let action = match self.settings.statuses.retries_unanswered {
            true => Action::Retry,
            false => Action::DeadLetter,
        };
        Verdict { action, answered: true, ..Verdict::unread(code, text) }
    }
}

fn said(status: u16, cut: bool) -> String {
    let words = hyper::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    let mut text = format!("the receiver answered {status} {}", words.unwrap_or(""));
    let text_end = text.trim_end().len();
    text.truncate(text_end);
    if (300..400).contains(&status) {
        text.push_str("; redirects are not followed");
    }
    if cut {
        text.push_str("; only the first 10 MiB of its answer are kept");
    }
    text
}
