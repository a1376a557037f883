//! What the engine hands in when a message arrives, and what it gets back.

use bytes::Bytes;
use phi::Phi;

use crate::ids::{DeliveryId, DestinationId, MessageId, RevisionId};
use crate::state::{Disposition, Origin};
use crate::token::LaneKey;

/// A message as it arrived, with what the program made of it when it has been asked already.
pub struct Receipt {
    /// Its id, made before.
    pub id: MessageId,
    /// When it arrived, microseconds UTC.
    pub received_us: i64,
    /// How it came to be.
    pub origin: Origin,
    /// The message that it was made from.
    pub parent: Option<MessageId>,
    /// The first message of its line; its own id when it has no parent.
    pub trace: MessageId,
    /// Who sent it.
    pub peer: String,
    /// What was peeked from it.
    pub header: Header,
    /// The bytes as received.
    pub body: Bytes,
    /// The acknowledgement that it gets; a duplicate is answered with the same.
    pub ack_code: &'static str,
    /// Whether to look for an earlier arrival of the same message.
    pub dedupe: bool,
    /// Reject it when the earlier arrival has other bytes.
    pub refuse_same_id: bool,
    /// What the program decided; nothing when it has not yet.
    pub decision: Option<Decision>,
    /// How often a program has been started on it.
    pub tries: u8,
    /// Lone line feeds where a segment seems to begin.
    pub lone_lf: u32,
    /// The batch that it came in and its place there, such as `BATCH7 3/10`.
    pub batch: Option<String>,
    /// What it has to do with application acknowledgements.
    pub ack: AckPart,
}

/// What a message has to do with application acknowledgements that come as messages of their own.
#[derive(Clone, Default)]
pub enum AckPart {
    /// Nothing.
    #[default]
    None,
    /// Its sender is owed one.
    Owed,
    /// It is one, for the delivery with this control id (MSA-2 as received).
    For(Vec<u8>),
}

/// The peeked fields of a message.
#[derive(Clone, Default)]
pub struct Header {
    /// MSH-10. Sealed in the store, and found by a token.
    pub control_id: String,
    /// MSH-9 as text.
    pub kind: String,
    /// MSH-3.
    pub application: String,
    /// MSH-4.
    pub facility: String,
    /// MSH-12.
    pub version: String,
    /// The reading charset.
    pub charset: String,
}

/// What the program made of a message.
pub struct Decision {
    /// The revision that decided; every decision has one, also of a message that could not be read.
    pub revision: RevisionId,
    /// [`Disposition::Received`] when deliveries are open.
    pub disposition: Disposition,
    /// Why it is what it is.
    pub reason: Option<Reason>,
    /// What went wrong, in words that may quote the message.
    pub error: Option<Phi<String>>,
    /// What went wrong with values cut out: equal for equal faults. Kept as a token.
    pub signature: Option<String>,
    /// What is to be delivered.
    pub deliveries: Vec<NewDelivery>,
}

/// The plain reason of a disposition or of a dead delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A stable code.
    pub code: String,
    /// The step of the program, from 1.
    pub step: Option<u16>,
}

/// One message part for one destination.
pub struct NewDelivery {
    /// Its id, made before.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination: DestinationId,
    /// The part of a split, from 1.
    pub part: u32,
    /// What is sent.
    pub body: DeliveryBody,
    /// The lanes that it holds; at least one.
    pub keys: Vec<LaneKey>,
    /// Set when the destination's own steps failed: it is kept dead and never sent.
    pub dead: Option<DeadOnArrival>,
}

/// The bytes of a delivery.
#[derive(Clone)]
pub enum DeliveryBody {
    /// The message's own; they are stored once.
    Same,
    /// Others.
    Own(Bytes),
}

/// Why a delivery is dead from the start.
pub struct DeadOnArrival {
    /// The plain part.
    pub reason: Reason,
    /// Words that may quote the message.
    pub error: Option<Phi<String>>,
    /// Equal for equal faults.
    pub signature: Option<String>,
}

/// What the writer tells when a message is on disk, before anybody else is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The message's number in its channel: receipt order.
    pub seq: i64,
}

/// What a caller is told once it knows about disk: a callback that the writer runs in `seq` order. It must not wait.
pub type OnCommit = Box<dyn FnOnce(Committed) + Send>;

/// The outcome of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is on disk.
    New {
        /// Its number in its channel.
        seq: i64,
        /// Its control id had come before, with another body. It is `rejected` when its receipt asked for that.
        same_id_other_body: bool,
    },
    /// It had arrived before and was not stored again.
    Duplicate {
        /// The message that is stored.
        of: MessageId,
        /// How that one was acknowledged.
        ack_code: String,
        /// What became of that one so far.
        disposition: Disposition,
    },
}
