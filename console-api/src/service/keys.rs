//! Services of the store key.

use auth::{Asked, Permit, grants};
use config::Name;
use engine::{KeyRefused, KeyWork};
use store::{
    ChannelKey, EscrowError, Escrowed, KeyStanding, Recipients, Reseal, ResealPlan, RotationPlan,
    Scope,
};

use super::approvals::no_emergency;
use super::{Service, Why};
use crate::problem::Problem;
use crate::routes::Call;

impl Service {
    /// What keys there are, and what work on them was begun.
    pub async fn keys(
        &self,
        _permit: &Permit<grants::KeyManage>,
    ) -> Result<(KeyStanding, KeyWork), Problem> {
        Ok((self.engine.store().key_standing().await?, self.engine.key_work()))
    }

    /// What is being sealed anew, or was, the newest first.
    pub async fn reseals(
        &self,
        _permit: &Permit<grants::KeyManage>,
    ) -> Result<Vec<Reseal>, Problem> {
        Ok(self.engine.store().reseals().await?)
    }

    /// Begins to look at what is sealed; gives when, by which it is known.
    pub fn begin_count(&self, _permit: &Permit<grants::KeyManage>) -> i64 {
        let (engine, begun_us) = (self.engine.clone(), self.engine.now_us());
        tokio::spawn(async move { engine.count_sealed(begun_us).await });
        begun_us
    }

    /// What a change of the key would do: from which to which, where the new one comes from, and where the copy of both would go.
    pub async fn plan_rotation(
        &self,
        _permit: &Permit<grants::KeyManage>,
    ) -> Result<(RotationPlan, String, String), Problem> {
        let (plan, source, file) = self.engine.plan_rotation().await.map_err(refused)?;
        Ok((plan, source.to_string(), file.display().to_string()))
    }

    /// Begins to change the key; gives when, by which it is known. Somebody else must agree where approvals are asked for.
    pub async fn begin_rotation(
        &self,
        call: &Call<grants::KeyManage>,
        why: &Why,
    ) -> Result<i64, Problem> {
        no_emergency(&call.session)?;
        let (plan, source, _) = self.plan_rotation(&call.permit).await?;
        let asked = Asked {
            action: "key.rotate",
            parts: vec![plan.from.clone(), source.clone()],
            summary: format!("change the store key {} for that of `{source}`", plan.from),
            scope: Scope::All,
        };
        let act = self.agreed_act(call, asked, why).await?;
        let (engine, begun_us) = (self.engine.clone(), act.now_us);
        tokio::spawn(async move {
            match engine.rotate_key(&act).await {
                Ok(rotated) => {
                    tracing::info!(code = "key.rotated", from = %rotated.from, to = %rotated.to, keys = rotated.keys, "the change of the store key is done: name the new one as `key` in server.toml");
                }
                Err(error) => {
                    tracing::error!(code = "key.rotation", %error, "the change of the store key is not done");
                }
            }
        });
        Ok(begun_us)
    }

    /// A copy of the key for those who keep it, which nobody else can open. Somebody else must agree where approvals are asked for.
    pub async fn escrow_key(
        &self,
        call: &Call<grants::KeyManage>,
        keepers: &[String],
        why: &Why,
    ) -> Result<Escrowed, Problem> {
        no_emergency(&call.session)?;
        if keepers.is_empty() {
            return Err(Problem::invalid("`to` names at least one public key of age"));
        }
        let recipients = Recipients::parse(keepers)
            .map_err(|text| Problem::invalid(format!("`{text}` is not a public key of age")))?;
        let asked = Asked {
            action: "key.escrow",
            parts: keepers.to_vec(),
            summary: format!("copy the store key for {}", keepers.join(", ")),
            scope: Scope::All,
        };
        let act = self.agreed_act(call, asked, why).await?;
        self.engine.store().escrow_key(&act, &recipients).await.map_err(not_escrowed)
    }

    /// The data keys of a channel, the newest first.
    pub async fn channel_keys(
        &self,
        _permit: &Permit<grants::KeyManage>,
        channel: &Name,
    ) -> Result<Vec<ChannelKey>, Problem> {
        Ok(self.engine.store().channel_keys(channel).await?)
    }

    /// What sealing anew would do with what a data key has sealed.
    pub async fn plan_reseal(
        &self,
        _permit: &Permit<grants::KeyManage>,
        key: &str,
    ) -> Result<ResealPlan, Problem> {
        Ok(self.engine.store().plan_reseal(key).await?)
    }

    /// Begins to seal anew what a data key has sealed; the engine goes on with it by itself. Somebody else must agree where approvals
    /// are asked for.
    pub async fn begin_reseal(
        &self,
        call: &Call<grants::KeyManage>,
        key: &str,
        why: &Why,
    ) -> Result<Reseal, Problem> {
        no_emergency(&call.session)?;
        let plan = self.plan_reseal(&call.permit, key).await?;
        let asked = Asked {
            action: "key.reencrypt",
            parts: vec![plan.key],
            summary: format!("seal anew what a data key of channel `{}` has sealed", plan.channel),
            scope: Scope::All,
        };
        let act = self.agreed_act(call, asked, why).await?;
        Ok(self.engine.store().begin_reseal(&act, key).await?)
    }

    /// Records that somebody has opened a copy and found the key in force.
    pub async fn escrow_verified(
        &self,
        permit: &Permit<grants::KeyManage>,
        kek: &str,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "key.escrow_verified", &Why::because(None));
        self.engine.store().escrow_verified(&act, kek).await.map_err(not_escrowed)
    }
}

fn refused(error: KeyRefused) -> Problem {
    match error {
        KeyRefused::Rotate(store::RotateError::Store(error)) => error.into(),
        refused => Problem::conflict("key_stays", refused.to_string()),
    }
}

fn not_escrowed(error: EscrowError) -> Problem {
    match error {
        EscrowError::Store(error) => error.into(),
        refused => Problem::conflict("not_escrowed", refused.to_string()),
    }
}
