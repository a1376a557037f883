//! Sends what waits, for as long as the engine runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::syslog::{Collector, Connection, Entry, Facility, Severity};
use net::DialError;
use serde_json::Value;
use store::{AuditRecord, StoreError};

use super::severity_of;
use super::spool::{Place, Spool};
use crate::engine::Engine;

/// How often it is looked whether something waits.
const ROUND: Duration = Duration::from_millis(500);
/// The first wait after a break, which doubles, and the longest.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// Records, and bytes of the log, of one round.
const RECORDS: usize = 500;
const LOG_BYTES: u64 = 256 << 10;

/// Why sending has stopped for now.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("the connection has ended: {0}")]
    Connection(std::io::Error),
    #[error("the queue of the log cannot be read: {0}")]
    Spool(std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far both streams are.
#[derive(Clone, Copy)]
struct Reached {
    audit: i64,
    log: Place,
}

/// Runs until it is dropped; without `[syslog]` it lets the lines of the log go.
pub async fn keep_syslog(engine: Engine, spool: Arc<Spool>) {
    let Some(settings) = engine.inner.syslog.clone() else { return spool.turn_off() };
    match settings.log {
        None => spool.turn_off(),
        Some(least) => {
            if let Err(error) = spool.open(&engine.inner.paths.data.join("syslog"), least) {
                tracing::error!(code = "syslog.spool", %error, "the log cannot be kept for the syslog collector; it gets the audit log alone");
                spool.turn_off();
            }
        }
    }
    let collector = Collector::new(settings);
    let mut wait = AGAIN;
    loop {
        let begun = Instant::now();
        let Err(broken) = send(&engine, &spool, &collector).await;
        away(&engine, &spool, &broken).await;
        // A connection that has held for a while is worth a quick try.
        wait = if begun.elapsed() > AGAIN_MAX { AGAIN } else { (wait * 2).min(AGAIN_MAX) };
        tokio::time::sleep(wait).await;
    }
}

/// Notes that the collector is away; it is logged once.
async fn away(engine: &Engine, spool: &Spool, broken: &Broken) {
    let now_us = engine.now_us();
    let collector = engine.inner.syslog.as_ref().map(|settings| settings.target.to_string());
    let known = engine.inner.sending.lock().away.as_ref().map(|(since_us, _)| *since_us);
    if known.is_none() {
        tracing::warn!(code = "syslog.away", collector, problem = %broken, "the syslog collector cannot be reached; what it is to get waits");
    }
    look(engine, spool).await;
    engine.inner.sending.lock().away = Some((known.unwrap_or(now_us), broken.to_string()));
}

/// Looks at how much waits.
async fn look(engine: &Engine, spool: &Spool) {
    let sends_audit = engine.inner.syslog.as_ref().is_some_and(|settings| settings.audit);
    let sent = engine.store().audit_sent().await;
    let mut standing = engine.inner.sending.lock();
    (standing.log_bytes, standing.dropped) = spool.waiting();
    if let (Ok(sent), true) = (sent, sends_audit) {
        standing.records = sent.end.saturating_sub(sent.next);
    }
}

/// Sends until the connection breaks.
async fn send(
    engine: &Engine,
    spool: &Spool,
    collector: &Collector,
) -> Result<std::convert::Infallible, Broken> {
    let mut connection = collector.connect().await?;
    let mut sent =
        Reached { audit: engine.store().audit_sent().await?.next, log: spool.received() };
    let mut unsure: VecDeque<(Instant, Reached)> = VecDeque::new();
    loop {
        connection.check().map_err(Broken::Connection)?;
        let (frames, reached) = next(engine, spool, collector, sent).await?;
        if !frames.is_empty() {
            connection.send(&frames).await.map_err(Broken::Connection)?;
            unsure.push_back((Instant::now(), reached));
        }
        sent = reached;
        if let Some((_, reason)) = engine.inner.sending.lock().away.take() {
            tracing::info!(code = "syslog.back", reason, "the syslog collector is reached again");
        }
        settle(engine, spool, &mut unsure).await?;
        spool.sync().map_err(Broken::Spool)?;
        look(engine, spool).await;
        if frames.is_empty() {
            tokio::time::sleep(ROUND).await;
        }
    }
}

/// What is to be sent next, and how far that reaches.
async fn next(
    engine: &Engine,
    spool: &Spool,
    collector: &Collector,
    from: Reached,
) -> Result<(Vec<u8>, Reached), Broken> {
    let (mut frames, mut reached) = (Vec::new(), from);
    let host = engine.inner.server.node.as_str();
    if collector.settings().audit {
        for record in engine.store().audit_records_from(from.audit, RECORDS).await? {
            frame_record(&record, host, &mut frames);
            reached.audit = record.seq + 1;
        }
    }
    let (lines, end) = spool.read(from.log, LOG_BYTES).map_err(Broken::Spool)?;
    for (place, line) in &lines {
        frame_line(*place, line, host, &mut frames);
    }
    reached.log = end;
    Ok((frames, reached))
}

/// What was sent long enough ago on this connection has been received.
async fn settle(
    engine: &Engine,
    spool: &Spool,
    unsure: &mut VecDeque<(Instant, Reached)>,
) -> Result<(), Broken> {
    let mut received = None;
    while let Some((at, reached)) = unsure.front()
        && at.elapsed() >= Connection::RECEIVED_AFTER
    {
        received = Some(*reached);
        unsure.pop_front();
    }
    let Some(Reached { audit, log }) = received else { return Ok(()) };
    engine.store().audit_was_sent(audit).await?;
    spool.was_received(log).map_err(Broken::Spool)
}

/// A record as it was written; refused and failed acts are worse than others (security.md 2.1).
fn frame_record(record: &AuditRecord, host: &str, frames: &mut Vec<u8>) {
    let read: Value = serde_json::from_str(&record.text).unwrap_or_default();
    let text = |name: &str| read.get(name).and_then(Value::as_str).unwrap_or_default();
    let severity = match text("outcome") {
        "failure" => Severity::Error,
        "denied" => Severity::Warning,
        _ => Severity::Notice,
    };
    Entry {
        facility: Facility::AuthPriv,
        severity,
        time: text("ts"),
        host,
        id: text("action"),
        place: &record.seq.to_string(),
        text: &record.text,
    }
    .frame(frames);
}

fn frame_line(place: Place, line: &[u8], host: &str, frames: &mut Vec<u8>) {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    if line.is_empty() {
        return;
    }
    let read: Value = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| read.get(name).and_then(Value::as_str).unwrap_or_default();
    Entry {
        facility: Facility::Daemon,
        severity: severity_of(text("level")),
        time: text("timestamp"),
        host,
        id: text("code"),
        place: &place.to_string(),
        text: line,
    }
    .frame(frames);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_act_is_worse_than_one_that_was_done() {
        let framed = |outcome: &str| {
            let mut frames = Vec::new();
            let text = format!(
                r#"{{"action":"user.added","outcome":"{outcome}","ts":"2026-01-01T00:00:00.000000Z"}}"#
            );
            frame_record(&AuditRecord { seq: 3, text }, "a", &mut frames);
            String::from_utf8(frames).unwrap().split_once(' ').unwrap().1.to_owned()
        };
        assert!(framed("success").starts_with(
            "<85>1 2026-01-01T00:00:00.000000Z a hilum - user.added [hilum@32473 place=\"3\"] {"
        ));
        assert!(framed("denied").starts_with("<84>"));
        assert!(framed("failure").starts_with("<83>"));
    }

    #[test]
    fn a_line_says_what_it_was_logged_as() {
        let mut frames = Vec::new();
        let line = br#"{"timestamp":"2026-01-01T00:00:00.5Z","level":"WARN","message":"m","code":"disk.low"}"#;
        frame_line(Place::default(), line, "a", &mut frames);
        let framed = String::from_utf8(frames.clone()).unwrap();
        assert!(
            framed.contains(
                " <28>1 2026-01-01T00:00:00.5Z a hilum - disk.low [hilum@32473 place=\"0-0\"] {"
            ),
            "{framed}"
        );
        frame_line(Place::default(), b"\n", "a", &mut frames);
        assert_eq!(frames.len(), framed.len(), "an empty line is nothing");
    }
}
