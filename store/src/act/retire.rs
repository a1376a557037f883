//! Ending a channel: from then on no revision of it is in force.

use config::Name;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::{statements, values};
use crate::store::Store;

statements! {
    RETIRE = "update channels set revision = null where id = $1";
}

impl Store {
    /// Takes a channel out of force. Its messages and revisions stay, and applying its file again brings it back.
    pub async fn retire(&self, scope: &Scope, act: &Act, channel: &Name) -> Result<(), StoreError> {
        let channel = self.inner.reader.channel(scope, channel).await?;
        let job_act = act.clone();
        self.act(channel.id, act, move |session, parts| {
            Box::pin(async move {
                session.run(RETIRE, values![channel.id]).await?;
                let name = channel.name.to_string();
                let target =
                    Target { kind: "channel", id: Some(name.clone()), channel: Some(name) };
                let after = Json::object([("in_force", Json::Bool(false))]);
                let entry = Entry::success(&job_act, target, Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
