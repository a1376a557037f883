//! The open messages of a writer, remembered, so that a settle is known to be a message's last without asking the database.
//!
//! What is remembered is what this writer has committed or read. Whatever else can change a delivery, an act or a new session, makes it
//! forget everything; and what is not remembered is read before a settle of it is written. The database still compares and sets every
//! row, so a memory that were wrong would end in a group that is refused, never in one that is written.

use std::collections::HashMap;

use uuid::Uuid;

use super::{DeliveryRow, EndRow, Group, Of, SettleRow};
use crate::error::StoreError;
use crate::sql::{Session, Value, statements};
use crate::state::{DeliveryState, Disposition};

/// Messages that are remembered; when there are more, all are forgotten, and read again as they are settled.
const REMEMBERED_MAX: usize = 65_536;

statements! {
    /// The deliveries of some messages.
    DELIVERIES = "with recursive at (n) as (values (0) union all select n + 1 from at where (n + 1) * 16 < length($1))
        select d.message, d.id, d.channel, d.destination, d.state from at cross join deliveries d on d.message = substr($1, n * 16 + 1, 16)",
        postgres: "select message, id, channel, destination, state from deliveries where message = any($1)";
}

/// What a writer remembers.
#[derive(Default)]
pub(crate) struct OpenMessages(HashMap<Uuid, Message>);

struct Message {
    channel: i64,
    deliveries: Vec<Delivery>,
}

#[derive(Clone, Copy)]
struct Delivery {
    id: Uuid,
    destination: i64,
    state: i64,
}

impl OpenMessages {
    /// Reads the messages of some settles that are not remembered.
    pub(crate) async fn recall(
        &mut self,
        session: &mut dyn Session,
        settles: &[SettleRow],
    ) -> Result<(), StoreError> {
        let mut missing: Vec<Uuid> = settles
            .iter()
            .map(|settle| settle.message)
            .filter(|message| !self.0.contains_key(message))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_unstable();
        missing.dedup();
        for row in session.rows(DELIVERIES, vec![Value::Ids(missing)]).await? {
            let delivery =
                Delivery { id: row.id(1)?, destination: row.int(3)?, state: row.int(4)? };
            let message = Message { channel: row.int(2)?, deliveries: Vec::new() };
            self.0.entry(row.id(0)?).or_insert(message).deliveries.push(delivery);
        }
        Ok(())
    }

    /// The destination of a delivery, when its message is remembered.
    pub(crate) fn destination(&self, settle: &SettleRow) -> Option<i64> {
        let message = self.0.get(&settle.message)?;
        message
            .deliveries
            .iter()
            .find(|known| known.id == settle.delivery)
            .map(|known| known.destination)
    }

    /// The messages that some settles end.
    pub(crate) fn ends(&self, settles: &[SettleRow]) -> Vec<EndRow> {
        let mut ended: Vec<EndRow> = Vec::new();
        for settle in settles.iter().filter(|settle| settle.is_final()) {
            let Some(message) = self.0.get(&settle.message) else { continue };
            if ended.iter().any(|end| end.message == settle.message) {
                continue;
            }
            let after = |delivery: &Delivery| {
                let settled = settles
                    .iter()
                    .find(|other| other.delivery == delivery.id && other.message == settle.message);
                settled.map_or(delivery.state, |settled| settled.state)
            };
            if let Some(disposition) = disposition(message.deliveries.iter().map(after)) {
                ended.push(EndRow {
                    message: settle.message,
                    channel: message.channel,
                    disposition: disposition.code(),
                });
            }
        }
        ended
    }

    /// A group is on disk.
    pub(crate) fn written(&mut self, group: &Group) {
        if self.0.len() >= REMEMBERED_MAX {
            self.forget();
        }
        for settle in &group.settles {
            let known = self.0.get_mut(&settle.message).map(|message| &mut message.deliveries);
            if let Some(delivery) =
                known.and_then(|known| known.iter_mut().find(|known| known.id == settle.delivery))
            {
                delivery.state = settle.state;
            }
        }
        for end in &group.ends {
            self.0.remove(&end.message);
        }
        for row in &group.messages {
            self.remember(row.of(), &row.deliveries);
        }
        for row in &group.decides {
            self.remember(row.of(), &row.deliveries);
        }
    }

    /// All deliveries of a message are made at once, so what is remembered of one is whole.
    fn remember(&mut self, of: Of, deliveries: &[DeliveryRow]) {
        if deliveries.iter().any(|row| row.state < DeliveryState::FINAL) {
            let known = |row: &DeliveryRow| Delivery {
                id: row.id,
                destination: row.destination,
                state: row.state,
            };
            let deliveries = deliveries.iter().map(known).collect();
            self.0.insert(of.message, Message { channel: of.channel, deliveries });
        }
    }

    /// A group met rows that were not as expected: what its settles are about is read again.
    pub(crate) fn doubt(&mut self, settles: &[SettleRow]) {
        for settle in settles {
            self.0.remove(&settle.message);
        }
    }

    /// Somebody else may have changed something.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

/// What a message with these deliveries is, when all are final.
fn disposition(states: impl Iterator<Item = i64>) -> Option<Disposition> {
    let (mut delivered, mut dead, mut discarded) = (0, 0, 0);
    for state in states {
        match DeliveryState::from_code(state)? {
            DeliveryState::Delivered => delivered += 1,
            DeliveryState::Dead => dead += 1,
            DeliveryState::Discarded => discarded += 1,
            DeliveryState::Queued | DeliveryState::Waiting | DeliveryState::Held => return None,
        }
    }
    Some(Disposition::of_deliveries(delivered, dead, discarded))
}
