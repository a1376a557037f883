//! The audit log as auditors meet it: checked, taken out, and checked again where there is no engine.

use std::fs;
use std::path::Path;

use hilum_tests::admin::{Admin, claim};
use hilum_tests::engine::Engine;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs::Output;
use hilum_tests::wait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::parts::{files, on_both_stores};

on_both_stores!(
    what_is_taken_out_can_be_checked_elsewhere,
    records_are_taken_out_in_the_form_that_is_asked_for,
    nothing_is_taken_out_without_a_record_of_it,
    a_log_that_was_changed_is_said_to_be,
);

/// A site on which a few things have been done.
fn lived_in(store: Store) -> (Site, Engine) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let engine = site.serve();
    for verb in ["hold", "resume", "hold", "resume"] {
        let done = site.verb(&[verb, "adt/archive", "-m", "=trying, \"it\""]);
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    (site, engine)
}

fn exported(site: &Site, form: &str, more: &[&str]) -> String {
    let out = site.verb(&[&["audit", "export", "--format", form][..], more].concat());
    assert_eq!(out.code, Some(0), "{out:?}");
    assert_eq!(out.stderr, "", "nothing is said in a pipe");
    out.stdout
}

fn keep(site: &Site, name: &str, text: &str) -> String {
    let path = site.path(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn ends(out: &Output, code: i32, words: &str) {
    assert_eq!(out.code, Some(code), "{out:?}");
    assert!(format!("{}{}", out.stdout, out.stderr).contains(words), "{words}: {out:?}");
}

fn what_is_taken_out_can_be_checked_elsewhere(store: Store) {
    let (site, engine) = lived_in(store);
    let keyring = keep(&site, "keys.txt", &site.verb(&["audit", "keyring"]).stdout);
    let bundle = exported(&site, "bundle", &[]);
    engine.stop();
    let anchor = site.data().join("anchors/checkpoints.log").display().to_string();
    let file = keep(&site, "log.bundle", &bundle);
    let check = |file: &str, more: &[&str]| {
        site.verb(&[&["audit", "verify", "--bundle", file][..], more].concat())
    };
    let proven = ["--keyring", keyring.as_str()];
    ends(&check(&file, &proven), 0, "whole: ");
    let anchored = ["--keyring", keyring.as_str(), "--anchor", anchor.as_str()];
    // The engine went on after the export, and its anchor knows.
    ends(&check(&file, &anchored), 1, "the log was cut off");
    ends(&check(&file, &[]), 2, "no keyring was given");
    ends(&check(&keep(&site, "none", "nothing\n"), &proven), 2, "line 1");
    ends(&check("missing", &proven), 2, "cannot be read");

    let lines: Vec<&str> = bundle.lines().collect();
    let at = |seq: usize| {
        let records = lines.iter().enumerate().filter(|(_, line)| line.contains("\"record\""));
        records.map(|(n, _)| n).nth(seq).unwrap()
    };
    let mut forged = lines.clone();
    let changed = lines[at(3)].replace("success", "denied");
    assert_ne!(changed, lines[at(3)]);
    forged[at(3)] = &changed;
    ends(&check(&keep(&site, "changed", &(forged.join("\n") + "\n")), &proven), 1, "record 3 ");
    let mut forged = lines.clone();
    forged.remove(at(2));
    ends(&check(&keep(&site, "deleted", &(forged.join("\n") + "\n")), &proven), 1, "stands at 2 ");
    let mut forged = lines.clone();
    forged.swap(at(2), at(3));
    ends(&check(&keep(&site, "swapped", &(forged.join("\n") + "\n")), &proven), 1, "stands at 2 ");
    let mut forged = lines.clone();
    forged.insert(at(2), lines[at(1)]);
    ends(&check(&keep(&site, "inserted", &(forged.join("\n") + "\n")), &proven), 1, "stands at 2 ");
    let cut = lines[..lines.len() - 2].join("\n") + "\n";
    ends(&check(&keep(&site, "cut", &cut), &proven), 1, "the log was cut off");
    let other = fs::read_to_string(&keyring).unwrap().replace(['a', '1'], "0");
    let other = keep(&site, "other-keys.txt", &other);
    ends(&check(&file, &["--keyring", &other]), 1, "a key that is not the engine's");
}

fn records_are_taken_out_in_the_form_that_is_asked_for(store: Store) {
    let (site, engine) = lived_in(store);
    let manifest = site.path("manifest.json").display().to_string();
    let ndjson = exported(&site, "ndjson", &["--manifest", &manifest]);
    let records: Vec<Value> =
        ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], n, "in order, from the first on");
    }
    assert_eq!(records.last().unwrap()["action"], "audit.export", "the export itself is in it");
    let told: Value = serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
    let said: Value = serde_json::from_str(told["manifest"].as_str().unwrap()).unwrap();
    let hash: String =
        Sha256::digest(ndjson.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(said["sha256"], hash.as_str());
    assert_eq!(said["count"], records.len());
    let again = site.verb(&["audit", "export", "--manifest", &manifest]);
    ends(&again, 78, "is there already");
    let last: Value = site.json(&["audit", "list", "--action", "audit.exported", "--limit", "1"]);
    assert_eq!(last["records"][0]["after"]["sha256"], hash.as_str(), "{last}");

    let capsules = exported(&site, "capsule", &[]);
    let file = keep(&site, "capsules", &capsules);
    ends(&site.verb(&["audit", "verify", "--capsules", &file]), 0, "whole: ");
    let forged = keep(
        &site,
        "forged",
        &capsules.replacen("\"blocked\"", "\"success\"", 1).replacen(
            "store.created",
            "store.treated",
            1,
        ),
    );
    ends(&site.verb(&["audit", "verify", "--capsules", &forged]), 1, "integrity_violation");

    let held = exported(&site, "json", &["--action", "destination.hold"]);
    let held: Vec<Value> = serde_json::from_str(&held).unwrap();
    assert_eq!(held.len(), 2);
    assert_eq!(held[0]["purpose"], "=trying, \"it\"");
    let csv = exported(&site, "csv", &["--action", "destination.hold"]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert_eq!(exported(&site, "json", &["--action", "nothing"]), "[]\n");
    ends(&site.verb(&["audit", "export", "--format", "bundle", "--since", "1h"]), 64, "whole log");
    engine.stop();
}

/// A part belongs to an export that its own actor has begun, which is a record; what came later is not in it.
fn nothing_is_taken_out_without_a_record_of_it(store: Store) {
    let (site, engine) = lived_in(store);
    let nobody = Admin::at(site.api());
    let token = fs::read_to_string(site.data().join("setup-token")).unwrap();
    let (owner, _) = claim(&nobody, token.trim());
    let part = |export: &Value| {
        let request = json!({ "export": export, "limit": 1000 });
        owner.ask("POST", "/api/v1/audit/export/part", Some(&request))
    };
    let exports = || {
        let all = site.json(&["audit", "list", "--action", "audit.export"]);
        all["records"].as_array().unwrap().len()
    };
    assert_eq!(part(&json!("0198c5e1-0000-7000-8000-000000000000")).status, 404);
    assert_eq!(exports(), 0);
    let begun = owner.post("/api/v1/audit/export", json!({}));
    assert_eq!(exports(), 1);
    let taken = part(&begun["export"]);
    let records = taken.body["records"].as_array().unwrap();
    assert_eq!((taken.status, json!(records.len())), (200, begun["size"].clone()));
    assert!(records.last().unwrap()["text"].as_str().unwrap().contains("audit.export"));
    let file =
        json!({ "export": begun["export"], "form": "json", "count": 0, "sha256": "0".repeat(64) });
    let end = owner.post("/api/v1/audit/export/end", file);
    assert!(end["manifest"].as_str().unwrap().contains("\"form\":\"json\""), "{end}");
    assert_eq!(part(&begun["export"]).status, 404, "ended");
    engine.stop();
}

fn a_log_that_was_changed_is_said_to_be(store: Store) {
    let (site, engine) = lived_in(store);
    ends(&site.verb(&["audit", "verify"]), 0, "agrees with");
    let standing: Value = site.json(&["audit", "verify"]);
    assert_eq!(standing["whole"], true, "{standing}");
    let anchor = site.data().join("anchors/checkpoints.log");
    let kept = fs::read_to_string(&anchor).unwrap();
    fs::write(&anchor, forged(&kept)).unwrap();
    ends(&site.verb(&["audit", "verify"]), 2, "checkpoints.log");
    let status = site.verb(&["status"]);
    ends(&status, 0, "warning: the audit log is in doubt");
    fs::write(&anchor, kept).unwrap();
    ends(&site.verb(&["audit", "verify"]), 0, "whole: ");
    assert!(!site.verb(&["status"]).stdout.contains("audit log"));
    // An anchor that cannot be written is told, and nothing else stops.
    engine.stop();
    unwritable(&anchor);
    let engine = site.serve();
    wait::until("the warning", || {
        let said = site.verb(&["status"]).stdout;
        said.contains("warning: checkpoints of the audit log cannot be written").then_some(())
    });
    engine.stop();
}

/// The same notes with another root.
fn forged(notes: &str) -> String {
    let mut lines: Vec<String> = notes.lines().map(str::to_owned).collect();
    lines[2] = lines[2].chars().rev().collect::<String>().replace('=', "");
    lines.join("\n") + "\n"
}

/// A folder stands where the file should be.
fn unwritable(anchor: &Path) {
    fs::remove_file(anchor).unwrap();
    fs::create_dir(anchor).unwrap();
}
