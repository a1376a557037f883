//! Emergencies: sealed passphrases that are good once, and the sessions that begin with them.

use phi::Secret;
use uuid::Uuid;

use super::ACCOUNTS;
use super::sign_in::Locking;
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::ChannelId;
use crate::seal::{self, Column, Place};
use crate::sql::{Row, row, statements, values};
use crate::store::{Parts, Store};

statements! {
    VOID = "update envelopes set state = 12 where state = 10";
    ADD = "insert into envelopes (id, state, passphrase, made_us, made_by) values ($1, 10, $2, $3, $4)";
    SEALED = "select id, passphrase from envelopes where state = 10 order by id";
    GUESS = "update envelope_guesses set failures = case when locked_until_us > 0 then 1 else failures + 1 end,
        locked_until_us = case when locked_until_us = 0 and failures + 1 >= $2 then cast($1 as bigint) + $3 else 0 end
        where one = 1 and locked_until_us <= $1";
    LOCKED = "select locked_until_us from envelope_guesses where one = 1";
    FORGIVE = "update envelope_guesses set failures = 0, locked_until_us = 0 where one = 1";
    SPEND = "update envelopes set state = 11 where id = $1 and state = 10";
    IN_FORCE = "select count(*) from emergencies where ended_us is null and until_us > $1 and seen_us > $2";
    BEGIN = "insert into emergencies (id, token, envelope, name, ticket, begun_us, seen_us, until_us, address, reminded_us)
        values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $6)";
    BY_TOKEN = "select id, token, name, ticket, begun_us, seen_us, until_us, ended_us, address, reviewed_us, reviewed_by, reminded_us
        from emergencies where token = $1";
    NEWEST = "select id, token, name, ticket, begun_us, seen_us, until_us, ended_us, address, reviewed_us, reviewed_by, reminded_us
        from emergencies order by begun_us desc limit 100";
    SEEN = "update emergencies set seen_us = $2 where token = $1 and seen_us < $2";
    END = "update emergencies set ended_us = $2 where id = $1 and ended_us is null";
    REVIEW = "update emergencies set reviewed_us = $2, reviewed_by = $3 where id = $1 and reviewed_us is null";
    REMIND = "update emergencies set reminded_us = $2 where id = $1 and reviewed_us is null and reminded_us <= $3";
}

/// A session that begins with an envelope.
pub struct NewEmergency {
    /// Its row.
    pub id: Uuid,
    /// SHA-256 of its token.
    pub token: [u8; 32],
    /// The envelope that was opened.
    pub envelope: Uuid,
    /// Who says they have opened it.
    pub name: String,
    /// The number of a ticket elsewhere.
    pub ticket: Option<String>,
    /// It ends then at the latest, microseconds UTC.
    pub until_us: i64,
    /// One that has not been used since then has ended.
    pub idle_before_us: i64,
    /// Where from.
    pub address: String,
}

/// A session that began with an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// Its row.
    pub id: Uuid,
    /// SHA-256 of its token.
    pub token: [u8; 32],
    /// Who said they have opened the envelope.
    pub name: String,
    /// The number of a ticket elsewhere.
    pub ticket: Option<String>,
    /// When it began, microseconds UTC.
    pub begun_us: i64,
    /// When it was last used, to the minute.
    pub seen_us: i64,
    /// It ends then at the latest.
    pub until_us: i64,
    /// When it was ended.
    pub ended_us: Option<i64>,
    /// Where from.
    pub address: String,
    /// When somebody looked at what was done in it.
    pub reviewed_us: Option<i64>,
    /// Who did.
    pub reviewed_by: Option<String>,
    /// When a review was last asked for.
    pub reminded_us: i64,
}

fn place(envelope: Uuid) -> Place {
    Place { channel: ChannelId::from_number(0), column: Column::Passphrase, row: envelope }
}

fn target(id: Uuid) -> Target {
    Target { kind: "emergency", id: Some(id.to_string()), channel: None }
}

impl Store {
    /// Replaces the envelopes that are not opened, with their passphrases as PHC strings.
    pub async fn put_envelopes(
        &self,
        act: &Act,
        passphrases: Vec<Secret<String>>,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let void = session.run(VOID, values![]).await?;
                let mut ids = Vec::new();
                for phc in &passphrases {
                    let id = Uuid::now_v7();
                    let sealed = seal(&parts, id, phc);
                    session.run(ADD, values![id, sealed, act.now_us, &*act.actor.id]).await?;
                    ids.push(Json::text(id.to_string()));
                }
                let before = Json::object([("void", Json::Int(i64::try_from(void).unwrap_or(0)))]);
                let after = Json::object([("envelopes", Json::List(ids))]);
                let target = Target { kind: "envelopes", id: None, channel: None };
                let entry = Entry::success(&act, target, before, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// The envelopes that are not opened.
    pub async fn envelopes(&self) -> Result<Vec<(Uuid, Secret<Vec<u8>>)>, StoreError> {
        let mut found = Vec::new();
        for row in self.inner.reader.rows(SEALED, values![]).await? {
            let id = row.id(0)?;
            let Place { channel, column, row: at } = place(id);
            let opened = self.inner.reader.open(channel, column, at, row.blob(1)?).await?;
            found.push((id, Secret::new(opened)));
        }
        Ok(found)
    }

    /// Counts a guess at the passphrases. False when no more guesses are taken now; the second is true when this guess is the last one.
    pub async fn guess_envelope(
        &self,
        locking: Locking,
        now_us: i64,
    ) -> Result<(bool, bool), StoreError> {
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                let columns = values![now_us, locking.guesses, locking.for_us];
                let taken = session.run(GUESS, columns).await? == 1;
                let after = row(session, LOCKED, values![]).await?;
                let locked = after.map_or(Ok(0), |row| row.int(0))? > now_us;
                Ok(Done::new((taken, taken && locked)))
            })
        })
        .await
    }

    /// Begins a session with an envelope, which is spent.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another is in force, or the envelope was opened a moment ago.
    pub async fn begin_emergency(&self, act: &Act, new: NewEmergency) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let others = values![act.now_us, new.idle_before_us];
                let others = row(session, IN_FORCE, others).await?;
                if others.map_or(Ok(0), |row| row.int(0))? > 0 {
                    return Err(StoreError::Refused("another emergency is in hand"));
                }
                if session.run(SPEND, values![new.envelope]).await? != 1 {
                    return Err(StoreError::Refused("the envelope was opened"));
                }
                session.run(FORGIVE, values![]).await?;
                let columns = values![
                    new.id,
                    &new.token[..],
                    new.envelope,
                    &*new.name,
                    new.ticket.clone(),
                    act.now_us,
                    new.until_us,
                    &*new.address,
                ];
                session.run(BEGIN, columns).await?;
                let after = Json::object([
                    ("envelope", Json::text(new.envelope.to_string())),
                    ("ticket", Json::text_or_null(new.ticket.as_deref())),
                ]);
                let entry = Entry::success(&act, target(new.id), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// The session of a token.
    pub async fn emergency(&self, token: &[u8; 32]) -> Result<Option<Emergency>, StoreError> {
        let found = self.inner.reader.row(BY_TOKEN, values![&token[..]]).await?;
        found.as_ref().map(emergency).transpose()
    }

    /// The last hundred, the newest first.
    pub async fn emergencies(&self) -> Result<Vec<Emergency>, StoreError> {
        self.inner.reader.rows(NEWEST, values![]).await?.iter().map(emergency).collect()
    }

    /// Notes that a session was used.
    pub async fn emergency_seen(&self, token: [u8; 32], now_us: i64) -> Result<(), StoreError> {
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(SEEN, values![&token[..], now_us]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Ends a session.
    pub async fn end_emergency(&self, act: &Act, id: Uuid) -> Result<(), StoreError> {
        self.mark_emergency(act, id, "there is no such emergency, or it has ended", Mark::End).await
    }

    /// Somebody has looked at what was done.
    pub async fn review_emergency(&self, act: &Act, id: Uuid) -> Result<(), StoreError> {
        self.mark_emergency(act, id, "there is no such emergency, or it was reviewed", Mark::Review)
            .await
    }

    /// Records that nobody has looked yet, unless that was recorded after `since_us`.
    pub async fn remind_of_emergency(
        &self,
        act: &Act,
        id: Uuid,
        since_us: i64,
    ) -> Result<(), StoreError> {
        let why = "nobody need be reminded";
        self.mark_emergency(act, id, why, Mark::Remind(since_us)).await
    }

    async fn mark_emergency(
        &self,
        act: &Act,
        id: Uuid,
        why: &'static str,
        mark: Mark,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let (statement, columns) = match mark {
                    Mark::End => (END, values![id, act.now_us]),
                    Mark::Review => (REVIEW, values![id, act.now_us, &*act.actor.id]),
                    Mark::Remind(since_us) => (REMIND, values![id, act.now_us, since_us]),
                };
                if session.run(statement, columns).await? != 1 {
                    return Err(StoreError::Refused(why));
                }
                let entry = Entry::success(&act, target(id), Json::Null, Json::Null);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

enum Mark {
    End,
    Review,
    Remind(i64),
}

fn seal(parts: &Parts, envelope: Uuid, phc: &Secret<String>) -> Vec<u8> {
    seal::seal(&parts.auth, place(envelope), phc.expose_secret().as_bytes())
}

fn emergency(row: &Row) -> Result<Emergency, StoreError> {
    let damaged = |_| StoreError::Internal("an emergency is damaged".to_owned());
    Ok(Emergency {
        id: row.id(0)?,
        token: row.blob(1)?.try_into().map_err(damaged)?,
        name: row.text(2)?.to_owned(),
        ticket: row.text_or_none(3)?.map(str::to_owned),
        begun_us: row.int(4)?,
        seen_us: row.int(5)?,
        until_us: row.int(6)?,
        ended_us: row.int_or_none(7)?,
        address: row.text(8)?.to_owned(),
        reviewed_us: row.int_or_none(9)?,
        reviewed_by: row.text_or_none(10)?.map(str::to_owned),
        reminded_us: row.int(11)?,
    })
}
