//! Rows on their way to disk: sealed, tokens made, everything but `seq` known.

use uuid::Uuid;

use crate::settle::Wait;
use crate::state::Disposition;
use crate::token::Token;

/// A row of `messages`.
pub(crate) struct MessageRow {
    pub id: Uuid,
    pub channel: i64,
    /// Allotted when the group is put together.
    pub seq: i64,
    pub received_us: i64,
    pub origin: i64,
    pub parent: Option<Uuid>,
    pub trace: Option<Uuid>,
    pub peer: String,
    pub application: String,
    pub facility: String,
    pub kind: String,
    pub version: String,
    pub charset: String,
    pub control_id: Vec<u8>,
    pub control_token: Token,
    pub digest: Token,
    pub duplicate: Option<i64>,
    pub refuse_same_id: bool,
    pub bytes: i64,
    pub body: MessageBody,
    pub lone_lf: i64,
    pub batch: Option<String>,
    pub ack_code: String,
    pub tries: i64,
    pub outcome: OutcomeRow,
    pub deliveries: Vec<DeliveryRow>,
    pub ack: AckRow,
}

/// What a message adds to the tables of application acknowledgements.
pub(crate) enum AckRow {
    None,
    Owed,
    Arrived(Token),
}

/// Where a message's bytes are.
pub(crate) enum MessageBody {
    /// Stored under its own id: the sealed blob.
    Own(Vec<u8>),
    /// Stored already, under this id.
    Of(Uuid),
}

/// The columns that a decision fills.
#[derive(Default)]
pub(crate) struct OutcomeRow {
    pub disposition: i64,
    pub revision: Option<i64>,
    pub reason_code: Option<String>,
    pub reason_step: Option<i64>,
    pub signature: Option<Token>,
    pub error: Option<Vec<u8>>,
}

/// A row of `deliveries`, with its further lanes.
pub(crate) struct DeliveryRow {
    pub id: Uuid,
    pub destination: i64,
    pub part: i64,
    /// The sealed blob when its bytes are not the message's.
    pub own_body: Option<Vec<u8>>,
    pub lane: Token,
    pub more_lanes: Vec<Token>,
    pub state: i64,
    pub reason_code: Option<String>,
    pub reason_step: Option<i64>,
    pub signature: Option<Token>,
    pub error: Option<Vec<u8>>,
}

/// A row of `attempts` and what it does to its delivery and message.
pub(crate) struct SettleRow {
    pub message: Uuid,
    pub delivery: Uuid,
    pub channel: i64,
    pub state: i64,
    pub until_us: i64,
    pub reason_code: Option<String>,
    pub started_us: i64,
    pub duration_us: i64,
    pub peer: String,
    pub code: String,
    pub answered: bool,
    pub response: Option<Vec<u8>>,
    pub error: Option<Vec<u8>>,
    /// The token of the acknowledgement that is awaited from now on.
    pub awaits: Option<Token>,
    pub wait: Wait,
}

impl SettleRow {
    pub(crate) fn is_final(&self) -> bool {
        self.state >= crate::state::DeliveryState::FINAL
    }
}

/// The end of a message: its last delivery is final.
pub(crate) struct EndRow {
    pub message: Uuid,
    pub channel: i64,
    pub disposition: i64,
}

/// A decision about a message that is on disk without one.
pub(crate) struct DecideRow {
    pub message: Uuid,
    pub channel: i64,
    /// Looked up before the group is written.
    pub seq: i64,
    pub received_us: i64,
    pub outcome: OutcomeRow,
    pub deliveries: Vec<DeliveryRow>,
}

/// What a delivery has from its message.
#[derive(Clone, Copy)]
pub(crate) struct Of {
    pub message: Uuid,
    pub channel: i64,
    pub seq: i64,
    pub received_us: i64,
}

impl MessageRow {
    /// Makes it a message that no program sees.
    pub(crate) fn reject(&mut self, reason: &'static str) {
        self.duplicate = None;
        self.ack = AckRow::None;
        self.ack_code = "AR".to_owned();
        self.deliveries.clear();
        self.outcome = OutcomeRow {
            disposition: Disposition::Rejected.code(),
            revision: Some(self.outcome.revision.unwrap_or_default()),
            reason_code: Some(reason.to_owned()),
            ..OutcomeRow::default()
        };
    }

    pub(crate) fn of(&self) -> Of {
        Of { message: self.id, channel: self.channel, seq: self.seq, received_us: self.received_us }
    }
}

impl DecideRow {
    pub(crate) fn of(&self) -> Of {
        Of {
            message: self.message,
            channel: self.channel,
            seq: self.seq,
            received_us: self.received_us,
        }
    }
}

/// A program is about to start on an undecided message.
pub(crate) struct TryRow {
    pub message: Uuid,
    pub channel: i64,
}
