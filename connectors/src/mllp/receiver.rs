//! The answering side of MLLP without an engine: a receiver with chosen answers, for people who try a feed and for tests.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hl7::{AckCode, AckOptions, AckRequest};
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::{Answer, BrokenFrame, Incoming, Intake, Peer, Refusal};

/// Frames that may wait to be looked at before the receiver keeps its senders waiting.
const WAITING_MAX: usize = 1024;

/// How a receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replies {
    /// The code of the answers; `None` answers nothing at all.
    pub code: Option<AckCode>,
    /// The wait before each answer.
    pub delay: Duration,
    /// Every so many frames get this code instead.
    pub instead: Option<(NonZeroU32, AckCode)>,
}

impl Default for Replies {
    fn default() -> Replies {
        Replies { code: Some(AckCode::AA), delay: Duration::ZERO, instead: None }
    }
}

/// What a receiver was sent.
#[derive(Debug, Clone)]
pub enum Received {
    /// A frame and the code it is answered with.
    Frame {
        /// The body.
        body: Bytes,
        /// Who sent it.
        peer: Peer,
        /// The answer; `None` for what cannot be answered or is not to be.
        code: Option<AckCode>,
    },
    /// What was not a whole frame.
    Fragment {
        /// What came.
        bytes: Bytes,
        /// Who sent it.
        peer: Peer,
        /// What is wrong with it.
        why: BrokenFrame,
    },
}

/// An intake that hands every frame to whoever listens and answers it as told.
#[derive(Debug)]
pub struct Receiver {
    replies: Replies,
    frames: AtomicU64,
    started_us: i64,
    sent: mpsc::Sender<Received>,
}

impl Receiver {
    /// A receiver and the end where its frames come out. It answers even when nobody takes them any more.
    pub fn new(replies: Replies) -> (Receiver, mpsc::Receiver<Received>) {
        let (sent, received) = mpsc::channel(WAITING_MAX);
        let started_us = Timestamp::now().as_microsecond();
        (Receiver { replies, frames: AtomicU64::new(0), started_us, sent }, received)
    }

    fn code(&self, number: u64) -> Option<AckCode> {
        match self.replies.instead {
            Some((every, code)) if number.is_multiple_of(u64::from(every.get())) => Some(code),
            Some(_) | None => self.replies.code,
        }
    }

    fn answer(&self, body: &[u8], number: u64, code: Option<AckCode>) -> Answer {
        let Some(code) = code else {
            return Answer::Silent;
        };
        let peek = hl7::peek(body).ok();
        if peek.as_ref().is_some_and(hl7::Peek::is_acknowledgement) {
            // Answering an answer could go on for ever.
            return Answer::Silent;
        }
        // 36 bits of start time and a number: unique for one receiver, and short enough for every version.
        let control_id = format!("R{:X}-{number}", (self.started_us / 1000) & 0xF_FFFF_FFFF);
        let now = Timestamp::now().strftime("%Y%m%d%H%M%S+0000").to_string();
        let options = AckOptions::default();
        let request = AckRequest {
            received: body,
            peek: peek.as_ref(),
            code,
            control_id: &control_id,
            now: &now,
            problems: &[],
            options: &options,
        };
        Answer::Reply(hl7::ack(&request).into())
    }
}

impl Intake for Receiver {
    fn receive(&self, incoming: Incoming) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let Incoming { body, peer, .. } = incoming;
        let number = self.frames.fetch_add(1, Ordering::Relaxed) + 1;
        let code = self.code(number);
        let answer = self.answer(&body, number, code);
        let (sent, delay) = (self.sent.clone(), self.replies.delay);
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            // Nobody listening is no reason not to answer.
            let _ = sent.send(Received::Frame { body, peer, code }).await;
            answer
        })
    }

    fn refuse(
        &self,
        incoming: Incoming,
        _: Refusal,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        self.receive(incoming)
    }

    fn fragment(
        &self,
        incoming: Incoming,
        why: BrokenFrame,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let sent = self.sent.clone();
        Box::pin(async move {
            let Incoming { body: bytes, peer, .. } = incoming;
            let _ = sent.send(Received::Fragment { bytes, peer, why }).await;
        })
    }
}
