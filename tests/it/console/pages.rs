//! Every page as it is written: what it shows, to whom, and what it takes.

use super::walk::{PROBE, faults};
use crate::parts::on_both_stores;
use hilum_tests::admin::{PASSWORD, code};
use hilum_tests::house::{House, WORKER};
use hilum_tests::message;
use hilum_tests::pages::{Page, Reader, selector};
use hilum_tests::site::Store;
use hilum_tests::{verbs, wait};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

on_both_stores!(
    every_page_can_be_read_by_everybody_and_nothing_becomes_markup,
    a_page_shows_to_each_role_what_the_api_shows,
    a_form_is_taken_from_its_own_session_only,
    values_are_covered_where_somebody_asks_for_it,
    a_text_is_looked_for_in_bodies,
);

/// Pages at once that a walk goes to; rows of lists are alike.
const OF_A_KIND: usize = 3;
const PAGES: [&str; 21] = [
    "/",
    "/messages",
    "/message",
    "/dead",
    "/replay",
    "/jobs",
    "/channels",
    "/channel",
    "/destination",
    "/bench",
    "/apply",
    "/alerts",
    "/audit",
    "/people",
    "/approvals",
    "/system",
    "/account",
    "/tables",
    "/scan",
    "/sign-in",
    "/setup",
];

/// Every page that links lead to, from the first one on.
fn walk(reader: &Reader) -> BTreeMap<String, Page> {
    let (mut seen, mut kinds) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
    let mut next = VecDeque::from(["/".to_owned(), "/approvals".to_owned(), "/sign-in".to_owned()]);
    while let Some(place) = next.pop_front() {
        let (path, query) = place.split_once('?').unwrap_or((&place, ""));
        let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
        let tab = query.split('&').find(|pair| pair.starts_with("tab=")).unwrap_or("");
        let kind = kinds.entry(format!("{path} {names:?} {tab}")).or_default();
        if seen.contains_key(&place) || *kind >= OF_A_KIND {
            continue;
        }
        *kind += 1;
        let page = reader.get(&place);
        let links = page.all("a[href], form[method=get]", "href");
        next.extend(
            links.into_iter().filter(|link| link.starts_with('/')).map(|link| {
                link.split_once('#').map_or(link.clone(), |(place, _)| place.to_owned())
            }),
        );
        seen.insert(place, page);
    }
    seen
}

fn hostile(control_id: &str) -> Vec<u8> {
    message::adt_with(control_id, "8001", PROBE)
}

fn worker(house: &House, step: u64) -> Reader {
    let reader = Reader::at(house.site.api());
    reader.sign_in(WORKER, PASSWORD, Some(&code(&house.secret, step)));
    reader
}

fn every_page_can_be_read_by_everybody_and_nothing_becomes_markup(store: Store) {
    let house = House::build(store);
    house.take(&[hostile("M1"), hostile("REFUSE<b>1"), hostile("REFUSE2")], 3);
    let reader = worker(&house, 1);
    let pages = walk(&reader);
    let mut wrong = Vec::new();
    for (place, page) in &pages {
        wrong.extend(faults(page).into_iter().map(|fault| format!("{place}: {fault}")));
        if page.status >= 500 {
            wrong.push(format!("{place}: {} {}", page.status, page.main()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let paths: BTreeSet<&str> = pages
        .keys()
        .map(|place| place.split_once('?').map_or(place.as_str(), |(path, _)| path))
        .collect();
    for path in PAGES.iter().filter(|path| **path != "/setup") {
        assert!(paths.contains(path), "no link leads to {path}: {paths:?}");
    }
    let shown = pages.values().filter(|page| page.text_of("main").contains(PROBE)).count();
    assert!(shown >= 3, "the hostile name is shown as text: {shown}");
    let commands: BTreeSet<String> = pages
        .values()
        .flat_map(|page| {
            let html = page.html();
            let wanted = selector("details.command pre code");
            html.select(&wanted).map(|one| one.text().collect::<String>()).collect::<Vec<_>>()
        })
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    let wrong: Vec<String> = commands
        .iter()
        .filter(|command| command.starts_with("hilum "))
        .flat_map(|command| what_is_no_command(command))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nothing of a message is in an address.
    for place in pages.keys() {
        assert!(
            !place.contains("8001") && !place.contains("REFUSE") && !place.contains("img"),
            "{place}"
        );
    }
    house.engine.stop();
}

/// What stands under "As command" is a verb that there is, with flags that it takes; else what is not.
fn what_is_no_command(line: &str) -> Vec<String> {
    let help = |verbs: &[&str]| {
        let mut hilum = verbs::hilum();
        hilum.args(verbs).arg("--help");
        verbs::run(hilum)
    };
    let mut wrong = Vec::new();
    // What comes behind `&&` is a command of its own.
    for command in line.split("&&") {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let verb = help(&words[..1]);
        let has_verbs = verb.stdout.contains("<COMMAND>");
        let told = match has_verbs && words.len() > 1 {
            true => help(&words[..2]),
            false => verb,
        };
        if told.code != Some(0) {
            wrong.push(format!("{command}: there is no such verb"));
        }
        let flags = words.iter().filter(|word| word.starts_with('-'));
        wrong.extend(
            flags
                .filter(|flag| !told.stdout.contains(**flag))
                .map(|flag| format!("{command}: {flag}")),
        );
    }
    wrong
}

/// C-01 for pages: what a role sees of a page is what the API gives it, and a refusal says which roles have it.
fn a_page_shows_to_each_role_what_the_api_shows(store: Store) {
    let house = House::build(store);
    house.take(&[message::adt("M1", "8001"), message::adt("REFUSE1", "8002")], 2);
    let owner = Reader::at(house.site.api());
    let _ = &owner;
    let pages: [(&str, &str, &str, serde_json::Value); 12] = [
        ("/", "GET", "/api/v1/status", json!(null)),
        ("/messages", "POST", "/api/v1/messages/search", json!({})),
        ("/dead", "POST", "/api/v1/dead/search", json!({})),
        ("/channels", "GET", "/api/v1/channels", json!(null)),
        ("/apply", "POST", "/api/v1/apply/preview", json!({})),
        ("/alerts", "GET", "/api/v1/security/alerts", json!(null)),
        ("/audit", "POST", "/api/v1/audit/search", json!({})),
        ("/people", "GET", "/api/v1/users", json!(null)),
        ("/approvals", "GET", "/api/v1/approvals", json!(null)),
        ("/system", "GET", "/api/v1/security/status", json!(null)),
        ("/jobs", "POST", "/api/v1/jobs/search", json!({})),
        ("/channel?name=adt", "GET", "/api/v1/status", json!(null)),
    ];
    for role in [
        "viewer",
        "operator",
        "auditor",
        "user-admin",
        "interface-analyst",
        "message-steward",
        "backup-operator",
    ] {
        let name = format!("one-{role}");
        let secret = house.add(&name, &[role]);
        let api = house.nobody.signed_in(&name, PASSWORD, Some(&code(&secret, 1)));
        let reader = Reader::at(house.site.api()).with_cookie(&format!("hilum={}", api.token()));
        for (place, method, path, body) in &pages {
            let body = Some(body).filter(|body| !body.is_null());
            let told = api.ask(method, path, body);
            let page = reader.get(place);
            assert_eq!(page.status, told.status, "{role} {place}: {}", page.main());
            if told.status == 403 {
                assert!(
                    page.main().contains("Roles that hold it"),
                    "{role} {place}: {}",
                    page.main()
                );
            }
        }
        // Whoever may not read bodies sees none, on no page.
        let may_read = role == "message-steward";
        let shown = walk(&reader).into_values().any(|page| page.text.contains("EXAMPLE"));
        assert_eq!(shown, may_read, "{role}");
    }
    house.engine.stop();
}

fn a_form_is_taken_from_its_own_session_only(store: Store) {
    let house = House::build(store);
    let reader = worker(&house, 1);
    let page = reader.get("/destination?channel=adt&name=registry");
    let mut fields = page.form("/api/v1/destinations/hold");
    fields.retain(|(name, _)| name != "reason");
    fields.push(("reason".to_owned(), "test".to_owned()));
    let held = || {
        let status = house.owner.get("/api/v1/status");
        status["channels"][0]["destinations"][0]["state"] == "held"
    };
    let without: Vec<(String, String)> =
        fields.iter().filter(|(name, _)| name != "csrf").cloned().collect();
    assert_eq!(reader.post("/act", &without).status, 403);
    let elsewhere = reader.ask(
        "POST",
        "/act",
        "Origin: http://evil.example\r\n",
        &hilum_tests::pages::encoded(&fields),
    );
    assert_eq!(elsewhere.status, 403);
    let silent = reader.ask("POST", "/act", "", &hilum_tests::pages::encoded(&fields));
    assert_eq!(silent.status, 403);
    let other = Reader::at(house.site.api());
    let secret = house.add("otto", &["operator"]);
    other.sign_in("otto", PASSWORD, Some(&code(&secret, 1)));
    assert_eq!(other.post("/act", &fields).status, 403, "a form of another session");
    assert!(!held(), "nothing of it was done");
    // The API takes no cookie, and pages take no token.
    let cookie = format!("Cookie: {}\r\n", reader.cookie().unwrap());
    assert_eq!(house.nobody.raw("GET", "/api/v1/status", &cookie, None).status, 401);
    let token = reader.cookie().unwrap().replace("hilum=", "Authorization: Bearer ") + "\r\n";
    assert_eq!(Reader::at(house.site.api()).ask("GET", "/", &token, "").status, 303);
    let done = reader.follow(reader.post("/act", &fields));
    assert!(held() && done.main().contains("Held."), "{}", done.main());
    // A proof of who somebody is, in the middle of their work: a wrong one loses nothing, the right one does what was asked.
    let made = house.site.verb_reading(&["user", "add", "nora", "--role", "operator"], PASSWORD);
    assert_eq!(made.code, Some(0), "{made:?}");
    let nora = Reader::at(house.site.api());
    nora.sign_in("nora", PASSWORD, None);
    let before = nora.cookie();
    let page = nora.get("/destination?channel=adt&name=registry");
    let resume = "/api/v1/destinations/resume";
    let wrong = nora.send(&page, resume, &[("reason", "test"), ("step_up_password", "guess")]);
    assert!(wrong.main().starts_with("Prove that it is you") && held(), "{}", wrong.main());
    let carried = wrong.form(resume);
    assert!(carried.contains(&("reason".to_owned(), "test".to_owned())), "{carried:?}");
    let right = nora.send(&wrong, resume, &[("step_up_password", PASSWORD)]);
    assert!(right.main().contains("Resumed.") && !held(), "{}", right.main());
    assert!(nora.cookie() != before, "the session is a new one");
    // What a browser is told about every page.
    let told = &done.told;
    let policy = told.field("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(told.field("cache-control"), Some("no-store"));
    assert_eq!(told.field("x-frame-options"), Some("DENY"));
    house.engine.stop();
}

fn values_are_covered_where_somebody_asks_for_it(store: Store) {
    let house = House::build(store);
    house.take(&[message::adt("MSG-COVER", "776655")], 1);
    let reader = worker(&house, 1);
    let list = reader.get("/messages");
    let row = list
        .html()
        .select(&selector("tbody a.open"))
        .next()
        .and_then(|one| one.attr("href").map(str::to_owned))
        .unwrap();
    assert!(list.main().contains("MSG-COVER"));
    let raw = format!("{row}&tab=raw");
    assert!(reader.get(&raw).main().contains("EXAMPLE"));
    let masked = Reader::at(house.site.api())
        .with_cookie(&format!("{}; hilum-mask=1", reader.cookie().unwrap()));
    for place in [
        "/messages".to_owned(),
        row.clone(),
        raw,
        format!("{row}&tab=fields"),
        format!("{row}&tab=steps"),
        format!("{row}&tab=diff"),
        format!("{row}&tab=history"),
    ] {
        let page = masked.get(&place);
        assert_eq!(page.status, 200, "{place}: {}", page.main());
        for value in ["MSG-COVER", "EXAMPLE", "776655"] {
            assert!(!page.text.contains(value), "{place} shows {value}");
        }
    }
    house.engine.stop();
}

/// Work with a bound, on a page of its own; what is looked for is in no address.
fn a_text_is_looked_for_in_bodies(store: Store) {
    let house = House::build(store);
    house.take(&[message::adt_with("S1", "8001", "NEEDLE"), message::adt("S2", "8002")], 2);
    let reader = worker(&house, 1);
    let page = reader.get("/scan");
    let asked = [("text", "needle"), ("channel", "adt"), ("reason", "a question of the ward")];
    let hour_ago = page.all("#scan-since option", "value")[0].clone();
    let begun = reader.send(
        &page,
        "/api/v1/messages/scan",
        &[&asked[..], &[("since_us", hour_ago.as_str())]].concat(),
    );
    let place = begun.all("input[name=id]", "value");
    let place = format!("/scan?id={}", place[0]);
    let ended = wait::until("the search has ended", || {
        Some(reader.get(&place)).filter(|page| page.main().contains("done"))
    });
    assert!(ended.main().contains("1 found"), "{}", ended.main());
    assert_eq!(ended.text_of("tbody a.open"), "S1");
    assert!(faults(&ended).is_empty(), "{:?}", faults(&ended));
    reader.send(&ended, "/api/v1/messages/scan/end", &[]);
    assert_eq!(reader.get(&place).status, 404, "it is forgotten");
    house.engine.stop();
}

/// What stands in the style sheet as pairs is read in light and in dark with enough contrast (WCAG 2.2: 4.5 for text, 3 for edges).
#[test]
fn colours_have_contrast() {
    let sheet = include_str!("../../../console/assets/style.css");
    let colours: BTreeMap<&str, [&str; 2]> = sheet
        .lines()
        .filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
            let (light, dark) = value.trim_end_matches(");").split_once(", ")?;
            Some((name, [light, dark]))
        })
        .collect();
    assert!(colours.len() > 15, "{colours:?}");
    let grounds = ["ground", "panel"];
    let inks = ["ink", "quiet", "accent", "good", "warn", "bad", "idle"];
    let mut pairs: Vec<(&str, &str, f64)> =
        inks.iter().flat_map(|ink| grounds.map(|ground| (*ink, ground, 4.5))).collect();
    pairs.extend([
        ("on-accent", "accent", 4.5),
        ("on-production", "production", 4.5),
        ("ink", "banner", 4.5),
        ("ink", "field", 4.5),
        ("quiet", "field", 4.5),
        ("edge", "ground", 3.0),
        ("edge", "panel", 3.0),
    ]);
    for (ink, ground, least) in pairs {
        for shade in [0, 1] {
            let ratio = contrast(colours[ink][shade], colours[ground][shade]);
            assert!(ratio >= least, "{ink} on {ground}, {shade}: {ratio:.2}");
        }
    }
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// WCAG 2.2, relative luminance.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

/// The scripts together are small, and load nothing from elsewhere.
#[test]
fn scripts_are_small_and_our_own() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../console/assets");
    let (mut scripts, mut sheets) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("http://") && !text.contains("https://")
                || path.extension().is_some_and(|end| end == "svg"),
            "{path:?}"
        );
        match path.extension().and_then(|end| end.to_str()) {
            Some("js") => scripts += text.len(),
            Some("css") => sheets += text.len(),
            _ => {}
        }
    }
    assert!(scripts <= 20_000 && sheets <= 25_000, "{scripts} {sheets}");
}
