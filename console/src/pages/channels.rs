//! The channels: where each takes from, where it sends.

use maud::html;
use serde_json::Value;

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows them.
pub async fn show(visit: &Visit) -> Outcome {
    let found = visit.ask("/api/v1/channels", &Value::Null).await?;
    let channels = found.list("channels");
    let body = html! {
        h1 { "Channels" }
        p { a href="/apply" { "What differs between the files and what runs" } " \u{b7} " a href="/tables" { "Code tables" } }
        @if channels.is_empty() {
            (parts::empty("There is no channel yet.", html! { code { "hilum init" } " writes an example; then " a href="/apply" { "apply" } " it." }))
        } @else {
            div.wide tabindex="0" role="region" aria-labelledby="channels-caption" {
                table.rows {
                    caption #channels-caption { "Channels by name" }
                    thead { tr { th scope="col" { "Channel" } th scope="col" { "State" } th scope="col" { "From" } th scope="col" { "To" } th scope="col" { "Revision" } } }
                    tbody { @for one in channels {
                        @let name = one.text("name");
                        tr {
                            th scope="row" { a.open href={ "/channel?name=" (name) } { (name) } }
                            td { (parts::state(one.text("state"))) }
                            td { (one.text("source")) }
                            td { @for to in one.list("destinations") { a href={ "/destination?channel=" (name) "&name=" (to.text("name")) } { (to.text("name")) } " " } }
                            td { code { (one.text("revision").get(..8).unwrap_or("")) } }
                        }
                    } }
                }
            }
        }
        (parts::command(&["hilum status".to_owned(), "hilum diff".to_owned()], "GET /api/v1/channels"))
    };
    Ok(Sheet::new("Channels", body).into())
}
