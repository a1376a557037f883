//! The MLLP destination: one message at a time over a kept connection, each answer judged by the action table.

use bytes::Bytes;
use hl7::AckCode;
use net::{DialError, Dialer};
use phi::Phi;
use tokio::time::{Instant, timeout};

use super::actions::Action;
use super::client::{Client, NoAnswer};
use super::framing::ends_a_frame;
use super::judge::{judge, not_hl7};
use super::release::{COMMITTED, NOT_COMMITTED, Release};
use super::sender_settings::SenderSettings;
use super::wait_for::WaitFor;
use crate::{Evidence, Outcome, Outgoing};

/// A destination's connection to its receiver.
///
/// Delivery is at least once: a message that was sent and not answered is sent again with the same MSH-10, by which
/// the receiver can know it. An answer counts only when it is asked for: the connection is dropped after a timeout
/// and whenever something waits on it that nobody asked for.
pub struct Sender {
    settings: SenderSettings,
    dialer: Dialer,
    client: Option<Client>,
}

/// What became of one exchange.
struct Verdict {
    code: &'static str,
    action: Action,
    answered: bool,
    /// The connection may be used again: this was the answer, and the next bytes belong to the next message.
    in_step: bool,
    response: Option<Bytes>,
    text: Option<String>,
}

impl Verdict {
    /// Nothing shows that the receiver has read the message.
    fn silent(code: &'static str, action: Action, text: impl Into<String>) -> Verdict {
        Verdict {
            code,
            action,
            answered: false,
            in_step: false,
            response: None,
            text: Some(text.into()),
        }
    }

    /// The receiver answered something, or had its time to.
    fn answered(code: &'static str, action: Action, text: impl Into<String>) -> Verdict {
        Verdict { answered: true, ..Verdict::silent(code, action, text) }
    }
}

/// Why a message did not get as far as its receiver.
enum Failed {
    Dial(DialError),
    Write(std::io::Error),
    WriteTimeout,
}

impl Sender {
    /// A sender that has not connected yet.
    pub fn new(settings: SenderSettings) -> Sender {
        let dialer = Dialer::new(settings.connect_timeout);
        Sender { settings, dialer, client: None }
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
            peer: self.settings.target.to_string(),
            duration: started.elapsed(),
            response: verdict.response.map(Phi::new),
            text: verdict.text.map(Phi::new),
        };
        let owes_more = matches!(self.settings.wait_for, WaitFor::Application(_));
        match verdict.action {
            Action::Accept if owes_more && evidence.code == AckCode::CA.as_str() => {
                Outcome::Committed(evidence)
            }
            Action::Accept => Outcome::Accepted(evidence),
            Action::Retry => Outcome::Later(evidence),
            Action::DeadLetter => Outcome::Never(evidence),
        }
    }

    async fn exchange(&mut self, out: &Outgoing<'_>) -> Verdict {
        if ends_a_frame(out.body) {
            return Verdict::silent(
                "unframeable",
                Action::DeadLetter,
                "the message holds the bytes 1C 0D, which end a frame",
            );
        }
        let kept = self.kept().await;
        let reused = kept.is_some();
        let mut client = match self.send(kept, out.body).await {
            Ok(client) => client,
            Err(failed) => return self.unsent(failed),
        };
        let verdict = match self.settings.release {
            Release::One => self.answered(&mut client, out.body, reused).await,
            Release::Two => self.committed(&mut client, out.body, reused).await,
        };
        if verdict.in_step {
            self.client = Some(client);
        }
        verdict
    }

    /// The connection of the last message, when it may be used again.
    async fn kept(&mut self) -> Option<Client> {
        let mut client = self.client.take().filter(|_| self.settings.target.still_holds())?;
        let usable = match self.settings.wait_for {
            WaitFor::Nothing => client.disregard().await,
            WaitFor::Answer | WaitFor::Application(_) => client.is_quiet(),
        };
        usable.then_some(client)
    }

    /// Waits for the receiver's commit, then for its answer, which is committed in turn.
    async fn committed(&self, client: &mut Client, sent: &Bytes, reused: bool) -> Verdict {
        let block = match timeout(self.settings.timeout, client.block()).await {
            Ok(Ok(block)) => block,
            Ok(Err(none)) => return self.unanswered(none, reused),
            Err(_) => return self.timed_out(client),
        };
        if block != COMMITTED {
            // A NAK, or the answer of a receiver that leaves its commit out.
            return self.judge(sent, block);
        }
        let verdict = match self.settings.wait_for {
            WaitFor::Nothing => {
                return Verdict {
                    in_step: true,
                    text: None,
                    ..Verdict::answered("ACK", Action::Accept, "")
                };
            }
            WaitFor::Answer | WaitFor::Application(_) => self.answered(client, sent, false).await,
        };
        let told = verdict.in_step
            && timeout(self.settings.timeout, client.send(COMMITTED))
                .await
                .is_ok_and(|sent| sent.is_ok());
        // A connection that did not take the commit is not used again; the answer counts.
        Verdict { in_step: told, ..verdict }
    }

    async fn answered(&self, client: &mut Client, sent: &Bytes, reused: bool) -> Verdict {
        if self.settings.wait_for == WaitFor::Nothing {
            return Verdict {
                in_step: true,
                text: None,
                ..Verdict::answered("sent", Action::Accept, "")
            };
        }
        match timeout(self.settings.timeout, client.answer()).await {
            Ok(Ok(answer)) => self.judge(sent, answer),
            Ok(Err(none)) => self.unanswered(none, reused),
            Err(_) => self.timed_out(client),
        }
    }

    async fn send(&self, kept: Option<Client>, body: &Bytes) -> Result<Client, Failed> {
        let mut client = match kept {
            Some(client) => client,
            None => {
                Client::connect(&self.dialer, &self.settings.target).await.map_err(Failed::Dial)?
            }
        };
        match timeout(self.settings.timeout, client.send(body)).await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(error)) => Err(Failed::Write(error)),
            Err(_) => Err(Failed::WriteTimeout),
        }
    }

    fn unsent(&self, failed: Failed) -> Verdict {
        match failed {
            Failed::Dial(
                error @ (DialError::NotAllowed { .. } | DialError::PlaintextEnded { .. }),
            ) => Verdict::silent("not-allowed", Action::Retry, error.to_string()),
            Failed::Dial(error @ DialError::Tls { .. }) => {
                Verdict::silent("tls", Action::Retry, error.to_string())
            }
            Failed::Dial(error) => Verdict::silent("unreachable", Action::Retry, error.to_string()),
            Failed::Write(error) => Verdict::silent(
                "unreachable",
                Action::Retry,
                format!("the message could not be sent: {error}"),
            ),
            Failed::WriteTimeout => Verdict::answered(
                "timeout",
                self.settings.actions.timeout,
                format!("the receiver did not read the message within {}", self.limit()),
            ),
        }
    }

    fn unanswered(&self, none: NoAnswer, reused: bool) -> Verdict {
        let actions = self.settings.actions;
        match none {
            // On a kept connection the close may have been on its way before the message was.
            NoAnswer::Closed if reused => {
                Verdict::silent("closed", Action::Retry, "the receiver had closed the connection")
            }
            NoAnswer::Closed => Verdict::answered(
                "closed",
                actions.closed,
                "the receiver closed the connection without an answer",
            ),
            NoAnswer::Reset(error) => Verdict::silent(
                "unreachable",
                Action::Retry,
                format!("the connection broke before an answer: {error}"),
            ),
            NoAnswer::Cut(bytes) => {
                let verdict = Verdict::answered(
                    "closed",
                    actions.closed,
                    "the receiver closed the connection in the middle of its answer",
                );
                Verdict { response: Some(bytes), ..verdict }
            }
            NoAnswer::Garbage(bytes) => garbage(actions.garbage, bytes),
        }
    }

    fn timed_out(&self, client: &Client) -> Verdict {
        let verdict = Verdict::answered(
            "timeout",
            self.settings.actions.timeout,
            format!("no answer within {}", self.limit()),
        );
        Verdict { response: Some(client.junk()).filter(|junk| !junk.is_empty()), ..verdict }
    }

    fn limit(&self) -> String {
        config::show_duration(self.settings.timeout)
    }

    fn judge(&self, sent: &[u8], answer: Bytes) -> Verdict {
        let actions = self.settings.actions;
        if answer == NOT_COMMITTED {
            let verdict = Verdict::answered(
                "NAK",
                actions.reject,
                "the receiver could not keep the message (MLLP NAK)",
            );
            return Verdict { response: Some(answer), ..verdict };
        }
        let judged = judge(sent, &answer, &actions);
        Verdict {
            code: judged.code,
            action: judged.action,
            answered: true,
            in_step: judged.in_step,
            response: Some(answer),
            text: judged.text,
        }
    }
}

fn garbage(action: Action, bytes: Bytes) -> Verdict {
    let text = not_hl7(&bytes);
    Verdict { response: Some(bytes), ..Verdict::answered("garbage", action, text) }
}
