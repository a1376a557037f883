//! Retention of messages as an operator meets it: what is over, who has to say so, and what must stay.

use crate::parts::files;
use hilum_tests::engine::Engine;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs;

#[test]
fn what_is_over_is_shown_and_leaves_when_a_person_says_so() {
    for store in [Store::Sqlite, Store::Postgres] {
        let site = Site::new(store);
        site.feed("adt", "", &files("paper", ""));
        let engine = site.serve();
        let status = site.verb(&["retention", "status"]);
        assert_eq!(status.code, Some(0), "{status:?}");
        let shown = site.verb(&["retention", "run"]);
        assert!(shown.code == Some(0) && shown.stderr.contains("nothing was changed"), "{shown:?}");
        assert_eq!(
            site.verb(&["retention", "run", "--execute"]).code,
            Some(64),
            "without a reason"
        );
        let nothing = site.verb(&["retention", "run", "--execute", "-m", "tidying up"]);
        assert!(
            nothing.code == Some(0) && nothing.stdout.contains("nothing was over"),
            "{nothing:?}"
        );
        let records = site.verb(&["audit", "list"]);
        assert!(records.stdout.contains("retention.set"), "{records:?}");
        engine.stop();
    }
}

#[test]
fn shorter_periods_wait_for_a_person() {
    let site = Site::new(Store::Sqlite);
    site.feed("adt", "", &files("paper", ""));
    let engine = site.serve();
    assert_eq!(site.verb(&["retention", "run", "--execute", "-m", "first"]).code, Some(0));
    let refused = site.verb(&["retention", "shorten", "--execute", "-m", "policy"]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("no shorter periods"),
        "{refused:?}"
    );
    engine.stop();
    let server = std::fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &format!("{server}\n[retention]\nbodies = \"30d\"\n"));
    let engine = site.serve();
    let status = site.verb(&["retention", "status"]);
    assert!(
        status.stdout.contains("90 d") && status.stdout.contains("hilum retention shorten"),
        "{status:?}"
    );
    let shown = site.verb(&["retention", "shorten"]);
    assert!(shown.stdout.contains("30 d, 90 d, 2557 d instead of 90 d"), "{shown:?}");
    let done = site.verb(&["retention", "shorten", "--execute", "-m", "policy of 2027"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(site.verb(&["retention", "status"]).stdout.contains("30 d"));
    let records = site.verb(&["audit", "list", "--action", "retention.shortened"]);
    assert!(records.stdout.contains("retention.shortened"), "{records:?}");
    engine.stop();

    // The environment overrules the file, for every channel; what cannot be is refused.
    let years = |years: &str| {
        let mut command = verbs::hilum();
        command.env("DATA_RETENTION_YEARS", years);
        Engine::start(command, &site)
    };
    for odd in ["0", "many", "101"] {
        assert_eq!(years(odd).err().expect("refused").status.code(), Some(78));
    }
    let engine = years("10").expect("it starts");
    assert_eq!(site.verb(&["retention", "run", "--execute", "-m", "longer"]).code, Some(0));
    let status = site.verb(&["retention", "status"]);
    assert!(status.stdout.contains("3653 d"), "{status:?}");
    engine.stop();
    site.write("server.toml", &format!("{server}\n[retention]\nmessages = \"60d\"\n"));
    let check = verbs::local(&["check", &site.folder().display().to_string()]);
    assert!(check.code == Some(1) && check.stdout.contains("C0417"), "{check:?}");
}

#[test]
fn a_legal_hold_is_seen_and_lifted() {
    let site = Site::new(Store::Sqlite);
    let engine = site.serve();
    let held = site.verb(&["retention", "hold", "-m", "case 17"]);
    assert_eq!(held.code, Some(0), "{held:?}");
    let id = held.stdout.trim().to_owned();
    let status = site.verb(&["retention", "status"]);
    assert!(
        status.stdout.contains(&format!("LEGAL HOLD {id}")) && status.stdout.contains("case 17"),
        "{status:?}"
    );
    let archive = site.verb(&["audit", "archive", "--execute", "-m", "tidying up"]);
    assert_eq!(archive.code, Some(0), "nothing is over: {archive:?}");
    assert_ne!(
        site.verb(&["retention", "hold", "--channel", "nobody", "-m", "case 18"]).code,
        Some(0)
    );
    let lifted = site.verb(&["retention", "lift", &id, "-m", "case closed"]);
    assert_eq!(lifted.code, Some(0), "{lifted:?}");
    assert_ne!(site.verb(&["retention", "lift", &id, "-m", "again"]).code, Some(0));
    assert!(!site.verb(&["retention", "status"]).stdout.contains("LEGAL HOLD"));
    engine.stop();
}
