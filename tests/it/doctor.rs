//! What `hilum doctor` says of a site in order, and of one in which something was made worse (P-07).

use crate::parts::{files, on_both_stores};
use age::secrecy::ExposeSecret;
use hilum_tests::admin::{Admin, claim};
use hilum_tests::certificates::{Authority, GOOD, Leaf};
use hilum_tests::engine::Engine;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs::{self, Output};
use hilum_tests::wait;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

on_both_stores!(a_running_site_is_judged_and_what_is_made_worse_is_found);

/// What this machine decides and no test can: whether its disks are encrypted and its clock is set.
const OF_THE_MACHINE: &[&str] =
    &["disk.encrypted", "machine.swap", "machine.clock", "process.user"];

/// What only a running engine knows.
const OF_THE_ENGINE: &[&str] = &[
    "process.cores",
    "people.factor",
    "people.owners",
    "audit.verified",
    "backup.age",
    "key.escrow",
    "retention.runs",
    "alerts.open",
];

const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn backups() -> String {
    format!("[backup]\nrecipients = [\"{RECIPIENT}\"]\nfolder = \"elsewhere/backups\"\n")
}

/// A site as it should be, but that its backups and checkpoints are on the disk of its data: there is only one here.
struct Good {
    site: Site,
    authority: Authority,
    /// The settings that a test of a store needs.
    base: String,
}

impl Good {
    fn new(store: Store) -> Good {
        let site = Site::new(store);
        let base = fs::read_to_string(site.path("server.toml")).unwrap();
        let authority = Authority::new(&site.path("certs"), "ca");
        fs::create_dir_all(site.path("elsewhere/keys")).unwrap();
        fs::create_dir_all(site.data().join("secrets")).unwrap();
        site.feed("adt", "", &files("archive", ""));
        let good = Good { site, authority, base };
        good.put_in_order();
        good
    }

    fn settings(&self) -> String {
        let api = "[api]\ntls = { cert = \"certs/api.pem\", key = \"certs/api.key\" }\n";
        let store = "[store]\nkey = \"file:elsewhere/keys/store.key\"\n";
        let rest = format!(
            "[server]\nprofile = \"production\"\n\
             [audit]\nanchor = \"elsewhere/checkpoints.log\"\n\
             archive = {{ recipients = [\"{RECIPIENT}\"], folder = \"elsewhere/archive\" }}\n\
             {}[[alerts.sink]]\ntype = \"file\"\nname = \"siem\"\npath = \"elsewhere/alerts.ndjson\"\n\
             [limits]\ndisk_reserve = \"1 MiB\"\n",
            backups()
        );
        self.base.replace("[api]\n", api).replace("[store]\n", store) + &rest
    }

    /// Everything as it should be, whatever was made worse.
    fn put_in_order(&self) {
        let site = &self.site;
        self.authority.issue("api", &GOOD);
        site.write("server.toml", &self.settings());
        let _none = fs::remove_file(site.path("channels/worse.toml"));
        let _none = fs::remove_file(site.data().join("setup-token"));
        fs::write(site.data().join("secrets/lab"), "secret").unwrap();
        let key = site.path("elsewhere/keys/store.key");
        if !key.exists() {
            fs::write(&key, "5a".repeat(32)).unwrap();
        }
        for folder in ["", "channels", "tables", "data", "data/secrets", "elsewhere/keys"] {
            mode(site, folder, 0o700);
        }
        for file in ["server.toml", "data/secrets/lab", "elsewhere/keys/store.key"] {
            mode(site, file, 0o600);
        }
    }

    fn replace(&self, old: &str, new: &str) {
        let settings = self.settings();
        assert!(settings.contains(old), "{old}");
        self.site.write("server.toml", &settings.replace(old, new));
        mode(&self.site, "server.toml", 0o600);
    }

    fn doctor(&self, more: &[&str]) -> Output {
        let folder = self.site.folder().to_str().unwrap().to_owned();
        let all = ["doctor", &folder, "--allow-root"];
        verbs::local(&[&all[..], more].concat())
    }

    /// The states by check, and the exit code, which must be that of the worst of them.
    fn states(&self) -> (BTreeMap<String, String>, Option<i32>) {
        let output = self.doctor(&["--format", "json"]);
        let value: Value = serde_json::from_str(&output.stdout).expect("JSON and nothing else");
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        let states: BTreeMap<String, String> = value
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(one, "id"), text(one, "state")))
            .collect();
        let any = |state: &str| states.values().any(|one| one == state);
        let code = if any("fail") { 1 } else { 2 * i32::from(any("unknown")) };
        assert_eq!(output.code, Some(code), "{output:?}");
        (states, output.code)
    }
}

fn mode(site: &Site, path: &str, mode: u32) {
    fs::set_permissions(site.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

/// Something that an operator can get wrong, and the check that must find it.
type Worse = (&'static str, fn(&Good));

const WORSE: &[Worse] = &[
    ("site.sound", |good| good.site.channel("worse", "[source]\ntype = \"carrier-pigeon\"\n")),
    ("files.site", |good| mode(&good.site, "channels", 0o755)),
    ("files.data", |good| mode(&good.site, "data", 0o750)),
    ("files.secrets", |good| mode(&good.site, "data/secrets/lab", 0o644)),
    ("key.source", |good| mode(&good.site, "elsewhere/keys/store.key", 0o640)),
    ("people.claimed", |good| fs::write(good.site.data().join("setup-token"), "x").unwrap()),
    ("people.factor_policy", |good| {
        good.replace("[api]\n", "[api]\nsecond_factor = \"optional\"\n")
    }),
    ("disk.free", |good| good.replace("\"1 MiB\"", "\"1024 GiB\"")),
    ("transport.certificates", |good| {
        good.authority.issue("api", &Leaf { years: (2020, 2021), ..GOOD });
    }),
    ("audit.anchor", |good| good.replace("elsewhere/checkpoints.log", "data/checkpoints.log")),
    ("backup.made", |good| good.replace(&backups(), "")),
];

#[test]
fn a_site_at_rest_is_judged_and_what_is_made_worse_is_found() {
    let good = Good::new(Store::Sqlite);
    let (states, code) = good.states();
    let odd = states.iter().filter(|(id, state)| {
        let expected = match id.as_str() {
            id if OF_THE_MACHINE.contains(&id) => return *state == "fail",
            id if OF_THE_ENGINE.contains(&id) => "unknown",
            "audit.anchor" | "backup.made" => "warn",
            _ => "ok",
        };
        *state != expected
    });
    assert_eq!((odd.collect::<Vec<_>>(), code), (Vec::new(), Some(2)), "nothing runs");
    found(&good, &states);
}

/// Makes one thing after the other worse, and looks whether that and nothing else is found to be so.
fn found(good: &Good, before: &BTreeMap<String, String>) {
    for (id, make_worse) in WORSE {
        make_worse(good);
        let (states, code) = good.states();
        assert_eq!((states[*id].as_str(), code), ("fail", Some(1)), "{id}");
        let differ = states.iter().filter(|(one, state)| one != id && before[*one] != **state);
        let differ: Vec<_> = differ.collect();
        // Where there are no backups, none of them is new; and a running engine notices things by itself.
        let allowed =
            |one: &str| (*id, one) == ("backup.made", "backup.age") || one == "alerts.open";
        assert!(differ.iter().all(|(one, _)| allowed(one)), "{id}: {differ:?}");
        good.put_in_order();
    }
}

/// Starts it as an operator would: claimed by an owner while it tries things out, then for patients' data.
fn in_production(good: &Good) -> Engine {
    let trying = good.settings().replace("production", "development");
    let trying =
        trying.replace("tls = { cert = \"certs/api.pem\", key = \"certs/api.key\" }\n", "");
    good.site.write("server.toml", &trying);
    let engine = good.site.serve();
    let token = fs::read_to_string(good.site.data().join("setup-token")).unwrap();
    claim(&Admin::at(good.site.api()), token.trim());
    engine.stop();
    good.put_in_order();
    Engine::start_with(verbs::hilum(), &good.site, &["--allow-root"])
        .unwrap_or_else(|ended| panic!("{ended}"))
}

/// Has a copy of the store key made, and opened.
fn kept_by_somebody(site: &Site) {
    let key = age::x25519::Identity::generate();
    let (identity, copy) = (site.data().join("keeper.key"), site.data().join("store-key.age"));
    fs::write(&identity, key.to_string().expose_secret()).unwrap();
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).unwrap();
    let (to, identity, copy) =
        (key.to_public().to_string(), identity.display().to_string(), copy.display().to_string());
    for verb in [
        &["keys", "escrow", "--to", &to, "--output", &copy, "-m", "for the safe"][..],
        &["keys", "escrow", "--verify", &copy, "--identity", &identity],
    ] {
        let done = site.verb(verb);
        assert_eq!(done.code, Some(0), "{done:?}");
    }
}

fn a_running_site_is_judged_and_what_is_made_worse_is_found(store: Store) {
    // Core files have no room; children inherit that.
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum }).unwrap();
    let good = Good::new(store);
    let engine = in_production(&good);
    for verb in [&["backup", "create", "-m", "first"][..], &["audit", "verify"]] {
        let done = good.site.verb(verb);
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    kept_by_somebody(&good.site);
    // What was recorded is looked at in its order, a moment later.
    wait::until("the verification is known", || {
        let status = good.site.json(&["security", "status"]);
        (status["system"]["audit"]["verified"] == true).then_some(())
    });
    let (states, code) = good.states();
    let odd = states.iter().filter(|(id, state)| {
        let expected = match id.as_str() {
            id if OF_THE_MACHINE.contains(&id) => return *state == "fail",
            "alerts.open" => return !["ok", "warn"].contains(&state.as_str()),
            "audit.anchor" | "backup.made" | "people.owners" => "warn",
            _ => "ok",
        };
        *state != expected
    });
    assert_eq!(odd.collect::<Vec<_>>(), Vec::new());
    assert!(matches!(code, Some(0 | 2)), "the machine alone decides: {code:?}");
    found(&good, &states);

    let paper = good.doctor(&["--checklist"]).stdout;
    for line in [
        "[x] only the engine's user can enter the data folder (files.data)",
        "[ ] two people own the system (people.owners)",
    ] {
        assert!(paper.lines().any(|one| one == line), "{paper}");
    }
    let page = good.doctor(&[]).stdout;
    assert!(page.contains("STATE") && page.contains("hint: people.owners: "), "{page}");
    engine.stop();
}

#[test]
fn a_folder_that_is_no_site_is_a_failure() {
    let said = verbs::local(&["doctor", "/nonexistent/site", "--format", "json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let usage = verbs::local(&["doctor", ".", "--checklist", "--format", "json"]);
    assert_eq!(usage.code, Some(64), "{usage:?}");
}
