//! One claimed file: its messages handed on one after the other, its acknowledgements collected.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use hl7::batch::{BatchFault, BatchReply, Holding, PartKind, count, parts};

use super::inbox::AckFile;
use super::source::{Steer, blocking};
use crate::batch::{Pieces, control_id, now};
use crate::{Answer, Incoming, Intake, Peer, Refusal};

/// Waits between two tries to store a message: doubled from the first to the last.
const STORE_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// Of what is no HL7 at all so much is kept as a message; the file itself is kept whole.
const UNREADABLE_BYTES_MAX: usize = 1 << 20;
/// Acknowledgements in memory before they are written out.
const ACKS_BYTES_MAX: usize = 256 * 1024;

/// How a file ended.
pub(super) enum Ended {
    /// Every message is on disk and accepted.
    Done,
    /// It belongs to the errors.
    Failed { code: &'static str, sentence: String },
}

impl Ended {
    pub(super) fn failed(code: &'static str, sentence: impl Into<String>) -> Ended {
        Ended::Failed { code, sentence: sentence.into() }
    }
}

/// A file that is being handed on.
pub(super) struct Reading {
    peer: Peer,
    bytes: Bytes,
    reply: BatchReply,
    acks: Option<AckFile>,
    out: Vec<u8>,
    /// Messages that were not accepted, and the first of them with its code.
    refused: u64,
    first_refused: Option<(u64, String)>,
}

impl Reading {
    pub(super) fn new(peer: Peer, bytes: Bytes, acks: Option<AckFile>) -> Reading {
        let reply = BatchReply::new(false, &now(), &control_id());
        Reading { peer, bytes, reply, acks, out: Vec::new(), refused: 0, first_refused: None }
    }

    /// Hands everything on and waits until it is on disk; nothing when the source closed before.
    pub(super) async fn run(
        mut self,
        intake: &dyn Intake,
        steer: &mut Steer,
    ) -> io::Result<Option<Ended>> {
        let ended = match count(&self.bytes) {
            Ok(Holding { messages: 0, is_batch: false, .. }) => {
                Some(Ended::failed("empty", "the file holds no message"))
            }
            Ok(holding) => self.messages(intake, steer, holding).await?,
            Err(fault) => self.whole(intake, steer, fault).await,
        };
        let Some(acks) = self.acks.take() else { return Ok(ended) };
        match ended {
            Some(_) if !self.out.is_empty() => {
                let out = std::mem::take(&mut self.out);
                blocking(move || write_out(acks, &out)?.publish()).await?;
            }
            Some(_) | None => blocking(move || acks.give_up()).await?,
        }
        Ok(ended)
    }

    /// One message is on disk before the next is handed on, so that a store that fails cannot change their order.
    async fn messages(
        &mut self,
        intake: &dyn Intake,
        steer: &mut Steer,
        holding: Holding,
    ) -> io::Result<Option<Ended>> {
        let mut pieces = Pieces::new(self.bytes.clone(), holding);
        let mut number = 0;
        while let Some(piece) = pieces.next() {
            if self.acks.is_some() {
                self.reply.part(piece.kind, &piece.bytes, &mut self.out);
            }
            if piece.kind != PartKind::Message {
                continue;
            }
            number += 1;
            let incoming =
                Incoming { body: piece.bytes, peer: self.peer.clone(), batch: piece.place };
            match store(intake, steer, incoming, None).await {
                Some(Answer::Reply(acknowledgement)) => self.note(number, &acknowledgement).await?,
                Some(Answer::Silent | Answer::Unstored(_) | Answer::Close) => {}
                None => return Ok(None),
            }
        }
        if self.acks.is_some() {
            self.reply.end(&mut self.out);
        }
        Ok(Some(match &self.first_refused {
            None => Ended::Done,
            Some((first, code)) => Ended::failed(
                "rejected",
                format!(
                    "{} of {number} messages were not accepted, the first of them number {first} ({code})",
                    self.refused
                ),
            ),
        }))
    }

    async fn note(&mut self, number: u64, acknowledgement: &[u8]) -> io::Result<()> {
        let code = hl7::read_reply(acknowledgement).and_then(|reply| reply.code);
        if !code.is_some_and(|code| code.is_positive()) {
            self.refused += 1;
            let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
            self.first_refused.get_or_insert((number, code));
        }
        let Some(acks) = self.acks.take() else { return Ok(()) };
        self.reply.answer(acknowledgement, &mut self.out);
        self.acks = Some(match self.out.len() {
            ACKS_BYTES_MAX.. => {
                let out = std::mem::take(&mut self.out);
                blocking(move || write_out(acks, &out)).await?
            }
            _ => acks,
        });
        Ok(())
    }

    /// Records what must not be routed: the whole file as one message.
    async fn whole(
        &mut self,
        intake: &dyn Intake,
        steer: &mut Steer,
        fault: BatchFault,
    ) -> Option<Ended> {
        let is_hl7 = parts(&self.bytes)
            .any(|part| !matches!(part.kind, PartKind::Blank | PartKind::Foreign));
        let (ended, body, refusal) = if is_hl7 {
            let refusal = Refusal::from(fault);
            (Ended::failed(refusal.code, refusal.text.clone()), self.bytes.clone(), Some(refusal))
        } else {
            let text = hl7::peek(&self.bytes).err().map_or("", |unreadable| unreadable.text);
            let kept = self.bytes.slice(..self.bytes.len().min(UNREADABLE_BYTES_MAX));
            (Ended::failed("unreadable", text), kept, None)
        };
        let incoming = Incoming { body, peer: self.peer.clone(), batch: None };
        store(intake, steer, incoming, refusal).await.map(|_| ended)
    }
}

fn write_out(mut acks: AckFile, out: &[u8]) -> io::Result<AckFile> {
    acks.write(out)?;
    Ok(acks)
}

/// Hands one message on until it is on disk; nothing when the source closed before.
async fn store(
    intake: &dyn Intake,
    steer: &mut Steer,
    incoming: Incoming,
    refusal: Option<Refusal>,
) -> Option<Answer> {
    let [mut pause, pause_max] = STORE_PAUSES;
    while steer.may_go_on(true).await {
        let answer = match refusal.clone() {
            None => intake.receive(incoming.clone()).await,
            Some(refusal) => intake.refuse(incoming.clone(), refusal).await,
        };
        match answer {
            Answer::Reply(_) | Answer::Silent => return Some(answer),
            Answer::Unstored(_) | Answer::Close => {}
        }
        steer.pause(pause).await;
        pause = (pause * 2).min(pause_max);
    }
    None
}
