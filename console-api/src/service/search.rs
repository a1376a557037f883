//! Services of finding messages by the numbers in them.

use auth::{Permit, grants};
use config::Name;
use phi::Phi;
use store::{ActOutcome, FoundBy, Scope, SearchField, Target};

use super::{Service, Why};
use crate::problem::Problem;

/// What is looked for.
pub struct Wanted {
    /// What the number is of.
    pub field: SearchField,
    /// The number.
    pub value: Phi<String>,
    /// In this channel only.
    pub channel: Option<Name>,
    /// Received at or after this time, microseconds UTC.
    pub since_us: i64,
    /// Received before this time; until now when it is left out.
    pub until_us: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Service {
    /// The messages in which a number stands. Recorded before anybody sees one: by what was looked for, never for which number.
    pub async fn lookup(
        &self,
        permit: &Permit<grants::MessageSearch>,
        wanted: &Wanted,
        why: &Why,
    ) -> Result<FoundBy, Problem> {
        let scope = match &wanted.channel {
            Some(name) if permit.scope().holds(name.as_str()) => {
                Scope::Channels([name.clone()].into())
            }
            Some(_) => return Err(Problem::absent("channel")),
            None => permit.scope().clone(),
        };
        let act = self.act(permit, "message.search", why);
        let target = Target {
            kind: "search",
            id: Some(wanted.field.as_str().to_owned()),
            channel: wanted.channel.as_ref().map(Name::to_string),
        };
        let store = self.engine.store();
        store.record(&act, target, ActOutcome::Success, None).await?;
        let times = (wanted.since_us, wanted.until_us.unwrap_or_else(|| self.now_us() + 1));
        let value = (wanted.field, wanted.value.expose_phi().as_str());
        Ok(store.find(&scope, value, times, wanted.limit).await?)
    }
}
