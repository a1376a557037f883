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

#[cfg(test)]
mod cases;

use std::sync::Arc;

use config::AlertLimits;
use store::{Act, AlertId, Scope, StoreError};
use tokio::sync::Notify;

use crate::engine::Engine;

pub(crate) use flow::Pasts;
pub use rules::{RULES, Rule};
pub(crate) use sinks::{SINK_FIELDS, read_all};
pub use sinks::{SINKS, SinkSettings};

/// What everything that raises or tells alerts shares.
pub(crate) struct Alerting {
    /// The names of those who are told.
    pub sinks: Vec<String>,
    /// There is something to tell.
    pub news: Arc<Notify>,
}

impl Alerting {
    pub(crate) fn new(sinks: &[SinkSettings]) -> Alerting {
        let names = sinks.iter().map(|sink| sink.name.clone()).collect();
        Alerting { sinks: names, news: Arc::default() }
    }
}

impl Engine {
    /// Looks at the audit log and at the conditions, and tells, for as long as the engine runs.
    pub(crate) fn follow_alerts(&self, sinks: Vec<SinkSettings>) {
        let mut tasks = self.tasks();
        tasks.push(tokio::spawn(watcher::run(self.clone())));
        tasks.push(tokio::spawn(conditions::run(self.clone())));
        tasks.push(tokio::spawn(telling::forget_gone(self.clone())));
        for sink in sinks {
            tasks.push(tokio::spawn(telling::run(self.clone(), sink)));
        }
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
        let Alerting { sinks, news } = &self.inner.alerting;
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
        let Alerting { sinks, news } = &self.inner.alerting;
        self.store().resolve_alert(scope, act, id, sinks).await?;
        news.notify_waiters();
        Ok(())
    }
}
