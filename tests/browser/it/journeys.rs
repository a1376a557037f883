//! What somebody does from beginning to end, on both stores; a picture is kept of each place they come to.

use hilum_browser::Browser;
use hilum_tests::admin::{PASSWORD, code};
use hilum_tests::house::{House, ROLES, WORKER};
use hilum_tests::message;
use hilum_tests::receiver::Behaviour;
use hilum_tests::site::Store;

/// Makes one test per store of a function that takes the store.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            use hilum_tests::site::Store;
            #[test]
            fn sqlite() { super::$name(Store::Sqlite); }
            #[test]
            fn postgres() { super::$name(Store::Postgres); }
        }
    )+ };
}

on_both_stores!(
    a_patient_s_message_is_found_and_a_group_is_sent_again,
    a_destination_is_held_and_resumed,
    the_test_bench_shows_what_a_change_does,
    the_audit_log_is_checked_by_an_auditor,
    a_page_says_since_when_it_is_not_live,
    an_edited_copy_is_a_new_message,
);

/// Signs in with the second factor, as anybody would who has followed a link to a page.
fn signed_in(house: &House, browser: &Browser, place: &str, step: u64) {
    signed_in_as(house, browser, place, (WORKER, &code(&house.secret, step)));
}

fn signed_in_as(house: &House, browser: &Browser, place: &str, (name, code): (&str, &str)) {
    let site = house.site.api();
    browser.open(site, place);
    browser.wait_place("/sign-in");
    browser.fill("#name", name);
    browser.fill("#password", PASSWORD);
    browser.fill("#code", code);
    browser.click("main button.main");
    browser.wait_place(place);
}

fn a_patient_s_message_is_found_and_a_group_is_sent_again(store: Store) {
    let house = House::build(store);
    let refused: Vec<Vec<u8>> =
        (0..6).map(|n| message::adt(&format!("REFUSE{n}"), &format!("80{n:02}"))).collect();
    house.take(&refused, 6);
    let browser = Browser::start(1280, 900);
    signed_in(&house, &browser, "/", 1);
    browser.wait_text("h1", "Overview");
    browser.picture("overview");

    // By the number of a patient; no word of it comes into an address.
    browser.keys("/");
    browser.fill("#query", "mrn:8003");
    browser.click(".search button");
    browser.wait_place("/messages?view=");
    browser.wait_text("table tbody", "REFUSE3");
    assert!(!browser.text("table tbody").contains("REFUSE4"));
    assert!(!browser.place().contains("8003"));
    browser.picture("messages");
    browser.click("table tbody a.open");
    browser.wait_place("/message?id=");
    browser.wait_text("main", "Timeline");
    assert!(browser.title().starts_with("failed"), "{}", browser.title());
    browser.picture("message-deliveries");
    for (key, name) in
        [("1", "raw"), ("2", "fields"), ("3", "steps"), ("5", "diff"), ("6", "history")]
    {
        browser.keys(key);
        browser.wait_text(".tabs [aria-current]", key);
        browser.picture(&format!("message-{name}"));
    }

    // The whole group, at a rate; the receiver takes it by now.
    house.receiver.follow(|_, _| Behaviour::Say("AA"));
    browser.keys("gd");
    browser.wait_place("/dead");
    browser.wait_text("table tbody", "registry");
    browser.picture("dead");
    browser.press("Replay");
    browser.wait_place("/replay");
    browser.wait_text(".lead", "6 deliveries to `registry`");
    browser.picture("replay");
    browser.fill("#rate", "50");
    browser.fill("#why", "the registry is mended");
    browser.press("Replay 6");
    browser.wait_place("/jobs?id=");
    browser.wait_text("#job", "done");
    browser.wait_text("#job", "6 of 6");
    browser.picture("job");
    house.receiver.wait_count(12);
    browser.open(house.site.api(), "/dead");
    browser.wait_text("main", "There are no dead letters here");
    browser.picture("dead-empty");
    house.engine.stop();
}

fn a_destination_is_held_and_resumed(store: Store) {
    let house = House::build(store);
    let browser = Browser::start(1280, 900);
    signed_in(&house, &browser, "/destination?channel=adt&name=registry", 1);
    browser.fill("#hold-why", "their server is being changed");
    browser.press("Hold");
    browser.wait_text(".outcome", "Held.");
    browser.wait_text("#destination", "held");
    hilum_tests::wire::Connection::to(house.source).accepted(&message::adt("M1", "8001"));
    // It comes to the page by itself.
    browser.wait_text("#destination dl dd:nth-of-type(3)", "1");
    browser.picture("destination-held");
    browser.fill("#resume-why", "their server is changed");
    browser.press("Resume");
    browser.wait_text(".outcome", "Resumed.");
    house.receiver.wait_count(1);
    house.site.wait_final("adt", 1);
    browser.picture("destination-running");
    house.engine.stop();
}

fn the_test_bench_shows_what_a_change_does(store: Store) {
    let house = House::build(store);
    let browser = Browser::start(1280, 1000);
    signed_in(&house, &browser, "/bench", 1);
    let text = String::from_utf8(message::adt("BENCH1", "8001")).unwrap().replace('\r', "\n");
    browser.fill("#bench-message", &text);
    // It runs by itself, a moment after the last key.
    browser.wait_text("#bench-result", "MSH-5");
    browser.wait_text("#bench-result", "WARD");
    browser.wait_text("#bench-result", "AA");
    browser.picture("bench");
    browser.script("const box = document.getElementById('bench-text'); box.value = box.value.replace('WARD', 'ICU'); box.dispatchEvent(new Event('input', { bubbles: true }));");
    browser.wait_text("#bench-result", "ICU");
    browser.script("const box = document.getElementById('bench-text'); box.value = box.value.replace('[transform]', '[transfrom]'); box.dispatchEvent(new Event('input', { bubbles: true }));");
    browser.wait_text("#bench-result", "transfrom");
    browser.picture("bench-problem");
    house.engine.stop();
}

fn the_audit_log_is_checked_by_an_auditor(store: Store) {
    let house = House::build(store);
    let browser = Browser::start(1280, 900);
    signed_in(&house, &browser, "/audit", 1);
    browser.press("Check the whole log now");
    browser.wait_text("#integrity", "The log is whole");
    browser.wait_text("table tbody", "auth.login");
    browser.picture("audit");
    house.engine.stop();
}

fn a_page_says_since_when_it_is_not_live(store: Store) {
    let house = House::build(store);
    let browser = Browser::start(1280, 900);
    signed_in(&house, &browser, "/", 1);
    browser.wait_text("#row-adt", "running");
    house.engine.stop();
    browser.wait_text("#live-state", "not live since");
    browser.picture("not-live");
}

/// Somebody who has signed in a moment ago need not prove it again.
fn an_edited_copy_is_a_new_message(store: Store) {
    let house = House::build(store);
    house.take(&[message::adt("EDIT1", "8001")], 1);
    let browser = Browser::start(1280, 900);
    signed_in(&house, &browser, "/messages", 1);
    browser.click("table tbody a.open");
    browser.press("Edit a copy");
    browser.wait_text("main", "The copy");
    browser.script("const box = document.getElementById('copy'); box.value = box.value.replace('EXAMPLE', 'CHANGED').replace('EDIT1', 'EDIT2');");
    browser.fill("#edit-why", "the name was misspelt");
    browser.press("Send the copy");
    // It goes at once, and leads to the new message.
    browser.wait_text("h1", "EDIT2");
    browser.picture("edited");
    house.receiver.wait_count(2);
    browser.keys("6");
    browser.wait_text("main", "edit");
    house.engine.stop();
}

/// 400 % zoom of a window of 1280 is 320 wide (WCAG 2.2, 1.4.10): only tables and messages scroll sideways, in a part of their own.
#[test]
fn pages_fit_at_400_percent_and_in_the_dark() {
    let house = House::build(Store::Sqlite);
    let long = "LONG".repeat(40);
    house.take(&[message::adt_with("REFUSE1", "8001", &long), message::adt("M2", "8002")], 2);
    for (name, more) in
        [("zoomed", &[][..]), ("dark", &["--blink-settings=preferredColorScheme=0"][..])]
    {
        let browser = Browser::start_with(1280, 1024, more);
        if name == "zoomed" {
            browser.resize(320, 1_200);
        }
        // Each with a second factor of their own: a code is good once.
        let secret = house.add(name, &ROLES);
        signed_in_as(&house, &browser, "/", (name, &code(&secret, 1)));
        let list = house.site.json(&["messages", "state:dead"]);
        let id = list["messages"][0]["id"].as_str().unwrap().to_owned();
        let of_message = ["raw", "fields", "steps", "deliveries", "diff", "history"];
        let mut places: Vec<String> =
            of_message.iter().map(|tab| format!("/message?id={id}&tab={tab}")).collect();
        let pages = [
            "/",
            "/messages",
            "/dead",
            "/replay?channel=adt&destination=registry",
            "/jobs",
            "/channels",
            "/channel?name=adt",
            "/destination?channel=adt&name=registry",
            "/bench",
            "/apply",
            "/tables",
            "/alerts",
            "/audit",
            "/system",
            "/account",
        ];
        places.extend(pages.map(str::to_owned));
        for place in &places {
            browser.open(house.site.api(), place);
            let wide = browser.script(
                "const over = [...document.querySelectorAll('body *')].filter(one => !one.closest('.wide, pre, textarea, .unseen') && one.getBoundingClientRect().right > innerWidth + 1); \
                 return document.documentElement.scrollWidth <= innerWidth ? '' : over.slice(0, 4).map(one => one.outerHTML.slice(0, 160)).join(' | ') || 'something';",
            );
            assert_eq!(wide, "", "{name} {place} is wider than the window");
            let shown: String =
                place.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
            browser.picture(&format!(
                "{name}-{}-{shown}",
                place.split(['?', '&']).next_back().unwrap_or("").replace(['=', '/'], "-")
            ));
        }
    }
    house.engine.stop();
}
