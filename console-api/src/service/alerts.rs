//! Services of alerts, and of what protects the engine.

use auth::{Permit, grants};
use config::Name;
use engine::{Posture, RULES, Rule};
use store::{
    ActOutcome, AlertId, AlertPage, AlertState, AlertWatch, Maintenance, MaintenanceId, Scope,
    Severity, Target, User, UserState,
};

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

/// Nothing is put off, and no maintenance planned or made, for longer.
const PUT_OFF_MAX_US: i64 = 30 * 24 * 3_600 * 1_000_000;
/// Characters of a reason.
const REASON_MAX: usize = 1_000;

/// What a maintenance is to be about.
pub struct NewMaintenance {
    /// When it begins, microseconds UTC.
    pub from_us: i64,
    /// When it ends.
    pub until_us: i64,
    /// The rules; all of them when there are none.
    pub rules: Vec<String>,
    /// The channels; everything when there are none.
    pub channels: Vec<Name>,
    /// One destination of them.
    pub destination: Option<Name>,
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

    /// An alert is not told again before a time, unless it becomes worse.
    pub async fn snooze_alert(
        &self,
        permit: &Permit<grants::AlertManage>,
        id: AlertId,
        until_us: i64,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "alert.snooze", &reason_needed(why)?);
        if until_us <= act.now_us || until_us > act.now_us.saturating_add(PUT_OFF_MAX_US) {
            return Err(Problem::invalid("an alert is put off until a time within 30 days"));
        }
        Ok(self.engine.snooze_alert(permit.scope(), &act, id, until_us).await?)
    }

    /// Somebody is to look after an alert, or nobody any more.
    pub async fn assign_alert(
        &self,
        permit: &Permit<grants::AlertManage>,
        id: AlertId,
        to: Option<Name>,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "alert.assign", &reason_needed(why)?);
        if let Some(name) = &to {
            let people = self.accounts.people().await?;
            let is_one = |user: &User| user.name == *name && user.state == UserState::Active;
            if !people.iter().any(is_one) {
                return Err(Problem::absent("user"));
            }
        }
        let to = to.map(|name| name.to_string());
        Ok(self.engine.assign_alert(permit.scope(), &act, (id, to)).await?)
    }

    /// Every rule, and the setting that it goes by.
    pub fn alert_rules(
        &self,
        _permit: &Permit<grants::MonitorRead>,
    ) -> Vec<(&'static Rule, Option<(&'static str, String)>)> {
        RULES.iter().map(|rule| (rule, self.engine.alert_setting(rule))).collect()
    }

    /// When alerts are not told, now and to come.
    pub async fn maintenances(
        &self,
        permit: &Permit<grants::MonitorRead>,
    ) -> Result<Vec<Maintenance>, Problem> {
        Ok(self.engine.store().maintenances(permit.scope(), self.now_us()).await?)
    }

    /// Alerts are written down and not told for a time. Recorded.
    pub async fn add_maintenance(
        &self,
        permit: &Permit<grants::AlertManage>,
        new: NewMaintenance,
        why: &Why,
    ) -> Result<MaintenanceId, Problem> {
        let why = reason_needed(why)?;
        let act = self.act(permit, "maintenance.add", &why);
        let NewMaintenance { from_us, until_us, rules, channels, destination } = new;
        let latest_us = act.now_us.saturating_add(PUT_OFF_MAX_US);
        let is_time = from_us < until_us && until_us > act.now_us;
        if !is_time || from_us > latest_us || until_us - from_us > PUT_OFF_MAX_US {
            let title =
                "a maintenance begins within 30 days, ends in the future and takes 30 days at most";
            return Err(Problem::invalid(title));
        }
        if let Some(odd) = rules.iter().find(|name| !RULES.iter().any(|rule| rule.kind == **name)) {
            let short: String = odd.chars().take(60).collect();
            return Err(Problem::invalid(format!("there is no rule `{short}`"))
                .hint("`hilum alert rules` lists them"));
        }
        if destination.is_some() && channels.is_empty() {
            return Err(Problem::invalid(
                "a destination is one of a channel: name the channel too",
            ));
        }
        let reason = why.reason.unwrap_or_default().chars().take(REASON_MAX).collect();
        let id = MaintenanceId::new();
        let window = Maintenance {
            id,
            from_us,
            until_us,
            rules,
            channels: channels.iter().map(ToString::to_string).collect(),
            destination: destination.map(|name| name.to_string()),
            reason,
            by: permit.actor().id.clone(),
        };
        self.engine.store().add_maintenance(permit.scope(), &act, window).await?;
        Ok(id)
    }

    /// Ends a maintenance before its time. Recorded.
    pub async fn end_maintenance(
        &self,
        permit: &Permit<grants::AlertManage>,
        id: MaintenanceId,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "maintenance.end", why);
        Ok(self.engine.store().end_maintenance(permit.scope(), &act, id).await?)
    }

    /// Tells a sink that this is a test; what went wrong, if it did. Recorded.
    pub async fn test_sink(
        &self,
        permit: &Permit<grants::AlertManage>,
        name: &Name,
    ) -> Result<Result<(), String>, Problem> {
        if *permit.scope() != Scope::All || !self.engine.has_sink(name.as_str()) {
            return Err(Problem::absent("sink"));
        }
        let act = self.act(permit, "alert.test", &Why::default());
        let target = Target { kind: "sink", id: Some(name.to_string()), channel: None };
        self.engine.store().record(&act, target, ActOutcome::Success, None).await?;
        self.engine.test_sink(name.as_str()).await.ok_or_else(|| Problem::absent("sink"))
    }
}
