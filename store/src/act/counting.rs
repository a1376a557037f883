//! What acts do to counters and dispositions.

use uuid::Uuid;

use crate::error::StoreError;
use crate::group::hour_of;
use crate::sql::{Session, row, statements, values};
use crate::state::{Disposition, What};

statements! {
    COUNT = "insert into counters (hour, channel, destination, what, n) values ($1, $2, $3, $4, $5)
        on conflict (hour, channel, destination, what) do update set n = counters.n + excluded.n";
    TALLY = "select m.channel, m.disposition, count(d.id), cast(coalesce(sum(case when d.state < 20 then 1 else 0 end), 0) as bigint),
        cast(coalesce(sum(case when d.state = 20 then 1 else 0 end), 0) as bigint),
        cast(coalesce(sum(case when d.state = 21 then 1 else 0 end), 0) as bigint),
        cast(coalesce(sum(case when d.state = 22 then 1 else 0 end), 0) as bigint)
        from messages m left join deliveries d on d.message = m.id where m.id = $1 group by m.channel, m.disposition";
    SET_DISPOSITION = "update messages set disposition = $2, final_us = $3 where id = $1 and disposition = $4";
}

/// Adds to a counter.
pub(crate) async fn count(
    session: &mut dyn Session,
    now_us: i64,
    (channel, destination): (i64, i64),
    what: What,
    n: i64,
) -> Result<(), StoreError> {
    session
        .run(COUNT, values![hour_of(now_us), channel, destination, what.code(), n])
        .await
        .map(drop)
}

/// Gives a message the disposition that its deliveries now mean, and moves it from one counter to the other.
pub(crate) async fn reconsider(
    session: &mut dyn Session,
    message: Uuid,
    now_us: i64,
) -> Result<(), StoreError> {
    let tally =
        row(session, TALLY, values![message]).await?.ok_or(StoreError::NotFound("message"))?;
    let (channel, before) = (tally.int(0)?, tally.code(1, Disposition::from_code)?);
    let (all, open) = (tally.int(2)?, tally.int(3)?);
    if all == 0 || open > 0 {
        return Ok(());
    }
    let after = Disposition::of_deliveries(tally.int(4)?, tally.int(5)?, tally.int(6)?);
    move_disposition(session, (channel, message), (before, after), now_us).await
}

/// Changes a disposition that is known.
pub(crate) async fn move_disposition(
    session: &mut dyn Session,
    (channel, message): (i64, Uuid),
    (before, after): (Disposition, Disposition),
    now_us: i64,
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    if session.run(SET_DISPOSITION, values![message, after.code(), now_us, before.code()]).await?
        != 1
    {
        return Err(StoreError::Refused("the message changed meanwhile"));
    }
    if let Some(what) = What::disposition(before) {
        count(session, now_us, (channel, 0), what, -1).await?;
    }
    if let Some(what) = What::disposition(after) {
        count(session, now_us, (channel, 0), what, 1).await?;
    }
    Ok(())
}
