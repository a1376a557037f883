//! One message on its way out.

use bytes::Bytes;

/// A delivery as a connector sees it.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// The bytes to deliver, unframed.
    pub body: &'a Bytes,
    /// The message the delivery belongs to.
    pub message_id: &'a str,
    /// The delivery.
    pub delivery_id: &'a str,
    /// Which part of a split message this is, counted from 1.
    pub part: u32,
    /// Which try this is, counted from 1.
    pub attempt: u32,
    /// When the message was received, in microseconds UTC.
    pub received_us: i64,
}
