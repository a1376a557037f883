//! The one dialog for sending again and for discarding: what, from where, whereto, why.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::refusal;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// More than these are confirmed by typing how many they are.
const TYPED_ABOVE: i64 = 100;

/// Shows what would be done, and the form that does it.
pub async fn show(visit: &Visit) -> Outcome {
    let discards = visit.field("what") == "discard";
    let mode = if visit.field("mode") == "raw" { "raw" } else { "as_sent" };
    let selection = selection(visit);
    let (route, asked) = match discards {
        true => ("/api/v1/discard/preview", selection.clone()),
        false => {
            let mut asked = selection.clone();
            asked["mode"] = json!(mode);
            ("/api/v1/replay/preview", asked)
        }
    };
    let preview = visit.ask(route, &asked).await?;
    let count = preview.int("count");
    let refused = preview.list("refused");
    let body = html! {
        h1 { (if discards { "Discard" } else { "Replay" }) }
        p.lead { (refusal::sentence(preview.text("sentence"))) }
        @if !refused.is_empty() {
            section.panel.warned { p { (refused.len()) " of those named stay as they are: " (refusal::sentence(refused[0].text("why"))) } }
        }
        @if count == 0 {
            (parts::empty("There is nothing to do.", html! { "What was dead may have been sent again meanwhile. " a href="/dead" { "Dead letters" } }))
        } @else if discards { (discard_form(visit, count)) } @else { (replay_form(visit, mode, &preview)) }
        (parts::command(&[command(visit, discards, mode)], if discards { "POST /api/v1/jobs/discard" } else { "POST /api/v1/jobs/replay" }))
    };
    let title = format!("{count} - {}", if discards { "Discard" } else { "Replay" });
    Ok(Sheet::new(title, body).into())
}

/// The members of a request that say which.
fn selection(visit: &Visit) -> Value {
    let ids: Vec<&str> =
        visit.fields.iter().filter(|(name, _)| name == "ids").map(|(_, id)| id.as_str()).collect();
    let some = |name: &str| {
        Some(visit.field(name)).filter(|text| !text.is_empty() && ids.is_empty()).map(str::to_owned)
    };
    json!({ "ids": ids, "channel": some("channel"), "destination": some("destination"), "error": some("error") })
}

/// The same as hidden fields.
fn carried(visit: &Visit) -> Markup {
    let has_ids = visit.fields.iter().any(|(name, _)| name == "ids");
    let of = |name: &str| {
        name == "ids" || (!has_ids && ["channel", "destination", "error"].contains(&name))
    };
    html! { @for (name, value) in visit.fields.iter().filter(|(name, _)| of(name)) { (parts::hidden(name, value)) } }
}

fn replay_form(visit: &Visit, mode: &str, preview: &Value) -> Markup {
    let count = preview.int("count");
    html! {
        @if !visit.may("message.replay") { (parts::lacks("message.replay")) } @else {
            form.panel method="get" action="/replay" {
                (carried(visit))
                fieldset {
                    legend { "From" }
                    label { input type="radio" name="mode" value="as_sent" checked[mode != "raw"]; " the same bytes that were sent" }
                    label { input type="radio" name="mode" value="raw" checked[mode == "raw"]; " what was received, through the revision in force now" }
                    @if mode == "raw" { p { (differing(preview)) } }
                    button { "Look again" }
                }
            }
            form.panel method="post" action="/act" {
                (parts::asks(visit, "/api/v1/jobs/replay", "/jobs?id={id}"))
                (carried(visit)) (parts::hidden("mode", mode))
                // A second click, or the same page sent again, does nothing new.
                (parts::hidden("token", &token()))
                @let destinations = preview.list("destinations");
                @if destinations.len() > 1 {
                    fieldset { legend { "Where" }
                        @for one in destinations { label { input type="checkbox" name="destinations" value=(one.text("name")) checked; " " (one.text("name")) " " span.quiet { (one.int("count")) } } }
                    }
                }
                p { label for="rate" { "How many a second" } input #rate name="rate_per_second" type="number" min="1" max="1000" value="5"; }
                p { (parts::reason("why")) }
                @if preview.flag("needs_approval") { p { "So many need the agreement of somebody else." } p { label for="approval" { "Agreed request" } input #approval name="approval" autocomplete="off"; } }
                (typed(count))
                p { button.main { "Replay " (parts::number(count)) } " " a href=(visit.back()) { "Leave it" } }
                p.quiet { "Nothing is overwritten: each becomes a new message that is linked to the old one." }
            }
        }
    }
}

fn discard_form(visit: &Visit, count: i64) -> Markup {
    html! {
        @if !visit.may("message.discard") { (parts::lacks("message.discard")) } @else {
            form.panel method="post" action="/act" {
                (parts::asks(visit, "/api/v1/jobs/discard", "/jobs?id={id}"))
                (carried(visit)) (parts::hidden("token", &token()))
                p { (parts::reason("why")) }
                (typed(count))
                p { button.danger { "Discard " (parts::number(count)) } " " a href=(visit.back()) { "Leave it" } }
                p.quiet { "The messages stay and can be looked at; they are tried no more and leave the list of dead letters." }
            }
        }
    }
}

fn typed(count: i64) -> Markup {
    html! {
        @if count > TYPED_ABOVE {
            p { label for="count" { "Type " (count) " to confirm" } input #count name="count" inputmode="numeric" required autocomplete="off" pattern=(count); }
        }
    }
}

fn differing(preview: &Value) -> String {
    let (looked, differ, stay) =
        (preview.int("looked"), preview.int("differ"), preview.int("would_not_go"));
    let mut text = match differ {
        0 => format!("Of {looked} that were tried, all would be the bytes that were sent before."),
        n => {
            format!("Of {looked} that were tried, {n} would be other bytes than were sent before.")
        }
    };
    if stay > 0 {
        text.push_str(&format!(" {stay} would not go there at all."));
    }
    text
}

/// Makes a form one that is done once.
pub fn token() -> String {
    data_encoding::HEXLOWER.encode(&rand::random::<[u8; 16]>())
}

fn command(visit: &Visit, discards: bool, mode: &str) -> String {
    let mut line = if discards { "hilum discard".to_owned() } else { "hilum replay".to_owned() };
    for (_, id) in visit.fields.iter().filter(|(name, _)| name == "ids") {
        line.push_str(&format!(" {id}"));
    }
    for name in ["channel", "destination", "error"] {
        if !visit.field(name).is_empty() && !visit.fields.iter().any(|(name, _)| name == "ids") {
            line.push_str(&format!(" --{name} {}", parts::quoted(visit.field(name))));
        }
    }
    if !discards {
        line.push_str(if mode == "raw" { " --raw --job --rate 5" } else { " --job --rate 5" });
    }
    line + " --reason WHY"
}
