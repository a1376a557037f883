//! Alerts: who hears of them, and what waits for somebody.

use config::Server;
use serde_json::Value;

use super::check::{Check, Finding};
use super::scene::Scene;
use crate::answer::{list, number, safe, text};

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check {
        id: "alerts.told",
        title: "somebody is told of alerts",
        look: |scene| scene.with_server(|server| told(scene, server)),
    },
    Check {
        id: "alerts.open",
        title: "no critical alert waits for somebody",
        look: |scene| scene.with_answer(|engine| &engine.security, open),
    },
];

fn told(scene: &Scene, server: &Server) -> Finding {
    if server.alerts.sinks.is_empty() {
        return Finding::warn("nobody: they stand in the log and in `hilum alert list`")
            .hint("name a file or a system with `[[alerts.sink]]` in server.toml");
    }
    let waiting = |security: &Value| {
        let none = Value::Null;
        let system = security.get("system").unwrap_or(&none);
        let behind = list(system, "sinks").iter().filter(|sink| number(sink, "waiting") > 0);
        let behind: Vec<String> = behind
            .map(|sink| {
                format!("{} wait for `{}`", number(sink, "waiting"), safe(text(sink, "name")))
            })
            .collect();
        match behind.is_empty() {
            true => Finding::ok(format!("{} are told", server.alerts.sinks.len())),
            false => Finding::warn(behind.join("; ")).hint("see whether that system takes them"),
        }
    };
    match scene.engine.is_ok() {
        true => scene.with_answer(|engine| &engine.security, waiting),
        false => Finding::ok(format!("{} are told", server.alerts.sinks.len())),
    }
}

fn open(security: &Value) -> Finding {
    let none = Value::Null;
    let alerts = security.get("alerts").unwrap_or(&none);
    let of = |severity: &str, state: &str| {
        alerts.get(severity).map_or(0, |counts| number(counts, state))
    };
    let hint = "`hilum alert list` shows them";
    let (critical, taken) = (of("critical", "open"), of("critical", "acknowledged"));
    if critical > 0 {
        return Finding::fail(format!("{critical} critical wait for somebody")).hint(hint);
    }
    match (taken, of("high", "open")) {
        (0, 0) => Finding::ok("none, and no high one either"),
        (taken, high) => Finding::warn(format!(
            "no; somebody looks after {taken} critical, and {high} high wait for somebody"
        ))
        .hint(hint),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::{running, scene};
    use super::*;
    use serde_json::json;

    #[test]
    fn alerts_that_wait_are_found() {
        let counts = |critical: [i64; 2], high: [i64; 2]| {
            json!({ "alerts": {
                "critical": { "open": critical[0], "acknowledged": critical[1] },
                "high": { "open": high[0], "acknowledged": high[1] },
            } })
        };
        for (answer, state) in [
            (counts([0, 0], [0, 0]), State::Ok),
            (counts([0, 0], [0, 4]), State::Ok),
            (counts([0, 0], [1, 0]), State::Warn),
            (counts([0, 1], [0, 0]), State::Warn),
            (counts([1, 0], [0, 0]), State::Fail),
        ] {
            assert_eq!(open(&answer).state, state, "{answer}");
        }
    }

    #[test]
    fn a_sink_that_takes_nothing_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let told = |server: &str, waiting: Option<i64>| {
            let scene = scene(folder.path(), server);
            let scene = match waiting {
                None => scene,
                Some(waiting) => {
                    let sinks = json!([{ "name": "ops", "waiting": waiting }]);
                    let security = json!({ "system": { "sinks": sinks } });
                    running(scene, security, Value::Null, Value::Null)
                }
            };
            scene.with_server(|server| told(&scene, server)).state
        };
        let sink =
            "[[alerts.sink]]\nname = \"ops\"\ntype = \"file\"\npath = \"data/alerts.ndjson\"\n";
        assert_eq!(told("", None), State::Warn);
        assert_eq!(told(sink, None), State::Ok);
        assert_eq!(told(sink, Some(0)), State::Ok);
        assert_eq!(told(sink, Some(2)), State::Warn);
    }
}
