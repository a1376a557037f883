//! Applying a revision: from then on it decides about new messages.

use config::Name;
use sha2::{Digest, Sha256};

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::{ChannelId, RevisionId};
use crate::own::make_channel;
use crate::scope::Scope;
use crate::sql::{row, statements, values};
use crate::store::Store;

statements! {
    CURRENT = "select c.revision, r.hash from channels c left join revisions r on r.id = c.revision where c.id = $1";
    INSERT_REVISION = "insert into revisions (channel, hash, text, tables, author, reason, engine_version, created_us)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    NEWEST = "select max(id) from revisions where channel = $1";
    SET_REVISION = "update channels set revision = $2 where id = $1";
}

/// The texts of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRevision {
    /// The channel's file.
    pub text: String,
    /// What it refers to: the code tables by name, then its scripts and profiles by path.
    pub files: Vec<(String, String)>,
}

impl NewRevision {
    /// SHA-256 over all texts, each with its length before it.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        add(&self.text);
        for (name, text) in &self.files {
            add(name);
            add(text);
        }
        hash.finalize().into()
    }

    fn files_json(&self) -> String {
        let members = self.files.iter().map(|(name, text)| (name.clone(), Json::text(&**text)));
        audit::canonical(&Json::Object(members.collect()))
    }
}

impl Store {
    /// Stores a revision and makes it the one that the channel runs. The act's purpose is kept as its reason.
    pub async fn apply(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
        revision: NewRevision,
    ) -> Result<RevisionId, StoreError> {
        if !scope.holds(channel.as_str()) {
            return Err(StoreError::NotFound("channel"));
        }
        let known = self.known_channel(channel).await?;
        let (act_of_job, name) = (act.clone(), channel.to_string());
        self.act(known.map_or(0, ChannelId::number), act, move |session, parts| {
            Box::pin(async move {
                let act = act_of_job;
                // A new row is part of this transaction: a channel without a revision would be taken for one that was ended.
                let id = make_channel(session, &name, act.now_us).await?.number();
                let current = row(session, CURRENT, values![id])
                    .await?
                    .ok_or(StoreError::NotFound("channel"))?;
                let hash = revision.hash();
                let columns = values![
                    id,
                    &hash[..],
                    &*revision.text,
                    revision.files_json(),
                    &*act.actor.id,
                    act.purpose.clone(),
                    &*parts.version,
                    act.now_us,
                ];
                session.run(INSERT_REVISION, columns).await?;
                let made = row(session, NEWEST, values![id])
                    .await?
                    .ok_or(StoreError::NotFound("revision"))?
                    .int(0)?;
                session.run(SET_REVISION, values![id, made]).await?;
                let before = match current.int_or_none(0)? {
                    Some(number) => shown(number, current.blob(1)?),
                    None => Json::Null,
                };
                let target =
                    Target { kind: "channel", id: Some(name.clone()), channel: Some(name) };
                let entry = Entry::success(&act, target, before, shown(made, &hash));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(RevisionId::from_number(made)))
            })
        })
        .await
    }
}

fn shown(number: i64, hash: &[u8]) -> Json {
    Json::object([("revision", Json::Int(number)), ("hash", Json::text(audit::hex(hash)))])
}
