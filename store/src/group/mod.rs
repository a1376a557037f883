//! What one transaction of the writer holds.

mod assemble;
mod counts;
mod open;
mod rare;
mod resolve;
mod rows;

pub(crate) use assemble::{Assembled, Item, Work, count_message};
pub(crate) use counts::{Counter, Counts, hour_of};
pub(crate) use open::OpenMessages;
pub(crate) use rare::write_rare;
pub(crate) use resolve::DUPLICATE_WINDOW_US;
pub(crate) use rows::{
    AckRow, DecideRow, DeliveryRow, EndRow, MessageBody, MessageRow, Of, OutcomeRow, SettleRow,
    TryRow,
};

use std::sync::Arc;

use uuid::Uuid;

use crate::seal::KeyRow;
use crate::settle::Wait;

/// Everything that is written in one transaction and one sync.
#[derive(Default)]
pub(crate) struct Group {
    pub messages: Vec<MessageRow>,
    pub settles: Vec<SettleRow>,
    /// The messages that the settles end.
    pub ends: Vec<EndRow>,
    pub decides: Vec<DecideRow>,
    pub tries: Vec<TryRow>,
    /// Data keys that blobs of this group may be the first to use.
    pub keys: Vec<Arc<KeyRow>>,
    pub counts: Counts,
    /// The epochs that must still hold, by channel.
    pub fences: Vec<(i64, i64)>,
    /// Duplicate tokens were looked up: those that are there already give way.
    pub tokens_known: bool,
    /// The time of the group.
    pub now_us: i64,
}

impl Group {
    /// Whether it needs statements that the ordinary group has not.
    pub(crate) fn has_rare(&self) -> bool {
        !self.decides.is_empty()
            || !self.tries.is_empty()
            || !self.keys.is_empty()
            || self.tokens_known
            || self
                .settles
                .iter()
                .any(|settle| settle.awaits.is_some() || settle.wait != Wait::None)
            || self.messages.iter().any(|message| !matches!(message.ack, AckRow::None))
            || self
                .messages
                .iter()
                .flat_map(|message| &message.deliveries)
                .any(|delivery| !delivery.more_lanes.is_empty())
    }

    /// Every delivery, with what it has from its message.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = (Of, &DeliveryRow)> {
        let of_messages = self
            .messages
            .iter()
            .flat_map(|row| row.deliveries.iter().map(|delivery| (row.of(), delivery)));
        let of_decides = self
            .decides
            .iter()
            .flat_map(|row| row.deliveries.iter().map(|delivery| (row.of(), delivery)));
        of_messages.chain(of_decides)
    }

    /// The duplicate tokens, with the message that a repeat is compared with: the last one that has it.
    pub(crate) fn tokens(&self) -> Vec<(i64, Uuid)> {
        let mut tokens: Vec<(i64, Uuid)> = Vec::with_capacity(self.messages.len());
        for message in &self.messages {
            let Some(token) = message.duplicate else { continue };
            match tokens.iter_mut().find(|(known, _)| *known == token) {
                Some((_, last)) => *last = message.id,
                None => tokens.push((token, message.id)),
            }
        }
        tokens
    }

    /// Whether two of its messages have the same token: what is stored does not tell which of them is the repeat.
    pub(crate) fn has_repeats(&self) -> bool {
        let mut tokens: Vec<i64> = self.messages.iter().filter_map(|row| row.duplicate).collect();
        tokens.sort_unstable();
        tokens.windows(2).any(|pair| pair.first() == pair.last())
    }

    /// Every body that is stored, under its id.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = (Uuid, &[u8])> {
        let of_messages = self.messages.iter().filter_map(|row| match &row.body {
            MessageBody::Own(blob) => Some((row.id, &blob[..])),
            MessageBody::Of(_) => None,
        });
        let of_deliveries = self
            .deliveries()
            .filter_map(|(_, row)| row.own_body.as_ref().map(|blob| (row.id, &blob[..])));
        of_messages.chain(of_deliveries)
    }
}

/// Why a group was not written. Nothing of it is there, except where `Unknown` says otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// A duplicate token, a settle or a decision met a row that is not as expected: look, then write again.
    Unexpected,
    /// A channel has another owner.
    Fenced,
    /// The database said no, or nothing.
    Failed(crate::error::StoreError),
}

impl From<crate::error::StoreError> for Unwritten {
    fn from(error: crate::error::StoreError) -> Unwritten {
        Unwritten::Failed(error)
    }
}
