//! Several messages that come as one: handed on one by one, and answered as a whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use config::{Choice, Field, Kind, Section};
use hl7::batch::{BatchFault, BatchReply, Holding, PartKind, count, parts};
use hl7::{AckCode, AckOptions, AckRequest};
use jiff::Timestamp;

use crate::{Answer, Incoming, Intake, Refusal};

/// What a source that answers does with a frame that begins with FHS or BHS.
pub const BATCH_FIELD: Field = Field::default(
    "batch",
    "What is done with a batch: a message that begins with FHS or BHS. Where batches are taken, a count in BTS-1 or FTS-1 that is not the number of \
     messages or batches rejects the whole (AE) before any message is taken.",
    Kind::Choice(&[
        Choice { name: "refuse", doc: "It is rejected, AR 207." },
        Choice {
            name: "single",
            doc: "Its messages are taken one by one, and one acknowledgement with the worst of their codes answers them all.",
        },
        Choice {
            name: "each",
            doc: "Its messages are taken one by one, and a batch answers it, with one acknowledgement for each.",
        },
        Choice { name: "errors", doc: "As `each`, without the positive acknowledgements." },
    ]),
    "refuse",
);

/// The values of [`BATCH_FIELD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batches {
    /// Handed on as it is, to be rejected.
    #[default]
    Refuse,
    /// One acknowledgement.
    Single,
    /// A batch of acknowledgements.
    Each,
    /// A batch of the negative ones.
    Errors,
}

impl Batches {
    /// Takes the setting from a section with [`BATCH_FIELD`].
    pub fn read(section: &Section<'_>) -> Batches {
        match section.choice("batch") {
            Some("single") => Batches::Single,
            Some("each") => Batches::Each,
            Some("errors") => Batches::Errors,
            _ => Batches::Refuse,
        }
    }

    /// Whether a frame is taken message by message. Until it is answered, nothing behind it may be handed on.
    pub fn splits(self, frame: &[u8]) -> bool {
        self != Batches::Refuse && hl7::is_batch(frame)
    }
}

/// Hands a frame on, a batch message by message where that is wanted.
pub fn receive(
    intake: &Arc<dyn Intake>,
    incoming: Incoming,
    batches: Batches,
) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    if !batches.splits(&incoming.body) {
        return intake.receive(incoming);
    }
    let intake = Arc::clone(intake);
    Box::pin(async move {
        match count(&incoming.body) {
            Ok(holding) => exchange(intake.as_ref(), incoming, batches, holding).await,
            Err(fault) => intake.refuse(incoming, Refusal::from(fault)).await,
        }
    })
}

/// One message is on disk before the next is handed on, so that a store that fails cannot change their order.
async fn exchange(
    intake: &dyn Intake,
    incoming: Incoming,
    batches: Batches,
    holding: Holding,
) -> Answer {
    let now = now();
    let mut reply = BatchReply::new(batches == Batches::Errors, &now, &control_id());
    let (mut out, mut worst, mut answered) = (Vec::new(), AckCode::AA, false);
    let mut pieces = Pieces::new(incoming.body.clone(), holding);
    while let Some(piece) = pieces.next() {
        reply.part(piece.kind, &piece.bytes, &mut out);
        if piece.kind != PartKind::Message {
            continue;
        }
        let one = Incoming { body: piece.bytes, peer: incoming.peer.clone(), batch: piece.place };
        match intake.receive(one).await {
            Answer::Reply(acknowledgement) => {
                answered = true;
                worst = worse(worst, &acknowledgement);
                reply.answer(&acknowledgement, &mut out);
            }
            Answer::Silent => {}
            // The peer sends all of it again; what is on disk already is recognised.
            Answer::Unstored(_) | Answer::Close => return Answer::Close,
        }
    }
    reply.end(&mut out);
    if holding.messages > 0 && !answered {
        return Answer::Silent;
    }
    match batches {
        Batches::Refuse | Batches::Single => {
            Answer::Reply(single(&incoming.body, worst, &now).into())
        }
        Batches::Each | Batches::Errors => Answer::Reply(out.into()),
    }
}

/// The worse of two codes, as an application's.
fn worse(so_far: AckCode, acknowledgement: &[u8]) -> AckCode {
    let code = hl7::read_reply(acknowledgement).and_then(|reply| reply.code);
    match (so_far, code) {
        (AckCode::AR, _) | (_, Some(AckCode::AR | AckCode::CR) | None) => AckCode::AR,
        (_, Some(AckCode::AE | AckCode::CE)) => AckCode::AE,
        (so_far, Some(AckCode::AA | AckCode::CA)) => so_far,
    }
}

/// One acknowledgement for all: it names the control id of the file or batch.
fn single(frame: &[u8], code: AckCode, now: &str) -> Vec<u8> {
    let version = parts(frame)
        .find(|part| part.kind == PartKind::Message)
        .and_then(|part| frame.get(part.range))
        .and_then(|message| {
            let peek = hl7::peek(message).ok()?;
            String::from_utf8(peek.version(message).to_vec()).ok()
        })
        .filter(|version| !version.is_empty());
    let default = AckOptions::default();
    let options = AckOptions { version: version.unwrap_or(default.version), ..default };
    let peek = hl7::peek(frame).ok();
    let problem = hl7::Problem {
        code: 207,
        text: "not every message of the batch was accepted",
        location: None,
        severity: hl7::Severity::Error,
    };
    hl7::ack(&AckRequest {
        received: frame,
        peek: peek.as_ref(),
        code,
        control_id: &control_id(),
        now,
        problems: if code.is_positive() { &[] } else { std::slice::from_ref(&problem) },
        options: &options,
    })
}

/// A part of a file or frame with its own bytes, and for a message where it stood.
pub(crate) struct Piece {
    pub(crate) kind: PartKind,
    pub(crate) bytes: Bytes,
    pub(crate) place: Option<Arc<str>>,
}

/// Goes through the parts of some bytes without copying them.
pub(crate) struct Pieces {
    body: Bytes,
    at: usize,
    holding: Holding,
    file: String,
    batch: String,
    number: u64,
}

impl Pieces {
    pub(crate) fn new(body: Bytes, holding: Holding) -> Pieces {
        Pieces { body, at: 0, holding, file: String::new(), batch: String::new(), number: 0 }
    }

    pub(crate) fn next(&mut self) -> Option<Piece> {
        let part = parts(self.body.get(self.at..)?).next()?;
        let bytes = self.body.slice(self.at + part.range.start..self.at + part.range.end);
        self.at += part.range.end;
        let mut place = None;
        match part.kind {
            PartKind::FileHeader => self.file = identity(&bytes),
            PartKind::BatchHeader => self.batch = identity(&bytes),
            PartKind::BatchTrailer => self.batch.clear(),
            PartKind::FileTrailer => self.file.clear(),
            PartKind::Message => {
                self.number += 1;
                place = self.place();
            }
            PartKind::Blank | PartKind::Foreign => {}
        }
        Some(Piece { kind: part.kind, bytes, place })
    }

    /// `BATCH7 3/10`; nothing for a message that came alone.
    fn place(&self) -> Option<Arc<str>> {
        let Holding { messages, is_batch, .. } = self.holding;
        if messages == 1 && !is_batch {
            return None;
        }
        let batch = if self.batch.is_empty() { &self.file } else { &self.batch };
        let place = format!("{batch} {}/{messages}", self.number);
        Some(place.trim_start().into())
    }
}

/// The control id of a header, as it can be shown.
fn identity(header: &[u8]) -> String {
    let peek = hl7::peek(header);
    let id = peek.as_ref().map(|peek| peek.control_id(header)).unwrap_or_default();
    String::from_utf8_lossy(id).chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Now, as HL7 text.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y%m%d%H%M%S+0000").to_string()
}

/// A control id for a header or an acknowledgement of ours: a time that no other one has.
pub(crate) fn control_id() -> String {
    static LAST_US: AtomicI64 = AtomicI64::new(0);
    let now_us = Timestamp::now().as_microsecond();
    let later = |last: i64| now_us.max(last + 1);
    let before = LAST_US
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last)))
        .unwrap_or_default();
    format!("B{:X}", later(before))
}

impl From<BatchFault> for Refusal {
    fn from(fault: BatchFault) -> Refusal {
        let code = match fault {
            BatchFault::Messages { .. } | BatchFault::Batches { .. } | BatchFault::Count(_) => {
                "batch-count"
            }
            BatchFault::Foreign => "batch-foreign",
        };
        Refusal { code, text: fault.to_string() }
    }
}
