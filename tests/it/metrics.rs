//! What a monitoring system is told: figures in the text format of Prometheus, and whether the engine is well.

use crate::parts::{on_both_stores, to};
use hilum_tests::message;
use hilum_tests::pages::{Page, Reader};
use hilum_tests::ports;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{verbs, wait};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

on_both_stores!(figures_grow_by_what_has_happened_and_agree_with_the_status);

/// A site with metrics, and where they are.
fn site(store: Store, rest: &str, more: &str) -> (Site, SocketAddr, SocketAddr) {
    let site = Site::new(store);
    let source = site.feed("adt", "", rest);
    let metrics = ports::free();
    let server = std::fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &format!("{server}[metrics]\nlisten = \"{metrics}\"\n{more}"));
    (site, source, metrics)
}

/// The samples of a page, by name and labels. Everything that the format does not allow stops the test
/// (https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4).
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'));
    let (mut found, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            current = rest.split(' ').next().unwrap().to_owned();
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current, "HELP comes before TYPE");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(
                kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{name} has one block"
            );
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let name = series.split('{').next().unwrap();
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "{line}"
        );
        let base = match kinds.get(&current).map(String::as_str) {
            Some("histogram") => {
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end))
            }
            _ => Some(name),
        };
        assert_eq!(base, Some(current.as_str()), "{line} stands in the block of {current}");
        if kinds[&current] == "counter" {
            assert!(name.ends_with("_total"), "{line}");
        }
        if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let inner = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
            for label in inner.split("\",") {
                let (key, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                assert!(
                    key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                        && !value.contains('\n'),
                    "{line}"
                );
            }
        }
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(found.insert(series.to_owned(), value).is_none(), "{series} stands twice");
    }
    buckets_add_up(&found);
    found
}

fn buckets_add_up(found: &BTreeMap<String, f64>) {
    for (series, value) in found.iter().filter(|(series, _)| series.contains("le=\"+Inf\"")) {
        let count = series
            .replace("_bucket", "_count")
            .replace(",le=\"+Inf\"", "")
            .replace("{le=\"+Inf\"}", "");
        assert_eq!(Some(value), found.get(&count), "{series} and {count}");
    }
}

fn figures_grow_by_what_has_happened_and_agree_with_the_status(store: Store) {
    let receiver = Receiver::accepting();
    let (site, source, metrics) = site(store, &to("lab", &receiver, ""), "");
    let engine = site.serve();
    let monitor = Reader::at(metrics);
    let read = || {
        let page = monitor.get("/metrics");
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(
            page.told.field("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        assert!(!page.text.contains("CANARY"), "{}", page.text);
        samples(&page.text)
    };
    let before = read();
    let mut sender = Connection::to(source);
    for n in 0..7 {
        sender.accepted(&message::adt_with(&format!("CANARY{n}"), "CANARY8001", "CANARY"));
    }
    // The first one again: it arrives, and is stored once.
    sender.accepted(&message::adt_with("CANARY0", "CANARY8001", "CANARY"));
    receiver.wait_count(7);
    let status = site.wait_final("adt", 7);
    let after = wait::until("the figures have been looked at anew", || {
        Some(read()).filter(|now| {
            now["hilum_messages_stored{channel=\"adt\",disposition=\"delivered\"}"] == 7.0
        })
    });
    let grown = |series: &str| after[series] - before[series];
    assert_eq!(grown("hilum_messages_arrived_total{channel=\"adt\",origin=\"peer\"}"), 8.0);
    assert_eq!(grown("hilum_acknowledgements_total{channel=\"adt\",code=\"AA\"}"), 8.0);
    assert_eq!(grown("hilum_ack_seconds_count{channel=\"adt\"}"), 8.0);
    assert_eq!(
        grown("hilum_attempts_total{channel=\"adt\",destination=\"lab\",outcome=\"delivered\"}"),
        7.0
    );
    assert_eq!(grown("hilum_attempt_seconds_count{channel=\"adt\",destination=\"lab\"}"), 7.0);
    assert!(grown("hilum_commit_items_total") >= 14.0);
    assert_eq!(status.channel("adt").received, 7);
    assert_eq!(after["hilum_destination_up{channel=\"adt\",destination=\"lab\"}"], 1.0);
    let shown = site.json(&["status"]);
    assert!(shown["channels"][0]["rate_in_per_minute"].as_f64().unwrap() > 0.0);
    assert!(shown["channels"][0]["destinations"][0]["latency_p95_ms"].as_f64().unwrap() > 0.0);
    documented(&after);
    engine.stop();
}

/// Every figure is on the page for operators, and what the dashboard and the rules name is there.
fn documented(found: &BTreeMap<String, f64>) {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |name: &str| std::fs::read_to_string(docs.join(name)).unwrap();
    let base = |series: &str| {
        let name = series.split('{').next().unwrap();
        let end = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        end.filter(|_| name.contains("_seconds_")).unwrap_or(name).to_owned()
    };
    let known: BTreeSet<String> = found.keys().map(|series| base(series)).collect();
    assert!(known.len() >= 20, "{known:?}");
    let page = read("operations.md");
    for name in &known {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/operations.md");
    }
    for file in ["grafana/hilum.json", "prometheus/hilum.rules.yml"] {
        let text = read(file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named: BTreeSet<String> =
            words.filter(|word| word.starts_with("hilum_")).map(&base).collect();
        assert!(named.len() >= 10, "{file}: {named:?}");
        for name in named {
            // Some have no line while there is nothing to say, such as those of certificates.
            assert!(
                page.contains(&format!("| `{name}` |")),
                "{file} names {name}, which is no figure"
            );
        }
    }
    let dashboard: serde_json::Value = serde_json::from_str(&read("grafana/hilum.json")).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() >= 10);
}

#[test]
fn the_token_opens_the_figures_and_nothing_else() {
    let receiver = Receiver::accepting();
    let more = "token = { secret = \"metrics\" }\n";
    let (site, _, metrics) = site(Store::Sqlite, &to("lab", &receiver, ""), more);
    site.write("data/secrets/metrics", "scrape-me-0123456789");
    for (path, mode) in [("data", 0o700), ("data/secrets", 0o700), ("data/secrets/metrics", 0o600)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(site.path(path), mode).unwrap();
    }
    let engine = site.serve();
    let monitor = Reader::at(metrics);
    let with = |address: SocketAddr, path: &str, token: &str| -> Page {
        Reader::at(address).ask("GET", path, &format!("Authorization: Bearer {token}\r\n"), "")
    };
    assert_eq!(monitor.get("/metrics").status, 401);
    assert_eq!(with(metrics, "/metrics", "scrape-me-0123456788").status, 401);
    assert_eq!(with(metrics, "/metrics", "scrape-me-0123456789").status, 200);
    assert_eq!((monitor.get("/livez").status, monitor.get("/readyz").status), (200, 200));
    assert_eq!(with(site.api(), "/api/v1/status", "scrape-me-0123456789").status, 401);
    assert_eq!(with(metrics, "/api/v1/status", "scrape-me-0123456789").status, 404);
    engine.stop();
}

#[test]
fn a_source_that_somebody_has_stopped_is_not_ready() {
    let receiver = Receiver::accepting();
    let (site, _, metrics) = site(Store::Sqlite, &to("lab", &receiver, ""), "");
    let engine = site.serve();
    let monitor = Reader::at(metrics);
    let ready = monitor.get("/readyz");
    assert_eq!((ready.status, &*ready.text), (200, "ok\n"));
    assert_eq!(site.verb(&["source", "stop", "adt", "-m", "their server moves"]).code, Some(0));
    let stopped = monitor.get("/readyz");
    assert_eq!(stopped.status, 503);
    assert!(stopped.text.contains("`adt`"), "{}", stopped.text);
    assert_eq!(monitor.get("/livez").status, 200, "it lives all the same");
    assert_eq!(site.verb(&["source", "start", "adt"]).code, Some(0));
    wait::until("it is ready again", || (monitor.get("/readyz").status == 200).then_some(()));
    engine.stop();
}

/// `hilum top`: one look in a pipe; on a terminal the screen is given back as it was.
#[test]
fn the_live_view_is_one_look_in_a_pipe_and_gives_the_terminal_back() {
    let receiver = Receiver::accepting();
    let (site, _, _) = site(Store::Sqlite, &to("lab", &receiver, ""), "");
    let engine = site.serve();
    let piped = site.verb(&["top"]);
    assert_eq!(piped.code, Some(0), "{piped:?}");
    assert!(piped.stdout.contains("adt > lab") && !piped.stdout.contains('\x1b'), "{piped:?}");
    // A terminal of 80 columns; `q` after the first frame.
    let script = "import os,pty,sys,time\n\
        pid,fd=pty.fork()\n\
        if pid==0: os.execv(sys.argv[1],sys.argv[1:])\n\
        seen=b''\n\
        while b'q ends' not in seen: seen+=os.read(fd,65536)\n\
        os.write(fd,b'q')\n\
        try:\n\
        \twhile True:\n\
        \t\tmore=os.read(fd,65536)\n\
        \t\tif not more: break\n\
        \t\tseen+=more\n\
        except OSError: pass\n\
        code=os.waitstatus_to_exitcode(os.waitpid(pid,0)[1])\n\
        sys.stdout.buffer.write(seen)\n\
        sys.exit(code)\n";
    let mut command = std::process::Command::new("python3");
    let hilum = verbs::hilum();
    command.args(["-c", script]).arg(hilum.get_program()).arg("top").arg("--data").arg(site.data());
    let shown = verbs::run(command);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.starts_with("\x1b[?1049h"), "{shown:?}");
    assert!(shown.stdout.contains("adt > lab") && shown.stdout.contains("live "), "{shown:?}");
    assert!(shown.stdout.trim_end().ends_with("\x1b[?25h\x1b[?1049l"), "{shown:?}");
    engine.stop();
}
