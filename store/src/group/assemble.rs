//! From what callers handed in to one group, and back to what each of them is told.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::rows::{DecideRow, DeliveryRow, MessageRow, SettleRow, TryRow};
use super::{Counts, Group, OpenMessages};
use crate::channels::Channels;
use crate::error::StoreError;
use crate::receipt::{Committed, OnCommit, Received};
use crate::seal::FreshKey;
use crate::state::{DeliveryState, Disposition, Origin, What};

/// One thing that a caller wants written.
pub(crate) struct Item {
    pub channel: i64,
    pub epoch: i64,
    pub work: Work,
    /// Keys that sealed something in it.
    pub keys: Vec<FreshKey>,
}

/// The kinds of [`Item`].
pub(crate) enum Work {
    Receive {
        message: Box<MessageRow>,
        on_commit: OnCommit,
        reply: oneshot::Sender<Result<Received, StoreError>>,
    },
    Decide {
        row: Box<DecideRow>,
        on_commit: OnCommit,
        reply: oneshot::Sender<Result<i64, StoreError>>,
    },
    /// A delivery ends here and is a message of another channel there.
    Hop {
        settle: Box<SettleRow>,
        message: Box<MessageRow>,
        /// The epoch of the other channel.
        epoch: i64,
        on_commit: OnCommit,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    Try {
        row: TryRow,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    Settle {
        row: Box<SettleRow>,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
}

impl Item {
    pub(crate) fn is_settle(&self) -> bool {
        matches!(self.work, Work::Settle { .. })
    }

    /// Tells its caller that nothing of it was written.
    pub(crate) fn refuse(self, error: StoreError) {
        match self.work {
            Work::Receive { reply, .. } => drop(reply.send(Err(error))),
            Work::Decide { reply, .. } => drop(reply.send(Err(error))),
            Work::Try { reply, .. } | Work::Settle { reply, .. } | Work::Hop { reply, .. } => {
                drop(reply.send(Err(error)));
            }
        }
    }
}

/// What a caller is told once the group is on disk, in the order of the items.
pub(crate) enum Reply {
    Receive {
        channel: i64,
        outcome: Outcome,
        on_commit: OnCommit,
        reply: oneshot::Sender<Result<Received, StoreError>>,
    },
    Decide {
        channel: i64,
        id: Uuid,
        seq: i64,
        on_commit: OnCommit,
        reply: oneshot::Sender<Result<i64, StoreError>>,
    },
    Hop {
        channels: [i64; 2],
        delivery: Uuid,
        message: Uuid,
        seq: i64,
        on_commit: OnCommit,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    Plain {
        channel: i64,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
}

impl Reply {
    fn is_of(&self, channels: &[i64]) -> bool {
        match self {
            Reply::Receive { channel, .. }
            | Reply::Decide { channel, .. }
            | Reply::Plain { channel, .. } => channels.contains(channel),
            Reply::Hop { channels: both, .. } => both.iter().any(|one| channels.contains(one)),
        }
    }

    /// Tells the caller that nothing of it was written.
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Reply::Receive { reply, .. } => drop(reply.send(Err(error))),
            Reply::Decide { reply, .. } => drop(reply.send(Err(error))),
            Reply::Plain { reply, .. } | Reply::Hop { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

/// How a receive in a group ends.
#[derive(Clone)]
pub(crate) enum Outcome {
    New { seq: i64, same_id_other_body: bool },
    Duplicate { of: Uuid, ack_code: String, disposition: Disposition },
}

/// A group with the callers who wait for it.
#[derive(Default)]
pub(crate) struct Assembled {
    pub group: Group,
    pub replies: Vec<Reply>,
    pub fresh: Vec<FreshKey>,
    settled: HashSet<Uuid>,
}

impl Assembled {
    /// Whether an item has to wait for the next group, because this one already settles the same delivery.
    pub(crate) fn must_wait(&self, item: &Item) -> bool {
        match &item.work {
            Work::Settle { row, .. } | Work::Hop { settle: row, .. } => {
                self.settled.contains(&row.delivery)
            }
            Work::Receive { .. } | Work::Decide { .. } | Work::Try { .. } => false,
        }
    }

    /// Adds an item whose owner has been checked.
    pub(crate) fn add(&mut self, item: Item) {
        for fresh in item.keys {
            if !fresh.key.is_committed()
                && !self.fresh.iter().any(|known| Arc::ptr_eq(&known.key, &fresh.key))
            {
                self.fresh.push(fresh);
            }
        }
        self.fenced_by(item.channel, item.epoch);
        match item.work {
            Work::Receive { message, on_commit, reply } => {
                let outcome = Outcome::New { seq: 0, same_id_other_body: false };
                self.replies.push(Reply::Receive {
                    channel: message.channel,
                    outcome,
                    on_commit,
                    reply,
                });
                self.group.messages.push(*message);
            }
            Work::Decide { row, on_commit, reply } => {
                self.replies.push(Reply::Decide {
                    channel: item.channel,
                    id: row.message,
                    seq: 0,
                    on_commit,
                    reply,
                });
                self.group.decides.push(*row);
            }
            Work::Hop { settle, message, epoch, on_commit, reply } => {
                self.fenced_by(message.channel, epoch);
                self.replies.push(Reply::Hop {
                    channels: [item.channel, message.channel],
                    delivery: settle.delivery,
                    message: message.id,
                    seq: 0,
                    on_commit,
                    reply,
                });
                self.settled.insert(settle.delivery);
                self.group.settles.push(*settle);
                self.group.messages.push(*message);
            }
            Work::Try { row, reply } => {
                self.replies.push(Reply::Plain { channel: item.channel, reply });
                self.group.tries.push(row);
            }
            Work::Settle { row, reply } => {
                self.replies.push(Reply::Plain { channel: item.channel, reply });
                self.settled.insert(row.delivery);
                self.group.settles.push(*row);
            }
        }
    }

    fn fenced_by(&mut self, channel: i64, epoch: i64) {
        if !self.group.fences.iter().any(|(known, _)| *known == channel) {
            self.group.fences.push((channel, epoch));
        }
    }

    /// Allots `seq` in order, and works out which messages end and what the group adds to the counters. Called before every writing.
    pub(crate) fn number(&mut self, channels: &Channels, open: &OpenMessages, now_us: i64) {
        let group = &mut self.group;
        group.now_us = now_us;
        group.keys = self.fresh.iter().map(|fresh| Arc::clone(&fresh.row)).collect();
        channels.number(&mut group.messages);
        let mut seqs = group.messages.iter();
        for reply in &mut self.replies {
            if let Reply::Receive { outcome: Outcome::New { seq, .. }, .. } | Reply::Hop { seq, .. } =
                reply
                && let Some(message) = seqs.next()
            {
                *seq = message.seq;
            }
        }
        self.group.ends = open.ends(&self.group.settles);
        self.group.counts = self.counts(open);
    }

    fn counts(&self, open: &OpenMessages) -> Counts {
        let mut counts = Counts::default();
        let group = &self.group;
        for message in &group.messages {
            count_receipt(&mut counts, message);
        }
        for decide in &group.decides {
            count_outcome(
                &mut counts,
                decide.channel,
                decide.outcome.disposition,
                decide.outcome.reason_code.as_deref(),
            );
        }
        for (of, delivery) in group.deliveries() {
            count_delivery(&mut counts, of.channel, delivery);
        }
        for settle in &group.settles {
            let state = DeliveryState::from_code(settle.state);
            if let (Some(destination), Some(what)) =
                (open.destination(settle), state.and_then(What::settled))
            {
                counts.destination(settle.channel, destination, what, 1);
            }
        }
        for end in &group.ends {
            count_outcome(&mut counts, end.channel, end.disposition, None);
        }
        for reply in &self.replies {
            match reply {
                Reply::Receive { channel, outcome: Outcome::Duplicate { .. }, .. } => {
                    counts.channel(*channel, What::Duplicates, 1);
                }
                Reply::Receive {
                    channel,
                    outcome: Outcome::New { same_id_other_body: true, .. },
                    ..
                } => {
                    counts.channel(*channel, What::SameIdOtherBody, 1);
                }
                Reply::Receive { .. }
                | Reply::Decide { .. }
                | Reply::Hop { .. }
                | Reply::Plain { .. } => {}
            }
        }
        counts
    }

    /// Tells everybody that the group is on disk: callbacks first, in the order of `seq`.
    pub(crate) fn succeed(self) {
        for fresh in &self.fresh {
            fresh.key.set_committed();
        }
        let mut told = Vec::with_capacity(self.replies.len());
        for reply in self.replies {
            told.push(match reply {
                Reply::Receive {
                    outcome: Outcome::New { seq, same_id_other_body },
                    on_commit,
                    reply,
                    ..
                } => {
                    call(on_commit, seq);
                    Told::Receive(reply, Received::New { seq, same_id_other_body })
                }
                Reply::Receive {
                    outcome: Outcome::Duplicate { of, ack_code, disposition },
                    reply,
                    ..
                } => {
                    let of = crate::ids::MessageId::from_uuid(of);
                    Told::Receive(reply, Received::Duplicate { of, ack_code, disposition })
                }
                Reply::Decide { seq, on_commit, reply, .. } => {
                    call(on_commit, seq);
                    Told::Decide(reply, seq)
                }
                Reply::Hop { seq, on_commit, reply, .. } => {
                    call(on_commit, seq);
                    Told::Plain(reply)
                }
                Reply::Plain { reply, .. } => Told::Plain(reply),
            });
        }
        for told in told {
            // A caller who has gone away does not want to know.
            match told {
                Told::Receive(reply, received) => drop(reply.send(Ok(received))),
                Told::Decide(reply, seq) => drop(reply.send(Ok(seq))),
                Told::Plain(reply) => drop(reply.send(Ok(()))),
            }
        }
    }

    /// Tells everybody that it is not.
    pub(crate) fn fail(self, error: &StoreError) {
        for reply in self.replies {
            reply.refuse(error.clone());
        }
    }

    /// Takes everything of some channels out of the group, because another engine owns them.
    pub(crate) fn fence(&mut self, lost: &[i64]) {
        let (gone, kept): (Vec<Reply>, _) =
            std::mem::take(&mut self.replies).into_iter().partition(|reply| reply.is_of(lost));
        self.replies = kept;
        // A hop goes as a whole, also when only one of its channels is lost.
        for reply in &gone {
            if let Reply::Hop { delivery, message, .. } = reply {
                self.group.settles.retain(|row| row.delivery != *delivery);
                self.group.messages.retain(|row| row.id != *message);
            }
        }
        let group = &mut self.group;
        group.messages.retain(|row| !lost.contains(&row.channel));
        group.decides.retain(|row| !lost.contains(&row.channel));
        group.tries.retain(|row| !lost.contains(&row.channel));
        group.settles.retain(|row| !lost.contains(&row.channel));
        group.fences.retain(|(channel, _)| !lost.contains(channel));
        for reply in gone {
            reply.refuse(StoreError::Fenced);
        }
    }
}

/// A callback that breaks off is its caller's fault; the writer and everybody behind it go on.
fn call(on_commit: OnCommit, seq: i64) {
    let called = catch_unwind(AssertUnwindSafe(|| on_commit(Committed { seq })));
    if called.is_err() {
        tracing::error!(seq, "a callback of a commit broke off");
    }
}

enum Told {
    Receive(oneshot::Sender<Result<Received, StoreError>>, Received),
    Decide(oneshot::Sender<Result<i64, StoreError>>, i64),
    Plain(oneshot::Sender<Result<(), StoreError>>),
}

/// Codes of messages that are set aside, counted apart.
const QUARANTINE: [&str; 2] = ["crash", "unreadable"];

/// A message that is stored apart from the groups, with its deliveries.
pub(crate) fn count_message(counts: &mut Counts, message: &MessageRow) {
    count_receipt(counts, message);
    for delivery in &message.deliveries {
        count_delivery(counts, message.channel, delivery);
    }
}

fn count_receipt(counts: &mut Counts, message: &MessageRow) {
    let origin = Origin::from_code(message.origin).unwrap_or(Origin::Peer);
    counts.channel(message.channel, What::received(origin), 1);
    let outcome = &message.outcome;
    count_outcome(counts, message.channel, outcome.disposition, outcome.reason_code.as_deref());
}

fn count_delivery(counts: &mut Counts, channel: i64, delivery: &DeliveryRow) {
    counts.destination(channel, delivery.destination, What::DeliveriesMade, 1);
    if delivery.state == DeliveryState::Dead.code() {
        counts.destination(channel, delivery.destination, What::DeliveriesDead, 1);
    }
}

fn count_outcome(counts: &mut Counts, channel: i64, disposition: i64, reason: Option<&str>) {
    let disposition = Disposition::from_code(disposition).unwrap_or(Disposition::Received);
    if let Some(what) = What::disposition(disposition) {
        counts.channel(channel, what, 1);
    }
    if disposition == Disposition::Failed
        && reason.is_some_and(|reason| QUARANTINE.contains(&reason))
    {
        counts.channel(channel, What::Quarantined, 1);
    }
}
