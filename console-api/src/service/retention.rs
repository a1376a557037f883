//! Services of retention: what is over, what must stay, and who says so.

use auth::{Asked, Permit, grants};
use config::Name;
use engine::RetentionStanding;
use store::{Scope, StoreError};
use uuid::Uuid;

use super::approvals::no_emergency;
use super::{Service, Why, reason_needed};
use crate::problem::Problem;
use crate::routes::Call;

impl Service {
    /// How retention stands, counted now.
    pub async fn retention(
        &self,
        _permit: &Permit<grants::RetentionManage>,
    ) -> Result<RetentionStanding, Problem> {
        Ok(self.engine.retention().await?)
    }

    /// Begins to take out what is over, however much it is; gives when, by which it is known. What comes of it is in
    /// [`Service::retention`]. Somebody else must agree where approvals are asked for.
    pub async fn begin_purge(
        &self,
        call: &Call<grants::RetentionManage>,
        why: &Why,
    ) -> Result<i64, Problem> {
        no_emergency(&call.session)?;
        let asked = Asked {
            action: "retention.purge",
            parts: Vec::new(),
            summary: "take everything out of the store that is over".to_owned(),
            scope: Scope::All,
        };
        let act = self.agreed_act(call, asked, why).await?;
        let (engine, begun_us) = (self.engine.clone(), act.now_us);
        tokio::spawn(async move {
            if let Err(error) = engine.purge(&act, true).await {
                tracing::error!(code = "retention.waits", %error, "what is over stays in the store");
            }
        });
        Ok(begun_us)
    }

    /// Puts shorter periods into force, as server.toml asks for them. Somebody else must agree where approvals are asked for.
    pub async fn shorten_retention(
        &self,
        call: &Call<grants::RetentionManage>,
        why: &Why,
    ) -> Result<Vec<Name>, Problem> {
        no_emergency(&call.session)?;
        let standing = self.engine.retention().await?;
        let shorter: Vec<_> = standing.channels.iter().filter(|one| one.is_shorter).collect();
        if shorter.is_empty() {
            return Err(StoreError::Refused("server.toml asks for no shorter periods").into());
        }
        let names: Vec<String> =
            shorter.iter().map(|one| one.retained.channel.to_string()).collect();
        let asked = Asked {
            action: "retention.shortened",
            parts: shorter
                .iter()
                .map(|one| format!("{} {:?}", one.retained.channel, one.asked))
                .collect(),
            summary: format!("keep messages for a shorter time, of {}", names.join(", ")),
            scope: Scope::All,
        };
        let act = self.agreed_act(call, asked, why).await?;
        Ok(self.engine.adopt_periods(&act, true).await?)
    }

    /// Says that nothing of a channel may leave, or nothing at all.
    pub async fn place_hold(
        &self,
        permit: &Permit<grants::RetentionManage>,
        channel: Option<&Name>,
        why: &Why,
    ) -> Result<Uuid, Problem> {
        let why = reason_needed(why)?;
        let act = self.act(permit, "retention.hold", &why);
        let reason = why.reason.as_deref().unwrap_or_default();
        Ok(self.engine.store().place_hold(&act, channel, reason).await?)
    }

    /// Lifts a hold.
    pub async fn lift_hold(
        &self,
        permit: &Permit<grants::RetentionManage>,
        id: Uuid,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "retention.lift", &reason_needed(why)?);
        Ok(self.engine.store().lift_hold(&act, id).await?)
    }
}
