//! Traces for OpenTelemetry: a span for each message taken, and one for each try at a destination. Off unless `[telemetry]` names a
//! collector.
//!
//! The id of a trace is that of the first message of its line, so a trace holds hops, replays and edited copies too. Attributes are names
//! of channels and destinations, ids and codes: never anything of a message. What a collector does not take is dropped and counted:
//! traces are for looking at, and hold nobody up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use config::{Diagnostics, Scope, Section, Server};
use connectors::http::{TRACES_FIELDS, TracesSettings};
use net::TARGET_FIELDS;
use serde_json::{Value, json};
use store::{DeliveryId, MessageId};
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::site::Surroundings;

/// Spans that wait for the collector; more are dropped.
const WAITING_MAX: usize = 8_192;
/// Spans of one request.
const BATCH_MAX: usize = 512;
/// A batch that is not full is posted after this long.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// Reads `[telemetry]`; what is wrong with it is reported.
pub(crate) fn read(
    server: &Server,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<TracesSettings> {
    let scope = Scope::none().with_secrets(&surroundings.secrets).with_paths(&surroundings.paths);
    let table = server.telemetry.as_ref()?;
    let section = Section::read(table, &[TRACES_FIELDS, TARGET_FIELDS], &scope, diagnostics);
    TracesSettings::read(&section, diagnostics)
}

/// Something that took time.
pub(crate) struct Span {
    name: &'static str,
    trace: MessageId,
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    from_us: i64,
    until_us: i64,
    is_well: bool,
    attributes: Vec<(&'static str, String)>,
}

/// The half of an id that differs from those made in the same moment.
fn half(bytes: &[u8; 16]) -> [u8; 8] {
    let mut half = [0; 8];
    half.copy_from_slice(&bytes[8..]);
    half
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Span {
    /// A message that was taken.
    pub fn message(
        (id, trace): (MessageId, MessageId),
        channel: &str,
        (from_us, until_us): (i64, i64),
        is_stored: bool,
    ) -> Span {
        Span {
            name: "receive",
            trace,
            id: half(id.uuid().as_bytes()),
            parent: None,
            from_us,
            until_us,
            is_well: is_stored,
            attributes: vec![
                ("hilum.channel", channel.to_owned()),
                ("hilum.message", id.to_string()),
            ],
        }
    }

    /// A try at a destination.
    pub fn attempt(
        (message, delivery, trace): (MessageId, DeliveryId, MessageId),
        (channel, destination): (&str, &str),
        (from_us, took_us): (i64, i64),
        (code, is_well): (&str, bool),
    ) -> Span {
        Span {
            name: "deliver",
            trace,
            id: half(uuid::Uuid::new_v4().as_bytes()),
            parent: Some(half(message.uuid().as_bytes())),
            from_us,
            until_us: from_us.saturating_add(took_us),
            is_well,
            attributes: vec![
                ("hilum.channel", channel.to_owned()),
                ("hilum.destination", destination.to_owned()),
                ("hilum.message", message.to_string()),
                ("hilum.delivery", delivery.to_string()),
                ("hilum.code", code.to_owned()),
            ],
        }
    }

    /// As OTLP writes it (opentelemetry-proto, trace.proto, in the JSON mapping: ids in hexadecimal digits, times as text).
    fn json(&self) -> Value {
        let attribute = |(key, value): &(&str, String)| json!({ "key": key, "value": { "stringValue": value } });
        json!({
            "traceId": hex(self.trace.uuid().as_bytes()),
            "spanId": hex(&self.id),
            "parentSpanId": self.parent.map(|id| hex(&id)).unwrap_or_default(),
            "name": self.name,
            "kind": if self.name == "receive" { 2 } else { 3 },
            "startTimeUnixNano": (i128::from(self.from_us) * 1_000).to_string(),
            "endTimeUnixNano": (i128::from(self.until_us) * 1_000).to_string(),
            "attributes": self.attributes.iter().map(attribute).collect::<Vec<_>>(),
            "status": { "code": if self.is_well { 1 } else { 2 } },
        })
    }
}

/// Where spans are given. Nothing happens to them unless somebody posts them.
#[derive(Clone, Default)]
pub(crate) struct Traces(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: OnceLock<mpsc::Sender<Span>>,
    dropped: AtomicU64,
}

impl Traces {
    /// Gives one, which is made only when somebody wants it.
    pub fn give(&self, span: impl FnOnce() -> Span) {
        let Some(queue) = self.0.queue.get() else { return };
        if queue.try_send(span()).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

/// Posts spans to the collector, as long as the engine runs; ends at once when there is none.
pub async fn keep_traces(engine: Engine) {
    let Some(settings) = engine.inner.telemetry.clone() else { return };
    let (sender, mut spans) = mpsc::channel(WAITING_MAX);
    let traces = engine.inner.shared.traces.clone();
    if traces.0.queue.set(sender).is_err() {
        return;
    }
    let mut away = false;
    let mut batch = Vec::new();
    loop {
        let Some(first) = spans.recv().await else { return };
        batch.push(first);
        let until = tokio::time::Instant::now() + BATCH_WAIT;
        while batch.len() < BATCH_MAX {
            match tokio::time::timeout_at(until, spans.recv()).await {
                Ok(Some(span)) => batch.push(span),
                Ok(None) | Err(_) => break,
            }
        }
        let count = batch.len() as u64;
        let body = request(&engine.inner.server.node, &batch);
        batch.clear();
        match settings.post(Bytes::from(body)).await {
            Ok(()) => away = false,
            Err(problem) => {
                traces.0.dropped.fetch_add(count, Ordering::Relaxed);
                // It is said once, until the collector is there again.
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(code = "traces.dropped", %problem, "the collector of traces does not take them; they are dropped and counted");
                }
            }
        }
    }
}

/// An `ExportTraceServiceRequest`.
fn request(node: &str, spans: &[Span]) -> String {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let spans: Vec<Value> = spans.iter().map(Span::json).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": [text("service.name", "hilum"), text("service.instance.id", node), text("service.version", env!("CARGO_PKG_VERSION"))] },
        "scopeSpans": [{ "scope": { "name": "hilum" }, "spans": spans }],
    }] })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_the_trace_of_its_message_and_is_a_child_of_it() {
        let (message, delivery) = (MessageId::new(), DeliveryId::new());
        let taken = Span::message((message, message), "adt", (1, 3), true).json();
        let tried =
            Span::attempt((message, delivery, message), ("adt", "lab"), (5, 7), ("AE", false))
                .json();
        assert_eq!(taken["traceId"], hex(message.uuid().as_bytes()));
        assert_eq!(
            (&tried["traceId"], &tried["parentSpanId"]),
            (&taken["traceId"], &taken["spanId"])
        );
        assert_eq!(
            (tried["startTimeUnixNano"].as_str(), tried["endTimeUnixNano"].as_str()),
            (Some("5000"), Some("12000"))
        );
        assert_eq!((&taken["status"]["code"], &tried["status"]["code"]), (&json!(1), &json!(2)));
    }

    #[test]
    fn nothing_is_made_when_nobody_wants_it() {
        let traces = Traces::default();
        traces.give(|| unreachable!("nobody wants it"));
        assert_eq!(traces.dropped(), 0);
    }
}
