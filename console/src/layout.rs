//! What stands around every page: the banner, the ways to others, the box for searching.

use maud::{DOCTYPE, Markup, html};

use crate::router::Sheet;
use crate::visit::Visit;
use crate::{assets, parts};

/// The ways to pages: address, name, the key after `g`.
const WAYS: &[(&str, &str, &str)] = &[
    ("/", "Overview", "o"),
    ("/messages", "Messages", "m"),
    ("/dead", "Dead letters", "d"),
    ("/channels", "Channels", "c"),
    ("/bench", "Test bench", "b"),
    ("/alerts", "Alerts", "l"),
    ("/jobs", "Jobs", "j"),
    ("/audit", "Audit", "a"),
    ("/people", "People", "p"),
    ("/system", "System", "s"),
];

/// The keys, and what they do.
const KEYS: &[(&str, &str)] = &[
    ("/", "search"),
    ("?", "show these keys"),
    (
        "g then o, m, d, c, b, l, j, a, p, s",
        "go to Overview, Messages, Dead letters, Channels, Test bench, Alerts, Jobs, Audit, People, System",
    ),
    ("j and k", "next and previous row"),
    ("x", "select the row; shift and x selects up to it"),
    ("enter", "open the row"),
    ("e", "expand the row"),
    ("r", "replay"),
    ("[ and ]", "previous and next message"),
    ("1 to 6", "parts of a message"),
    ("y and Y", "copy the path, or the value, of a field"),
    ("esc", "back"),
];

/// A whole page.
pub fn whole(visit: &Visit, name: &str, sheet: &Sheet) -> Markup {
    let (environment, is_production) = visit.desk().environment();
    html! {
        (DOCTYPE)
        html lang="en" data-keys=(if visit.no_keys { "off" } else { "on" }) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (sheet.title) " - Hilum" }
                link rel="icon" href=(assets::path("icon.svg"));
                link rel="stylesheet" href=(assets::path("style.css"));
                script type="module" src=(assets::path("console.js")) {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    div.banner.production[is_production] {
                        span.mark { "Hilum" }
                        span { "environment " strong { (environment) } @if is_production { " - patients' data" } }
                        @if visit.masked { span { "values are covered" } }
                        span #live-state role="status" {}
                    }
                    @if visit.session.is_some() { (ways(visit, name)) }
                }
                main #main tabindex="-1" {
                    (said(visit))
                    (sheet.body)
                }
                @if visit.session.is_some() { (keys(visit)) }
            }
        }
    }
}

fn ways(visit: &Visit, name: &str) -> Markup {
    html! {
        nav aria-label="Pages" {
            ul {
                @for (address, way, key) in WAYS {
                    li { a href=(address) data-go=(key) aria-current=[(*way == name).then_some("page")] { (way) } }
                }
            }
        }
        div.tools {
            form.search role="search" method="post" action="/messages" {
                (parts::csrf(visit))
                label for="query" { "Search" }
                input #query name="query" type="search" autocomplete="off" spellcheck="false" aria-describedby="search-key";
                span #search-key .quiet { "control id, or mrn:8001 state:dead; key /" }
                button { "Search" }
            }
            (switch(visit, "mask", visit.masked, "Mask", "Unmask"))
            (switch(visit, "utc", visit.utc, "UTC", "Site time"))
            a href="/account" { (visit.me.name) }
            form method="post" action="/act" {
                (parts::csrf(visit))
                input type="hidden" name="route" value="/api/v1/auth/logout";
                button.plain { "Sign out" }
            }
        }
    }
}

/// A button that changes how pages are shown.
fn switch(visit: &Visit, name: &str, on: bool, begin: &str, end: &str) -> Markup {
    html! {
        form method="post" action="/act" {
            (parts::csrf(visit))
            input type="hidden" name="switch" value=(name);
            input type="hidden" name="next" value=(visit.here);
            button.plain aria-pressed=(on.to_string()) { (if on { end } else { begin }) }
        }
    }
}

/// What the form before has brought about.
fn said(visit: &Visit) -> Markup {
    let said = visit.console.said.of(&visit.me.id, visit.field("said"));
    html! {
        @match said {
            Some(Ok(text)) => { p.outcome.good role="status" { (text) } }
            Some(Err(text)) => { p.outcome.bad role="alert" { (text) } }
            None => {}
        }
    }
}

fn keys(visit: &Visit) -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl { @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } } }
            (switch(visit, "nokeys", visit.no_keys, "Turn single keys off", "Turn single keys on"))
            form method="dialog" { button { "Close" } }
        }
        p #announce .unseen role="status" aria-live="polite" {}
    }
}

/// A page that leads to where a link of another site wanted to go, with the cookie that did not come along.
pub fn bounce(here: &str) -> axum::response::Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Hilum" } meta http-equiv="refresh" content={ "0;url=" (here) }; }
            body { p { a href=(here) { "Go on to Hilum" } } }
        }
    };
    axum::response::Html(page.into_string())
}
