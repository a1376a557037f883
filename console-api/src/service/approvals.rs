//! Services of approvals and of emergencies.

use auth::{AccountError, Asked, Opening, Permit, Session, grants};
use phi::Secret;
use store::{Act, ActOutcome, Agreed, Approval, Emergency, Source, Target};
use uuid::Uuid;

use super::{Service, Why, reason_needed};
use crate::problem::Problem;
use crate::routes::Call;

impl Service {
    /// What others have asked for.
    pub async fn approvals(
        &self,
        permit: &Permit<grants::ApprovalRead>,
    ) -> Result<Vec<Approval>, Problem> {
        Ok(self.accounts.approvals(permit.scope()).await?)
    }

    /// Agrees, or does not.
    pub async fn decide_approval(
        &self,
        call: &Call<grants::ApprovalDecide>,
        (id, agrees): (Uuid, bool),
        why: &Why,
    ) -> Result<(), Problem> {
        let action = if agrees { "approval.approve" } else { "approval.refuse" };
        let act = self.act(&call.permit, action, why);
        Ok(self.accounts.decide(&act, &call.permit, &call.session, (id, agrees)).await?)
    }

    /// An act for which somebody else has agreed, where that is asked for. The agreement is used up before the act is begun, which may have
    /// many records of its own.
    pub(super) async fn agreed_act<G: auth::Grant>(
        &self,
        call: &Call<G>,
        asked: Asked,
        why: &Why,
    ) -> Result<Act, Problem> {
        let Call { permit, session } = call;
        let act = self.act(permit, asked.action, &reason_needed(why)?);
        let act = self.accounts.with_approval(act, session, asked).await?;
        let Some(agreed) = act.approval else { return Ok(act) };
        let target = Target { kind: "approval", id: Some(agreed.id.to_string()), channel: None };
        let used = Act { action: "approval.used", ..act.clone() };
        self.engine.store().record(&used, target, ActOutcome::Success, None).await?;
        Ok(Act { approval: Some(Agreed { spends: None, ..agreed }), ..act })
    }

    /// Makes passphrases for envelopes.
    pub async fn seal_envelopes(
        &self,
        call: &Call<grants::RoleManage>,
        count: usize,
    ) -> Result<Vec<Secret<String>>, Problem> {
        let act = self.act(&call.permit, "breakglass.sealed", &Why::default());
        Ok(self.accounts.seal_envelopes(&act, &call.session, count).await?)
    }

    /// Lets somebody in who has opened an envelope.
    pub async fn open_envelope(
        &self,
        opening: Opening,
        source: Source,
    ) -> Result<(Secret<String>, i64), Problem> {
        Ok(self.accounts.open_envelope(opening, source).await?)
    }

    /// Emergencies, each with whether it is in force.
    pub async fn emergencies(
        &self,
        _permit: &Permit<grants::AuditRead>,
    ) -> Result<Vec<(Emergency, bool)>, Problem> {
        Ok(self.accounts.emergencies().await?)
    }

    /// Somebody has looked at what was done in one.
    pub async fn review_emergency(
        &self,
        call: &Call<grants::ApprovalDecide>,
        id: Uuid,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, "breakglass.reviewed", &super::reason_needed(why)?);
        Ok(self.accounts.review_emergency(&act, &call.session, id).await?)
    }
}

/// Refuses what an emergency is no reason for.
pub(super) fn no_emergency(session: &Session) -> Result<(), Problem> {
    match session.is_emergency() {
        true => Err(AccountError::Beyond("an emergency is no reason for this").into()),
        false => Ok(()),
    }
}
