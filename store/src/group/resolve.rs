//! The slow way: a group met a row it did not expect, so the rows are looked up one by one.

use std::collections::HashMap;

use uuid::Uuid;

use super::assemble::{Assembled, Outcome, Reply};
use super::{DecideRow, MessageRow, SettleRow};
use crate::error::StoreError;
use crate::sql::{Session, row, statements, values};
use crate::state::{DeliveryState, Disposition};
use crate::token::Token;

/// A repeat is recognised for seven days.
pub(crate) const DUPLICATE_WINDOW_US: i64 = 7 * 86_400 * 1_000_000;

statements! {
    /// What is known under a duplicate token.
    DUPLICATE = "select m.id, m.digest, m.ack_code, m.disposition, m.received_us
        from dups d join messages m on m.id = d.message where d.token = $1";
    /// Where a delivery stands.
    DELIVERY_STATE = "select state, tried_us from deliveries where message = $1 and id = $2";
    /// A message that waits for its program.
    UNDECIDED = "select seq, received_us from messages where id = $1 and channel = $2 and revision is null";
}

struct Known {
    id: Uuid,
    digest: Token,
    ack_code: String,
    disposition: Disposition,
    received_us: i64,
}

impl Assembled {
    /// Finds what decisions need to know of their messages; a decision about a decided message is refused.
    pub(crate) async fn look_up_decisions(
        &mut self,
        session: &mut dyn Session,
    ) -> Result<(), StoreError> {
        let mut kept: Vec<DecideRow> = Vec::with_capacity(self.group.decides.len());
        for mut decide in std::mem::take(&mut self.group.decides) {
            let found = row(session, UNDECIDED, values![decide.message, decide.channel]).await?;
            let twice = kept.iter().any(|other| other.message == decide.message);
            match found.filter(|_| !twice) {
                Some(row) => {
                    decide.seq = row.int(0)?;
                    decide.received_us = row.int(1)?;
                    self.tell_seq(decide.message, decide.seq);
                    kept.push(decide);
                }
                None => self.refuse_decision(decide.message),
            }
        }
        self.group.decides = kept;
        Ok(())
    }

    fn tell_seq(&mut self, message: Uuid, number: i64) {
        for reply in &mut self.replies {
            if let Reply::Decide { id, seq, .. } = reply
                && *id == message
            {
                *seq = number;
            }
        }
    }

    fn refuse_decision(&mut self, message: Uuid) {
        let at = self
            .replies
            .iter()
            .rposition(|reply| matches!(reply, Reply::Decide { id, .. } if *id == message));
        if let Some(at) = at
            && let Reply::Decide { reply, .. } = self.replies.remove(at)
        {
            drop(reply.send(Err(StoreError::Refused("the message is decided already"))));
        }
    }

    /// Takes repeats out of the group and answers them from what is stored, and takes out settles that are no news.
    pub(crate) async fn resolve(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        let mut known: HashMap<i64, Known> = HashMap::new();
        for message in &self.group.messages {
            let Some(token) = message.duplicate.filter(|token| !known.contains_key(token)) else {
                continue;
            };
            if let Some(row) = row(session, DUPLICATE, values![token]).await? {
                let disposition = row.code(3, Disposition::from_code)?;
                let ack_code = row.text(2)?.to_owned();
                let stored = Known {
                    id: row.id(0)?,
                    digest: row.token(1)?,
                    ack_code,
                    disposition,
                    received_us: row.int(4)?,
                };
                known.insert(token, stored);
            }
        }
        let mut kept = Vec::with_capacity(self.group.messages.len());
        let mut messages = std::mem::take(&mut self.group.messages).into_iter();
        for reply in &mut self.replies {
            // A repeat found in an earlier round has no row any more; a message that another channel hands over is never one.
            let (outcome, on_commit) = match reply {
                Reply::Receive { outcome: outcome @ Outcome::New { .. }, on_commit, .. } => {
                    (outcome, on_commit)
                }
                Reply::Hop { .. } => {
                    kept.extend(messages.next());
                    continue;
                }
                Reply::Receive { .. } | Reply::Decide { .. } | Reply::Plain { .. } => continue,
            };
            let Some(mut message) = messages.next() else { break };
            *outcome = arrival(&mut known, &message);
            if message.refuse_same_id
                && matches!(outcome, Outcome::New { same_id_other_body: true, .. })
            {
                message.reject("same-id");
                // Nothing of it is delivered or decided, so what its caller brings along for that is let go.
                *on_commit = Box::new(|_| {});
            }
            if matches!(outcome, Outcome::New { .. }) {
                kept.push(message);
            }
        }
        self.group.messages = kept;
        self.group.tokens_known = true;
        self.drop_stale_settles(session).await
    }

    async fn drop_stale_settles(&mut self, session: &mut dyn Session) -> Result<(), StoreError> {
        let mut kept: Vec<SettleRow> = Vec::with_capacity(self.group.settles.len());
        for settle in std::mem::take(&mut self.group.settles) {
            let found =
                row(session, DELIVERY_STATE, values![settle.message, settle.delivery]).await?;
            // Final already, or this very try has been counted: its caller asks again because it never heard.
            let news = match found {
                Some(row) => row.int(0)? < DeliveryState::FINAL && row.int(1)? != settle.started_us,
                None => false,
            };
            if news {
                kept.push(settle);
            } else {
                self.drop_stale_hop(settle.delivery);
            }
        }
        self.group.settles = kept;
        Ok(())
    }

    /// A delivery that has been handed over is not handed over again: what its caller brings along for the message is let go.
    fn drop_stale_hop(&mut self, of: Uuid) {
        let at = self
            .replies
            .iter()
            .position(|reply| matches!(reply, Reply::Hop { delivery, .. } if *delivery == of));
        if let Some(at) = at
            && let Reply::Hop { channels: [channel, _], message, on_commit, reply, .. } =
                self.replies.remove(at)
        {
            drop(on_commit);
            self.group.messages.retain(|row| row.id != message);
            self.replies.insert(at, Reply::Plain { channel, reply });
        }
    }
}

/// What one arrival is, given those stored and those before it in the group.
fn arrival(known: &mut HashMap<i64, Known>, message: &MessageRow) -> Outcome {
    let Some(token) = message.duplicate else {
        return Outcome::New { seq: 0, same_id_other_body: false };
    };
    let earlier = known
        .get(&token)
        .filter(|earlier| message.received_us - earlier.received_us < DUPLICATE_WINDOW_US);
    if let Some(same) = earlier.filter(|earlier| earlier.digest == message.digest) {
        return Outcome::Duplicate {
            of: same.id,
            ack_code: same.ack_code.clone(),
            disposition: same.disposition,
        };
    }
    let same_id_other_body = earlier.is_some();
    if same_id_other_body && message.refuse_same_id {
        return Outcome::New { seq: 0, same_id_other_body };
    }
    let disposition =
        Disposition::from_code(message.outcome.disposition).unwrap_or(Disposition::Received);
    let stored = Known {
        id: message.id,
        digest: message.digest,
        ack_code: message.ack_code.clone(),
        disposition,
        received_us: message.received_us,
    };
    known.insert(token, stored);
    Outcome::New { seq: 0, same_id_other_body }
}
