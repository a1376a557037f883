//! Copies without the people in them, as somebody makes them on the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hilum_tests::message;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs::{Output, hilum, local, run};
use hilum_tests::wire::Connection;

use crate::parts::{files, on_both_stores};

on_both_stores!(a_message_of_the_store_is_copied_and_that_is_recorded);

const KEY: &str = "a key that is kept somewhere";

/// Two messages about one patient, and what identifies her.
const FILE: &str = "MSH|^~\\&|PAS|N|||20240301||ADT^A01|CTL7001|P|2.5.1\rPID|1||70010001^^^N^MR||QUIMBLEY^TABITHA||19610615|F\r\
                    NTE|1||call Tabitha at 555-700-1002\rZPI|1|Quimbley\r\
                    MSH|^~\\&|LAB|N|||20240302||ORU^R01|CTL7003|P|2.5.1\rPID|1||70010001^^^N^MR||QUIMBLEY^TABITHA||19610615|F\r\
                    OBX|1|NM|2345-7^Glucose^LN||98|mg/dL|70-99|N|||F\r";
const SECRETS: [&str; 7] =
    ["quimbley", "tabitha", "70010001", "19610615", "555-700", "ctl7001", "ctl7003"];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn with_key(arguments: &[&str]) -> Output {
    let mut command = hilum();
    command.arg("deidentify").args(arguments).args(["--key", "env:COPY_KEY"]).env("COPY_KEY", KEY);
    run(command)
}

fn is_clean(text: &str) {
    let text = text.to_lowercase();
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn files_are_copied_and_nothing_of_them_is_said() {
    let folder = Folder::new();
    let file = folder.write("in.hl7", FILE);
    let first = with_key(&[&file]);
    assert_eq!(first.code, Some(0), "{first:?}");
    is_clean(&(first.stdout.clone() + &first.stderr));
    assert!(first.stderr.contains("2 of 2 messages copied"), "{first:?}");
    let copies: Vec<&str> = first.stdout.split_inclusive("MSH|").collect();
    assert_eq!(copies.len(), 3, "{first:?}");
    for kept in ["|PAS|N|", "|ADT^A01|", "2345-7^Glucose^LN||98|mg/dL"] {
        assert!(first.stdout.contains(kept), "{kept}: {first:?}");
    }
    assert_eq!(first.stdout, with_key(&[&file]).stdout, "the same key, the same copy");
    let (one, other) = (local(&["deidentify", &file]), local(&["deidentify", &file]));
    assert_ne!(one.stdout, other.stdout, "without a key, copies cannot be linked");
    fs::write(folder.path("key"), KEY).unwrap();
    let key = format!("file:{}", folder.path("key").display());
    fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = local(&["deidentify", &file, "--key", &key]);
    assert!(open.code == Some(78) && open.stderr.contains("can be read by others"), "{open:?}");
    fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(local(&["deidentify", &file, "--key", &key]).stdout, first.stdout);
}

#[test]
fn copies_go_into_a_folder_and_over_nothing() {
    let folder = Folder::new();
    fs::create_dir(folder.path("in")).unwrap();
    folder.write("in/70010001.hl7", FILE);
    folder.write("in/other.hl7", FILE);
    let (input, output) =
        (folder.path("in").display().to_string(), folder.path("out").display().to_string());
    let done = with_key(&[&input, "--to", &output, "--format", "json"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let summary: serde_json::Value =
        serde_json::from_str(&done.stdout).expect("JSON and nothing else");
    assert_eq!((summary["messages"].as_u64(), summary["copied"].as_u64()), (Some(4), Some(4)));
    assert_eq!(names(Path::new(&output)), ["0001.hl7", "0002.hl7"], "no name of an input");
    for name in ["0001.hl7", "0002.hl7"] {
        let path = folder.path("out").join(name);
        is_clean(&fs::read_to_string(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = with_key(&[&input, "--to", &output]);
    assert!(again.code == Some(78) && again.stderr.contains("is there already"), "{again:?}");
    assert_eq!(fs::read_to_string(folder.path("in/other.hl7")).unwrap(), FILE);
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_would_give_somebody_away_is_not_written() {
    let folder = Folder::new();
    let file = folder.write("in.hl7", FILE);
    let rules = folder.write("rules.toml", "[fields]\nZPI-2 = \"keep\"\n");
    let output = folder.path("out").display().to_string();
    let refused = with_key(&[&file, "--rules", &rules, "--to", &output]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("message 1: not copied: ZPI-2 still holds a value of PID-5"),
        "{refused:?}"
    );
    is_clean(&(refused.stdout.clone() + &refused.stderr));
    let written = fs::read_to_string(folder.path("out/0001.hl7")).unwrap();
    assert!(
        written.matches("MSH|").count() == 1 && written.contains("ORU^R01"),
        "the other one: {written}"
    );

    let rules = folder.write("rules.toml", "[fields]\nZPI-2 = \"name\"\nNTE-3 = \"scrub\"\n");
    let done = with_key(&[&file, "--rules", &rules]);
    assert!(
        done.code == Some(0) && done.stdout.contains("NTE|1||call (removed) at (removed)"),
        "{done:?}"
    );
    let rules = folder.write("rules.toml", "[fields]\nPID.5 = \"keep\"\nPID-8 = \"hold\"\n");
    let wrong = with_key(&[&file, "--rules", &rules]);
    assert!(wrong.code == Some(78) && wrong.stderr.contains("rules.toml:3"), "{wrong:?}");
}

#[test]
fn exit_codes_tell_use_from_problems() {
    let folder = Folder::new();
    let noise = folder.write("noise.hl7", "Dear Mrs. Quimbley,\r");
    let refused = with_key(&[&noise]);
    assert!(refused.code == Some(1) && refused.stdout.is_empty(), "{refused:?}");
    is_clean(&refused.stderr);
    let empty = folder.write("empty.hl7", "");
    for (arguments, code) in [
        (vec!["deidentify"], 64),
        (vec!["deidentify", &empty], 64),
        (vec!["deidentify", "/nonexistent.hl7"], 64),
        (vec!["deidentify", &noise, "--key", "somewhere"], 64),
        (vec!["deidentify", &noise, "--key", "env:HILUM_NO_SUCH_KEY"], 78),
    ] {
        assert_eq!(local(&arguments).code, Some(code), "{arguments:?}");
    }
}

fn a_message_of_the_store_is_copied_and_that_is_recorded(store: Store) {
    let site = Site::new(store);
    let feed = site.feed("adt", "", &files("archive", ""));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt_with("CTL7001", "70010001", "QUIMBLEY"));
    site.wait_final("adt", 1);
    assert!(!site.audit_text().contains("message.body.read"));
    let done = site.verb(&["deidentify", "--message", "CTL7001"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    is_clean(&(done.stdout.clone() + &done.stderr));
    assert!(
        done.stdout.starts_with("MSH|") && done.stderr.contains("1 of 1 messages copied"),
        "{done:?}"
    );
    assert!(site.audit_text().contains("message.body.read"), "as any other look at a body");
    assert_eq!(site.verb(&["deidentify", "--message", "CTL9999"]).code, Some(1));
    engine.stop();
}
