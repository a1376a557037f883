//! A name that is sent in by every way there is stands in no file, log, table or answer that is not for people who may read bodies.

use std::fs;
use std::path::Path;

use age::secrecy::ExposeSecret;
use hilum_tests::engine::Engine;
use hilum_tests::http::{Client, post};
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{Connection, frame};
use hilum_tests::{message, ports, postgres, verbs, wait};

use crate::parts::{on_both_stores, steps, to};

on_both_stores!(a_name_is_in_no_file_no_log_and_no_table);

/// In every message, as a name, a number and an id; and in what receivers answer.
const CANARY: &str = "ZQCANARYQZ";

fn adt(id: &str) -> Vec<u8> {
    message::adt_with(&format!("{id}{CANARY}"), &format!("P{CANARY}"), CANARY)
}

/// The receiver refuses, and quotes what it refuses.
fn quoting() -> Receiver {
    Receiver::with(|arrival, _| {
        let ack = message::ack("AE", &arrival.control_id);
        let error = format!("ERR|||207|E||||{CANARY} is unknown\rNTE|1||{CANARY}\r");
        Behaviour::Write(frame(&[&ack[..], error.as_bytes()].concat()))
    })
}

/// Every way in, a step that fails, a receiver that quotes, a channel behind another, numbers that are searched by.
fn site(store: Store, lab: &Receiver, refusing: &Receiver) -> (Site, [std::net::SocketAddr; 2]) {
    let site = Site::new(store);
    let failing =
        steps("  { map = 'PID-5.1', with = \"names\", when = 'MSH-10 starts with \"FAIL\"' },");
    site.write("tables/names.csv", "from,to,note\nSMITH,JONES,\n");
    let own = "steps = [{ set = 'PID-9', to = \"{PID-5}\" }]";
    let hop = "[[destination]]\nname = \"next\"\ntype = \"channel\"\nchannel = \"behind\"\n";
    let mllp = site.feed(
        "adt",
        "",
        &(failing + &to("lab", lab, own) + &to("refusing", refusing, "") + hop),
    );
    site.channel(
        "behind",
        &format!("[source]\ntype = \"channel\"\n{}", to("lab", lab, "order_by = 'PID-3.1'")),
    );
    let http = ports::free();
    site.channel(
        "web",
        &format!(
            "[source]\ntype = \"http\"\nlisten = \"{http}\"\npath = \"/adt\"\n{}",
            to("lab", lab, "")
        ),
    );
    site.channel(
        "files",
        &format!(
            "[source]\ntype = \"file\"\nfolder = \"in\"\nevery = \"100ms\"\nstable = \"0s\"\n{}",
            to("lab", lab, "")
        ),
    );
    fs::create_dir_all(site.path("in")).unwrap();
    let key = age::x25519::Identity::generate();
    fs::write(site.path("keeper.key"), key.to_string().expose_secret()).unwrap();
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    let to = key.to_public();
    site.write(
        "server.toml",
        &format!("{server}[backup]\nrecipients = [\"{to}\"]\nfolder = \"backups\"\n"),
    );
    (site, [mllp, http])
}

/// Sends by every way, good and bad.
fn send(site: &Site, [mllp, http]: [std::net::SocketAddr; 2]) {
    let mut sender = Connection::to(mllp);
    for id in ["A", "B", "FAIL"] {
        sender.accepted(&adt(id));
    }
    // Another one of the same id, something that is no message, one without an end, and one that speaks another language.
    let other = [&adt("A")[..], format!("NTE|1||{CANARY}\r").as_bytes()].concat();
    let _judged = sender.exchange(&other);
    let _refused = sender.exchange(format!("PID|1||{CANARY}\r").as_bytes());
    let _foreign = sender.exchange(
        format!("MSH|^~\\&|A|B|||2026||ADT^A01|X{CANARY}|P|2.5||||||KLINGON\rPID|||{CANARY}\r")
            .as_bytes(),
    );
    let mut torn = Connection::to(mllp);
    torn.write(format!("\x0b{}", String::from_utf8_lossy(&adt("T"))).as_bytes()).unwrap();
    torn.finish_sending();
    let mut junk = Connection::to(mllp);
    junk.write(format!("GET /{CANARY} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    junk.finish_sending();
    let mut client = Client::to(http);
    for body in [adt("W"), format!("no message {CANARY}").into_bytes()] {
        let _answer = client.ask(&post("/adt", "", &body));
    }
    let mut client = Client::to(http);
    let _lost = client.ask(&post(&format!("/{CANARY}"), "", &adt("V")));
    for (name, bytes) in [("1.hl7", adt("F")), ("2.hl7", format!("nothing {CANARY}").into_bytes())]
    {
        fs::write(site.path(&format!("in/.{name}")), bytes).unwrap();
        fs::rename(site.path(&format!("in/.{name}")), site.path(&format!("in/{name}"))).unwrap();
    }
}

/// What people do who look for it. Their answers may hold it; nothing that is written down of them may.
fn look(site: &Site) {
    wait::until("it is in the index", || {
        let found = site.verb(&["find", "mrn", &format!("P{CANARY}")]);
        (found.code == Some(0) && found.stdout.lines().count() > 3).then_some(())
    });
    let channel = ["--channel", "adt", "--since", "1h", "-m", "whose"];
    assert_eq!(site.verb(&[&["scan", CANARY][..], &channel].concat()).code, Some(0));
    let list = site.json(&["messages", "--channel", "adt"]);
    let first = list["messages"][0]["id"].as_str().unwrap().to_owned();
    for more in [&["--body"][..], &["--steps"]] {
        let _shown = site.verb(&[&["message", &first][..], more].concat());
    }
    let sample = site.path("sample.hl7");
    fs::write(&sample, adt("TEST")).unwrap();
    let sample = sample.display().to_string();
    let _tried = site.verb(&["test-connection", "adt", "lab", "--message", &sample, "-m", "try"]);
    let _again = site.verb(&["replay", "--channel", "adt", "--raw", "-m", "again"]);
    let _dead = site.verb(&["dead", "list"]);
    let out = site.path("out.ndjson").display().to_string();
    let _exported = site.verb(&["audit", "export", "--to", &out, "-m", "proof"]);
    assert_eq!(site.verb(&["backup", "create", "-m", "now"]).code, Some(0));
    // Nonsense with the name in it.
    for wrong in [
        vec!["message", CANARY],
        vec!["find", CANARY, CANARY],
        vec!["hold", &format!("adt/{CANARY}"), "-m", "x"],
    ] {
        let said = site.verb(&wrong);
        assert_ne!(said.code, Some(0), "{wrong:?}");
    }
}

/// The files below a folder that hold the name, as it is or as hexadecimal digits.
fn holding(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            holding(&path, found);
        } else if path.is_file() && holds(&fs::read(&path).unwrap_or_default()) {
            found.push(path.display().to_string());
        }
    }
}

fn holds(bytes: &[u8]) -> bool {
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    [CANARY.as_bytes(), CANARY.to_lowercase().as_bytes(), hex.as_bytes()]
        .iter()
        .any(|needle| bytes.windows(needle.len()).any(|window| window == *needle))
}

fn a_name_is_in_no_file_no_log_and_no_table(store: Store) {
    let (lab, refusing) = (Receiver::accepting(), quoting());
    let (site, ways) = site(store, &lab, &refusing);
    // Temporary files of this engine and nobody else's.
    let temporary = site.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut command = verbs::hilum();
    command.env("HILUM_LOG", "trace").env("TMPDIR", &temporary);
    let engine = Engine::start(command, &site).unwrap_or_else(|ended| panic!("{ended}"));
    send(&site, ways);
    site.wait_status("everything has come in", |status| {
        let received = |name: &str| status.channel(name).received;
        received("adt") >= 5
            && received("behind") >= 2
            && received("web") >= 1
            && received("files") >= 1
            && status.channel("adt").destination("refusing").dead >= 2
            && status.channel("adt").disposition("failed") >= 1
    });
    look(&site);
    let status = site.verb(&["status", "--format", "json"]).stdout;
    assert!(!holds(status.as_bytes()), "the status holds it: {status}");
    let alerts = site.verb(&["alert", "list", "--state", "all", "--format", "json"]).stdout;
    assert!(!holds(alerts.as_bytes()), "an alert holds it: {alerts}");
    let log = site.verb(&["audit", "list", "--limit", "1000", "--format", "json"]).stdout;
    let told: Vec<&str> = log.lines().filter(|line| holds(line.as_bytes())).collect();
    assert!(told.is_empty(), "the audit log holds it: {told:?}");

    // The files of a process that was killed, with its logs of the store as they were, and those of an orderly end.
    let mut found = Vec::new();
    holding(site.data(), &mut found);
    holding(&temporary, &mut found);
    holding(&site.path("backups"), &mut found);
    if let Some(url) = site.database() {
        assert!(!holds(postgres::dump(&url).as_bytes()), "it is plain in PostgreSQL");
    }
    let said = engine.said();
    assert!(said.contains("\"level\":\"DEBUG\""), "the log is as long as it can be");
    let lines: Vec<&str> = said.lines().filter(|line| holds(line.as_bytes())).collect();
    assert!(lines.is_empty(), "the log holds it: {:?}", &lines[..lines.len().min(5)]);
    let ended = engine.stop();
    assert!(!holds(ended.said.as_bytes()));
    holding(site.data(), &mut found);
    assert_eq!(found, [""; 0], "files hold it");
}
