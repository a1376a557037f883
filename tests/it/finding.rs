//! Messages are found by numbers of patients, visits and orders, by those who may, and the audit log says who looked and not for whom.

use crate::parts::{files, on_both_stores};
use hilum_tests::site::{Site, Store};
use hilum_tests::wait;
use hilum_tests::wire::Connection;

on_both_stores!(a_message_is_found_by_its_numbers);

/// Numbers of patients that no time and no id has in it by chance.
fn oru(id: &str, mrn: &str, visit: &str, order: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|LAB|A|||20260101||ORU^R01|{id}|P|2.5\rPID|1||{mrn}^^^A^MR~X{mrn}^^^B^PI\r\
         PV1|1|I|||||||||||||||||{visit}\rORC|RE|P{order}|F{order}\rOBR|1|P{order}|F{order}|GLU\rOBX|1|NM|GLU||5\r"
    )
    .into_bytes()
}

fn ids(site: &Site, by: &str, value: &str) -> Vec<String> {
    let found = site.verb(&["find", by, value, "--format", "json"]);
    assert_eq!(found.code, Some(0), "{found:?}");
    let page: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let rows = page["messages"].as_array().unwrap();
    rows.iter().map(|row| row["control_id"].as_str().unwrap_or_default().to_owned()).collect()
}

fn a_message_is_found_by_its_numbers(store: Store) {
    let site = Site::new(store);
    let feed = site.feed("oru", "", &files("paper", ""));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    sender.accepted(&oru("R1", "WOMBAT71", "V1", "100"));
    sender.accepted(&oru("R2", "WOMBAT72", "V2", "101"));
    sender.accepted(&oru("R3", "WOMBAT71", "V3", "102"));
    wait::until("they are in the index", || {
        (ids(&site, "mrn", "WOMBAT71").len() == 2).then_some(())
    });
    for (by, value, expected) in [
        ("mrn", "WOMBAT71", &["R3", "R1"][..]),
        ("mrn", "xwombat72", &["R2"]),
        ("visit", "V2", &["R2"]),
        ("order", "P102", &["R3"]),
        ("accession", "F100", &["R1"]),
        ("control-id", "R2", &["R2"]),
        ("mrn", "9999", &[]),
    ] {
        assert_eq!(ids(&site, by, value), expected, "{by} {value}");
    }
    assert_eq!(site.verb(&["find", "shoe-size", "43"]).code, Some(1));
    let log =
        site.verb(&["audit", "list", "--action", "message.search", "--format", "json"]).stdout;
    assert!(log.contains("\"mrn\"") && !log.to_lowercase().contains("wombat"), "{log}");
    assert!(!engine.said().to_lowercase().contains("wombat"));

    // A text in bodies is looked for message by message, in one channel and time.
    let scan = |text: &str| {
        let found = site.verb(&[
            "scan",
            text,
            "--channel",
            "oru",
            "--since",
            "1h",
            "-m",
            "whose is it",
            "--format",
            "json",
        ]);
        let page: serde_json::Value = serde_json::from_str(&found.stdout).unwrap_or_default();
        (found.code, page["messages"].as_array().map_or(0, Vec::len), page["looked"].as_i64())
    };
    assert_eq!(scan("|glu|"), (Some(0), 3, Some(3)));
    assert_eq!(scan("XWombat72^^^b"), (Some(0), 1, Some(3)));
    assert_eq!(scan("nowhere"), (Some(0), 0, Some(3)));
    assert_eq!(scan("xy").0, Some(1), "too short");
    let log = site.verb(&["audit", "list", "--action", "message.scan", "--format", "json"]).stdout;
    assert!(log.contains("whose is it") && !log.to_lowercase().contains("wombat"), "{log}");

    // A channel may leave them out.
    engine.stop();
    let file = site.path("channels/oru.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    site.write("channels/oru.toml", &format!("search = [\"order\"]\n{text}"));
    let engine = site.serve();
    assert_eq!(site.verb(&["apply", "-m", "less"]).code, Some(0));
    Connection::to(feed).accepted(&oru("R4", "WOMBAT99", "V4", "104"));
    wait::until("it is in the index", || (ids(&site, "order", "P104").len() == 1).then_some(()));
    assert_eq!(ids(&site, "mrn", "WOMBAT99"), [""; 0]);
    engine.stop();
}
