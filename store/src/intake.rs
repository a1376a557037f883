//! From what the engine hands in to sealed rows: everything that costs time and needs no database, in the caller's thread.

use config::Name;
use uuid::Uuid;

use crate::error::StoreError;
use crate::group::{
    AckRow, DecideRow, DeliveryRow, MessageBody, MessageRow, OutcomeRow, SettleRow,
};
use crate::ids::{ChannelId, MessageId};
use crate::receipt::{AckPart, DeadOnArrival, Decision, DeliveryBody, NewDelivery, Receipt};
use crate::seal::{self, Column, FreshKey, KeyRing, Place, Purpose};
use crate::settle::{Settle, Settled};
use crate::state::{DeliveryState, Disposition};
use crate::token::Tokens;

/// The reason of a delivery that waits for its application acknowledgement.
pub(crate) const AWAITS_ACK: &str = "application-ack";

/// What sealing needs.
pub(crate) struct Intake<'a> {
    pub ring: &'a KeyRing,
    pub tokens: &'a Tokens,
    pub channel: ChannelId,
    pub name: &'a Name,
}

/// Rows and the data keys that sealed them.
pub(crate) struct Sealed<T> {
    pub row: T,
    pub keys: Vec<FreshKey>,
    /// Roughly what it weighs in memory.
    pub bytes: usize,
}

struct Sealer<'a> {
    key: &'a FreshKey,
    channel: ChannelId,
}

impl Sealer<'_> {
    fn seal(&self, column: Column, row: Uuid, plain: &[u8]) -> Vec<u8> {
        seal::seal(&self.key.key, Place { channel: self.channel, column, row }, plain)
    }
}

impl Intake<'_> {
    pub(crate) fn receipt(&self, receipt: Receipt) -> Result<Sealed<MessageRow>, StoreError> {
        let key = self.ring.sealing(Purpose::Message, self.channel, receipt.received_us)?;
        let of_row = self.ring.sealing(Purpose::Receipt, self.channel, receipt.received_us)?;
        let sealer = Sealer { key: &key, channel: self.channel };
        let row_sealer = Sealer { key: &of_row, channel: self.channel };
        let id = receipt.id.uuid();
        let header = receipt.header;
        let duplicate = receipt.dedupe.then(|| {
            self.tokens.duplicate(
                self.channel,
                &header.application,
                &header.facility,
                &header.control_id,
            )
        });
        let body = sealer.seal(Column::Body, id, &receipt.body);
        let mut bytes = 1_024 + body.len();
        let (outcome, deliveries) = match receipt.decision {
            Some(decision) => self.decision(&sealer, id, decision, &mut bytes),
            None => (undecided(), Vec::new()),
        };
        let row = MessageRow {
            id,
            channel: self.channel.number(),
            seq: 0,
            received_us: receipt.received_us,
            origin: receipt.origin.code(),
            parent: receipt.parent.map(MessageId::uuid),
            trace: (receipt.trace != receipt.id).then(|| receipt.trace.uuid()),
            peer: receipt.peer,
            control_id: row_sealer.seal(Column::ControlId, id, header.control_id.as_bytes()),
            control_token: self.tokens.control_id(&header.control_id),
            application: header.application,
            facility: header.facility,
            kind: header.kind,
            version: header.version,
            charset: header.charset,
            digest: self.tokens.digest(&receipt.body),
            duplicate,
            refuse_same_id: receipt.refuse_same_id,
            bytes: i64::try_from(receipt.body.len()).unwrap_or(i64::MAX),
            body: MessageBody::Own(body),
            lone_lf: i64::from(receipt.lone_lf),
            batch: receipt.batch,
            ack_code: receipt.ack_code.to_owned(),
            tries: i64::from(receipt.tries),
            outcome,
            deliveries,
            ack: match receipt.ack {
                AckPart::None => AckRow::None,
                AckPart::Owed => AckRow::Owed,
                AckPart::For(id) => AckRow::Arrived(self.tokens.application_ack(self.name, &id)),
            },
        };
        Ok(Sealed { row, keys: vec![key, of_row], bytes })
    }

    pub(crate) fn decided(
        &self,
        message: MessageId,
        decision: Decision,
    ) -> Result<Sealed<DecideRow>, StoreError> {
        // The day of the key is the day of the message's id, which carries its time.
        let key = self.ring.sealing(Purpose::Message, self.channel, time_of(message))?;
        let sealer = Sealer { key: &key, channel: self.channel };
        let mut bytes = 512;
        let (outcome, deliveries) = self.decision(&sealer, message.uuid(), decision, &mut bytes);
        let row = DecideRow {
            message: message.uuid(),
            channel: self.channel.number(),
            seq: 0,
            received_us: 0,
            outcome,
            deliveries,
        };
        Ok(Sealed { row, keys: vec![key], bytes })
    }

    fn decision(
        &self,
        sealer: &Sealer<'_>,
        message: Uuid,
        decision: Decision,
        bytes: &mut usize,
    ) -> (OutcomeRow, Vec<DeliveryRow>) {
        let disposition = disposition(&decision);
        let (reason_code, reason_step) = split(decision.reason);
        let outcome = OutcomeRow {
            disposition: disposition.code(),
            revision: Some(decision.revision.number()),
            reason_code,
            reason_step,
            signature: decision.signature.map(|text| self.tokens.signature(&text)),
            error: decision.error.map(|text| {
                sealer.seal(Column::MessageError, message, text.expose_phi().as_bytes())
            }),
        };
        let deliveries: Vec<_> = decision
            .deliveries
            .into_iter()
            .map(|delivery| self.delivery(sealer, delivery))
            .collect();
        *bytes += deliveries
            .iter()
            .map(|row| 256 + row.own_body.as_ref().map_or(0, Vec::len))
            .sum::<usize>();
        (outcome, deliveries)
    }

    fn delivery(&self, sealer: &Sealer<'_>, delivery: NewDelivery) -> DeliveryRow {
        let id = delivery.id.uuid();
        let state =
            if delivery.dead.is_some() { DeliveryState::Dead } else { DeliveryState::Queued };
        let (reason, error, signature) = match delivery.dead {
            Some(DeadOnArrival { reason, error, signature }) => (Some(reason), error, signature),
            None => (None, None, None),
        };
        let (reason_code, reason_step) = split(reason);
        let mut lanes = delivery.keys.into_iter().map(|key| key.0);
        DeliveryRow {
            id,
            destination: delivery.destination.number(),
            part: i64::from(delivery.part),
            own_body: match delivery.body {
                DeliveryBody::Same => None,
                DeliveryBody::Own(plain) => Some(sealer.seal(Column::Body, id, &plain)),
            },
            lane: lanes.next().unwrap_or_default(),
            more_lanes: lanes.collect(),
            state: state.code(),
            reason_code,
            reason_step,
            signature: signature.map(|text| self.tokens.signature(&text)),
            error: error
                .map(|text| sealer.seal(Column::DeliveryError, id, text.expose_phi().as_bytes())),
        }
    }

    pub(crate) fn settle(&self, settle: Settle) -> Result<Sealed<SettleRow>, StoreError> {
        let attempt = settle.attempt;
        let key = self.ring.sealing(Purpose::Message, self.channel, attempt.started_us)?;
        let sealer = Sealer { key: &key, channel: self.channel };
        let place = attempt_place(settle.delivery.uuid(), attempt.started_us);
        let mut awaits = None;
        let (state, until_us, reason_code) = match settle.to {
            Settled::Delivered => (DeliveryState::Delivered, attempt.started_us, None),
            Settled::Waiting { until_us } => (DeliveryState::Waiting, until_us, Some(attempt.code)),
            Settled::Committed { until_us, acks, control_id } => {
                awaits = Some(self.tokens.application_ack(&acks, &control_id));
                (DeliveryState::Waiting, until_us, Some(AWAITS_ACK))
            }
            Settled::Dead { code } => (DeliveryState::Dead, attempt.started_us, Some(code)),
        };
        let response = attempt
            .response
            .map(|bytes| sealer.seal(Column::AttemptResponse, place, bytes.expose_phi()));
        let error = attempt
            .error
            .map(|text| sealer.seal(Column::AttemptError, place, text.expose_phi().as_bytes()));
        let bytes =
            512 + response.as_ref().map_or(0, Vec::len) + error.as_ref().map_or(0, Vec::len);
        let row = SettleRow {
            message: settle.message.uuid(),
            delivery: settle.delivery.uuid(),
            channel: self.channel.number(),
            state: state.code(),
            until_us,
            reason_code: reason_code.map(str::to_owned),
            started_us: attempt.started_us,
            duration_us: attempt.duration_us,
            peer: attempt.peer,
            code: attempt.code.to_owned(),
            answered: attempt.answered,
            response,
            error,
            awaits,
            wait: settle.wait,
        };
        Ok(Sealed { row, keys: vec![key], bytes })
    }
}

/// The place that an attempt's blobs are sealed for: its delivery and its start, which together are its row.
pub(crate) fn attempt_place(delivery: Uuid, started_us: i64) -> Uuid {
    let start = u128::from_be_bytes({
        let mut wide = [0; 16];
        wide[8..].copy_from_slice(&started_us.to_be_bytes());
        wide
    });
    // Ids of deliveries differ in far more bits than two starts do, and the channel and column are sealed in beside them.
    Uuid::from_u128(delivery.as_u128() ^ start.rotate_left(64))
}

fn undecided() -> OutcomeRow {
    OutcomeRow { disposition: Disposition::Received.code(), ..OutcomeRow::default() }
}

/// What a decision with deliveries means is not left to who decided.
fn disposition(decision: &Decision) -> Disposition {
    match &decision.deliveries[..] {
        [] => decision.disposition,
        deliveries if deliveries.iter().any(|delivery| delivery.dead.is_none()) => {
            Disposition::Received
        }
        _ => Disposition::Failed,
    }
}

fn split(reason: Option<crate::receipt::Reason>) -> (Option<String>, Option<i64>) {
    reason.map_or((None, None), |reason| (Some(reason.code), reason.step.map(i64::from)))
}

/// The time in an id, to the millisecond.
fn time_of(message: MessageId) -> i64 {
    let [a, b, c, d, e, f, ..] = *message.as_bytes();
    i64::from_be_bytes([0, 0, a, b, c, d, e, f]).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_has_a_place_of_its_own() {
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        let places =
            [(one, 1), (one, 2), (two, 1), (two, 2)].map(|(id, start)| attempt_place(id, start));
        for (n, place) in places.iter().enumerate() {
            assert!(!places[..n].contains(place));
        }
    }

    #[test]
    fn an_id_carries_its_time() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_micros()).unwrap();
        assert!((time_of(MessageId::new()) - now).abs() < 5_000_000);
    }
}
