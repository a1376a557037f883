//! Routes of the one search, and of searches that people keep.

use auth::grants::MessageMeta;
use axum::Json;
use config::Name;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Messages, SearchPlace};
use uuid::Uuid;

use super::look::{PAGE, PAGE_MAX, Search};
use super::table::{Answer, Call, Route};
use crate::json as shape;
use crate::problem::Problem;
use crate::query::{Query, Word, said_as};
use crate::service::{NewView, Searched, Service, View, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/views/search",
            "The searches that one keeps, and those that others share.",
            views,
        ),
        Route::post(
            "/api/v1/views/add",
            "Keeps a search. Recorded, without what it asks for.",
            add,
        ),
        Route::post("/api/v1/views/set", "Changes a search that one keeps. Recorded.", set),
        Route::post("/api/v1/views/remove", "Forgets a search that one keeps. Recorded.", remove),
    ]
}

/// A search by words; the other fields of the request are words too.
pub(super) async fn by_words(service: Service, call: Call<MessageMeta>, asked: Search) -> Answer {
    let mut text = asked.query.clone().unwrap_or_default();
    let more = [
        (Word::Channel, &asked.channel),
        (Word::State, &asked.state),
        (Word::Type, &asked.r#type),
        (Word::Id, &asked.control_id),
        (Word::Error, &asked.code),
    ];
    for (word, value) in more {
        if let Some(value) = value {
            text.push(' ');
            text.push_str(&said_as(Some(word), value));
        }
    }
    for (word, at_us) in [(Word::Since, asked.since_us), (Word::Until, asked.until_us)] {
        if let Some(at_us) = at_us {
            let at = jiff::Timestamp::from_microsecond(at_us);
            let at = at.map_err(|_| Problem::invalid("a time lies beyond all years"))?;
            text.push_str(&format!(" {}", said_as(Some(word), &at.to_string())));
        }
    }
    let query = Query::parse(&text).map_err(Problem::of_query)?;
    let after = asked.after.as_deref().map(|text| {
        let odd = |_| Problem::invalid("`after` is the end of a page of the same search");
        text.parse::<SearchPlace>().map_err(odd)
    });
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let why = Why::because(asked.reason);
    let after = after.transpose()?;
    let found = service.search(&call, &query, (after.as_ref(), limit), &why).await?;
    Ok(Json(answer(&query, found)))
}

fn answer(query: &Query, found: Searched) -> Value {
    let Searched { page, tried, not_tried, window } = found;
    let mut shown = shape::page(&Messages { rows: page.rows, next: None });
    shown["next"] = json!(page.next.as_ref().map(ToString::to_string));
    shown["more"] = json!(page.next.is_some());
    shown["behind"] = json!(page.behind);
    shown["understood"] = json!(query.words().map(understood).collect::<Vec<_>>());
    shown["tried"] = json!(tried);
    shown["not_tried"] = json!(not_tried);
    shown["window"] = json!({ "since_us": window.since_us, "until_us": window.until_us });
    shown
}

/// A word as it was understood. What may be the number of a patient is not said again.
fn understood((word, value): (Option<Word>, &phi::Phi<String>)) -> Value {
    let masked = word.is_none_or(Word::is_number);
    let value = (!masked).then(|| value.expose_phi());
    json!({ "word": word.map(Word::name), "value": value, "masked": masked })
}

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Views {}

async fn views(service: Service, call: Call<MessageMeta>, _: Views) -> Answer {
    let views = service.views(&call.permit).await?;
    Ok(Json(json!({ "views": views.iter().map(view).collect::<Vec<_>>() })))
}

fn view(view: &View) -> Value {
    json!({
        "id": view.id.to_string(),
        "name": view.name,
        "query": view.query.expose_phi(),
        "columns": view.columns,
        "owner": view.owner,
        "own": view.own,
        "shared": view.shared,
        "created_us": view.created_us,
        "changed_us": view.changed_us,
    })
}

/// A search to keep.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    name: String,
    query: String,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    shared: bool,
}

impl Add {
    fn view(self) -> Result<NewView, Problem> {
        let odd = |_| Problem::invalid("a column is a name such as `received`");
        let columns = self.columns.iter().map(|column| Name::new(column).map_err(odd));
        Ok(NewView {
            columns: columns.collect::<Result<_, _>>()?,
            name: self.name,
            query: self.query,
            shared: self.shared,
        })
    }
}

async fn add(service: Service, call: Call<MessageMeta>, add: Add) -> Answer {
    let id = service.add_view(&call.permit, &add.view()?).await?;
    Ok(Json(json!({ "id": id.to_string() })))
}

/// What a kept search is from now on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    id: String,
    name: String,
    query: String,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    shared: bool,
}

async fn set(service: Service, call: Call<MessageMeta>, set: Set) -> Answer {
    let Set { id, name, query, columns, shared } = set;
    let view = Add { name, query, columns, shared }.view()?;
    service.set_view(&call.permit, id_of(&id)?, &view).await?;
    Ok(Json(json!({ "id": id })))
}

/// Which kept search.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    id: String,
}

async fn remove(service: Service, call: Call<MessageMeta>, remove: Remove) -> Answer {
    service.remove_view(&call.permit, id_of(&remove.id)?).await?;
    Ok(Json(json!({ "id": remove.id })))
}

fn id_of(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::absent("view"))
}
