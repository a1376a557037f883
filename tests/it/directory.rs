//! People of a directory at the running product: over the API, with the verbs, and in the audit log.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hilum_tests::admin::Admin;
use hilum_tests::site::{Site, Store};
use hilum_tests::slapd::{Authority, BASE, OPERATORS, SERVICE, Shown, Slapd};
use serde_json::json;

use crate::parts::{files, on_both_stores};

on_both_stores!(somebody_of_the_directory_is_like_anybody_else,);

fn somebody_of_the_directory_is_like_anybody_else(store: Store) {
    let authority = Authority::new();
    let mut slapd = Slapd::start(&authority, &Shown::RIGHT);
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    site.write("ca.pem", &authority.pem());
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    let port = slapd.address.port();
    let directory = format!(
        "{server}[directory]\nservers = [\"localhost:{port}\"]\nca = \"ca.pem\"\nbase = \"{BASE}\"\nbind = \"{SERVICE}\"\npassword = {{ secret = \"directory\" }}\n[[directory.grant]]\ngroup = \"{OPERATORS}\"\nrole = \"operator\"\nchannels = [\"adt\"]\n"
    );
    site.write("server.toml", &directory.replace("role = \"operator\"", "role = \"emperor\""));
    fs::create_dir_all(site.data().join("secrets")).unwrap();
    let secret = site.data().join("secrets/directory");
    fs::write(&secret, "svcsecret").unwrap();
    fs::set_permissions(site.data(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let ended = site.try_serve().err().expect("no such role");
    assert_eq!(ended.status.code(), Some(78), "{ended}");
    assert!(ended.said.contains("`emperor`"), "{ended}");

    site.write("server.toml", &directory);
    let engine = site.serve();
    let nobody = Admin::at(site.api());
    assert_eq!(nobody.login("alice", "wrong", None).status, 401);
    let alice = nobody.signed_in("alice", "alicesecret", None);
    assert_eq!(alice.get("/api/v1/status")["channels"][0]["name"], "adt");
    assert_eq!(alice.ask("GET", "/api/v1/users", None).status, 403, "an operator");
    let hold = json!({ "channel": "adt", "destination": "archive", "reason": "trying" });
    alice.post("/api/v1/destinations/hold", hold);
    let told = site.verb(&["user", "list"]);
    assert!(told.stdout.contains("alice") && told.stdout.contains("directory"), "{told:?}");
    let grant = site.verb(&["user", "grant", "alice", "--role", "system-owner"]);
    assert_eq!(grant.code, Some(1), "{grant:?}");
    assert!(grant.stderr.contains("their groups"), "{grant:?}");
    let record = &site.json(&["audit", "list", "--action", "destination.hold"])["records"][0];
    assert_eq!(
        (&record["actor"]["name"], &record["actor"]["auth"]),
        (&json!("alice"), &json!("ldap"))
    );
    assert!(!site.audit_text().contains("alicesecret") && !engine.said().contains("alicesecret"));

    slapd.stop();
    let away = nobody.login("alice", "alicesecret", None);
    assert_eq!((away.status, away.code()), (503, "directory_unavailable"), "{away:?}");
    alice.get("/api/v1/status");
    engine.stop();
}
