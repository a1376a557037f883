//! The admin API over TCP, with accounts, sessions and roles, as it meets its users and those who should not get in.

use crate::parts::{files, on_both_stores, to};
use hilum_tests::admin::{Admin, PASSWORD, claim, code};
use hilum_tests::engine::Engine;
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

on_both_stores!(
    the_first_owner_is_made_once_and_lets_others_in,
    a_scoped_person_sees_their_channels_and_nothing_else,
    every_route_asks_for_its_permission,
    guesses_lock_the_account,
    what_somebody_may_do_ends_with_the_next_request,
    a_program_has_a_token_for_what_it_needs,
    a_stream_ends_with_its_session,
    a_site_makes_roles_of_its_own,
);

pub fn started(site: &Site) -> (Engine, Admin) {
    let engine = site.serve();
    (engine, Admin::at(site.api()))
}

pub fn setup_token(site: &Site) -> String {
    let path = site.data().join("setup-token");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::read_to_string(&path).unwrap().trim().to_owned()
}

fn add(owner: &Admin, name: &str, grants: Value) {
    let new = json!({ "name": name, "password": PASSWORD, "grants": grants });
    owner.post("/api/v1/users/add", new);
}

fn a_site_makes_roles_of_its_own(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    let role = |permissions: Value| json!({ "name": "night-watch", "permissions": permissions });
    let all = json!(["monitor.read", "connection.control", "user.read"]);
    assert_eq!(owner.post("/api/v1/roles/add", role(all))["custom"], true);
    let body = role(json!(["message.body"]));
    let beyond = owner.ask("POST", "/api/v1/roles/set", Some(&body));
    assert_eq!((beyond.status, beyond.code()), (403, "beyond"), "an owner reads no messages");
    let unknown = owner.ask("POST", "/api/v1/roles/set", Some(&role(json!(["coffee.make"]))));
    assert_eq!(unknown.status, 422);

    add(&owner, "nils", json!([{ "role": "night-watch", "channels": null }]));
    let nils = nobody.signed_in("nils", PASSWORD, None);
    let roles = nils.get("/api/v1/roles");
    let own = roles["roles"].as_array().unwrap().iter().find(|one| one["custom"] == true).unwrap();
    assert_eq!(own["name"], "night-watch");
    let hold = json!({ "channel": "adt", "destination": "archive", "reason": "night" });
    nils.post("/api/v1/destinations/hold", hold.clone());
    nils.post("/api/v1/destinations/resume", hold.clone());

    // It is changed: whoever has it starts anew, with what it is now.
    owner.post("/api/v1/roles/set", role(json!(["monitor.read"])));
    assert_eq!(nils.ask("GET", "/api/v1/status", None).status, 401);
    let nils = nobody.signed_in("nils", PASSWORD, None);
    nils.get("/api/v1/status");
    let denied = nils.ask("POST", "/api/v1/destinations/hold", Some(&hold));
    assert_eq!((denied.status, denied.code()), (403, "denied"));

    // The operator of the machine sees the same, and cannot take it from under somebody.
    assert!(site.verb(&["role", "list"]).stdout.contains("(made here)"));
    let held = site.verb(&["role", "remove", "night-watch", "-m", "no more"]);
    assert!(held.code == Some(1) && held.stderr.contains("has this role"), "{held:?}");
    owner.post("/api/v1/users/grants", json!({ "name": "nils", "grants": [{ "role": "viewer" }] }));
    assert_eq!(site.verb(&["role", "remove", "night-watch", "-m", "no more"]).code, Some(0));
    let log = site.verb(&["audit", "list"]).stdout;
    for act in ["role.add", "role.set", "role.remove"] {
        assert!(log.contains(act), "{act}: {log}");
    }
    engine.stop();
}

/// D-22, D-02, D-08: no default account; the token works once; a code works once; every refusal is the same.
fn the_first_owner_is_made_once_and_lets_others_in(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let token = setup_token(&site);
    assert!(!engine.said().contains(&token), "the token is in no log");
    assert_eq!(nobody.ask("GET", "/api/v1/status", None).status, 401);
    let wrong =
        nobody.ask("POST", "/api/v1/setup/begin", Some(&json!({ "token": "AAAA", "name": "eve" })));
    assert_eq!((wrong.status, wrong.code()), (401, "invalid_credentials"));

    let (owner, secret) = claim(&nobody, &token);
    assert!(!site.data().join("setup-token").exists());
    let again =
        json!({ "token": token, "name": "second", "password": PASSWORD, "code": code(&secret, 0) });
    assert_eq!(nobody.ask("POST", "/api/v1/setup", Some(&again)).status, 401);

    let used = nobody.login("owner", PASSWORD, Some(&code(&secret, 1)));
    let wrong = nobody.login("owner", "correct horse battery stapls", Some(&code(&secret, 0)));
    let unknown = nobody.login("nobody", PASSWORD, None);
    let without = nobody.login("owner", PASSWORD, None);
    for refused in [&used, &wrong, &unknown, &without] {
        assert_eq!((refused.status, &refused.body), (401, &used.body), "{refused:?}");
    }

    add(&owner, "vera", json!([{ "role": "viewer" }]));
    let vera = nobody.signed_in("vera", PASSWORD, None);
    assert_eq!(vera.get("/api/v1/status")["channels"][0]["name"], "adt");
    let me = vera.post("/api/v1/me", json!({}));
    assert_eq!(me["name"], "vera");
    // Whoever may change something must add a second factor first, and may do nothing else before.
    add(&owner, "admin", json!([{ "role": "user-admin" }]));
    let admin = nobody.signed_in("admin", PASSWORD, None);
    let confined = admin.ask("GET", "/api/v1/users", None);
    assert_eq!((confined.status, confined.code()), (403, "second_factor_needed"));
    let begun = admin.post("/api/v1/me/second-factor/begin", json!({}));
    let own = begun["secret"].as_str().unwrap();
    let wrong =
        admin.ask("POST", "/api/v1/me/second-factor/confirm", Some(&json!({ "code": "000000" })));
    assert_eq!(wrong.status, 422);
    let codes = admin.post("/api/v1/me/second-factor/confirm", json!({ "code": code(own, 0) }));
    let recovery = codes["recovery_codes"][0].as_str().unwrap();
    assert_eq!(admin.ask("GET", "/api/v1/users", None).status, 401, "what was confined has ended");
    let admin = nobody.signed_in("admin", PASSWORD, Some(recovery));
    assert_eq!(admin.get("/api/v1/users")["users"].as_array().unwrap().len(), 3);
    assert_eq!(nobody.login("admin", PASSWORD, Some(recovery)).status, 401, "a code is good once");

    owner.post("/api/v1/auth/logout", json!({}));
    assert_eq!(owner.ask("GET", "/api/v1/status", None).status, 401);
    let audit = site.verb(&["audit", "verify"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    let dumped = site.audit_text();
    for secret in [PASSWORD, secret.as_str(), own, recovery, token.as_str()] {
        assert!(!dumped.contains(secret), "no secret is in the audit log");
    }
    for action in
        ["bootstrap.claimed", "auth.login", "user.add", "auth.second_factor.set", "auth.logout"]
    {
        assert!(dumped.contains(action), "{action} is recorded");
    }
    engine.stop();
}

/// C-05..C-09: lists, counts, searches and acts of a scoped person know one channel; the other is as if it were not there.
fn a_scoped_person_sees_their_channels_and_nothing_else(store: Store) {
    let (site, receiver) = (Site::new(store), Receiver::accepting());
    let adt = site.feed("adt", "", &to("lab", &receiver, ""));
    let secret = site.feed("secret", "", &to("lab", &receiver, ""));
    let (engine, nobody) = started(&site);
    Connection::to(adt).accepted(&message::adt("SEEN", "P1"));
    Connection::to(secret).accepted(&message::adt("HIDDEN", "P2"));
    receiver.wait_count(2);
    site.wait_final("secret", 1);
    // The owner reads no messages and so cannot let others; the operator of the machine can.
    let roles = ["--role", "message-steward:adt", "--role", "release-manager:adt"];
    let made = site.verb_reading(&[&["user", "add", "olga"][..], &roles].concat(), PASSWORD);
    assert_eq!(made.code, Some(0), "{made:?}");
    let begun = nobody.signed_in("olga", PASSWORD, None);
    let own = begun.post("/api/v1/me/second-factor/begin", json!({}))["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    begun.post("/api/v1/me/second-factor/confirm", json!({ "code": code(&own, 0) }));
    let olga = nobody.signed_in("olga", PASSWORD, Some(&code(&own, 1)));

    let all: Value = site.json(&["messages"]);
    let hidden =
        all["messages"].as_array().unwrap().iter().find(|m| m["channel"] == "secret").unwrap();
    let id = hidden["id"].as_str().unwrap();
    for (path, body) in [
        ("/api/v1/messages/search", json!({})),
        ("/api/v1/messages/search", json!({ "control_id": "HIDDEN" })),
        ("/api/v1/messages/search", json!({ "channel": "secret" })),
        ("/api/v1/messages/search", json!({ "query": "HIDDEN" })),
        ("/api/v1/dead/search", json!({})),
        ("/api/v1/apply/preview", json!({})),
    ] {
        let told = olga.ask("POST", path, Some(&body));
        let text = told.body.to_string();
        assert!(!text.contains("secret") && !text.contains("HIDDEN"), "{path}: {told:?}");
    }
    let status = olga.get("/api/v1/status").to_string();
    assert!(status.contains("adt") && !status.contains("\"secret\""), "{status}");
    for (path, body) in of_secret(id) {
        let there = olga.ask("POST", path, Some(&body));
        let absent = body.to_string().replace(id, "0197a000-0000-7000-8000-000000000000");
        let absent = absent.replace("HIDDEN", "ABSENT").replace("secret", "absent");
        let absent = olga.ask("POST", path, Some(&serde_json::from_str(&absent).unwrap()));
        assert_eq!(there.status, absent.status, "{path}: {there:?} {absent:?}");
        assert_eq!(there.code(), absent.code(), "{path}: {there:?} {absent:?}");
    }
    // What is in scope works, and a permission for every channel is not one for some.
    let found = olga.post("/api/v1/messages/find", json!({ "id": "SEEN" }));
    let body = olga.post("/api/v1/messages/body", json!({ "id": found["id"] }));
    assert!(body["text"].as_str().unwrap().contains("SEEN"));
    engine.stop();
}

/// Requests for what lies outside of a scope.
fn of_secret(id: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("/api/v1/messages/find", json!({ "id": id })),
        ("/api/v1/messages/find", json!({ "id": "HIDDEN" })),
        ("/api/v1/messages/body", json!({ "id": id })),
        ("/api/v1/messages/steps", json!({ "id": id })),
        ("/api/v1/messages/fields", json!({ "id": id })),
        ("/api/v1/messages/raw", json!({ "id": id })),
        ("/api/v1/messages/difference", json!({ "left": { "id": id }, "right": { "id": id } })),
        ("/api/v1/bench/run", json!({ "channel": "secret", "message": { "text": "MSH|" } })),
        ("/api/v1/bench/run", json!({ "channel": "adt", "message": { "id": id } })),
        ("/api/v1/channels/file", json!({ "channel": "secret" })),
        ("/api/v1/replay", json!({ "ids": [id], "mode": "raw", "reason": "x" })),
        ("/api/v1/discard", json!({ "channel": "secret", "reason": "x" })),
        ("/api/v1/destinations/hold", json!({ "channel": "secret", "destination": "lab" })),
        ("/api/v1/destinations/test", json!({ "channel": "secret", "destination": "lab" })),
        ("/api/v1/destinations/queue", json!({ "channel": "secret", "destination": "lab" })),
        (
            "/api/v1/destinations/skip",
            json!({ "channel": "secret", "destination": "lab", "reason": "x" }),
        ),
        (
            "/api/v1/destinations/discard",
            json!({ "channel": "secret", "destination": "lab", "count": 0, "reason": "x" }),
        ),
        ("/api/v1/sources/stop", json!({ "channel": "secret", "reason": "x" })),
        ("/api/v1/sources/start", json!({ "channel": "secret" })),
        ("/api/v1/replay/preview", json!({ "ids": [id], "mode": "raw" })),
        ("/api/v1/discard/preview", json!({ "ids": [id] })),
        ("/api/v1/jobs/replay", json!({ "ids": [id], "mode": "raw", "reason": "x" })),
        ("/api/v1/jobs/discard", json!({ "channel": "secret", "reason": "x" })),
        ("/api/v1/jobs/find", json!({ "id": id })),
        (
            "/api/v1/messages/edit",
            json!({ "id": id, "text": "MSH|^~\\&|A|B|C|D|1||ADT^A01|1|P|2.5", "reason": "x" }),
        ),
        (
            "/api/v1/dead/letters",
            json!({ "channel": "secret", "destination": "lab", "error": "AE" }),
        ),
        ("/api/v1/apply", json!({ "channels": ["secret"], "reason": "x" })),
        ("/api/v1/apply/preview", json!({ "channels": ["secret"] })),
    ]
}

/// C-01: every route of the table against every role.
fn every_route_asks_for_its_permission(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    let document = owner.get("/api/v1/openapi.json");
    let routes: Vec<(String, String, Option<String>, bool)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, operation)| {
                let permission = operation["x-permission"].as_str().map(str::to_owned);
                let open = operation["security"].as_array().unwrap().is_empty();
                (method.to_uppercase(), path.clone(), permission, open)
            })
        })
        .collect();
    assert!(routes.len() > 45, "{}", routes.len());
    let open: BTreeSet<&str> =
        routes.iter().filter(|route| route.3).map(|route| route.1.as_str()).collect();
    let ways_in =
        ["/api/v1/auth/login", "/api/v1/break-glass", "/api/v1/setup", "/api/v1/setup/begin"];
    assert_eq!(open, BTreeSet::from(ways_in), "nothing else is open");

    let signed_in = one_of_each_role(&site, &owner, &nobody);
    for (method, path, permission, open) in &routes {
        if !open {
            let answer = nobody.ask(method, path, Some(&json!({})));
            assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{path}");
        }
        let Some(permission) = permission else { continue };
        for (name, held, person) in &signed_in {
            let answer = person.ask(method, path, Some(&json!({})));
            // A stream that is given goes on.
            if held.contains(permission) && path == "/api/v1/events" {
                continue;
            }
            if held.contains(permission) {
                assert!(answer.status != 403 && answer.status < 500, "{name} {path}: {answer:?}");
            } else {
                assert_eq!((answer.status, answer.code()), (403, "denied"), "{name} {path}");
            }
        }
    }
    engine.stop();
}

/// Somebody for each role but the owner's, with what the role holds.
fn one_of_each_role(
    site: &Site,
    owner: &Admin,
    nobody: &Admin,
) -> Vec<(String, BTreeSet<String>, Admin)> {
    let roles = owner.get("/api/v1/roles");
    let mut people = Vec::new();
    for role in
        roles["roles"].as_array().unwrap().iter().filter(|role| role["name"] != "system-owner")
    {
        let held: BTreeSet<String> = role["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_str().unwrap().to_owned())
            .collect();
        people.push((role["name"].as_str().unwrap().to_owned(), held));
    }
    // Roles that the owner does not cover are given by the operator of the machine.
    let socket = |name: &str| {
        site.verb_reading(&["user", "add", name, "--role", name], &format!("{PASSWORD}\n"))
    };
    let mut signed_in = Vec::new();
    for (name, held) in people {
        if name == "service-integration" {
            let made = site.verb(&["token", "add", &name, "--role", &name]);
            signed_in.push((name, held, nobody.with(made.stdout.trim())));
            continue;
        }
        assert_eq!(socket(&name).code, Some(0), "{name}");
        let mut person = nobody.signed_in(&name, PASSWORD, None);
        let me = person.post("/api/v1/me", json!({}));
        if me["must_enrol"] == true {
            let begun = person.post("/api/v1/me/second-factor/begin", json!({}));
            let secret = begun["secret"].as_str().unwrap().to_owned();
            person.post("/api/v1/me/second-factor/confirm", json!({ "code": code(&secret, 0) }));
            person = nobody.signed_in(&name, PASSWORD, Some(&code(&secret, 1)));
        }
        signed_in.push((name, held, person));
    }
    signed_in
}

/// D-04, D-05: five guesses and no more, also at once; the right password does not get in while it is locked.
fn guesses_lock_the_account(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    add(&owner, "vera", json!([{ "role": "viewer" }]));
    std::thread::scope(|scope| {
        for n in 0..8 {
            let nobody = &nobody;
            scope.spawn(move || {
                let answer = nobody.login("vera", &format!("wrong guess number {n}"), None);
                assert_eq!(answer.status, 401, "{answer:?}");
            });
        }
    });
    assert_eq!(nobody.login("vera", PASSWORD, None).status, 401, "it is locked");
    let users = owner.get("/api/v1/users");
    let vera = users["users"].as_array().unwrap().iter().find(|u| u["name"] == "vera").unwrap();
    assert!(vera["locked_until_us"].is_i64(), "{vera}");
    assert_eq!(site.verb(&["user", "unlock", "vera", "-m", "she called"]).code, Some(0));
    nobody.signed_in("vera", PASSWORD, None);
    engine.stop();
}

/// C-14, D-16, D-17: nobody gives more than they hold; a change ends sessions; the last owner stays.
fn what_somebody_may_do_ends_with_the_next_request(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    add(&owner, "vera", json!([{ "role": "viewer" }]));
    let beyond = json!({ "name": "vera", "grants": [{ "role": "message-steward" }] });
    let beyond = owner.ask("POST", "/api/v1/users/grants", Some(&beyond));
    assert_eq!((beyond.status, beyond.code()), (403, "beyond"), "the owner reads no messages");
    let own =
        owner.ask("POST", "/api/v1/users/grants", Some(&json!({ "name": "owner", "grants": [] })));
    assert_eq!((own.status, own.code()), (403, "beyond"), "nobody changes their own");
    let last = site.verb(&["user", "disable", "owner", "-m", "x"]);
    assert_eq!(last.code, Some(1), "{last:?}");
    assert!(last.stderr.contains("last owner"), "{last:?}");

    let vera = nobody.signed_in("vera", PASSWORD, None);
    vera.get("/api/v1/status");
    owner
        .post("/api/v1/users/grants", json!({ "name": "vera", "grants": [{ "role": "auditor" }] }));
    assert_eq!(vera.ask("GET", "/api/v1/status", None).status, 401);
    let vera = nobody.signed_in("vera", PASSWORD, None);
    owner.post("/api/v1/users/disable", json!({ "name": "vera" }));
    assert_eq!(vera.ask("GET", "/api/v1/status", None).status, 401);
    assert_eq!(nobody.login("vera", PASSWORD, None).status, 401);
    owner.post("/api/v1/users/enable", json!({ "name": "vera" }));

    // Three sessions at once; the oldest gives way.
    let sessions: Vec<Admin> = (0..4).map(|_| nobody.signed_in("vera", PASSWORD, None)).collect();
    assert_eq!(sessions[0].ask("GET", "/api/v1/status", None).status, 401);
    sessions[3].get("/api/v1/status");
    let changed = json!({ "current": PASSWORD, "new": "four unrelated words together" });
    sessions[3].post("/api/v1/me/password", changed);
    for session in &sessions {
        assert_eq!(session.ask("GET", "/api/v1/status", None).status, 401);
    }
    nobody.signed_in("vera", "four unrelated words together", None);
    engine.stop();
}

/// D-23..D-25: a token for some permissions, from some networks, for some time; rotated with an overlap, taken back at once.
fn a_program_has_a_token_for_what_it_needs(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let add = |arguments: &[&str]| {
        let made = site.verb(&[&["token", "add"][..], arguments].concat());
        assert_eq!(made.code, Some(0), "{made:?}");
        nobody.with(made.stdout.trim())
    };
    let monitor = add(&["monitor", "--role", "viewer"]);
    assert_eq!(monitor.get("/api/v1/status")["channels"][0]["name"], "adt");
    let denied = monitor.ask("POST", "/api/v1/messages/body", Some(&json!({ "id": "x" })));
    assert_eq!((denied.status, denied.code()), (403, "denied"));
    let elsewhere = add(&["elsewhere", "--role", "viewer", "--from", "192.0.2.0/24"]);
    assert_eq!(elsewhere.ask("GET", "/api/v1/status", None).status, 401, "from another network");
    // A program proves nothing anew, so what needs that is not for programs.
    let owner = add(&["owner", "--role", "system-owner"]);
    let document = owner.get("/api/v1/openapi.json");
    let mut fresh = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Whoever owns the system edits no messages.
        let held = methods["post"]["x-permission"] != "message.edit";
        if methods["post"]["x-fresh-sign-in"] == true && held {
            let answer = owner.ask("POST", path, Some(&json!({})));
            assert_eq!((answer.status, answer.code()), (403, "step_up_needed"), "{path}");
            fresh += 1;
        }
    }
    assert_eq!(fresh, 31);

    let rotated = site.verb(&["token", "rotate", "monitor"]);
    let next = nobody.with(rotated.stdout.trim());
    next.get("/api/v1/status");
    monitor.get("/api/v1/status");
    assert_eq!(site.verb(&["token", "revoke", "monitor", "-m", "it leaked"]).code, Some(0));
    for ended in [&monitor, &next] {
        assert_eq!(ended.ask("GET", "/api/v1/status", None).status, 401);
    }
    let long = site.verb(&["token", "add", "long", "--role", "viewer", "--for", "91d"]);
    assert_eq!(long.code, Some(1), "{long:?}");
    engine.stop();
}

/// Production needs somebody who owns the system.
#[test]
fn production_needs_an_owner() {
    let site = Site::new(Store::Sqlite);
    site.feed("adt", "", &files("archive", ""));
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    let production = format!(
        "[server]\nprofile = \"production\"\nacknowledge = [\"key-beside-data\"]\n{server}"
    );
    let serve =
        |site: &Site| Engine::start_with(hilum_tests::verbs::hilum(), site, &["--allow-root"]);
    for part in ["", "server.toml", "channels", "tables", "channels/adt.toml"] {
        let path = site.path(part);
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    site.write("server.toml", &production);
    let ended = serve(&site).err().expect("nobody owns it");
    assert_eq!(ended.status.code(), Some(78), "{ended}");
    assert!(ended.said.contains("hilum setup"), "{ended}");

    site.write("server.toml", &server);
    let (engine, nobody) = started(&site);
    claim(&nobody, &setup_token(&site));
    engine.stop();
    site.write("server.toml", &production);
    let engine = serve(&site).unwrap_or_else(|ended| panic!("{ended}"));
    assert_eq!(site.json(&["status"])["profile"], "production");
    engine.stop();
}

/// D-18: an open stream ends within a moment when its session does.
fn a_stream_ends_with_its_session(store: Store) {
    let site = Site::new(store);
    let adt = site.feed("adt", "", &files("archive", ""));
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    add(&owner, "vera", json!([{ "role": "viewer" }]));
    let vera = nobody.signed_in("vera", PASSWORD, None);
    let mut stream = vera.stream("/api/v1/events");
    let first = stream.next().expect("how it is");
    assert!(first.contains("\"name\":\"adt\""), "{first}");
    Connection::to(adt).accepted(&message::adt("LIVE", "P1"));
    let mut seen = String::new();
    while !seen.contains("\"delivered\":1") {
        seen = stream.next().expect("what has changed");
    }
    owner.post("/api/v1/users/disable", json!({ "name": "vera" }));
    let begun = std::time::Instant::now();
    while stream.next().is_some() {}
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    engine.stop();
}
