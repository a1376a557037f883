//! Stored revisions of channels.

use config::Name;

use super::Reader;
use crate::error::StoreError;
use crate::ids::RevisionId;
use crate::scope::Scope;
use crate::sql::{Row, statements, values};

/// Revisions of one page.
const LIMIT_MAX: usize = 500;

statements! {
    REVISIONS = "select r.id, r.channel, r.hash, r.author, r.reason, r.engine_version, r.created_us from revisions r \
        where r.channel = $1 and r.id < $2 order by r.id desc limit $3";
    REVISION = "select r.id, r.channel, r.hash, r.author, r.reason, r.engine_version, r.created_us, r.text, r.tables \
        from revisions r where r.id = $1";
    APPLIED = "select r.id, r.channel, r.hash, r.author, r.reason, r.engine_version, r.created_us, r.text, r.tables \
        from channels c join revisions r on r.id = c.revision where c.name = $1";
}

/// A revision without its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionSummary {
    /// Its row.
    pub id: RevisionId,
    /// Its channel.
    pub channel: Name,
    /// SHA-256 over its texts.
    pub hash: [u8; 32],
    /// Who applied it.
    pub author: String,
    /// Why.
    pub reason: Option<String>,
    /// The version of the program that applied it.
    pub engine_version: String,
    /// When.
    pub created_us: i64,
}

/// A revision whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// What lists show.
    pub summary: RevisionSummary,
    /// The channel's file.
    pub text: String,
    /// The code tables, scripts and profiles that it uses, as JSON: an object of texts by name or path.
    pub files: String,
}

impl Reader {
    pub(crate) async fn revisions(
        &self,
        scope: &Scope,
        channel: &Name,
        before: Option<RevisionId>,
        limit: usize,
    ) -> Result<Vec<RevisionSummary>, StoreError> {
        let known = self.channel(scope, channel).await?;
        let limit = i64::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(i64::MAX);
        let before = before.map_or(i64::MAX, RevisionId::number);
        let rows = self.rows(REVISIONS, values![known.id, before, limit]).await?;
        rows.iter().map(|row| summary(row, channel)).collect()
    }

    pub(crate) async fn revision(
        &self,
        scope: &Scope,
        id: RevisionId,
    ) -> Result<Option<Revision>, StoreError> {
        let Some(row) = self.row(REVISION, values![id.number()]).await? else { return Ok(None) };
        let Some(channel) = self.channel_in(scope, row.int(1)?).await? else { return Ok(None) };
        whole(&row, &channel.name).map(Some)
    }

    /// The revision that a channel was last told to run.
    pub(crate) async fn applied(&self, channel: &Name) -> Result<Option<Revision>, StoreError> {
        match self.row(APPLIED, values![channel.as_str()]).await? {
            Some(row) => whole(&row, channel).map(Some),
            None => Ok(None),
        }
    }
}

fn whole(row: &Row, channel: &Name) -> Result<Revision, StoreError> {
    Ok(Revision {
        summary: summary(row, channel)?,
        text: row.text(7)?.to_owned(),
        files: row.text(8)?.to_owned(),
    })
}

fn summary(row: &Row, channel: &Name) -> Result<RevisionSummary, StoreError> {
    let hash = row.blob(2)?.try_into();
    Ok(RevisionSummary {
        id: RevisionId::from_number(row.int(0)?),
        channel: channel.clone(),
        hash: hash.map_err(|_| StoreError::Internal("a revision's hash is cut".to_owned()))?,
        author: row.text(3)?.to_owned(),
        reason: row.text_or_none(4)?.map(str::to_owned),
        engine_version: row.text(5)?.to_owned(),
        created_us: row.int(6)?,
    })
}
