//! Services of alerts, and of what protects the engine.

use auth::{Permit, grants};
use engine::Posture;
use store::{AlertId, AlertPage, AlertState, AlertWatch, Scope, Severity, User, UserState};

use super::{Service, Why, reason_needed};
use crate::problem::Problem;

/// What protects the engine.
pub struct SecurityStatus {
    /// What the engine knows of itself.
    pub posture: Posture,
    /// People, sessions and the audit log; only for whoever reaches every channel.
    pub people: Option<People>,
    /// Alerts that are not resolved, by severity and state.
    pub alerts: Vec<(Severity, AlertState, i64)>,
}

/// What is nobody's who reaches some channels only.
pub struct People {
    /// People who may sign in.
    pub users: usize,
    /// Those of them who have a second factor.
    pub second_factor: usize,
    /// Accounts that take no guesses now.
    pub locked: usize,
    /// Sessions in force.
    pub sessions: usize,
    /// Tokens of programs in force.
    pub tokens: usize,
    /// How far the audit log was looked at, and when it was last verified.
    pub watch: AlertWatch,
    /// What waits to be told, by sink.
    pub untold: Vec<(String, i64)>,
}

impl Service {
    /// What protects what lies within a scope.
    pub async fn security_status(
        &self,
        permit: &Permit<grants::MonitorRead>,
    ) -> Result<SecurityStatus, Problem> {
        let posture = self.engine.posture(permit.scope());
        let alerts = self.engine.store().alert_counts(permit.scope()).await?;
        let people = match permit.scope() {
            Scope::All => Some(self.people().await?),
            Scope::Channels(_) => None,
        };
        Ok(SecurityStatus { posture, people, alerts })
    }

    async fn people(&self) -> Result<People, Problem> {
        let (store, now_us) = (self.engine.store(), self.now_us());
        let users: Vec<User> = self.accounts.people().await?;
        let active = || users.iter().filter(|user| user.state == UserState::Active);
        Ok(People {
            users: active().count(),
            second_factor: active().filter(|user| user.second_factor).count(),
            locked: users.iter().filter(|user| user.locked_until_us > now_us).count(),
            sessions: self.accounts.sessions(None).await?.len(),
            tokens: self.accounts.tokens().await?.len(),
            watch: store.alert_watch(now_us).await?,
            untold: store.alerts_untold().await?,
        })
    }

    /// Alerts, the newest first.
    pub async fn alerts(
        &self,
        permit: &Permit<grants::MonitorRead>,
        state: Option<AlertState>,
        before: Option<AlertId>,
        limit: usize,
    ) -> Result<AlertPage, Problem> {
        Ok(self.engine.store().alerts(permit.scope(), state, before, limit).await?)
    }

    /// Says that somebody looks after an alert.
    pub async fn acknowledge_alert(
        &self,
        permit: &Permit<grants::AlertManage>,
        id: AlertId,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "alert.acknowledge", &reason_needed(why)?);
        Ok(self.engine.acknowledge_alert(permit.scope(), &act, id).await?)
    }

    /// Says that an alert is over.
    pub async fn resolve_alert(
        &self,
        permit: &Permit<grants::AlertManage>,
        id: AlertId,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "alert.resolve", &reason_needed(why)?);
        Ok(self.engine.resolve_alert(permit.scope(), &act, id).await?)
    }
}
