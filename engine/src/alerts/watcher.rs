//! Follows the audit log, record by record, and writes what the rules find together with how far it has come.

use std::time::Duration;

use store::{AlertChanges, AlertSink, AlertWatch, LoginPlace, Store, StoreError, Verified};

use super::Alerting;
use super::detector::Detector;
use super::record::Record;
use super::rules::LOOK_BACK_US;
use crate::engine::Engine;

/// How often the end of the log is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// After something that did not work.
const AGAIN: Duration = Duration::from_secs(5);
/// Records of one transaction.
const RECORDS: usize = 500;

/// Runs as long as the engine.
pub async fn run(engine: Engine) {
    loop {
        let ended = follow(&engine).await;
        if let Err(error) = ended {
            tracing::error!(code = "alert.watch", %error, "the audit log could not be looked at for alerts; trying again");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Follows until another engine has come first, or the store does not answer.
async fn follow(engine: &Engine) -> Result<(), StoreError> {
    let Alerting { sinks, news, .. } = &engine.inner.alerting;
    let mut watcher =
        Watcher::begin(engine.store().clone(), engine.alert_limits(), engine.now_us()).await?;
    loop {
        match watcher.step(sinks, engine.now_us()).await? {
            Step::Quiet => tokio::time::sleep(EVERY).await,
            Step::Looked { found } => {
                if found {
                    news.notify_waiters();
                }
            }
            Step::Overtaken => return Ok(()),
        }
    }
}

/// One that knows where it is in the log.
pub(super) struct Watcher {
    store: Store,
    detector: Detector,
    next: i64,
    since_us: i64,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is nothing new.
    Quiet,
    /// Records were looked at.
    Looked {
        /// One of them is worth an alert, or ends one.
        found: bool,
    },
    /// Another engine has looked at them before.
    Overtaken,
}

impl Watcher {
    /// Goes on where looking has stopped: the records of the day before are shown to the rules again, so that their counts go on too.
    pub(super) async fn begin(
        store: Store,
        limits: config::AlertLimits,
        now_us: i64,
    ) -> Result<Watcher, StoreError> {
        let AlertWatch { seq, since_us, .. } = store.alert_watch(now_us).await?;
        let mut detector = Detector::new(limits);
        let mut next = match seq {
            0 => 0,
            _ => {
                let last = store.audit_records_from(seq - 1, 1).await?;
                let last_us = last.first().and_then(|last| Record::read(&last.text));
                let from_us = last_us.map_or(now_us, |last| last.at_us()) - LOOK_BACK_US;
                store.audit_seq_at(from_us, seq).await?
            }
        };
        while next < seq {
            let records = store.audit_records_from(next, RECORDS).await?;
            if records.is_empty() {
                break;
            }
            for record in records.iter().take_while(|record| record.seq < seq) {
                if let Some(record) = Record::read(&record.text) {
                    detector.see(&record, &[]);
                }
            }
            next = records.last().map_or(seq, |last| last.seq + 1);
        }
        Ok(Watcher { store, detector, next: seq, since_us })
    }

    /// Looks at the next records.
    pub(super) async fn step(
        &mut self,
        sinks: &[AlertSink],
        now_us: i64,
    ) -> Result<Step, StoreError> {
        let records = self.store.audit_records_from(self.next, RECORDS).await?;
        let Some(to) = records.last().map(|last| last.seq + 1) else { return Ok(Step::Quiet) };
        let mut changes = AlertChanges { looked: Some((self.next, to)), ..AlertChanges::default() };
        for record in records.iter().filter_map(|record| Record::read(&record.text)) {
            self.look(&record, &mut changes).await?;
        }
        let found = !changes.raise.is_empty() || !changes.passed.is_empty();
        if !self.store.change_alerts(changes, sinks, now_us).await? {
            return Ok(Step::Overtaken);
        }
        self.next = to;
        Ok(Step::Looked { found })
    }

    async fn look(
        &mut self,
        record: &Record,
        changes: &mut AlertChanges,
    ) -> Result<(), StoreError> {
        let is_sign_in = Detector::is_sign_in(record);
        let mut places = Vec::new();
        if is_sign_in {
            places = self.store.login_places(&record.actor.id).await?;
            // Those of the same transaction are not in the store yet.
            let own = changes.logins.iter().filter(|place| place.actor == record.actor.id);
            places.extend(own.cloned());
        }
        let findings = self.detector.see(record, &places);
        let at_us = record.at_us();
        if let Some(prefix) = record.network().filter(|_| is_sign_in) {
            let actor = record.actor.id.clone();
            changes.logins.push(LoginPlace { actor, prefix, last_us: at_us });
        }
        if record.action == "audit.verified" {
            changes.verified = Some(Verified { at_us, outcome: record.outcome.clone() });
        }
        // What is older than the first look is history, not news.
        if at_us >= self.since_us {
            // What is over and begins again within one transaction is not over: it is written as going on.
            for new in findings.raise {
                changes.passed.retain(|(kind, object)| (*kind, object) != (new.kind, &new.object));
                changes.raise.push(new);
            }
            changes.passed.extend(findings.passed);
        }
        Ok(())
    }
}
