//! What passes through a channel, counted as it passes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use connectors::Answer;
use store::{Histogram, Origin};

/// Codes of acknowledgements, as they are counted; what is none of them is `other`.
pub const CODES: [&str; 8] = ["AA", "AE", "AR", "CA", "CE", "CR", "none", "other"];
/// How messages come to be, as they are counted.
pub const ORIGINS: [Origin; 5] =
    [Origin::Peer, Origin::Replay, Origin::Edit, Origin::Channel, Origin::Acknowledgement];
/// What a try comes to.
pub const OUTCOMES: [&str; 4] = ["delivered", "dead", "answered", "unreachable"];

/// An answer on its way.
pub type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Messages of a channel since the start.
#[derive(Default)]
pub struct Taken {
    received: [AtomicU64; ORIGINS.len()],
    answered: [AtomicU64; CODES.len()],
    /// From the last byte of a message to its acknowledgement.
    pub acks: Histogram,
}

/// Tries at a destination since the start.
#[derive(Default)]
pub struct Tried {
    outcomes: [AtomicU64; OUTCOMES.len()],
    /// How long each try took.
    pub tries: Histogram,
}

fn add(counts: &[AtomicU64], at: usize) {
    if let Some(count) = counts.get(at) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn read<const N: usize>(counts: &[AtomicU64; N]) -> [u64; N] {
    std::array::from_fn(|at| counts.get(at).map_or(0, |count| count.load(Ordering::Relaxed)))
}

impl Taken {
    /// A message has come to be.
    pub fn received(&self, origin: Origin) {
        add(&self.received, ORIGINS.iter().position(|one| *one == origin).unwrap_or(0));
    }

    /// Takes a message of a peer, and counts it and its answer.
    pub fn counted(self: &Arc<Self>, take: impl FnOnce() -> Coming) -> Coming {
        let begun = Instant::now();
        self.received(Origin::Peer);
        let (taken, coming) = (Arc::clone(self), take());
        Box::pin(async move {
            let answer = coming.await;
            taken.answered(begun, &answer);
            answer
        })
    }

    /// A message was answered.
    pub fn answered(&self, begun: Instant, answer: &Answer) {
        self.acks.note(begun.elapsed());
        let code = match answer {
            Answer::Reply(bytes) | Answer::Unstored(bytes) => code(bytes),
            Answer::Silent | Answer::Close => "none",
        };
        add(&self.answered, CODES.iter().position(|one| *one == code).unwrap_or(CODES.len() - 1));
    }

    /// How many of each origin.
    pub fn by_origin(&self) -> [u64; ORIGINS.len()] {
        read(&self.received)
    }

    /// How many were answered with each code.
    pub fn by_code(&self) -> [u64; CODES.len()] {
        read(&self.answered)
    }
}

/// The code in an acknowledgement that we have written: behind the first field separator of its MSA.
fn code(bytes: &[u8]) -> &str {
    let at = bytes.windows(4).position(|four| matches!(four, [b'\r' | b'\n', b'M', b'S', b'A']));
    let found = at.and_then(|at| bytes.get(at + 5..at + 7));
    found.and_then(|code| std::str::from_utf8(code).ok()).unwrap_or("other")
}

impl Tried {
    /// A try has ended: what it came to, by its place in [`OUTCOMES`].
    pub fn ended(&self, outcome: usize, took_us: i64) {
        add(&self.outcomes, outcome);
        self.tries.note(Duration::from_micros(u64::try_from(took_us).unwrap_or(0)));
    }

    /// How many came to each.
    pub fn by_outcome(&self) -> [u64; OUTCOMES.len()] {
        read(&self.outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_by_its_code() {
        let taken = Taken::default();
        for text in ["MSH|^~\\&|A\rMSA|AA|1\r", "MSH|^~\\&|A\rMSA|AR|1\r", "nonsense"] {
            taken.answered(Instant::now(), &Answer::Reply(text.as_bytes().to_vec().into()));
        }
        taken.answered(Instant::now(), &Answer::Close);
        assert_eq!(taken.by_code(), [1, 0, 1, 0, 0, 0, 1, 1]);
        assert_eq!(taken.acks.count(), 4);
    }
}
