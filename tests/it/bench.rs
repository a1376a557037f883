//! The analyst's bench: tests beside channels, trial runs, what a change would do, and the way back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs::{Output, local};
use hilum_tests::wire::Connection;

use crate::parts::{on_both_stores, steps, to};

on_both_stores!(a_change_is_looked_at_applied_and_taken_back);

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A copy of the example with two channels and their tests.
fn hospital() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hospital");
    copy(&example, folder.path());
    folder
}

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn the_examples_tests_pass_and_say_what_broke_them() {
    let folder = hospital();
    let site = shown(folder.path());
    let checked = local(&["check", &site]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let passed = local(&["test", &site]);
    assert!(passed.code == Some(0) && passed.stdout.contains("8 passed, 0 failed"), "{passed:?}");

    edit(folder.path(), "channels/adt-fanout.toml", "to = \"MAIN\"", "to = \"MAIN CAMPUS\"");
    edit(folder.path(), "channels/oru-results/to_json.js", "\"final\"", "\"complete\"");
    let failed = local(&["test", &site]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    for said in [
        "FAIL  adt-fanout / inpatient-admit",
        "lab  MSH-6  expected \"MAIN\"  got \"MAIN CAMPUS\"",
        "channels/adt-fanout.toml:31  { set = 'MSH-6', to = \"MAIN CAMPUS\" },",
        "FAIL  oru-results / cbc-final",
        "results part 1  line 1",
        "6 passed, 2 failed",
    ] {
        assert!(failed.stdout.contains(said), "{said}: {}", failed.stdout);
    }
    let one = local(&["test", &site, "oru-results", "--only", "nothing-left"]);
    assert!(one.code == Some(0) && one.stdout.contains("1 passed, 0 failed"), "{one:?}");
    let junit = local(&["test", &site, "--format", "junit"]);
    assert!(
        junit.code == Some(1) && junit.stdout.contains("tests=\"5\" failures=\"1\""),
        "{junit:?}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&local(&["test", &site, "--format", "json"]).stdout).unwrap();
    assert_eq!(json["channels"][0]["tests"][1]["mismatches"][0]["line"], 31, "{json}");

    let accepted = local(&["test", &site, "--accept"]);
    assert!(
        accepted.code == Some(0) && accepted.stdout.contains("2 accepted, 6 as before"),
        "{accepted:?}"
    );
    assert_eq!(local(&["test", &site]).code, Some(0));
    let kept = folder.path().join("channels/adt-fanout/tests/inpatient-admit/lab.hl7");
    assert!(fs::read_to_string(kept).unwrap().contains("|LAB|MAIN CAMPUS|"));

    // A destination that gets what it should not, one that gets nothing, a test without a message.
    edit(folder.path(), "channels/adt-fanout.toml", "(\"I\", \"E\")", "(\"O\", \"E\")");
    let tests = folder.path().join("channels/adt-fanout/tests");
    fs::create_dir(tests.join("empty")).unwrap();
    fs::write(tests.join("a31-is-filtered/outcome.toml"), "disposition = \"routd\"\n").unwrap();
    let failed = local(&["test", &site, "adt-fanout"]).stdout;
    for said in [
        "lab  lab.hl7  expected \"a body\"  got nothing",
        "its `when` did not hold: PV1-2 is \"I\"",
        "lab  body  expected nothing  got",
        "its `when` held: PV1-2 is \"O\"",
        "there is no `in.hl7`",
        "did you mean `routed`?",
    ] {
        assert!(failed.contains(said), "{said}: {failed}");
    }
}

#[test]
fn a_trial_run_shows_each_step() {
    let folder = hospital();
    let site = shown(folder.path());
    let file = shown(&folder.path().join("channels/oru-results/tests/cbc-final/in.hl7"));
    let run = local(&["run", "oru-results", &file, "--site", &site]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for said in [
        "part 1, transform 6 (line 17): map ran",
        "OBX[1]-3.1: \"GLU\" -> \"2345-7\"",
        "part 2, transform 3 (line 14): keep stopped the message",
        "to results, part 3",
        "\"status\":\"corrected\"",
        "routed; the sender gets AA",
    ] {
        assert!(run.stdout.contains(said), "{said}: {}", run.stdout);
    }
    let json = local(&["run", "oru-results", &file, "--site", &site, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["messages"][0]["outputs"][1]["part"], 3, "{json}");
    assert_eq!(local(&["run", "nobody", &file, "--site", &site]).code, Some(1));
    let nonsense = folder.path().join("nonsense");
    fs::write(&nonsense, "PID|1\r").unwrap();
    let odd = local(&["run", "oru-results", &shown(&nonsense), "--site", &site]);
    assert!(odd.code == Some(1) && odd.stdout.contains("rejected: unreadable"), "{odd:?}");
}

fn hash(site: &Site) -> String {
    let all = site.json(&["revisions", "adt"]);
    all["revisions"][0]["hash"].as_str().unwrap().to_owned()
}

fn channel(feed: std::net::SocketAddr, step: &str, lab: &Receiver) -> String {
    let rest = steps(step) + &to("lab", lab, "");
    format!("[source]\ntype = \"mllp\"\nlisten = \"{feed}\"\n{rest}")
}

fn a_change_is_looked_at_applied_and_taken_back(store: Store) {
    let lab = Receiver::accepting();
    let site = Site::new(store);
    let first = "  { set = 'MSH-5', to = \"OLD\" },\n  { trim = 'PID-5' },";
    let feed = site.feed("adt", "", &(steps(first) + &to("lab", &lab, "")));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for n in 0..6 {
        let patient = if n < 2 { "SKIP" } else { "P1" };
        sender.accepted(&message::adt(&format!("A{n}"), patient));
    }
    lab.wait_count(6);
    assert_eq!(site.verb(&["diff"]).code, Some(0), "nothing differs");
    let before = hash(&site);

    // What would change, by part and for the messages that came.
    let second = "  { drop = 'PID-3.1 = \"SKIP\"' },\n  { set = 'MSH-5', to = \"NEW\" },\n  { trim = 'PID-5' },";
    site.channel("adt", &channel(feed, second, &lab));
    let diff = site.verb(&["diff", "--replay", "100"]);
    assert_eq!(diff.code, Some(1), "{diff:?}");
    for said in [
        "adt changed",
        "source unchanged",
        "steps: 1 changed, 1 added",
        "6 of the last 6 messages would be otherwise",
        "routed  filtered by step 1          2",
        "lab          MSH-5                    4",
        "lab          not sent any more        2",
    ] {
        let blanks = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(blanks(&diff.stdout).contains(&blanks(said)), "{said}: {}", diff.stdout);
    }
    let log = site.verb(&["audit", "list", "--action", "channel.compared"]);
    assert!(log.stdout.contains("channel.compared"), "{log:?}");

    // Somebody else was quicker.
    let stale = site.verb(&["apply", "-m", "mine", "--expect", "adt=000000000000"]);
    assert!(stale.code == Some(1) && stale.stderr.contains("runs revision"), "{stale:?}");
    let expected = format!("adt={}", &before[..12]);
    let applied = site.verb(&["apply", "-m", "skip some", "--expect", &expected]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    sender.accepted(&message::adt("B1", "P1"));
    assert_eq!(message::text(&lab.wait_count(7)[6].bytes, "MSH", 5), "NEW");

    // And back again, on the same connections.
    let reverted = site.verb(&["revert", "adt", "-m", "they want the old name"]);
    assert!(reverted.code == Some(0) && reverted.stdout.contains(&before[..12]), "{reverted:?}");
    sender.accepted(&message::adt("C1", "SKIP"));
    assert_eq!(message::text(&lab.wait_count(8)[7].bytes, "MSH", 5), "OLD");
    let revisions = site.verb(&["revisions", "adt"]).stdout;
    assert_eq!(revisions.lines().count(), 4, "{revisions}");
    assert!(revisions.contains("they want the old name") && revisions.contains("skip some"));
    let none = site.verb(&["revert", "adt", "ffffffffffff", "-m", "x"]);
    assert!(none.code == Some(1) && none.stderr.contains("no such revision"), "{none:?}");
    let handled = site.json(&["message", "C1"]);
    assert!(
        handled.to_string().contains(&before[..12]),
        "the message names its revision: {handled}"
    );
    engine.stop();

    // What was put back stays in force over a start, whatever the file says.
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("D1", "SKIP"));
    assert_eq!(message::text(&lab.wait_count(9)[8].bytes, "MSH", 5), "OLD");
    engine.stop();
}

#[test]
fn tests_that_fail_stop_an_apply_where_the_site_says_so() {
    let lab = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed =
        site.feed("adt", "", &(steps("  { set = 'MSH-5', to = \"OLD\" },") + &to("lab", &lab, "")));
    let case = "channels/adt/tests/admit/";
    site.write(&format!("{case}in.hl7"), "MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|1||7\r");
    site.write(&format!("{case}lab.hl7"), "MSH|^~\\&|A|B|OLD|D|2026||ADT^A01|1|P|2.5\rPID|1||7\r");
    let apply = |site: &Site| -> Output { site.verb(&["apply", "-m", "another name"]) };
    let engine = site.serve();
    site.channel("adt", &channel(feed, "  { set = 'MSH-5', to = \"NEW\" },", &lab));
    let warned = apply(&site);
    assert!(
        warned.code == Some(0) && warned.stderr.contains("1 tests fail: adt/admit"),
        "{warned:?}"
    );
    engine.stop();

    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &format!("{server}\n[apply]\ntests = \"require\"\n"));
    let engine = site.serve();
    site.channel("adt", &channel(feed, "  { set = 'MSH-5', to = \"NEWER\" },", &lab));
    let refused = apply(&site);
    assert!(refused.code == Some(1) && refused.stderr.contains("adt/admit"), "{refused:?}");
    Connection::to(feed).accepted(&message::adt("A1", "P1"));
    assert_eq!(message::text(&lab.wait_count(1)[0].bytes, "MSH", 5), "NEW", "nothing was changed");
    site.channel("adt", &channel(feed, "  { set = 'MSH-5', to = \"OLD\" },", &lab));
    let passed = apply(&site);
    assert!(passed.code == Some(0) && passed.stderr.contains("1 tests passed"), "{passed:?}");
    engine.stop();
}

#[test]
fn a_new_site_runs_and_its_files_are_tidy() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let made = local(&["init", &shown(&site)]);
    assert!(made.code == Some(0) && made.stdout.contains("channels/admissions.toml"), "{made:?}");
    let open_to_all = fs::metadata(site.join("server.toml")).unwrap().permissions().mode() & 0o007;
    assert_eq!(open_to_all, 0, "others on the machine read nothing");
    assert_eq!(local(&["check", &shown(&site)]).code, Some(0));
    let tested = local(&["test", &shown(&site)]);
    assert!(tested.code == Some(0) && tested.stdout.contains("1 passed"), "{tested:?}");
    assert_eq!(local(&["init", &shown(&site)]).code, Some(78), "nothing is written over");
    assert_eq!(local(&["fmt", "--check", &shown(&site)]).code, Some(0));
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for example in fs::read_dir(examples).unwrap() {
        let tidy = local(&["fmt", "--check", &shown(&example.unwrap().path())]);
        assert_eq!(tidy.code, Some(0), "{tidy:?}");
    }

    edit(&site, "channels/admissions.toml", "  { trim = [", "{trim=[");
    let before = fs::read_to_string(site.join("channels/admissions.toml")).unwrap();
    let untidy = local(&["fmt", "--check", &shown(&site)]);
    assert!(untidy.code == Some(1) && untidy.stdout.contains("admissions.toml"), "{untidy:?}");
    assert_eq!(fs::read_to_string(site.join("channels/admissions.toml")).unwrap(), before);
    assert_eq!(local(&["fmt", &shown(&site)]).code, Some(0));
    let after = fs::read_to_string(site.join("channels/admissions.toml")).unwrap();
    assert!(after.contains("\n  { trim = ['PID-5.1', 'PID-5.2'] },\n"), "{after}");
    assert!(after.contains("# one patient's messages stay in order"), "comments stay");
    edit(&site, "channels/admissions.toml", "[source]", "[source");
    let broken = local(&["fmt", &shown(&site)]);
    assert!(broken.code == Some(1) && broken.stderr.contains("left as it is"), "{broken:?}");
}

#[test]
fn another_environment_is_looked_at_before_it_is_used() {
    let folder = hospital();
    let site = shown(folder.path());
    let shown = local(&["promote", &site, "--to", "prod"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for said in ["adt-fanout to lab", "mllp 127.0.0.1:2591", "mllp 127.0.0.1:6661"] {
        assert!(shown.stdout.contains(said), "{said}: {shown:?}");
    }
    assert!(!shown.stdout.contains("adt-fanout source"), "what stays is left out: {shown:?}");
    let same = local(&["promote", &site, "--to", "test"]);
    assert!(same.code == Some(0) && same.stderr.contains("nothing differs"), "{same:?}");
    let nowhere = local(&["promote", &site, "--to", "nowhere"]);
    assert!(nowhere.code == Some(1) && nowhere.stderr.contains("C0205"), "{nowhere:?}");
}

#[test]
fn what_is_kept_to_production_does_not_start_in_development() {
    let (lab, registry) = (Receiver::accepting(), Receiver::accepting());
    let site = Site::new(Store::Sqlite);
    let kept = "only = \"production\"";
    let destinations =
        to("lab", &lab, "when = 'MSH-10 = \"M1\"'") + &to("registry", &registry, kept);
    let feed = site.feed("adt", "", &destinations);
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    sender.accepted(&message::adt("M1", "P1"));
    sender.accepted(&message::adt("M2", "P1"));
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("delivered"), 1);
    assert_eq!(status.channel("adt").disposition("unrouted"), 1);
    let said = site.verb(&["status"]).stdout;
    assert!(said.contains("elsewhere"), "{said}");
    let traced = site.verb(&["message", "M1", "--steps"]).stdout;
    assert!(traced.contains("registry (kept to another profile)"), "{traced}");
    site.write("again.hl7", &String::from_utf8(message::adt("M1", "P1")).unwrap());
    let tried =
        local(&["run", "adt", &shown(&site.path("again.hl7")), "--site", &shown(site.folder())]);
    assert!(tried.stdout.contains("to registry (kept to another profile)"), "{tried:?}");

    let text = fs::read_to_string(site.path("channels/adt.toml")).unwrap();
    site.channel("adt", &text.replace(kept, ""));
    assert_eq!(site.verb(&["apply", "-m", "everywhere"]).code, Some(0));
    sender.accepted(&message::adt("M3", "P1"));
    registry.wait_count(1);
    site.channel("adt", &text);
    assert_eq!(site.verb(&["apply", "-m", "only there"]).code, Some(0));
    sender.accepted(&message::adt("M4", "P1"));
    site.wait_final("adt", 4);
    assert_eq!((lab.control_ids(), registry.control_ids()), (vec!["M1".into()], vec!["M3".into()]));
    engine.stop();
}

#[test]
fn a_message_that_came_becomes_a_test_without_the_people_in_it() {
    let lab = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    site.write("tables/class.csv", "from,to,note\nO,OUT,\n");
    let mapped = "  { trim = 'PID-5' },\n  { map = 'PV1-2', with = \"class\", miss = \"keep\" },";
    let feed = site.feed("adt", "", &(steps(mapped) + &to("lab", &lab, "")));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt_with("M1", "P77", "VERYSECRET"));
    lab.wait_count(1);
    let status = site.verb(&["status"]).stdout;
    assert!(
        status.contains("CODE TABLE") && status.contains("class"),
        "a miss is counted: {status}"
    );
    let into = shown(site.folder());
    let made = site.verb(&["make-test", "M1", "emergency", "--into", &into]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let folder = site.path("channels/adt/tests/emergency");
    let input = fs::read_to_string(folder.join("in.hl7")).unwrap();
    assert!(
        !input.contains("VERYSECRET") && !input.contains("P77") && input.contains("PV1|1|I|"),
        "{input}"
    );
    let tested = local(&["test", &into]);
    assert!(tested.code == Some(0) && tested.stdout.contains("1 passed"), "{tested:?}");
    assert_eq!(site.verb(&["make-test", "M1", "emergency", "--into", &into]).code, Some(78));
    assert_eq!(site.verb(&["make-test", "M1", "../out", "--into", &into]).code, Some(64));
    let log = site.verb(&["audit", "list", "--action", "message.body.read"]).stdout;
    assert!(log.contains("message.body.read"), "looking at it is recorded: {log}");
    engine.stop();
}

#[test]
fn channels_of_another_engine_become_a_site() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mirth/tests/it/cases");
    let folder = tempfile::tempdir().unwrap();
    let to = shown(&folder.path().join("adt"));
    let export = shown(&cases.join("adt-router/export.xml"));
    let imported = local(&["import", "mirth", &export, "--to", &to]);
    assert!(imported.stdout.contains("by hand") || imported.code == Some(0), "{imported:?}");
    assert!(imported.stdout.contains("channels/"), "{imported:?}");
    let again = local(&["import", "mirth", &export, "--to", &to]);
    assert!(again.code == Some(78) && again.stderr.contains("is there already"), "{again:?}");
    let checked = local(&["check", &to]);
    assert_eq!(checked.code, Some(0), "what came over runs: {checked:?}");
    let json = local(&[
        "import",
        "mirth",
        &export,
        "--to",
        &shown(&folder.path().join("b")),
        "--format",
        "json",
    ]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(json["notes"].as_array().unwrap().len() > 3, "{json}");
    let nonsense = folder.path().join("nonsense.xml");
    fs::write(&nonsense, "<channel>").unwrap();
    let refused = local(&["import", "mirth", &shown(&nonsense), "--to", &to]);
    assert!(refused.code == Some(1) && refused.stderr.contains("no export"), "{refused:?}");
}
