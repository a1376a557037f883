//! One delivery as it travels in memory.

use std::sync::Arc;

use bytes::Bytes;
use store::{DeliveryId, LaneKey, MessageId};

use crate::lanes::{Ordered, Position};

/// A delivery with the bytes to send. The store holds the same; memory saves reading it back.
#[derive(Clone)]
pub struct Parcel {
    /// The delivery's row.
    pub delivery: DeliveryId,
    /// The message that it is a part of.
    pub message: MessageId,
    /// The first message of that one's line.
    pub trace: MessageId,
    /// Its place in receipt order.
    pub position: Position,
    /// Its order keys, each carrying its scheme (see [`crate::keys`]).
    pub keys: Arc<[LaneKey]>,
    /// What the receiver gets.
    pub body: Bytes,
    /// When the message arrived, microseconds UTC.
    pub received_us: i64,
    /// Tries so far, of every kind.
    pub tries: u32,
    /// Tries that count towards giving up: those that the receiver answered or let time out.
    pub answered_tries: u32,
    /// When the first of those began, microseconds UTC.
    pub first_answered_us: Option<i64>,
}

impl Ordered for Parcel {
    fn position(&self) -> Position {
        self.position
    }

    fn keys(&self) -> &[LaneKey] {
        &self.keys
    }

    fn scheme(&self) -> u16 {
        self.keys.first().map_or(0, crate::keys::scheme)
    }
}
