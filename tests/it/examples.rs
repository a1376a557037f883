//! The example sites do what the README says.

use crate::parts::on_both_stores;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{http, message, ports, verbs};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

on_both_stores!(
    the_quickstart_shows_what_it_promises,
    the_fan_out_sends_each_message_where_it_belongs,
    files_go_to_the_laboratory_the_journal_and_the_archive,
    results_reach_the_web_service_over_https,
    the_hospital_sends_admissions_and_results
);

fn folder(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example)
}

/// The files that a destination has written.
fn written(site: &Site, destination: &str) -> Vec<Vec<u8>> {
    let folder = site.data().join("out").join(destination);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| !file.file_name().unwrap().to_string_lossy().starts_with('.'));
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn the_quickstart_shows_what_it_promises(store: Store) {
    let feed = ports::free();
    let site = Site::example("quickstart", store, &[("127.0.0.1:2575", feed.to_string())]);
    let engine = site.serve();
    let messages = folder("quickstart").join("messages");
    let sent = verbs::local(&["send", &feed.to_string(), &messages.to_string_lossy()]);
    assert_eq!(sent.code, Some(0), "every message is accepted: {sent:?}");
    assert!(sent.stdout.matches("AA").count() >= 12, "each acknowledgement is printed: {sent:?}");

    let status = site.wait_final("admissions", 11);
    let channel = status.channel("admissions");
    assert_eq!(channel.duplicates, 1);
    let counts = ["delivered", "partly_delivered", "filtered", "failed"]
        .map(|name| channel.disposition(name));
    assert_eq!(counts, [7, 1, 2, 1], "{channel:#?}");
    let delivered =
        ["wards", "laboratory", "registry"].map(|name| channel.destination(name).delivered);
    assert_eq!(delivered, [8, 7, 5], "{channel:#?}");
    assert_eq!(channel.destination("registry").dead, 1);

    let wards = written(&site, "wards");
    assert_eq!(
        (wards.len(), written(&site, "laboratory").len(), written(&site, "registry").len()),
        (8, 7, 5)
    );
    let first = wards
        .iter()
        .find(|bytes| message::control_id(bytes) == "QS0001")
        .expect("the first message");
    assert_eq!(message::text(first, "PV1", 2), "I", "mapped by the table");
    assert_eq!(message::text(first, "PID", 2), "800101");
    assert_eq!(message::text(first, "PID", 5), "EXAMPLE^ALMA", "trimmed");
    let latin = wards
        .iter()
        .find(|bytes| message::control_id(bytes) == "QS0008")
        .expect("the Latin-1 message");
    assert!(latin.windows(7).any(|w| w == b"M\xdcLLER^"), "its charset is kept");
    let laboratory = written(&site, "laboratory");
    let own = laboratory
        .iter()
        .find(|bytes| message::control_id(bytes) == "QS0009")
        .expect("own delimiters");
    assert!(own.starts_with(b"MSH$%*!@$PAS$NORTH$LAB$MAIN$"), "{}", String::from_utf8_lossy(own));

    the_dead_letter_is_replayed(&site);
    engine.stop();
}

/// What the README does with the dead letter: seen, mended, replayed.
fn the_dead_letter_is_replayed(site: &Site) {
    let dead = site.verb(&["dead"]);
    assert!(dead.stdout.contains("registry") && dead.stdout.contains("R0110"), "{dead:?}");
    let shown = site.verb(&["message", "QS0007"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for word in ["registry", "wards", "delivered", "dead"] {
        assert!(shown.stdout.contains(word), "the trace shows `{word}`: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("MUSTER"), "no body unless asked: {}", shown.stdout);
    let body = site.verb(&["message", "QS0007", "--body"]);
    assert!(body.stdout.contains("MUSTER^DARIO"), "{body:?}");

    let table = site.path("tables/registry_service.csv");
    fs::write(&table, fs::read_to_string(&table).unwrap() + "ORTHO,400,orthopaedics\n").unwrap();
    assert_eq!(site.verb(&["apply", "-m", "orthopaedics"]).code, Some(0));
    let replay = site.verb(&[
        "replay",
        "--channel",
        "admissions",
        "--destination",
        "registry",
        "--raw",
        "-m",
        "table mended",
    ]);
    assert_eq!(replay.code, Some(0), "{replay:?}");
    let status = site.wait_status("the replay is delivered", |s| {
        s.channel("admissions").destination("registry").delivered == 6
    });
    assert_eq!(
        status.channel("admissions").destination("registry").dead,
        0,
        "superseded: {status:#?}"
    );
}

fn the_fan_out_sends_each_message_where_it_belongs(store: Store) {
    let (laboratory, results, registry) =
        (Receiver::accepting(), Receiver::accepting(), Receiver::accepting());
    let feed = ports::free();
    let replace = [
        ("127.0.0.1:2676", feed.to_string()),
        ("127.0.0.1:2677", laboratory.address().to_string()),
        ("127.0.0.1:2678", results.address().to_string()),
        ("127.0.0.1:2679", registry.address().to_string()),
    ];
    let site = Site::example("lab-fanout", store, &replace);
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    let admission = String::from_utf8(message::adt("L1", "P1")).unwrap();
    let oncology = admission.replace("|L1|", "|L2|").replace("||MED|", "||ONC|");
    let result = "MSH|^~\\&|LIS|NORTH|||20261121||ORU^R01|L3|P|2.5.1\rPID|1||P1||A^B\rOBR|1||1|GLU\rOBX|1|NM|GLU||5|mmol/L|||||F\r";
    let preliminary = result.replace("|L3|", "|L4|").replace("|||||F\r", "|||||P\r");
    let schedule = result.replace("ORU^R01|L3", "SIU^S12|L5");
    for bytes in [&admission, &oncology, result, &preliminary, &schedule] {
        connection.accepted(bytes.as_bytes());
    }
    let status = site.wait_final("fanout", 5);
    let counts = ["delivered", "unrouted", "filtered"]
        .map(|name| status.channel("fanout").disposition(name));
    assert_eq!(counts, [3, 1, 1], "{status:#?}");
    assert_eq!(laboratory.control_ids(), ["L1", "L2"]);
    assert_eq!(results.control_ids(), ["L3"]);
    assert_eq!(registry.control_ids(), ["L2"]);
    assert_eq!(message::text(&registry.arrivals()[0].bytes, "MSH", 5), "TUMREG");
    engine.stop();
}

fn files_go_to_the_laboratory_the_journal_and_the_archive(store: Store) {
    let laboratory = Receiver::accepting();
    let replace = [("127.0.0.1:2876", laboratory.address().to_string())];
    let site = Site::example("file-to-mllp", store, &replace);
    let engine = site.serve();
    let folder = site.data().join("in");
    for entry in fs::read_dir(self::folder("file-to-mllp").join("files")).unwrap() {
        let path = entry.unwrap().path();
        let hidden = folder.join(".upload");
        fs::copy(&path, &hidden).unwrap();
        fs::rename(hidden, folder.join(path.file_name().unwrap())).unwrap();
    }
    let status = site.wait_final("results", 7);
    let counts = ["delivered", "filtered", "rejected"]
        .map(|name| status.channel("results").disposition(name));
    assert_eq!(counts, [5, 1, 1], "{status:#?}");
    assert_eq!(laboratory.control_ids().len(), 4, "not the preliminary one");
    // Which file comes first is the folder's affair.
    let names: Vec<String> =
        laboratory.arrivals().iter().map(|one| message::text(&one.bytes, "PID", 5)).collect();
    assert!(names.iter().any(|name| name == "EXAMPLE^ALMA"), "trimmed: {names:?}");

    let batches = hilum_tests::wait::until("the archive has its five messages", || {
        let batches: Vec<String> = written(&site, "archive")
            .into_iter()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        (batches.concat().matches("MSH|").count() == 5).then_some(batches)
    });
    for batch in &batches {
        let count = batch.matches("MSH|").count();
        assert!(batch.starts_with("FHS|") && batch.ends_with(&format!("BTS|{count}\rFTS|1\r")));
    }
    let names = |name: &str| {
        let mut names: Vec<String> = fs::read_dir(site.data().join(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    };
    let journal = names("out/journal");
    assert!(journal.len() <= 2 && journal[0].starts_with("results-20"), "{journal:?}");
    assert_eq!(names("in/done").len(), 3);
    assert_eq!(names("in/errors"), ["04-lost-a-message.hl7", "04-lost-a-message.hl7.why"]);
    assert_eq!(names("acks").len(), 3);
    let acks = fs::read_to_string(site.data().join("acks/01-batch.hl7.ack")).unwrap();
    assert_eq!(acks.matches("MSA|AA|FM000").count(), 3, "{acks}");
    engine.stop();
}

fn results_reach_the_web_service_over_https(store: Store) {
    let (feed, service) = (ports::free(), ports::free());
    let replace = [
        ("127.0.0.1:2680", feed.to_string()),
        ("localhost:8680", format!("localhost:{}", service.port())),
    ];
    let site = Site::example("mllp-to-https", store, &replace);
    let example = folder("mllp-to-https");
    let prepared = Command::new("sh")
        .arg(example.join("prepare"))
        .args([site.folder(), site.data()])
        .status()
        .expect("`sh` runs");
    assert!(prepared.success(), "openssl makes the certificates");
    let check = verbs::local(&["check", &site.folder().to_string_lossy()]);
    assert_eq!(check.code, Some(0), "{check:?}");

    // The service is not there yet: what comes in waits for it.
    let engine = site.serve();
    let messages = example.join("messages");
    let sent = verbs::local(&["send", &feed.to_string(), &messages.to_string_lossy()]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let status = site.wait_status("the preliminary result is filtered", |s| {
        s.channel("results").disposition("filtered") == 1
    });
    assert_eq!(status.channel("results").destination("results-service").dead, 0, "{status:#?}");
    let python = Python::run(&example.join("receiver.py"), &site, service.port());
    let status = site.wait_final("results", 3);
    assert_eq!(status.channel("results").disposition("delivered"), 2, "{status:#?}");
    let received = site.data().join("received");
    for (key, file) in
        [("NORTH%2FRES0001", "01-final.hl7"), ("NORTH%2FRES0003", "03-corrected.hl7")]
    {
        let kept = fs::read(received.join(key)).expect(key);
        assert_eq!(kept, fs::read(messages.join(file)).unwrap(), "byte for byte");
    }
    assert_eq!(fs::read_dir(received).unwrap().count(), 2);
    drop(python);
    engine.stop();
}

fn the_hospital_sends_admissions_and_results(store: Store) {
    let (admissions, results) = (ports::free(), ports::free());
    let (lab, registry) = (Receiver::accepting(), Receiver::accepting());
    let service = http::Receiver::with(|_, _| http::ok());
    let replace = [
        ("127.0.0.1:2589", admissions.to_string()),
        ("127.0.0.1:2590", results.to_string()),
        ("127.0.0.1:2591", lab.address().to_string()),
        ("127.0.0.1:2592", registry.address().to_string()),
        ("127.0.0.1:2593", service.address().to_string()),
    ];
    let site = Site::example("hospital", store, &replace);
    let engine = site.serve();
    let channels = folder("hospital").join("channels");
    let input = |test: &str| fs::read(channels.join(test).join("in.hl7")).unwrap();
    let mut sender = Connection::to(admissions);
    for test in ["inpatient-admit", "oncology-outpatient", "a31-is-filtered"] {
        sender.accepted(&input(&format!("adt-fanout/tests/{test}")));
    }
    Connection::to(results).accepted(&input("oru-results/tests/cbc-final"));
    site.wait_final("adt-fanout", 3);
    let status = site.wait_final("oru-results", 1);
    assert_eq!(status.channel("oru-results").destination("results").delivered, 2, "{status:#?}");

    // What went out is what the tests beside the channels expect.
    let expected = |test: &str| fs::read(channels.join(test)).unwrap();
    assert_eq!(lab.arrivals()[0].bytes, expected("adt-fanout/tests/inpatient-admit/lab.hl7"));
    let oncology = "adt-fanout/tests/oncology-outpatient/registry.hl7";
    assert_eq!(registry.arrivals()[0].bytes, expected(oncology));
    let posted = service.requests();
    let bodies: Vec<&[u8]> = posted.iter().map(|told| &told.body[..]).collect();
    for part in ["1", "3"] {
        let expected = expected(&format!("oru-results/tests/cbc-final/results.{part}.json"));
        assert!(bodies.contains(&&expected[..]), "part {part}: {posted:?}");
    }
    assert_eq!(posted[0].field("content-type"), Some("application/json"));
    let keys: Vec<&str> = posted.iter().filter_map(|told| told.field("idempotency-key")).collect();
    assert!(keys.len() == 2 && keys[0] != keys[1], "each part has a key of its own: {keys:?}");
    engine.stop();
}

/// The web service of an example, which ends with the test.
struct Python {
    process: Child,
    /// It must be able to go on talking.
    _said: BufReader<ChildStdout>,
}

impl Python {
    fn run(program: &Path, site: &Site, port: u16) -> Python {
        let mut python = Command::new("python3")
            .arg(program)
            .args(["--port", &port.to_string()])
            .arg("--site")
            .arg(site.folder())
            .arg("--data")
            .arg(site.data())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let mut line = String::new();
        let mut said = BufReader::new(python.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert!(line.starts_with("listening"), "{line:?}");
        Python { process: python, _said: said }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_examples_have_no_problems() {
    for example in ["quickstart", "file-to-mllp", "lab-fanout"] {
        let check = verbs::local(&["check", &folder(example).to_string_lossy()]);
        assert_eq!(check.code, Some(0), "{example}: {check:?}");
    }
}
