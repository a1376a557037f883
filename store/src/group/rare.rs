//! The parts of a group that few groups have.

use super::{AckRow, Group};
use crate::error::StoreError;
use crate::settle::Wait;
use crate::sql::{Session, statements, values};
use crate::store::insert_key;
use crate::token::Token;

statements! {
    COUNT_TRY = "update messages set tries = tries + 1 where id = $1 and channel = $2 and revision is null";
    DECIDE = "update messages set disposition = $2, final_us = $3, revision = $4, reason_code = $5, reason_step = $6, signature = $7,
        error = $8 where id = $1 and revision is null";
    DROP_TOKEN = "delete from dups where token = $1";
    OWED = "insert into owed_acks (message, channel, seq) values ($1, $2, $3)";
    ARRIVED = "insert into arrived_acks (message, token, received_us) values ($1, $2, $3)";
    AWAITED = "insert into awaited_acks (delivery, message, destination, token, sent_us, deadline_us)
        select id, message, destination, $3, $4, $5 from deliveries where message = $1 and id = $2
        on conflict (delivery) do update
        set token = excluded.token, sent_us = excluded.sent_us, deadline_us = excluded.deadline_us, ack = null";
    ANSWERED = "update awaited_acks set ack = $2 where delivery = $1";
    FORGET = "delete from awaited_acks where delivery = $1";
    USED = "update arrived_acks set delivery = $2 where message = $1";
    INSERT_LANE = "insert into delivery_keys (delivery, n, lane) values ($1, $2, $3)";
}

/// Writes them, one statement each, inside the open transaction.
pub(crate) async fn write_rare(session: &mut dyn Session, group: &Group) -> Result<(), StoreError> {
    for key in &group.keys {
        insert_key(session, key, group.now_us).await?;
    }
    if group.tokens_known {
        for (token, _) in group.tokens() {
            session.run(DROP_TOKEN, values![token]).await?;
        }
    }
    for row in &group.tries {
        session.run(COUNT_TRY, values![row.message, row.channel]).await?;
    }
    for row in &group.decides {
        let token = |token: Option<Token>| token.map(|token| token.to_vec());
        let outcome = &row.outcome;
        let changed = values![
            row.message,
            outcome.disposition,
            group.now_us,
            outcome.revision,
            outcome.reason_code.clone(),
            outcome.reason_step,
            token(outcome.signature),
            outcome.error.clone(),
        ];
        if session.run(DECIDE, changed).await? != 1 {
            return Err(StoreError::Internal("a message was decided twice".to_owned()));
        }
    }
    write_acks(session, group).await?;
    for (_, delivery) in group.deliveries() {
        for (n, lane) in (1_i64..).zip(&delivery.more_lanes) {
            session.run(INSERT_LANE, values![delivery.id, n, &lane[..]]).await?;
        }
    }
    Ok(())
}

/// What the group changes about application acknowledgements.
async fn write_acks(session: &mut dyn Session, group: &Group) -> Result<(), StoreError> {
    for row in &group.messages {
        match row.ack {
            AckRow::None => {}
            AckRow::Owed => {
                session.run(OWED, values![row.id, row.channel, row.seq]).await?;
            }
            AckRow::Arrived(token) => {
                session.run(ARRIVED, values![row.id, &token[..], row.received_us]).await?;
            }
        }
    }
    for row in &group.settles {
        if let Some(token) = row.awaits {
            let (sent_us, until_us) = (row.started_us, row.until_us);
            let awaited = values![row.message, row.delivery, &token[..], sent_us, until_us];
            session.run(AWAITED, awaited).await?;
        }
        match row.wait {
            Wait::None => {}
            Wait::Answered(ack) => {
                session.run(ANSWERED, values![row.delivery, ack.uuid()]).await?;
                session.run(USED, values![ack.uuid(), row.delivery]).await?;
            }
            Wait::Unanswered => {
                session.run(FORGET, values![row.delivery]).await?;
            }
        }
    }
    Ok(())
}
