//! Alerts: what the audit log and the state of the engine say that somebody should look at.
//!
//! An alert is a function of the audit log (`rules`, `detector`, `watcher`) or of a condition that is looked at on a clock (`conditions`); what
//! is to be told of it is written with it and told afterwards (`sinks`, `telling`). Whoever reads nothing but [`RULES`] knows what there is.

mod clock_step;
mod conditions;
mod detector;
mod flow;
mod record;
mod rules;
mod sinks;
mod telling;
mod watcher;
mod window;
mod written;

#[cfg(test)]
mod cases;

use std::sync::Arc;
use std::time::Duration;

use config::AlertLimits;
use store::{
    Act, Alert, AlertId, AlertSink, AlertState, Announcement, DueAlert, Scope, Severity, StoreError,
};
use tokio::sync::Notify;

use crate::engine::Engine;

pub(crate) use flow::Pasts;
pub use rules::{RULES, Rule};
pub(crate) use sinks::{SINK_FIELDS, read_all};
pub use sinks::{SINKS, SinkSettings};
use sinks::{Sink, SinkKind};

/// What everything that raises or tells alerts shares.
pub(crate) struct Alerting {
    /// Who is told, and of what.
    pub sinks: Vec<AlertSink>,
    /// The way to each of them.
    ways: Vec<Arc<Sink>>,
    /// There is something to tell.
    pub news: Arc<Notify>,
}

impl Alerting {
    pub(crate) fn new(sinks: Vec<SinkSettings>) -> Alerting {
        let (told, kinds): (Vec<AlertSink>, Vec<SinkKind>) =
            sinks.into_iter().map(|sink| (sink.told, sink.kind)).unzip();
        let ways = kinds.into_iter().map(|kind| Arc::new(Sink::new(kind))).collect();
        Alerting { sinks: told, ways, news: Arc::default() }
    }

    fn all(&self) -> impl Iterator<Item = (&AlertSink, &Arc<Sink>)> {
        self.sinks.iter().zip(&self.ways)
    }
}

impl Engine {
    /// Looks at the audit log and at the conditions, and tells, for as long as the engine runs.
    pub(crate) fn follow_alerts(&self) {
        let mut tasks = self.tasks();
        tasks.push(tokio::spawn(watcher::run(self.clone())));
        tasks.push(tokio::spawn(conditions::run(self.clone())));
        tasks.push(tokio::spawn(telling::forget_gone(self.clone())));
        for (sink, way) in self.inner.alerting.all() {
            let telling = telling::run(self.clone(), sink.name.clone(), Arc::clone(way));
            tasks.push(tokio::spawn(telling));
        }
    }

    /// What a rule goes by that the settings say: the name of the setting, and its value as it would be written.
    pub fn alert_setting(&self, rule: &Rule) -> Option<(&'static str, String)> {
        let alerts = &self.inner.server.alerts;
        let limits = alerts.limits.named().map(|(name, limit)| (name, limit.to_string()));
        let all = limits.into_iter().chain(alerts.flows.general.named());
        all.into_iter().find(|(name, _)| rule.doc.contains(&format!("`{name}`")))
    }

    /// Whether there is somebody of this name who is told.
    pub fn has_sink(&self, name: &str) -> bool {
        self.inner.alerting.sinks.iter().any(|sink| sink.name == name)
    }

    /// Tells a sink that this is a test; the error says why it was not told. Nothing when there is no such sink.
    pub async fn test_sink(&self, name: &str) -> Option<Result<(), String>> {
        let (_, way) = self.inner.alerting.all().find(|(sink, _)| sink.name == name)?;
        let server = &self.inner.server;
        let who = (server.node.as_str(), server.environment.as_str());
        let notice = test_notice(self.now_us());
        let told = tokio::time::timeout(TEST_MAX, way.tell(&notice, who, self.now_us())).await;
        Some(told.unwrap_or_else(|_| Err("no answer in time".to_owned())))
    }

    /// From when on something is an alert.
    pub fn alert_limits(&self) -> AlertLimits {
        self.inner.server.alerts.limits
    }

    /// Somebody looks after an alert.
    pub async fn acknowledge_alert(
        &self,
        scope: &Scope,
        act: &Act,
        id: AlertId,
    ) -> Result<(), StoreError> {
        let Alerting { sinks, news, .. } = &self.inner.alerting;
        self.store().acknowledge_alert(scope, act, id, sinks).await?;
        news.notify_waiters();
        Ok(())
    }

    /// Somebody says that an alert is over.
    pub async fn resolve_alert(
        &self,
        scope: &Scope,
        act: &Act,
        id: AlertId,
    ) -> Result<(), StoreError> {
        let Alerting { sinks, news, .. } = &self.inner.alerting;
        self.store().resolve_alert(scope, act, id, sinks).await?;
        news.notify_waiters();
        Ok(())
    }

    /// An alert is not told again before `until_us`.
    pub async fn snooze_alert(
        &self,
        scope: &Scope,
        act: &Act,
        id: AlertId,
        until_us: i64,
    ) -> Result<(), StoreError> {
        self.store().snooze_alert(scope, act, id, until_us).await
    }

    /// Somebody is to look after an alert, or nobody any more.
    pub async fn assign_alert(
        &self,
        scope: &Scope,
        act: &Act,
        (id, to): (AlertId, Option<String>),
    ) -> Result<(), StoreError> {
        let Alerting { sinks, news, .. } = &self.inner.alerting;
        self.store().assign_alert(scope, act, (id, to), sinks).await?;
        news.notify_waiters();
        Ok(())
    }
}

/// How long a test may take.
const TEST_MAX: Duration = Duration::from_secs(25);

/// What a sink is told to see whether it can be.
fn test_notice(now_us: i64) -> DueAlert {
    let alert = Alert {
        id: AlertId::new(),
        kind: "alert.test".to_owned(),
        object: "test".to_owned(),
        channel: None,
        severity: Severity::Low,
        state: AlertState::Resolved,
        first_us: now_us,
        last_us: now_us,
        count: 1,
        text: "this is a test: nothing has happened".to_owned(),
        acknowledged_us: None,
        acknowledged_by: None,
        resolved_us: Some(now_us),
        resolved_by: None,
        note: None,
        snoozed_until_us: None,
        assigned_to: None,
        escalated_us: None,
    };
    DueAlert { alert, what: Announcement::Raised, tries: 0 }
}
