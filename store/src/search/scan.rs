//! Reads the bodies of a channel's messages, the newest first, for somebody who looks for a text in them.

use bytes::Bytes;
use config::Name;
use phi::Phi;

use crate::error::StoreError;
use crate::ids::ChannelId;
use crate::read::{MessageSummary, summary_columns};
use crate::scope::Scope;
use crate::sql::{statements, values};
use crate::store::Store;

statements! {
    BEFORE = concat!("select ", summary_columns!(), ", m.body from messages m where m.channel = $1 and m.seq < $2 order by m.seq desc limit $3");
}

/// A message and its body.
pub struct WithBody {
    /// What lists show.
    pub summary: MessageSummary,
    /// What was received; nothing when it does not open, or has left.
    pub body: Option<Phi<Bytes>>,
}

impl Store {
    /// The messages of a channel before a number, the newest first.
    pub async fn bodies_before(
        &self,
        scope: &Scope,
        channel: &Name,
        (before, limit): (i64, i64),
    ) -> Result<Vec<WithBody>, StoreError> {
        let reader = &self.inner.reader;
        let known = reader.channel(scope, channel).await?;
        let mut all = Vec::new();
        for row in reader.rows(BEFORE, values![known.id, before, limit]).await? {
            let id = row.id_or_none(24)?.unwrap_or(row.id(0)?);
            let body = match reader.body(ChannelId::from_number(known.id), id).await {
                Ok(body) => Some(Phi::new(body)),
                Err(StoreError::Unreadable(_)) => None,
                Err(error) => return Err(error),
            };
            all.push(WithBody { summary: reader.summary(&row, &known.name).await?, body });
        }
        Ok(all)
    }
}
