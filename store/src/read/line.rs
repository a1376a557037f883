//! What surrounds a message: its line of messages up and down, its neighbours in the channel, and who has looked at it.

use config::Name;

use super::audit::AuditRecord;
use super::detail::Child;
use super::filter::Known;
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::scope::Scope;
use crate::sql::{Row, statements, values};
use crate::state::{Disposition, Origin};
use crate::store::Store;

/// Messages of a line that are listed.
const LINE_MAX: i64 = 200;

statements! {
    /// Up to the first, a bounded number of steps. The joins name their order: without statistics SQLite may walk through all messages.
    FIRST = "with recursive up(id, parent, depth) as (select id, parent, 0 from messages where id = $1
        union all select m.id, m.parent, up.depth + 1 from up cross join messages m on m.id = up.parent where up.depth < 50)
        select id from up order by depth desc limit 1",
        postgres: "with recursive up(id, parent, depth) as (select id, parent, 0 from messages where id = $1
        union all select m.id, m.parent, up.depth + 1 from up join messages m on m.id = up.parent where up.depth < 50)
        select id from up order by depth desc limit 1";
    /// From there down.
    LINE = "with recursive line(id, depth) as (select id, 0 from messages where id = $1
        union all select m.id, line.depth + 1 from line cross join messages m on m.parent = line.id where line.depth < 50)
        select m.id, m.origin, m.received_us, m.disposition, m.channel, m.parent from line cross join messages m on m.id = line.id
        order by line.depth, m.id limit $2",
        postgres: "with recursive line(id, depth) as (select id, 0 from messages where id = $1
        union all select m.id, line.depth + 1 from line join messages m on m.parent = line.id where line.depth < 50)
        select m.id, m.origin, m.received_us, m.disposition, m.channel, m.parent from line join messages m on m.id = line.id
        order by line.depth, m.id limit $2";
    PLACE = "select channel, seq from messages where id = $1";
    PREVIOUS = "select id from messages where channel = $1 and seq < $2 order by seq desc limit 1";
    NEXT = "select id from messages where channel = $1 and seq > $2 order by seq limit 1";
    LOOKS = "select seq, rec from audit_log where target_id = $1 order by seq desc limit $2";
}

/// A message of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InLine {
    /// The message.
    pub message: Child,
    /// The message that it was made from; nothing where that lies outside the scope.
    pub parent: Option<MessageId>,
}

impl Store {
    /// All messages that came of the one that a message's line begins with, those before those that were made from them.
    pub async fn line(&self, scope: &Scope, id: MessageId) -> Result<Vec<InLine>, StoreError> {
        let reader = &self.inner.reader;
        let Some(first) = reader.row(FIRST, values![id.uuid()]).await? else {
            return Ok(Vec::new());
        };
        let channels = reader.channels(scope).await?;
        let rows = reader.rows(LINE, values![first.id(0)?, LINE_MAX]).await?;
        // One in a channel outside the scope looks as if it were not there.
        let shown = rows.iter().filter_map(|row| in_line(row, &channels).transpose());
        let mut line = shown.collect::<Result<Vec<_>, _>>()?;
        let known: Vec<MessageId> = line.iter().map(|one| one.message.id).collect();
        line.iter_mut().for_each(|one| one.parent = one.parent.filter(|id| known.contains(id)));
        Ok(line)
    }

    /// The messages before and after one in its channel.
    pub async fn neighbours(
        &self,
        scope: &Scope,
        id: MessageId,
    ) -> Result<(Option<MessageId>, Option<MessageId>), StoreError> {
        let reader = &self.inner.reader;
        let place = reader.row(PLACE, values![id.uuid()]).await?;
        let place = place.ok_or(StoreError::NotFound("message"))?;
        let channel = reader.channel_in(scope, place.int(0)?).await?;
        let channel = channel.ok_or(StoreError::NotFound("message"))?;
        let seq = place.int(1)?;
        let id_of = |row: Option<Row>| -> Result<Option<MessageId>, StoreError> {
            row.map(|row| row.id(0)).transpose().map(|id| id.map(MessageId::from_uuid))
        };
        let previous = id_of(reader.row(PREVIOUS, values![channel.id, seq]).await?)?;
        Ok((previous, id_of(reader.row(NEXT, values![channel.id, seq]).await?)?))
    }

    /// Records about the thing with an id, the newest first.
    pub async fn records_about(
        &self,
        target: &str,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.inner.reader.rows(LOOKS, values![target, limit]).await?;
        let record = |row: &Row| {
            let text = String::from_utf8_lossy(row.blob(1)?).into_owned();
            Ok(AuditRecord { seq: row.int(0)?, text })
        };
        rows.iter().map(record).collect()
    }
}

fn in_line(row: &Row, channels: &[Known]) -> Result<Option<InLine>, StoreError> {
    let number = row.int(4)?;
    let Some(channel) = channels.iter().find(|known| known.id == number) else { return Ok(None) };
    let channel: Name = channel.name.clone();
    Ok(Some(InLine {
        message: Child {
            channel,
            id: MessageId::from_uuid(row.id(0)?),
            origin: row.code(1, Origin::from_code)?,
            received_us: row.int(2)?,
            disposition: row.code(3, Disposition::from_code)?,
        },
        parent: row.id_or_none(5)?.map(MessageId::from_uuid),
    }))
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor, Row as _, raw_sql};

    use super::*;

    #[tokio::test]
    async fn no_table_is_walked_through() {
        let mut connection = crate::prepare::sqlite().await;
        for statement in [FIRST, LINE, PLACE, PREVIOUS, NEXT, LOOKS] {
            let text = format!("explain query plan {}", statement.sqlite);
            let plan = connection.fetch_all(raw_sql(AssertSqlSafe(text))).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            let walks = |step: &String| {
                ["SCAN m", "SCAN messages", "SCAN audit_log"]
                    .iter()
                    .any(|walk| step.starts_with(walk))
            };
            assert!(!plan.iter().any(walks), "{}: {plan:#?}", statement.name);
        }
    }
}
