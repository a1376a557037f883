//! Long work: how far it is, what has come of each piece.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::router::{Outcome, Parts, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Outcomes of a page.
const PAGE: usize = 100;

/// The jobs; of one of them, its outcomes.
pub async fn show(visit: &Visit) -> Outcome {
    let id = visit.field("id");
    if !id.is_empty() {
        return one(visit, id).await;
    }
    let found = visit.ask("/api/v1/jobs/search", &json!({})).await?;
    let jobs = found.list("jobs");
    let body = html! {
        h1 { "Jobs" }
        @if jobs.is_empty() {
            (parts::empty("No job has been begun.", html! { "Sending many messages again is one. " a href="/dead" { "Dead letters" } }))
        } @else {
            div.wide tabindex="0" role="region" aria-labelledby="jobs-caption" {
                table.rows {
                    caption #jobs-caption { "Jobs, the newest first" }
                    thead { tr { th scope="col" { "Begun" } th scope="col" { "What" } th scope="col" { "State" } th.number scope="col" { "Done" } th scope="col" { "By" } th scope="col" { "Why" } } }
                    tbody { @for job in jobs { tr {
                        td { (parts::when(visit, job.maybe_int("begun_us"))) }
                        th scope="row" { a.open href={ "/jobs?id=" (job.text("id")) } { (job.text("kind")) } }
                        td { (parts::state(job.text("state"))) }
                        td.number { (parts::number(job.int("done"))) " of " (parts::number(job.int("total"))) }
                        td { (job.text("by")) } td { (job.text("reason")) }
                    } } }
                }
            }
        }
        (parts::command(&["hilum job list".to_owned()], "POST /api/v1/jobs/search"))
    };
    Ok(Sheet::new("Jobs", body).into())
}

/// How far one is.
pub async fn parts(visit: &Visit) -> Parts {
    let id = visit.field("id");
    if id.is_empty() {
        return Ok(Vec::new());
    }
    let job = visit.ask("/api/v1/jobs/find", &json!({ "id": id })).await?;
    let mut parts = vec![("job".to_owned(), progress(visit, &job))];
    if visit.field("after").is_empty() {
        let asked = json!({ "id": id, "limit": PAGE });
        let outcomes = visit.ask("/api/v1/jobs/outcomes", &asked).await?;
        parts.push(("outcomes".to_owned(), came_of(id, &outcomes)));
    }
    Ok(parts)
}

async fn one(visit: &Visit, id: &str) -> Outcome {
    let job = visit.ask("/api/v1/jobs/find", &json!({ "id": id })).await?;
    let after = Some(visit.field("after")).filter(|after| !after.is_empty());
    let asked = json!({ "id": id, "after": after, "limit": PAGE });
    let outcomes = visit.ask("/api/v1/jobs/outcomes", &asked).await?;
    let body = html! {
        p { a href="/jobs" { "Jobs" } }
        h1 { "Job: " (job.text("kind")) }
        div #job data-live { (progress(visit, &job)) }
        h2 { "What has come of each" }
        div #outcomes data-live { (came_of(id, &outcomes)) }
        (parts::command(&[format!("hilum job show {id}"), format!("hilum job wait {id}")], "POST /api/v1/jobs/find, /api/v1/jobs/outcomes"))
    };
    Ok(Sheet::new(format!("{} - Job", job.text("state")), body).into())
}

/// The outcomes of a page.
fn came_of(id: &str, outcomes: &Value) -> Markup {
    let next = outcomes.text("next");
    html! {
        @let list = outcomes.list("outcomes");
        @if list.is_empty() { (parts::empty("Nothing has been done yet.", html! { "It appears here by itself, or when the page is opened again." })) } @else {
            div.wide tabindex="0" role="region" aria-labelledby="outcomes-caption" {
                table.rows {
                    caption #outcomes-caption { "In the order in which they came" }
                    thead { tr { th scope="col" { "Was" } th scope="col" { "Is now" } th scope="col" { "State" } th scope="col" { "Why not" } } }
                    tbody { @for one in list { tr {
                        th scope="row" { a href={ "/message?id=" (one.text("id")) } { (one.text("id")) } }
                        td { @if !one.text("message").is_empty() { a href={ "/message?id=" (one.text("message")) } { (one.text("message")) } } }
                        td { (parts::state(one.text("disposition"))) }
                        td { (one.text("refused")) }
                    } } }
                }
            }
            @if !next.is_empty() { p { a.main href={ "/jobs?id=" (id) "&after=" (next) } { "More" } } }
        }
    }
}

fn progress(visit: &Visit, job: &Value) -> Markup {
    let (done, total) = (job.int("done") + job.int("refused"), job.int("total").max(1));
    let state = job.text("state");
    let id = job.text("id");
    html! {
        p { (parts::state(state)) " " (parts::number(job.int("done"))) " of " (parts::number(job.int("total"))) " done"
            @if job.int("refused") > 0 { ", " (job.int("refused")) " could not be" }
            ", " (job.int("rate_per_second")) " a second, begun " (parts::when(visit, job.maybe_int("begun_us"))) " by " (job.text("by")) }
        progress max=(total) value=(done) aria-label="Done so far" { (done) " of " (total) }
        @if let Some(eta) = job.maybe_int("eta_us") { p.quiet { "ends " (parts::when(visit, Some(eta))) } }
        @if !job.text("error").is_empty() { p.outcome.bad { (job.text("error")) } }
        p { "Why: " (job.text("reason")) }
        div.verbs {
            @if state == "running" { (verb(visit, id, "pause", "Pause")) (verb(visit, id, "cancel", "Cancel")) }
            @if state == "paused" { (verb(visit, id, "resume", "Resume")) (verb(visit, id, "cancel", "Cancel")) }
        }
    }
}

fn verb(visit: &Visit, id: &str, verb: &str, name: &str) -> Markup {
    html! {
        form method="post" action="/act" {
            (parts::asks(visit, &format!("/api/v1/jobs/{verb}"), &format!("/jobs?id={id}")))
            (parts::hidden("id", id))
            button { (name) }
        }
    }
}
