//! Searches that people keep. What they ask for is sealed: it may hold the number of a patient.

use phi::Phi;
use uuid::Uuid;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::ids::ChannelId;
use crate::seal::{self, Column, Place};
use crate::sql::{Row, row, statements, values};
use crate::store::{Parts, Store};

/// Views of one owner.
const OF_OWNER_MAX: i64 = 200;
/// Views that are not about a channel are written where accounts are.
const ACCOUNTS: i64 = 0;

statements! {
    SEEN_BY = "select id, owner, shared, content, created_us, changed_us from saved_views where owner = $1 or shared = 1
        order by created_us, id";
    FIND = "select id, owner, shared, content, created_us, changed_us from saved_views where id = $1";
    COUNT = "select count(*) from saved_views where owner = $1";
    INSERT = "insert into saved_views (id, owner, shared, content, created_us, changed_us) values ($1, $2, $3, $4, $5, $5)";
    UPDATE = "update saved_views set shared = $2, content = $3, changed_us = $4 where id = $1";
    DELETE = "delete from saved_views where id = $1";
}

/// A search that somebody keeps.
#[derive(Clone)]
pub struct SavedView {
    /// Its row.
    pub id: Uuid,
    /// Whose it is: the id of an actor.
    pub owner: String,
    /// Others see it too.
    pub shared: bool,
    /// What it says, as it was given.
    pub content: ViewContent,
    /// When it was made, microseconds UTC.
    pub created_us: i64,
    /// When it was last changed.
    pub changed_us: i64,
}

/// What a view says, as text that the store does not read; nothing when it does not open.
pub type ViewContent = Option<Phi<String>>;

fn place(id: Uuid) -> Place {
    Place { channel: ChannelId::from_number(0), column: Column::SavedView, row: id }
}

fn target(id: Uuid) -> Target {
    Target { kind: "view", id: Some(id.to_string()), channel: None }
}

fn sealed(parts: &Parts, id: Uuid, content: &Phi<String>) -> Vec<u8> {
    seal::seal(&parts.auth, place(id), content.expose_phi().as_bytes())
}

impl Store {
    /// The views of an actor and those that are shared, the oldest first.
    pub async fn views(&self, owner: &str) -> Result<Vec<SavedView>, StoreError> {
        let mut views = Vec::new();
        for row in self.inner.reader.rows(SEEN_BY, values![owner]).await? {
            views.push(self.view_of(&row).await?);
        }
        Ok(views)
    }

    /// One view, whoever it belongs to.
    pub async fn view(&self, id: Uuid) -> Result<Option<SavedView>, StoreError> {
        match self.inner.reader.row(FIND, values![id]).await? {
            Some(row) => self.view_of(&row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn view_of(&self, row: &Row) -> Result<SavedView, StoreError> {
        let id = row.id(0)?;
        let Place { channel, column, row: at } = place(id);
        let content = match self.inner.reader.open(channel, column, at, row.blob(3)?).await {
            Ok(bytes) => Some(Phi::new(String::from_utf8_lossy(&bytes).into_owned())),
            Err(StoreError::Unreadable(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(SavedView {
            id,
            owner: row.text(1)?.to_owned(),
            shared: row.int(2)? != 0,
            content,
            created_us: row.int(4)?,
            changed_us: row.int(5)?,
        })
    }

    /// Keeps a view of whoever acts.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when they keep as many as they may.
    pub async fn add_view(
        &self,
        act: &Act,
        id: Uuid,
        shared: bool,
        content: Phi<String>,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let owner = &*act.actor.id;
                let kept = row(session, COUNT, values![owner]).await?;
                if kept.map_or(Ok(0), |row| row.int(0))? >= OF_OWNER_MAX {
                    return Err(StoreError::Refused("nobody keeps more than 200 views"));
                }
                let sealed = sealed(&parts, id, &content);
                let columns = values![id, owner, i64::from(shared), sealed, act.now_us];
                session.run(INSERT, columns).await?;
                noted(session, &parts, (&act, id), (None, Some(shared))).await
            })
        })
        .await
    }

    /// Changes a view of whoever acts.
    pub async fn set_view(
        &self,
        act: &Act,
        id: Uuid,
        shared: bool,
        content: Phi<String>,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let before = own(session, &act, id).await?;
                let sealed = sealed(&parts, id, &content);
                let columns = values![id, i64::from(shared), sealed, act.now_us];
                session.run(UPDATE, columns).await?;
                noted(session, &parts, (&act, id), (Some(before), Some(shared))).await
            })
        })
        .await
    }

    /// Forgets a view of whoever acts.
    pub async fn remove_view(&self, act: &Act, id: Uuid) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let before = own(session, &act, id).await?;
                session.run(DELETE, values![id]).await?;
                noted(session, &parts, (&act, id), (Some(before), None)).await
            })
        })
        .await
    }
}

/// Whether a view of whoever acts is shared. One of somebody else looks as if it were not there.
async fn own(session: &mut dyn Backend, act: &Act, id: Uuid) -> Result<bool, StoreError> {
    let found = row(session, FIND, values![id]).await?;
    let found = found.ok_or(StoreError::NotFound("view"))?;
    if found.text(1)? != act.actor.id {
        return Err(StoreError::NotFound("view"));
    }
    Ok(found.int(2)? != 0)
}

/// Records what was done: never what the view asks for.
async fn noted(
    session: &mut dyn Backend,
    parts: &Parts,
    (act, id): (&Act, Uuid),
    (before, after): (Option<bool>, Option<bool>),
) -> Result<Done, StoreError> {
    let shown = |shared: Option<bool>| match shared {
        Some(shared) => Json::object([("shared", Json::Bool(shared))]),
        None => Json::Null,
    };
    let entry = Entry::success(act, target(id), shown(before), shown(after));
    audit::append(session, &parts.recorder, &entry).await?;
    Ok(Done::new(()))
}
