//! What is known of keys: which wrap what, what is sealed and what is not.

use uuid::Uuid;

use super::KekId;
use crate::error::StoreError;
use crate::seal::Purpose;
use crate::sql::{Row, Statement, Value, statements, values};
use crate::store::Store;

/// Messages that are looked at in one statement.
const SLICE: i64 = 2_000;
/// What each sealed value begins with: the version and the algorithm.
const HEAD: [u8; 2] = [1, 1];

statements! {
    BY_KEK = "select purpose, kek_id, count(*), cast(coalesce(sum(case when destroyed_us < 9223372036854775807 then 1 else 0 end), 0) as bigint)
        from data_keys group by purpose, kek_id order by purpose, kek_id";
    ESCROW = "select value from meta where name = $1";
    NEXT_IDS = "select s.id from (select id from messages where id > $1 order by id limit $2) s order by s.id desc limit 1";
    CONTROL_IDS = "select count(*), cast(coalesce(sum(case when substr(control_id, 1, 2) = $3 then 1 else 0 end), 0) as bigint)
        from messages where id > $1 and id <= $2";
    MESSAGE_ERRORS = "select count(*), cast(coalesce(sum(case when substr(error, 1, 2) = $3 then 1 else 0 end), 0) as bigint)
        from messages where id > $1 and id <= $2 and error is not null";
    DELIVERY_ERRORS = "select count(*), cast(coalesce(sum(case when substr(error, 1, 2) = $3 then 1 else 0 end), 0) as bigint)
        from deliveries where message > $1 and message <= $2 and error is not null";
    RESPONSES = "select count(*), cast(coalesce(sum(case when substr(response, 1, 2) = $3 then 1 else 0 end), 0) as bigint)
        from attempts where message > $1 and message <= $2 and response is not null";
    ATTEMPT_ERRORS = "select count(*), cast(coalesce(sum(case when substr(error, 1, 2) = $3 then 1 else 0 end), 0) as bigint)
        from attempts where message > $1 and message <= $2 and error is not null";
    NEXT_BODIES = "select s.id from (select id from bodies where id > $1 order by id limit $2) s order by s.id desc limit 1";
    BODIES = "select count(*), cast(coalesce(sum(case when substr(blob, 1, 2) = $3 then 1 else 0 end), 0) as bigint)
        from bodies where id > $1 and id <= $2";
    PASSWORDS = "select count(*), cast(coalesce(sum(case when substr(password, 1, 2) = $1 then 1 else 0 end), 0) as bigint)
        from users where password is not null";
    SECOND_FACTORS = "select count(*), cast(coalesce(sum(case when substr(second_factor, 1, 2) = $1 then 1 else 0 end), 0) as bigint)
        from users where second_factor is not null";
    PRIVATE_KEYS = "select count(*), cast(coalesce(sum(case when substr(private_key, 1, 2) = $1 then 1 else 0 end), 0) as bigint)
        from authorities where private_key is not null";
    PASSPHRASES = "select count(*), cast(coalesce(sum(case when substr(passphrase, 1, 2) = $1 then 1 else 0 end), 0) as bigint)
        from envelopes where passphrase is not null";
}

/// What is known of the store key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStanding {
    /// The key in force.
    pub kek: String,
    /// Where it comes from.
    pub source: String,
    /// The key that is taking its place, and how many data keys the one before still wraps.
    pub next: Option<(String, i64)>,
    /// Data keys, by what they are for and what wraps them.
    pub keys: Vec<DataKeys>,
    /// Which key a copy was made of for those who keep it, and when, microseconds UTC.
    pub escrowed: Option<(String, Option<i64>)>,
    /// When somebody last opened such a copy and found the key in force.
    pub escrow_verified_us: Option<i64>,
}

/// Data keys of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeys {
    /// What for.
    pub purpose: &'static str,
    /// The store key that wraps them.
    pub kek: String,
    /// How many there are.
    pub live: i64,
    /// How many were destroyed with what they sealed.
    pub destroyed: i64,
}

/// What is in a sealed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedColumn {
    /// Which one, as `table.column`.
    pub column: &'static str,
    /// Values in it.
    pub values: i64,
    /// Those of them that are sealed; the others are in clear.
    pub sealed: i64,
}

impl Store {
    /// What is known of the store key, without a look at what is sealed.
    pub async fn key_standing(&self) -> Result<KeyStanding, StoreError> {
        let held = self.held_key();
        let next = match self.next_key().await? {
            Some(next) => Some((next.to_string(), self.wrapped_by(held.kek).await?)),
            None => None,
        };
        let mut keys = Vec::new();
        for row in self.inner.reader.rows(BY_KEK, values![]).await? {
            let destroyed = row.int(3)?;
            keys.push(DataKeys {
                purpose: row.code(0, Purpose::from_code)?.as_str(),
                kek: kek(row.blob(1)?)?,
                live: row.int(2)? - destroyed,
                destroyed,
            });
        }
        let escrowed = match self.key_fact("escrow_kek").await? {
            Some(id) => Some((kek(&id)?, self.time_fact("escrow_us").await?)),
            None => None,
        };
        Ok(KeyStanding {
            kek: held.kek.to_string(),
            source: held.source.to_string(),
            next,
            keys,
            escrowed,
            escrow_verified_us: self.time_fact("escrow_verified_us").await?,
        })
    }

    async fn key_fact(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.inner.reader.row(ESCROW, values![name]).await?;
        row.map(|row| row.blob(0).map(<[u8]>::to_vec)).transpose()
    }

    async fn time_fact(&self, name: &'static str) -> Result<Option<i64>, StoreError> {
        let fact = self.key_fact(name).await?;
        Ok(fact.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map(i64::from_be_bytes))
    }

    /// Looks at the beginning of every value of every sealed column, in slices. `told` hears how many values there were so far.
    pub async fn count_sealed(
        &self,
        mut told: impl FnMut(i64) + Send,
    ) -> Result<Vec<SealedColumn>, StoreError> {
        let mut columns: Vec<SealedColumn> = Vec::new();
        for (column, statement) in [
            ("users.password", PASSWORDS),
            ("users.second_factor", SECOND_FACTORS),
            ("authorities.private_key", PRIVATE_KEYS),
            ("envelopes.passphrase", PASSPHRASES),
        ] {
            let counted = self.counted(statement, values![&HEAD[..]]).await?;
            add(&mut columns, column, counted);
        }
        let of_messages = [
            ("messages.control_id", CONTROL_IDS),
            ("messages.error", MESSAGE_ERRORS),
            ("deliveries.error", DELIVERY_ERRORS),
            ("attempts.response", RESPONSES),
            ("attempts.error", ATTEMPT_ERRORS),
        ];
        for (next, statements) in
            [(NEXT_IDS, &of_messages[..]), (NEXT_BODIES, &[("bodies.blob", BODIES)][..])]
        {
            let mut after = Uuid::nil();
            while let Some(row) = self.inner.reader.row(next, values![after, SLICE]).await? {
                let last = row.id(0)?;
                for (column, statement) in statements {
                    let counted = self.counted(*statement, values![after, last, &HEAD[..]]).await?;
                    add(&mut columns, column, counted);
                }
                after = last;
                told(columns.iter().map(|column| column.values).sum());
            }
        }
        Ok(columns)
    }

    async fn counted(
        &self,
        statement: Statement,
        values: Vec<Value>,
    ) -> Result<(i64, i64), StoreError> {
        let row = self.inner.reader.row(statement, values).await?;
        row.map_or(Ok((0, 0)), |row: Row| Ok((row.int(0)?, row.int(1)?)))
    }
}

fn add(columns: &mut Vec<SealedColumn>, column: &'static str, (values, sealed): (i64, i64)) {
    match columns.iter_mut().find(|known| known.column == column) {
        Some(known) => {
            known.values += values;
            known.sealed += sealed;
        }
        None => columns.push(SealedColumn { column, values, sealed }),
    }
}

fn kek(bytes: &[u8]) -> Result<String, StoreError> {
    let id = <[u8; 8]>::try_from(bytes);
    let odd = |_| StoreError::Internal("a key id has an odd length".to_owned());
    Ok(KekId(id.map_err(odd)?).to_string())
}
