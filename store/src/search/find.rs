//! Looks a value up.

use super::{DAY_US, SearchField, normal};
use crate::error::StoreError;
use crate::read::{MessageSummary, summary_columns};
use crate::scope::Scope;
use crate::sql::{statements, values};
use crate::store::Store;

statements! {
    FIRST_DAY = "select coalesce(min(day), 0) from search_tokens where channel = $1";
    /// Each day is one place in the index.
    FOUND = concat!("with recursive days(day) as (select cast($3 as bigint) union all select day - 1 from days where day > $4)
        select ", summary_columns!(), " from days d cross join search_tokens s cross join messages m
        where s.channel = $1 and s.day = d.day and s.token = $2 and m.channel = s.channel and m.seq = s.seq
        order by m.seq desc limit $5");
    BEHIND = "select coalesce((select max(m.seq) from messages m where m.channel = $1), 0),
        coalesce((select s.seq from search_marks s where s.channel = $1), 0)";
}

/// What a value was found in.
pub struct FoundBy {
    /// The newest first.
    pub rows: Vec<MessageSummary>,
    /// There may be more.
    pub more: bool,
    /// Messages that are not in the index yet.
    pub behind: i64,
}

impl Store {
    /// The messages in which a value stands, in the channels of a scope, received from one time to before another.
    pub async fn find(
        &self,
        scope: &Scope,
        (field, value): (SearchField, &str),
        (since_us, until_us): (i64, i64),
        limit: usize,
    ) -> Result<FoundBy, StoreError> {
        let reader = &self.inner.reader;
        let token = self.inner.tokens.search(field, &normal(value));
        let (mut rows, mut behind) = (Vec::new(), 0);
        for channel in reader.channels(scope).await? {
            let places = reader.row(BEHIND, values![channel.id]).await?;
            if let Some(places) = places {
                behind += (places.int(0)? - places.int(1)?).max(0);
            }
            let first = reader.row(FIRST_DAY, values![channel.id]).await?;
            let first = first.map_or(Ok(0), |row| row.int(0))?.max(since_us.div_euclid(DAY_US));
            let last = until_us.div_euclid(DAY_US);
            if last < first {
                continue;
            }
            let many = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
            let wanted = values![channel.id, &token[..], last, first, many];
            for row in &reader.rows(FOUND, wanted).await? {
                rows.push(reader.summary(row, &channel.name).await?);
            }
        }
        rows.retain(|row| (since_us..until_us).contains(&row.received_us));
        rows.sort_by_key(|row| std::cmp::Reverse((row.received_us, row.id)));
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok(FoundBy { rows, more, behind })
    }
}
