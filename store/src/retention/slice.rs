//! What leaves with a few messages, in one transaction.

use uuid::Uuid;

use super::Periods;
use crate::backend::Backend;
use crate::error::StoreError;
use crate::prune::first_id_at;
use crate::sql::{Session, Statement, Value, row, statements, values};

/// The messages `m` of a slice that do not stay.
macro_rules! going {
    () => {
        "m.channel = $1 and m.seq > $2 and m.seq <= $3
        and not exists (select 1 from kept_messages k where k.channel = m.channel and k.seq = m.seq)"
    };
}

statements! {
    HELD = "select count(*) from legal_holds where lifted_us is null and (channel is null or channel = $1)";
    /// Messages that stay although the others around them are over.
    KEEP = concat!(
        "insert into kept_messages (channel, seq) select m.channel, m.seq from message_rest m
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and not (", over!(), ") on conflict do nothing");
    /// Those that stayed and are over now, the newest first: one that replays another comes before it.
    RELEASED = concat!(
        "select m.seq from kept_messages k join message_rest m on m.channel = k.channel and m.seq = k.seq
        where k.channel = $1 and k.seq > $2 and k.seq <= $3 and ", over!(), " order by k.seq desc limit 100");
    RELEASE = "delete from kept_messages where channel = $1 and seq = $2";
    GOING = concat!("select count(*) from messages m where ", going!());

    BODIES = concat!("delete from bodies where id in (select m.id from messages m where ", going!(), ")");
    OWN_BODIES = concat!(
        "delete from bodies where id in (select d.id from messages m join deliveries d on d.message = m.id
        where d.own_body <> 0 and ", going!(), ")");
    TRIES = concat!(
        "update attempts set response = null, error = null where (response is not null or error is not null)
        and message in (select m.id from messages m where ", going!(), ")");
    DELIVERY_ERRORS = concat!(
        "update deliveries set error = null where error is not null
        and message in (select m.id from messages m where ", going!(), ")");
    MESSAGE_ERRORS = concat!(
        "update messages set error = null where error is not null and id in (select m.id from messages m where ", going!(), ")");
    BODIES_GONE = "update retention set bodies_seq = case when bodies_seq < $2 then $2 else bodies_seq end,
        bodies_gone = bodies_gone + $3, ran_us = $4 where channel = $1";

    /// The first message of a slice whose row has to stay for now.
    NOT_YET = concat!("select coalesce(min(m.seq), 0) from messages m where m.final_us >= $4 and ", going!());
    LANES = concat!(
        "delete from delivery_keys where delivery in (select d.id from messages m join deliveries d on d.message = m.id
        where ", going!(), ")");
    ATTEMPTS = concat!("delete from attempts where message in (select m.id from messages m where ", going!(), ")");
    AWAITED = concat!(
        "delete from awaited_acks where delivery in (select d.id from messages m join deliveries d on d.message = m.id
        where ", going!(), ")");
    ARRIVED = concat!("delete from arrived_acks where message in (select m.id from messages m where ", going!(), ")");
    OWED = concat!("delete from owed_acks where message in (select m.id from messages m where ", going!(), ")");
    DELIVERIES = concat!("delete from deliveries where message in (select m.id from messages m where ", going!(), ")");
    MESSAGES = concat!("delete from messages where id in (select m.id from messages m where ", going!(), ")");
    /// The oldest day of which there is something to find messages by, before another.
    TOKEN_DAY = "select min(day) from search_tokens where channel = $1 and day < $2";
    TOKENS = "delete from search_tokens where channel = $1 and day = $2 and token >= $3 and token < $4";
    /// Blocks whose messages have all left.
    BLOCKS = "delete from search_blocks where channel = $1
        and block < (select coalesce(min(m.seq), 9223372036854775807) from messages m where m.channel = $1) / 256";
    MESSAGES_GONE = "update retention set messages_seq = case when messages_seq < $2 then $2 else messages_seq end,
        messages_gone = messages_gone + $3, ran_us = $4 where channel = $1";
}

/// What must lie behind a message whose bodies leave.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// It came to rest before this time.
    final_us: i64,
    /// Somebody discarded what was dead of it before this time.
    discarded_us: i64,
    /// What was made to take its place was made before this.
    superseded: Uuid,
    /// No message behind this one is a replay of it; those before are over themselves, or kept.
    used_seq: i64,
}

impl Limits {
    pub(super) fn by_time(periods: Periods, now_us: i64) -> Limits {
        let dead_us = now_us.saturating_sub(periods.dead_us);
        Limits {
            final_us: now_us.saturating_sub(periods.bodies_us),
            discarded_us: dead_us,
            superseded: first_id_at(dead_us),
            used_seq: 0,
        }
    }

    /// For those that leave because there are too many of them.
    pub(super) fn by_size(periods: Periods, now_us: i64) -> Limits {
        Limits { final_us: now_us, ..Limits::by_time(periods, now_us) }
    }

    /// Behind the mark up to which bodies have left.
    pub(super) fn behind(self, bodies_seq: i64) -> Limits {
        Limits { used_seq: bodies_seq, ..self }
    }

    pub(super) fn values(self, channel: i64, (after, to): (i64, i64)) -> Vec<Value> {
        let Limits { final_us, discarded_us, superseded, used_seq } = self;
        values![channel, after, to, final_us, discarded_us, superseded, used_seq]
    }
}

/// What left in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gone {
    /// Messages whose bodies left.
    pub bodies: i64,
    /// Messages that left.
    pub messages: i64,
    /// The last one that was gone through.
    pub to: i64,
    /// Somebody has said meanwhile that nothing may leave.
    pub is_held: bool,
}

/// Whether somebody has said that nothing of a channel may leave.
pub(super) async fn is_held(session: &mut dyn Session, channel: i64) -> Result<bool, StoreError> {
    let row = row(session, HELD, values![channel]).await?;
    Ok(row.map_or(Ok(0), |row| row.int(0))? > 0)
}

/// Takes out the bodies of messages, but of those that stay.
pub(super) async fn bodies(
    session: &mut dyn Backend,
    channel: i64,
    (after, to): (i64, i64),
    (limits, now_us): (Limits, i64),
) -> Result<Gone, StoreError> {
    if is_held(session, channel).await? {
        return Ok(Gone { is_held: true, ..Gone::default() });
    }
    session.run(KEEP, limits.values(channel, (after, to))).await?;
    let gone = erase_bodies(session, channel, (after, to)).await?;
    session.run(BODIES_GONE, values![channel, to, gone, now_us]).await?;
    Ok(Gone { bodies: gone, to, ..Gone::default() })
}

/// Takes out the bodies of those that had stayed and are over now; with its row one that the rows have been gone through beyond.
pub(super) async fn released(
    session: &mut dyn Backend,
    channel: i64,
    (bodies_seq, messages_seq, before): (i64, i64, i64),
    (limits, now_us): (Limits, i64),
) -> Result<Gone, StoreError> {
    let mut gone = Gone::default();
    if is_held(session, channel).await? {
        return Ok(Gone { is_held: true, ..gone });
    }
    let limits = limits.behind(bodies_seq);
    for found in session.rows(RELEASED, limits.values(channel, (0, before - 1))).await? {
        let seq = found.int(0)?;
        gone.to = seq;
        session.run(RELEASE, values![channel, seq]).await?;
        gone.bodies += erase_bodies(session, channel, (seq - 1, seq)).await?;
        if seq <= messages_seq {
            gone.messages += erase_rows(session, channel, (seq - 1, seq)).await?;
        }
    }
    session.run(BODIES_GONE, values![channel, 0, gone.bodies, now_us]).await?;
    session.run(MESSAGES_GONE, values![channel, 0, gone.messages, now_us]).await?;
    Ok(gone)
}

/// Takes out the rows of messages that came to rest before a time, but of those that stay.
pub(super) async fn rows(
    session: &mut dyn Backend,
    channel: i64,
    (after, to): (i64, i64),
    (before_us, now_us): (i64, i64),
) -> Result<Gone, StoreError> {
    if is_held(session, channel).await? {
        return Ok(Gone { is_held: true, ..Gone::default() });
    }
    let stays = row(session, NOT_YET, values![channel, after, to, before_us]).await?;
    let stays = stays.map_or(Ok(0), |row| row.int(0))?;
    let to = if stays > 0 { stays - 1 } else { to };
    let gone = erase_rows(session, channel, (after, to)).await?;
    session.run(MESSAGES_GONE, values![channel, to, gone, now_us]).await?;
    Ok(Gone { messages: gone, to, ..Gone::default() })
}

async fn erase_bodies(
    session: &mut dyn Backend,
    channel: i64,
    range: (i64, i64),
) -> Result<i64, StoreError> {
    let going = count(session, GOING, channel, range).await?;
    session.erase(true).await?;
    for statement in [BODIES, OWN_BODIES, TRIES, DELIVERY_ERRORS, MESSAGE_ERRORS] {
        session.run(statement, values![channel, range.0, range.1]).await?;
    }
    session.erase(false).await?;
    Ok(going)
}

async fn erase_rows(
    session: &mut dyn Backend,
    channel: i64,
    range: (i64, i64),
) -> Result<i64, StoreError> {
    session.erase(true).await?;
    for statement in [LANES, ATTEMPTS, AWAITED, ARRIVED, OWED, DELIVERIES] {
        session.run(statement, values![channel, range.0, range.1]).await?;
    }
    let gone = session.run(MESSAGES, values![channel, range.0, range.1]).await?;
    session.erase(false).await?;
    Ok(i64::try_from(gone).unwrap_or(i64::MAX))
}

async fn count(
    session: &mut dyn Session,
    statement: Statement,
    channel: i64,
    (after, to): (i64, i64),
) -> Result<i64, StoreError> {
    let row = row(session, statement, values![channel, after, to]).await?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Takes out where messages that have left could be found by what is plain of them.
pub(super) async fn blocks(session: &mut dyn Backend, channel: i64) -> Result<Gone, StoreError> {
    if is_held(session, channel).await? {
        return Ok(Gone { is_held: true, ..Gone::default() });
    }
    session.run(BLOCKS, values![channel]).await?;
    Ok(Gone::default())
}

/// Takes out a part of what messages of a day could be found by: tokens that begin with some bytes.
pub(super) async fn tokens(
    session: &mut dyn Backend,
    (channel, day): (i64, i64),
    (from, to): (Vec<u8>, Vec<u8>),
) -> Result<Gone, StoreError> {
    if is_held(session, channel).await? {
        return Ok(Gone { is_held: true, ..Gone::default() });
    }
    session.erase(true).await?;
    session.run(TOKENS, values![channel, day, from, to]).await?;
    session.erase(false).await?;
    Ok(Gone::default())
}
