//! A data key that somebody may have: everything that it has sealed is sealed with another one, and then it is destroyed.
//!
//! The messages of its channel are gone through in the order of their numbers, a few in each transaction between groups. Whoever holds a
//! copy of the store from before can read that copy all the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Name;
use data_encoding::HEXLOWER;
use uuid::Uuid;

use crate::audit::{self, Act, Actor, ActorKind, Entry, Json, Target, hex};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::ids::ChannelId;
use crate::intake::attempt_place;
use crate::key::put_down;
use crate::read::key_row;
use crate::scope::Scope;
use crate::seal::{self, Column, DataKey, DataKeyId, FreshKey, KeyRow, Place, Purpose};
use crate::sql::{Row, Statement, row, statements, values};
use crate::store::{Parts, Store, insert_keys};

const DAY_US: i64 = 86_400 * 1_000_000;
/// Messages of one transaction, and bytes of their bodies unless one alone has more.
const MESSAGES: i64 = 100;
const BYTES_MAX: i64 = 4 << 20;

statements! {
    DATA_KEYS = "select id, purpose, day, kek_id, destroyed_us from data_keys where channel = $1 order by n desc limit 1000";
    KEY = "select id, purpose, channel, day, kek_id, wrapped, commitment, destroyed_us from data_keys where id = $1";
    CHANNEL = "select name from channels where id = $1";
    ALL = "select r.id, old_key, new_key, receipt_key, r.channel, c.name, seq, walks, resealed, begun_us, begun_by, ended_us,
        (select coalesce(max(m.seq), 0) from messages m where m.channel = r.channel)
        from key_reseals r join channels c on c.id = r.channel order by begun_us desc, r.id desc limit 20";
    OPEN = "select count(*) from key_reseals where ended_us is null and old_key = $1";
    BEGIN = "insert into key_reseals (id, old_key, new_key, receipt_key, channel, seq, walks, resealed, begun_us, begun_by)
        values ($1, $2, $3, $4, $5, 0, 0, 0, $6, $7)";
    STRETCH = "select seq, bytes from messages where channel = $1 and seq > $2 order by seq limit $3";
    ADVANCE = "update key_reseals set seq = $2, resealed = resealed + $3 where id = $1";
    AGAIN = "update key_reseals set seq = 0, walks = walks + 1 where id = $1";
    END = "update key_reseals set ended_us = $2 where id = $1 and ended_us is null";
    BODIES = "select b.id, b.blob from messages m join bodies b on b.id = m.id
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and substr(b.blob, 4, 8) = $4";
    OWN_BODIES = "select b.id, b.blob from messages m join deliveries d on d.message = m.id join bodies b on b.id = d.id
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and substr(b.blob, 4, 8) = $4";
    MESSAGE_ERRORS = "select m.id, m.error from messages m
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and substr(m.error, 4, 8) = $4";
    CONTROL_IDS = "select m.id, m.control_id from messages m
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and substr(m.control_id, 4, 8) = $4";
    DELIVERY_ERRORS = "select d.id, d.error, d.message from messages m join deliveries d on d.message = m.id
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and substr(d.error, 4, 8) = $4";
    RESPONSES = "select a.delivery, a.response, a.message, a.started_us from messages m join attempts a on a.message = m.id
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and substr(a.response, 4, 8) = $4";
    ATTEMPT_ERRORS = "select a.delivery, a.error, a.message, a.started_us from messages m join attempts a on a.message = m.id
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and substr(a.error, 4, 8) = $4";
    COUNT_BODIES = "select count(*) from messages m join bodies b on b.id = m.id where m.channel = $1 and substr(b.blob, 4, 8) = $2";
    COUNT_OWN_BODIES = "select count(*) from messages m join deliveries d on d.message = m.id join bodies b on b.id = d.id
        where m.channel = $1 and substr(b.blob, 4, 8) = $2";
    COUNT_MESSAGE_ERRORS = "select count(*) from messages m where m.channel = $1 and substr(m.error, 4, 8) = $2";
    COUNT_CONTROL_IDS = "select count(*) from messages m where m.channel = $1 and substr(m.control_id, 4, 8) = $2";
    COUNT_DELIVERY_ERRORS = "select count(*) from messages m join deliveries d on d.message = m.id
        where m.channel = $1 and substr(d.error, 4, 8) = $2";
    COUNT_RESPONSES = "select count(*) from messages m join attempts a on a.message = m.id
        where m.channel = $1 and substr(a.response, 4, 8) = $2";
    COUNT_ATTEMPT_ERRORS = "select count(*) from messages m join attempts a on a.message = m.id
        where m.channel = $1 and substr(a.error, 4, 8) = $2";
    PUT_BODY = "update bodies set blob = $2 where id = $1";
    PUT_MESSAGE_ERROR = "update messages set error = $2 where id = $1";
    PUT_CONTROL_ID = "update messages set control_id = $2 where id = $1";
    PUT_DELIVERY_ERROR = "update deliveries set error = $2 where id = $1 and message = $3";
    PUT_RESPONSE = "update attempts set response = $2 where delivery = $1 and message = $3 and started_us = $4";
    PUT_ATTEMPT_ERROR = "update attempts set error = $2 where delivery = $1 and message = $3 and started_us = $4";
}

/// Where a data key of a channel can have sealed something: the column, what finds the rows, and what puts a value there.
const SEALED: [(Column, Statement, Statement); 7] = [
    (Column::Body, BODIES, PUT_BODY),
    (Column::Body, OWN_BODIES, PUT_BODY),
    (Column::MessageError, MESSAGE_ERRORS, PUT_MESSAGE_ERROR),
    (Column::ControlId, CONTROL_IDS, PUT_CONTROL_ID),
    (Column::DeliveryError, DELIVERY_ERRORS, PUT_DELIVERY_ERROR),
    (Column::AttemptResponse, RESPONSES, PUT_RESPONSE),
    (Column::AttemptError, ATTEMPT_ERRORS, PUT_ATTEMPT_ERROR),
];

/// How much of each a data key has sealed.
const COUNTS: [(&str, Statement); 7] = [
    ("bodies.blob", COUNT_BODIES),
    ("bodies.blob of deliveries", COUNT_OWN_BODIES),
    ("messages.error", COUNT_MESSAGE_ERRORS),
    ("messages.control_id", COUNT_CONTROL_IDS),
    ("deliveries.error", COUNT_DELIVERY_ERRORS),
    ("attempts.response", COUNT_RESPONSES),
    ("attempts.error", COUNT_ATTEMPT_ERRORS),
];

/// What a data key has sealed is being sealed with another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reseal {
    /// Its row.
    pub id: Uuid,
    /// The data key that is left.
    pub old_key: String,
    /// The data key that takes its place.
    pub new_key: String,
    /// The channel.
    pub channel: Name,
    /// The number of the message up to which it is done, and of the last one.
    pub seq: i64,
    /// The number of the channel's last message.
    pub last_seq: i64,
    /// Values that were sealed anew.
    pub resealed: i64,
    /// When it was begun, microseconds UTC.
    pub begun_us: i64,
    /// Who has begun it: the actor's id.
    pub begun_by: String,
    /// When it was done: the old key is destroyed.
    pub ended_us: Option<i64>,
}

/// A data key of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelKey {
    /// Its id, hexadecimal.
    pub key: String,
    /// What it is for.
    pub purpose: &'static str,
    /// Its day, days since 1970.
    pub day: i64,
    /// The store key that wraps it.
    pub kek: String,
    /// When it was destroyed, microseconds UTC.
    pub destroyed_us: Option<i64>,
}

/// What sealing anew would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealPlan {
    /// The data key.
    pub key: String,
    /// What it is for.
    pub purpose: &'static str,
    /// Its channel.
    pub channel: Name,
    /// Its day, days since 1970.
    pub day: i64,
    /// Values that it has sealed, by column.
    pub values: Vec<(&'static str, i64)>,
}

/// A reseal as it is worked on.
struct Work {
    id: Uuid,
    old: DataKeyId,
    new: DataKeyId,
    of_receipts: Option<DataKeyId>,
    channel: i64,
    seq: i64,
    walks: i64,
}

/// The keys of a stretch.
struct Keys {
    old: Arc<DataKey>,
    new: Arc<DataKey>,
    of_receipts: Option<Arc<DataKey>>,
}

impl Keys {
    /// The key that a column is sealed with from now on.
    fn of(&self, column: Column) -> &DataKey {
        match (column, &self.of_receipts) {
            (Column::ControlId, Some(key)) => key,
            _ => &self.new,
        }
    }
}

impl Store {
    /// The newest of them, done or not.
    pub async fn reseals(&self) -> Result<Vec<Reseal>, StoreError> {
        self.inner.reader.rows(ALL, values![]).await?.iter().map(reseal).collect()
    }

    /// What sealing anew would do with what a data key has sealed. Nothing is changed.
    pub async fn plan_reseal(&self, key: &str) -> Result<ResealPlan, StoreError> {
        let (row, channel) = self.key_to_leave(key).await?;
        let mut values = Vec::new();
        for (column, counted) in self.count_with(row.channel, &row.id).await? {
            values.push((column, counted));
        }
        let (purpose, day) = (row.purpose.as_str(), row.day);
        Ok(ResealPlan { key: hex(&row.id), purpose, channel, day, values })
    }

    /// The data keys of a channel, the newest first.
    pub async fn channel_keys(&self, channel: &Name) -> Result<Vec<ChannelKey>, StoreError> {
        let reader = &self.inner.reader;
        let known = reader.channel(&Scope::All, channel).await?;
        let mut keys = Vec::new();
        for row in reader.rows(DATA_KEYS, values![known.id]).await? {
            keys.push(ChannelKey {
                key: hex(row.blob(0)?),
                purpose: row.code(1, Purpose::from_code)?.as_str(),
                day: row.int(2)?,
                kek: hex(row.blob(3)?),
                destroyed_us: Some(row.int(4)?).filter(|us| *us != i64::MAX),
            });
        }
        Ok(keys)
    }

    /// How many values of a channel a data key has sealed, by column.
    async fn count_with(
        &self,
        channel: i64,
        key: &DataKeyId,
    ) -> Result<Vec<(&'static str, i64)>, StoreError> {
        let mut counted = Vec::new();
        for (name, statement) in COUNTS {
            let row = self.inner.reader.row(statement, values![channel, &key[..]]).await?;
            counted.push((name, row.map_or(Ok(0), |row| row.int(0))?));
        }
        Ok(counted)
    }

    /// A data key of a channel that is in use.
    async fn key_to_leave(&self, key: &str) -> Result<(KeyRow, Name), StoreError> {
        let id = HEXLOWER.decode(key.as_bytes()).ok();
        let id = id.and_then(|id| DataKeyId::try_from(id).ok());
        let id = id.ok_or(StoreError::NotFound("data key"))?;
        let row = self.inner.reader.row(KEY, values![&id[..]]).await?;
        let row = row.ok_or(StoreError::NotFound("data key"))?;
        let key = key_row(&row)?;
        if row.int(7)? != i64::MAX {
            return Err(StoreError::Refused("this data key is destroyed already"));
        }
        match key.purpose {
            Purpose::Message | Purpose::Receipt => {}
            _ => {
                return Err(StoreError::Refused(
                    "this key is one of the whole store: only those of a channel and day are replaced",
                ));
            }
        }
        let name = self.inner.reader.row(CHANNEL, values![key.channel]).await?;
        let name = name.ok_or(StoreError::NotFound("channel"))?;
        let name = Name::new(name.text(0)?).map_err(|odd| StoreError::Internal(odd.to_string()))?;
        Ok((key, name))
    }

    /// Begins to seal anew what a data key has sealed. [`Store::reseal`] does the rest.
    pub async fn begin_reseal(&self, act: &Act, key: &str) -> Result<Reseal, StoreError> {
        let (row, name) = self.key_to_leave(key).await?;
        let channel = ChannelId::from_number(row.channel);
        let (ring, day_us) = (&self.inner.ring, row.day * DAY_US);
        let _later = ring.pass_over(&row.id);
        let new = ring.sealing(row.purpose, channel, day_us)?;
        // What stays as long as the row of a message is not sealed with what leaves with its body.
        let of_receipts = (row.purpose == Purpose::Message)
            .then(|| ring.sealing(Purpose::Receipt, channel, day_us))
            .transpose()?;
        let keys: Vec<FreshKey> = std::iter::once(new).chain(of_receipts).collect();
        let (job_act, id) = (act.clone(), Uuid::now_v7());
        let () = self
            .act(row.channel, act, move |session, parts| {
                Box::pin(
                    async move { begin(session, parts, &job_act, (id, row, name), keys).await },
                )
            })
            .await?;
        let begun = self.reseals().await?.into_iter().find(|one| one.id == id);
        begun.ok_or(StoreError::NotFound("reseal"))
    }

    /// Seals some more anew, in a transaction between groups; for how long the writer was kept, or nothing when there is nothing to do.
    /// The engine acts.
    pub async fn reseal(&self, now_us: i64) -> Result<Option<Duration>, StoreError> {
        let rows = self.inner.reader.rows(ALL, values![]).await?;
        let mut open = rows.iter().filter(|row| row.int_or_none(11) == Ok(None));
        let Some(work) = open.next_back().map(work).transpose()? else { return Ok(None) };
        let on_the_way = self.inner.ring.pass_over(&work.old);
        put_down(&on_the_way).await?;
        let Some(to) = self.stretch(&work).await? else {
            return self.behind_the_last(work, now_us).await.map(Some);
        };
        let reader = &self.inner.reader;
        let missing = || StoreError::Unreadable("a key");
        let Some(old) = reader.data_key(&work.old).await? else {
            // It was destroyed meanwhile, with the last that it had sealed.
            return self.behind_the_last(Work { walks: i64::MAX, ..work }, now_us).await.map(Some);
        };
        let new = reader.data_key(&work.new).await?.ok_or_else(missing)?;
        let of_receipts = match &work.of_receipts {
            Some(id) => Some(reader.data_key(id).await?.ok_or_else(missing)?),
            None => None,
        };
        let keys = Keys { old, new, of_receipts };
        self.seat(ChannelId::from_number(work.channel))
            .run(move |session| {
                Box::pin(async move {
                    let begun = Instant::now();
                    let resealed = stretch(session, &keys, &work, to).await?;
                    session.run(ADVANCE, values![work.id, to, resealed]).await?;
                    Ok(Done::new(Some(begun.elapsed())))
                })
            })
            .await
    }

    /// The number of the message up to which the next transaction goes; nothing behind the last one.
    async fn stretch(&self, work: &Work) -> Result<Option<i64>, StoreError> {
        let columns = values![work.channel, work.seq, MESSAGES];
        let (mut to, mut bytes) = (None, 0);
        for row in self.inner.reader.rows(STRETCH, columns).await? {
            bytes += row.int(1)?;
            if to.is_some() && bytes > BYTES_MAX {
                break;
            }
            to = Some(row.int(0)?);
        }
        Ok(to)
    }

    /// Every message was gone through: the old key is destroyed, unless something is left that a second walk may still reach.
    async fn behind_the_last(&self, work: Work, now_us: i64) -> Result<Duration, StoreError> {
        let left: i64 =
            self.count_with(work.channel, &work.old).await?.iter().map(|(_, count)| count).sum();
        let begun = Instant::now();
        let parts = Arc::clone(&self.inner);
        let () = self
            .seat(ChannelId::from_number(work.channel))
            .run(move |session| {
                Box::pin(async move {
                    if left > 0 && work.walks == 0 {
                        session.run(AGAIN, values![work.id]).await?;
                        return Ok(Done::new(()));
                    }
                    end(session, parts, work, (left, now_us)).await
                })
            })
            .await?;
        Ok(begun.elapsed())
    }
}

async fn begin(
    session: &mut dyn Backend,
    parts: Arc<Parts>,
    act: &Act,
    (id, old, channel): (Uuid, KeyRow, Name),
    keys: Vec<FreshKey>,
) -> Result<Done, StoreError> {
    if row(session, OPEN, values![&old.id[..]]).await?.map_or(Ok(0), |row| row.int(0))? > 0 {
        return Err(StoreError::Refused("what this data key has sealed is being sealed anew"));
    }
    insert_keys(session, &keys, act.now_us).await?;
    let ids: Vec<Vec<u8>> = keys.iter().map(|fresh| fresh.key.id().to_vec()).collect();
    let (new, of_receipts) = (ids.first().cloned(), ids.get(1).cloned());
    let new = new.ok_or_else(|| StoreError::Internal("no key was made".to_owned()))?;
    let after = Json::object([
        ("purpose", Json::text(old.purpose.as_str())),
        ("day", Json::Int(old.day)),
        ("new_key", Json::text(hex(&new))),
    ]);
    let columns =
        values![id, &old.id[..], new, of_receipts, old.channel, act.now_us, &*act.actor.id,];
    session.run(BEGIN, columns).await?;
    let target = about(&old.id, Some(channel));
    audit::append(session, &parts.recorder, &Entry::success(act, target, Json::Null, after))
        .await?;
    Ok(Done::new(()).and_then(move || keys.iter().for_each(|fresh| fresh.key.set_committed())))
}

/// Seals anew what the old key has sealed of some messages; how much. What does not open stays as it is.
async fn stretch(
    session: &mut dyn Backend,
    keys: &Keys,
    work: &Work,
    to: i64,
) -> Result<i64, StoreError> {
    let mut resealed = 0;
    // What the old key has sealed is written over, not only let go of.
    session.erase(true).await?;
    for (column, find, put) in SEALED {
        let within = values![work.channel, work.seq, to, &work.old[..]];
        for row in session.rows(find, within).await? {
            let id = row.id(0)?;
            let started_us = match column {
                Column::AttemptResponse | Column::AttemptError => Some(row.int(3)?),
                _ => None,
            };
            let place = Place {
                channel: ChannelId::from_number(work.channel),
                column,
                row: started_us.map_or(id, |started_us| attempt_place(id, started_us)),
            };
            let Ok(plain) = seal::open(&keys.old, place, row.blob(1)?) else { continue };
            let mut columns = values![id, seal::seal(keys.of(column), place, &plain)];
            if matches!(column, Column::DeliveryError) || started_us.is_some() {
                columns.extend(values![row.id(2)?]);
            }
            columns.extend(started_us.map(Into::into));
            session.run(put, columns).await?;
            resealed += 1;
        }
    }
    session.erase(false).await?;
    Ok(resealed)
}

async fn end(
    session: &mut dyn Backend,
    parts: Arc<Parts>,
    work: Work,
    (left, now_us): (i64, i64),
) -> Result<Done, StoreError> {
    session.run(END, values![work.id, now_us]).await?;
    crate::retention::destroy(session, &[work.old], now_us).await?;
    let rows = session.rows(ALL, values![]).await?;
    let all: Vec<Reseal> = rows.iter().map(reseal).collect::<Result<_, _>>()?;
    let this = all.into_iter().find(|one| one.id == work.id);
    let resealed = this.as_ref().map_or(0, |one| one.resealed);
    let actor = Actor::new(ActorKind::System, "engine");
    let action = "key.reencrypted";
    let act = Act { actor, action, purpose: None, approval: None, request: None, now_us };
    let after = Json::object([
        ("values", Json::Int(resealed)),
        ("unreadable", Json::Int(left)),
        ("new_key", Json::text(hex(&work.new))),
    ]);
    let target = about(&work.old, this.map(|one| one.channel));
    audit::append(session, &parts.recorder, &Entry::success(&act, target, Json::Null, after))
        .await?;
    let old = work.old;
    Ok(Done::new(()).and_then(move || parts.ring.forget(&[old])))
}

fn about(key: &DataKeyId, channel: Option<Name>) -> Target {
    Target { kind: "data-key", id: Some(hex(key)), channel: channel.map(|name| name.to_string()) }
}

fn id(row: &Row, column: usize) -> Result<DataKeyId, StoreError> {
    let odd = |_| StoreError::Internal("a data key has an odd id".to_owned());
    row.blob(column)?.try_into().map_err(odd)
}

fn work(row: &Row) -> Result<Work, StoreError> {
    Ok(Work {
        id: row.id(0)?,
        old: id(row, 1)?,
        new: id(row, 2)?,
        of_receipts: row.blob_or_none(3)?.map(|_| id(row, 3)).transpose()?,
        channel: row.int(4)?,
        seq: row.int(6)?,
        walks: row.int(7)?,
    })
}

fn reseal(row: &Row) -> Result<Reseal, StoreError> {
    Ok(Reseal {
        id: row.id(0)?,
        old_key: hex(row.blob(1)?),
        new_key: hex(row.blob(2)?),
        channel: Name::new(row.text(5)?).map_err(|odd| StoreError::Internal(odd.to_string()))?,
        seq: row.int(6)?,
        last_seq: row.int(12)?,
        resealed: row.int(8)?,
        begun_us: row.int(9)?,
        begun_by: row.text(10)?.to_owned(),
        ended_us: row.int_or_none(11)?,
    })
}
