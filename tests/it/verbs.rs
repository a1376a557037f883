//! The command line from outside: exit codes, and data apart from talk.

use crate::parts::to;
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs::local;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn exit_codes_say_what_happened() {
    assert_eq!(local(&["serve"]).code, Some(64), "a missing argument is usage");
    assert_eq!(local(&["no-such-verb"]).code, Some(64));
    let site = Site::new(Store::Sqlite);
    let status = site.verb(&["status"]);
    assert_eq!(status.code, Some(3), "nobody runs there: {status:?}");
    assert!(status.stdout.is_empty() && !status.stderr.is_empty());
    let nowhere = local(&["serve", "/nonexistent/site"]);
    assert_eq!(nowhere.code, Some(78), "{nowhere:?}");
    assert!(
        !std::path::Path::new("/nonexistent").exists(),
        "nothing is made for a site that is not there"
    );
}

#[test]
fn a_site_with_problems_is_explained_and_refused() {
    let site = Site::new(Store::Sqlite);
    site.channel("bad", "[source]\ntype = \"mllp\"\nlisten = \"0.0.0.0:2575\"\n\n[transform]\nsteps = [\n  { maps = 'PV1-2' },\n  { keep = 'MSH-9.1 == \"ADT\"' },\n  { require = 'PID.3.1 exists' },\n  { map = 'PV1-2', with = \"no_table\" },\n]\n");
    let check = local(&["check", &site.folder().to_string_lossy()]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let said = check.stdout.clone() + &check.stderr;
    for code in ["C0101", "C0202", "C0207", "C0302", "C0411"] {
        assert!(said.contains(code), "{code} is missing:\n{said}");
        let explained = local(&["explain", code]);
        assert!(explained.code == Some(0) && explained.stdout.len() > 80, "{explained:?}");
    }
    let json = local(&["check", &site.folder().to_string_lossy(), "--format", "json"]);
    let value: serde_json::Value =
        serde_json::from_str(&json.stdout).expect("JSON and nothing else");
    assert!(value.to_string().contains("C0302"));
    let ended = site.try_serve().err().expect("it does not start");
    assert_eq!(ended.status.code(), Some(78), "{ended}");
}

#[test]
fn schemas_are_json() {
    for of in ["channel", "server"] {
        let schema = local(&["schema", of]);
        let value: serde_json::Value =
            serde_json::from_str(&schema.stdout).expect("JSON and nothing else");
        assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}

#[test]
fn sending_says_when_something_was_not_accepted() {
    let site = Site::new(Store::Sqlite);
    let receiver = Receiver::accepting();
    let feed = site.feed("adt", "", &to("lab", &receiver, "")).to_string();
    let engine = site.serve();
    let folder = site.path("outbox");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("1.hl7"), message::adt("S1", "P1")).unwrap();
    let good = local(&["send", &feed, &folder.to_string_lossy()]);
    assert_eq!(good.code, Some(0), "{good:?}");
    fs::write(folder.join("2.hl7"), "MSH|^~\\&|A|B|||2026||ADT^A01||P|2.5\r").unwrap();
    let bad = local(&["send", &feed, &folder.to_string_lossy()]);
    assert_eq!(bad.code, Some(1), "{bad:?}");
    let many = local(&[
        "send",
        &feed,
        &folder.join("1.hl7").to_string_lossy(),
        "--count",
        "200",
        "--connections",
        "4",
        "--quiet",
    ]);
    assert_eq!(many.code, Some(0), "{many:?}");
    site.wait_status("all have arrived", |s| s.channel("adt").disposition("delivered") == 201);
    engine.stop();
    let nobody = local(&["send", &feed, &folder.to_string_lossy(), "--timeout", "2"]);
    assert!(matches!(nobody.code, Some(1 | 3)), "{nobody:?}");
}

#[test]
fn the_socket_and_the_key_are_for_their_owner_only() {
    let site = Site::new(Store::Sqlite);
    let receiver = Receiver::accepting();
    site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let mode =
        |path: &str| fs::metadata(site.data().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("hilum.sock"), 0o600);
    assert_eq!(mode("keys/store.key"), 0o600);
    assert_eq!(mode("keys"), 0o700);
    assert_eq!(mode("hilum.db") & 0o077, 0, "the store is nobody else's");
    engine.stop();
}
