//! Every sync of an act of upkeep fails once, and once the process dies there: what was acknowledged stays readable, nothing is half done.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use age::secrecy::ExposeSecret;
use hilum_tests::faults::Injection;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, verbs};

use crate::parts::{long, to};

const FAULTS: [&str; 2] = ["error=EIO", "signal=SIGKILL"];

struct Ward {
    site: Site,
    feed: std::net::SocketAddr,
    identity: PathBuf,
    /// Those that were acknowledged.
    ids: Vec<String>,
    _lab: Receiver,
}

impl Ward {
    fn new() -> Ward {
        let lab = Receiver::accepting();
        let site = Site::new(Store::Sqlite);
        let feed = site.feed("adt", "", &to("lab", &lab, ""));
        let key = age::x25519::Identity::generate();
        let identity = site.path("keeper.key");
        fs::write(&identity, key.to_string().expose_secret()).unwrap();
        let server = fs::read_to_string(site.path("server.toml")).unwrap();
        let server =
            server.replace("[store]\n", "[store]\nnext_key = \"file:data/keys/store-2.key\"\n");
        let public = key.to_public();
        site.write(
            "server.toml",
            &format!("{server}[backup]\nrecipients = [\"{public}\"]\nfolder = \"backups\"\n"),
        );
        Ward { site, feed, identity, ids: Vec::new(), _lab: lab }
    }

    /// Lets the first, the second ... sync of an act go wrong, until the act is done without one that does.
    fn survives(&mut self, fault: &str, act: impl Fn(&Site) -> verbs::Output) {
        let most = if long() { 60 } else { 12 };
        for nth in 1..=most {
            let mut engine = self.site.serve();
            let mut sender = Connection::to(self.feed);
            for n in 0..3 {
                let id = format!("{}-{nth}-{n}", self.ids.len());
                sender.accepted(&message::adt(&id, "P1"));
                self.ids.push(id);
            }
            self.site.wait_final("adt", self.ids.len() as u64);
            let injection =
                Injection::into(&engine, &format!("fdatasync,fsync:{fault}:when={nth}"));
            let done = act(&self.site);
            drop(injection);
            let runs = engine.runs();
            if runs {
                engine.kill();
            } else {
                engine.ended(Duration::from_secs(10));
            }
            self.is_whole();
            if done.code == Some(0) && runs {
                return;
            }
        }
    }

    /// Everything is there and can be read, whatever was being done.
    fn is_whole(&self) {
        let engine = self.site.serve();
        let status = self.site.status();
        assert_eq!(status.channel("adt").received, self.ids.len() as u64, "{status:#?}");
        let verified = self.site.verb(&["audit", "verify"]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let every = self.ids.len().div_ceil(6);
        for id in self.ids.iter().step_by(every) {
            let body = self.site.verb(&["message", id, "--body"]);
            assert!(body.code == Some(0) && body.stdout.contains(id), "{id}: {body:?}");
        }
        let rows = self.site.verb(&["keys", "status", "--rows"]);
        assert_eq!(rows.code, Some(0), "nothing is in clear: {rows:?}");
        engine.stop();
        self.backups_are_whole();
    }

    /// A file that has the name of a backup is one.
    fn backups_are_whole(&self) {
        let identity = self.identity.display().to_string();
        for entry in fs::read_dir(self.site.path("backups")).into_iter().flatten().flatten() {
            let file = entry.path().display().to_string();
            if file.ends_with(".backup.zst.age") {
                let verified = verbs::local(&["backup", "verify", &file, "--identity", &identity]);
                assert_eq!(verified.code, Some(0), "{file}: {verified:?}");
            }
        }
    }
}

#[test]
fn a_backup() {
    for fault in FAULTS {
        let mut ward = Ward::new();
        ward.survives(fault, |site| site.verb(&["backup", "create", "-m", "now"]));
        let all: BTreeSet<String> = fs::read_dir(ward.site.path("backups"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        assert!(
            all.iter().any(|name| !name.ends_with(".part")),
            "one was made in the end: {all:?}"
        );
    }
}

#[test]
fn a_change_of_the_store_key() {
    for fault in FAULTS {
        let mut ward = Ward::new();
        ward.survives(fault, |site| site.verb(&["keys", "rotate", "--execute", "-m", "yearly"]));
    }
}

#[test]
fn sealing_anew() {
    for fault in FAULTS {
        let mut ward = Ward::new();
        ward.survives(fault, |site| {
            let keys = site.verb(&["keys", "list", "adt", "--format", "json"]).stdout;
            let keys: serde_json::Value = serde_json::from_str(&keys).unwrap_or_default();
            let all = keys["keys"].as_array().cloned().unwrap_or_default();
            let old = all.iter().find(|one| one["purpose"] == "message");
            let Some(old) = old.and_then(|one| one["key"].as_str()) else {
                return site.verb(&["keys", "list", "adt"]);
            };
            site.verb(&["keys", "reencrypt", old, "--execute", "-m", "it was in a dump"])
        });
    }
}
