//! The audit log: where its checkpoints and its old records go, and whether it was found whole.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use config::Server;
use serde_json::Value;

use super::check::{Check, Finding};
use super::scene::Scene;
use crate::answer::{maybe, number};
use crate::table::time;

/// The engine verifies the whole log once a day; after so long something keeps it from that.
const VERIFIED_HOURS: i64 = 48;
const HOUR_US: i64 = 3600 * 1_000_000;

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check {
        id: "audit.anchor",
        title: "the audit log's checkpoints go to another disk",
        look: |scene| scene.with_server(|server| anchor(scene, server)),
    },
    Check {
        id: "audit.archive",
        title: "old records of the audit log have a place to go",
        look: |scene| scene.with_server(archive),
    },
    Check {
        id: "audit.verified",
        title: "the audit log was found whole",
        look: |scene| {
            scene
                .with_answer(|engine| &engine.security, |security| verified(security, scene.now_us))
        },
    },
];

fn anchor(scene: &Scene, server: &Server) -> Finding {
    let hint = "name a file on another disk, best one that can only be added to, with `anchor` under `[audit]`";
    let data = Scene::existing(&scene.paths.data);
    let Some(file) = &server.audit.anchor else { return Finding::unknown("no file is named") };
    if Scene::existing(file).starts_with(&data) || file.starts_with(&scene.paths.data) {
        return Finding::grave(
            scene,
            "they lie in the data folder: whoever can rewrite the log can rewrite them too",
        )
        .hint(hint);
    }
    match (device(file), device(&data)) {
        (Some(there), Some(here)) if there == here => {
            Finding::warn(format!("`{}` is on the disk of the data", file.display())).hint(hint)
        }
        (Some(_), Some(_)) => Finding::ok(format!("`{}`", file.display())),
        _ => Finding::unknown(format!("the disk of `{}` cannot be told", file.display())),
    }
}

/// The number of the file system under a path, or under the nearest folder above it that is there.
pub fn device(path: &Path) -> Option<u64> {
    fs::metadata(Scene::existing(path)).ok().map(|facts| facts.dev())
}

fn archive(server: &Server) -> Finding {
    match &server.audit.archive {
        Some(archive) => Finding::ok(format!(
            "`{}`, after {} years",
            archive.folder.display(),
            server.audit.keep_years
        )),
        None => Finding::warn("none: records stay in the log for ever")
            .hint("name somebody who can read them, with `archive` under `[audit]`"),
    }
}

fn verified(security: &Value, now_us: i64) -> Finding {
    let audit = security.get("system").and_then(|system| system.get("audit"));
    let Some(audit) = audit else {
        return Finding::unknown(
            "the engine does not say: only who reaches every channel may know",
        );
    };
    let hint = "`hilum audit verify` looks at all of it";
    let at_us = maybe(audit, "verified_us");
    match (audit.get("verified").and_then(Value::as_bool), at_us) {
        (Some(false), _) => {
            Finding::fail(format!("it is NOT as it was written, seen {}", time(at_us)))
                .hint("`hilum audit verify` says where; keep the store and the anchor as they are")
        }
        (Some(true), Some(at)) if now_us.saturating_sub(at) > VERIFIED_HOURS * HOUR_US => {
            Finding::warn(format!("it was, but not since {}", time(at_us))).hint(hint)
        }
        (Some(true), _) => {
            Finding::ok(format!("all {} records, {}", number(audit, "records"), time(at_us)))
        }
        (None, _) => Finding::warn("nobody has looked").hint(hint),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::scene;
    use super::*;
    use serde_json::json;

    #[test]
    fn an_anchor_belongs_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let production =
            "[server]\nprofile = \"production\"\n[store]\nkey = \"cred:store-key\"\n[audit]\n";
        let beside = folder.path().join("anchors/checkpoints.log");
        // A file system of the kernel is surely another one than that of the data.
        for (written, state) in [
            ("data/x/checkpoints.log", State::Fail),
            (beside.to_str().unwrap(), State::Warn),
            ("/proc/checkpoints.log", State::Ok),
        ] {
            let server = format!("{production}anchor = \"{written}\"\n");
            let scene = scene(folder.path(), &server);
            let found = scene.with_server(|server| anchor(&scene, server));
            assert_eq!(found.state, state, "{written}: {found:?}");
        }
        let scene = scene(folder.path(), production);
        assert_eq!(scene.with_server(|server| anchor(&scene, server)).state, State::Fail);
        assert_eq!(scene.with_server(archive).state, State::Warn);
    }

    #[test]
    fn a_log_that_is_not_whole_is_found() {
        let now_us = 1_000 * HOUR_US;
        let audit = |verified: Value, hours: i64| {
            json!({ "system": { "audit": {
                "records": 7, "verified": verified, "verified_us": now_us - hours * HOUR_US,
            } } })
        };
        for (answer, state) in [
            (audit(json!(true), 1), State::Ok),
            (audit(json!(true), 49), State::Warn),
            (audit(json!(false), 1), State::Fail),
            (audit(Value::Null, 0), State::Warn),
            (json!({ "system": null }), State::Unknown),
        ] {
            assert_eq!(verified(&answer, now_us).state, state, "{answer}");
        }
    }
}
