//! The audit log while the engine runs: kept, and looked through without being asked.

use std::time::Duration;

use store::{AUDIT_ARCHIVED, Act, Actor, ActorKind, AuditReport, AuditStanding, Store};

use crate::engine::Engine;

/// How often there may be something to do.
const ROUND: Duration = Duration::from_secs(2);
/// The first look at the whole log, and then one a day; what was added in between is looked at every hour (security.md 2.1), microseconds.
const FIRST_US: i64 = 10 * 60 * 1_000_000;
const TAIL_US: i64 = 3_600 * 1_000_000;
const WHOLE_US: i64 = 24 * TAIL_US;

/// Runs until it is dropped: keys, checkpoints and the anchor on one side, checks and retention on the other, so that a long check holds
/// nothing up.
pub async fn keep_audit_log(engine: Engine) {
    tokio::join!(keep(&engine), check(&engine));
}

async fn keep(engine: &Engine) {
    let store: &Store = engine.store();
    let mut failing = false;
    loop {
        match store.keep_audit(engine.now_us()).await {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::error!(code = "audit.key", %error, "the audit log cannot be kept: its key or its checkpoints are late; trying again");
                }
                failing = true;
            }
        }
        tokio::time::sleep(ROUND).await;
    }
}

async fn check(engine: &Engine) {
    let mut due = Due::from_start(engine.now_us());
    loop {
        tokio::time::sleep(ROUND).await;
        let Some(whole) = due.at(engine.now_us()) else { continue };
        let act = own_act("audit.verified", engine.now_us());
        match engine.store().check_audit(&act, whole).await {
            Ok(report) => {
                if let Some(fault) = &report.fault {
                    let (seq, kind) = fault.parts();
                    tracing::error!(
                        code = "audit.verify",
                        seq,
                        kind,
                        "the audit log is not as it was written: {fault}"
                    );
                }
                for doubt in &report.doubts {
                    tracing::warn!(code = "audit.verify", "the audit log is in doubt: {doubt}");
                }
            }
            Err(error) => {
                tracing::error!(code = "audit.verify", %error, "the audit log could not be checked");
            }
        }
        if whole {
            engine.keep_audit_short(&own_act(AUDIT_ARCHIVED, engine.now_us())).await;
        }
    }
}

fn own_act(action: &'static str, now_us: i64) -> Act {
    let actor = Actor::new(ActorKind::System, "engine");
    Act { actor, action, purpose: None, approval: None, request: None, now_us }
}

/// What somebody should know about the audit log.
pub(crate) fn warnings(standing: &AuditStanding) -> Vec<String> {
    let AuditStanding { full, tail, anchor, anchored, .. } = standing;
    let mut warnings = Vec::new();
    if let Some(Err(error)) = anchored {
        warnings
            .push(format!("checkpoints of the audit log cannot be written to `{anchor}`: {error}"));
    }
    let newest = [full, tail].into_iter().flatten().max_by_key(|check| check.begun_us);
    match newest.map(|check| &check.outcome) {
        Some(Ok(AuditReport { fault: Some(fault), .. })) => {
            warnings.push(format!("the audit log is not as it was written: {fault}"));
        }
        Some(Ok(report)) => {
            let doubts = report.doubts.iter();
            warnings.extend(doubts.map(|doubt| format!("the audit log is in doubt: {doubt}")));
        }
        Some(Err(error)) => warnings.push(format!("the audit log could not be checked: {error}")),
        None => {}
    }
    warnings
}

/// When the next checks are due.
struct Due {
    whole_us: i64,
    tail_us: i64,
}

impl Due {
    fn from_start(now_us: i64) -> Due {
        Due { whole_us: now_us + FIRST_US, tail_us: now_us + TAIL_US }
    }

    /// What is due: the whole log, its tail, or nothing.
    fn at(&mut self, now_us: i64) -> Option<bool> {
        let whole = now_us >= self.whole_us;
        if !whole && now_us < self.tail_us {
            return None;
        }
        if whole {
            self.whole_us = now_us + WHOLE_US;
        }
        self.tail_us = now_us + TAIL_US;
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_looked_at_once_a_day_and_the_tail_every_hour() {
        let mut due = Due::from_start(0);
        let minutes = |n: i64| n * 60 * 1_000_000;
        let found: Vec<(i64, bool)> =
            (0..26 * 60).filter_map(|n| due.at(minutes(n)).map(|whole| (n, whole))).collect();
        let mut expected = vec![(10, true)];
        expected.extend((1..24).map(|hour| (10 + 60 * hour, false)));
        expected.extend([(10 + 24 * 60, true), (10 + 25 * 60, false)]);
        assert_eq!(found, expected);
    }
}
