//! The parts of a group that few groups have.

use super::Group;
use crate::error::StoreError;
use crate::sql::{Session, statements, values};
use crate::store::insert_key;
use crate::token::Token;

statements! {
    COUNT_TRY = "update messages set tries = tries + 1 where id = $1 and channel = $2 and revision is null";
    DECIDE = "update messages set disposition = $2, final_us = $3, revision = $4, reason_code = $5, reason_step = $6, signature = $7,
        error = $8 where id = $1 and revision is null";
    DROP_TOKEN = "delete from dups where token = $1";
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
    for (_, delivery) in group.deliveries() {
        for (n, lane) in (1_i64..).zip(&delivery.more_lanes) {
            session.run(INSERT_LANE, values![delivery.id, n, &lane[..]]).await?;
        }
    }
    Ok(())
}
