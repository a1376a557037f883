//! Pieces that pages are made of.

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use crate::value::{Get, texts};
use crate::visit::Visit;

/// What every form carries.
pub fn csrf(visit: &Visit) -> Markup {
    html! { input type="hidden" name="csrf" value=(visit.csrf); }
}

/// The hidden fields of a form that asks a route, and where it leads.
pub fn asks(visit: &Visit, route: &str, next: &str) -> Markup {
    html! {
        (csrf(visit))
        input type="hidden" name="route" value=(route);
        input type="hidden" name="next" value=(next);
    }
}

/// A hidden field.
pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// The exact time, in the zone of the visit: `2026-11-21 14:03:22`.
pub fn exact(visit: &Visit, us: i64) -> String {
    let at = Timestamp::from_microsecond(us).unwrap_or_default().to_zoned(visit.zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same to the millisecond, without the day.
pub fn clock(visit: &Visit, us: i64) -> String {
    let at = Timestamp::from_microsecond(us).unwrap_or_default().to_zoned(visit.zone.clone());
    at.strftime("%H:%M:%S%.3f").to_string()
}

/// How long ago, with the exact time where a pointer or the focus rests.
pub fn when(visit: &Visit, us: Option<i64>) -> Markup {
    let Some(us) = us.filter(|us| *us > 0) else { return html! { span.quiet { "never" } } };
    let iso = Timestamp::from_microsecond(us).unwrap_or_default().to_string();
    let ago = visit.now_us - us;
    let text = if ago < 0 { format!("in {}", span(-ago)) } else { format!("{} ago", span(ago)) };
    html! { time datetime=(iso) title={ (exact(visit, us)) " " (zone(visit)) } { (text) } }
}

/// The exact time and how long ago.
pub fn at(visit: &Visit, us: i64) -> Markup {
    html! { (exact(visit, us)) " " span.quiet { "(" (when(visit, Some(us))) ")" } }
}

/// The name of the zone that times are in.
pub fn zone(visit: &Visit) -> String {
    if visit.utc { "UTC".to_owned() } else { visit.desk().zone().to_owned() }
}

/// A length of time in one or two units.
pub fn span(us: i64) -> String {
    let seconds = us.max(0) / 1_000_000;
    match seconds {
        0 => "moments".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Microseconds as milliseconds, for what is short.
pub fn short(us: i64) -> String {
    match us {
        0..10_000 => format!("{}.{} ms", us / 1_000, us / 100 % 10),
        10_000..10_000_000 => format!("{} ms", us / 1_000),
        _ => span(us),
    }
}

/// Bytes in the unit that people read.
pub fn size(bytes: i64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// A number with spaces between thousands.
pub fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

/// How good a state is: its class, and the shape that says the same without colour.
fn kind(word: &str) -> (&'static str, &'static str) {
    match word {
        "running" | "routed" | "delivered" | "done" | "success" | "verified" | "active"
        | "open now" => ("good", "\u{25cf}"),
        "held" | "paused" | "waiting" | "partly_delivered" | "medium" | "acknowledged"
        | "snoozed" | "received" | "queued" | "not live" => ("warn", "\u{25b2}"),
        "down" | "dead" | "failed" | "failure" | "rejected" | "critical" | "high" | "denied"
        | "open" | "locked" | "broken" => ("bad", "\u{25a0}"),
        _ => ("idle", "\u{25cb}"),
    }
}

/// A state as a word, a shape and a colour.
pub fn state(word: &str) -> Markup {
    let (class, shape) = kind(word);
    html! { span.state.(class) { span aria-hidden="true" { (shape) } " " (word.replace('_', " ")) } }
}

/// How sick something is, for sorting: the sickest first.
pub fn sickness(word: &str) -> u8 {
    match kind(word).0 {
        "bad" => 0,
        "warn" => 1,
        "good" => 2,
        _ => 3,
    }
}

/// A number that leads to its list; plain when there is nothing in it.
pub fn linked(n: i64, address: &str) -> Markup {
    html! { @if n == 0 { "0" } @else { a href=(address) { (number(n)) } } }
}

/// What an empty list says.
pub fn empty(text: &str, next: Markup) -> Markup {
    html! { div.empty { p { (text) } p { (next) } } }
}

/// The reason, which the audit log keeps.
pub fn reason(id: &str) -> Markup {
    html! {
        label for=(id) { "Why, for the audit log" }
        input #(id) name="reason" required maxlength="500" autocomplete="off";
    }
}

/// What a person without a permission sees instead of a verb.
pub fn lacks(permission: &str) -> Markup {
    let roles = console_api::roles_with(permission).join(", ");
    html! { p.lacks { "Needs the permission " code { (permission) } ", which these roles hold: " (roles) "." } }
}

/// The same as a verb of the command line, and as a request of the API.
pub fn command(lines: &[String], route: &str) -> Markup {
    html! {
        details.command {
            summary { "As command" }
            @for line in lines { pre { code { (line) } } }
            p.quiet { "API: " code { (route) } }
        }
    }
}

/// A word of a command line, quoted where a shell would take it apart.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// A value of a message: covered when the visit asks for it.
pub fn covered<'a>(visit: &Visit, value: &'a str) -> &'a str {
    if visit.masked && !value.is_empty() { "\u{2022}\u{2022}\u{2022}" } else { value }
}

/// Twenty-four numbers as a line, with the same in words for those who do not see it.
pub fn spark(numbers: &[i64], what: &str) -> Markup {
    let most = numbers.iter().copied().max().unwrap_or(0).max(1);
    let count = numbers.len().max(2) - 1;
    let points = numbers.iter().enumerate().map(|(at, n)| {
        let (x, y) = (at * 96 / count, 20 - n * 18 / most);
        format!("{x},{y}")
    });
    let points = points.collect::<Vec<_>>().join(" ");
    let last = numbers.last().copied().unwrap_or(0);
    html! {
        svg.spark viewBox="0 0 96 22" width="96" height="22" role="img" aria-label={ (what) ": at most " (most) ", now " (last) } {
            polyline points=(points) fill="none" stroke="currentColor" stroke-width="1.5" {}
        }
    }
}

/// What the API shows once and never again: recovery codes, passwords, tokens.
pub fn once(visit: &Visit, route: &str, answer: &Value) -> Option<Markup> {
    let back = visit.back();
    let codes = texts(answer.list("recovery_codes"));
    if !codes.is_empty() {
        return Some(html! {
            h1 { "Recovery codes" }
            p { "Each of them signs you in once, in place of the second factor. They are shown this one time: print them, or write them down." }
            ul.codes { @for code in codes { li { code { (code) } } } }
            p { a.main href=(back) { "I have them" } }
        });
    }
    let token = answer.text("token");
    if route.contains("/tokens/") && !token.is_empty() {
        return Some(html! {
            h1 { "The token" }
            p { "It is shown this one time. Give it to the program that uses it." }
            pre { code { (token) } }
            p { a.main href=(back) { "I have it" } }
        });
    }
    None
}
