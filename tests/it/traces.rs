//! Traces as a collector of OpenTelemetry gets them.

use crate::parts::to;
use hilum_tests::http::{Receiver as Collector, Told, ok};
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wait;
use hilum_tests::wire::Connection;
use serde_json::Value;

fn spans(requests: &[Told]) -> Vec<Value> {
    let bodies = requests.iter().map(|one| serde_json::from_slice::<Value>(&one.body).unwrap());
    bodies
        .flat_map(|body| {
            assert_eq!(
                body["resourceSpans"][0]["resource"]["attributes"][0]["key"],
                "service.name"
            );
            body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
        })
        .collect()
}

#[test]
fn a_message_and_its_delivery_are_spans_of_one_trace_without_a_word_of_it() {
    let (site, receiver) = (Site::new(Store::Sqlite), Receiver::accepting());
    let collector = Collector::with(|_, _| ok());
    let source = site.feed("adt", "", &to("lab", &receiver, ""));
    let server = std::fs::read_to_string(site.path("server.toml")).unwrap();
    let url = format!("[telemetry]\nurl = \"http://{}/v1/traces\"\n", collector.address());
    site.write("server.toml", &format!("{server}{url}"));
    let engine = site.serve();
    Connection::to(source).accepted(&message::adt_with("CANARY1", "CANARY2", "CANARY3"));
    receiver.wait_count(1);
    let found = wait::until("both spans are there", || {
        Some(spans(&collector.requests())).filter(|spans| spans.len() >= 2)
    });
    let named = |name: &str| found.iter().find(|span| span["name"] == name).unwrap();
    let (taken, tried) = (named("receive"), named("deliver"));
    let listed = site.json(&["messages"]);
    let id = listed["messages"][0]["id"].as_str().unwrap().replace('-', "");
    assert_eq!(taken["traceId"], id.as_str());
    assert_eq!((&tried["traceId"], &tried["parentSpanId"]), (&taken["traceId"], &taken["spanId"]));
    let nanos = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<i128>().unwrap();
    for span in [taken, tried] {
        assert!(nanos(span, "startTimeUnixNano") <= nanos(span, "endTimeUnixNano"));
        assert_eq!(span["status"]["code"], 1);
    }
    for request in collector.requests() {
        assert_eq!(request.field("content-type"), Some("application/json"));
        assert!(!String::from_utf8_lossy(&request.body).contains("CANARY"));
    }
    engine.stop();
}

/// A collector that is not there holds nobody up.
#[test]
fn spans_that_nobody_takes_are_dropped_and_counted() {
    let (site, receiver) = (Site::new(Store::Sqlite), Receiver::accepting());
    let collector = Collector::with(|_, _| hilum_tests::http::Behaviour::Close);
    let source = site.feed("adt", "", &to("lab", &receiver, ""));
    let server = std::fs::read_to_string(site.path("server.toml")).unwrap();
    let (url, metrics) = (collector.address(), hilum_tests::ports::free());
    let more = format!(
        "[telemetry]\nurl = \"http://{url}/v1/traces\"\n[metrics]\nlisten = \"{metrics}\"\n"
    );
    site.write("server.toml", &format!("{server}{more}"));
    let engine = site.serve();
    Connection::to(source).accepted(&message::adt("M1", "8001"));
    receiver.wait_count(1);
    wait::until("the spans are counted as dropped", || {
        let page = hilum_tests::pages::Reader::at(metrics).get("/metrics");
        page.text.lines().any(|line| line == "hilum_traces_dropped_total 2").then_some(())
    });
    assert!(engine.said().contains("traces.dropped"));
    engine.stop();
}
