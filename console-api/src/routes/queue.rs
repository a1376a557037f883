//! Routes of what waits, of sources, and of edited copies.

use auth::grants::{ConnectionControl, DeadletterRead, MessageDiscard, MessageEdit, MonitorRead};
use axum::Json;
use data_encoding::BASE64;
use engine::EditedCopy;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{DeliveryId, MessageId};
use uuid::Uuid;

use super::table::{Answer, Call, Route};
use super::{maybe_name, name, names};
use crate::edited;
use crate::json::acts as shape;
use crate::problem::Problem;
use crate::service::{QueueEnded, Service, Why};

/// Letters of one page, when nobody says.
const PAGE: usize = 100;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/destinations/queue",
            "What waits at a destination: the heads of its lanes, and what blocks them.",
            queue,
        ),
        Route::post(
            "/api/v1/destinations/skip",
            "Makes the head of a blocked lane a dead letter; the lane goes on behind it.",
            skip,
        ),
        Route::post(
            "/api/v1/destinations/discard",
            "Ends everything that waits at a destination, when it is as many as were looked at.",
            discard,
        ),
        Route::post(
            "/api/v1/sources/stop",
            "Stops a channel's source, over restarts: what is in hand is finished, then its port refuses.",
            stop,
        ),
        Route::post("/api/v1/sources/start", "Starts a source that a person has stopped.", start),
        Route::post_fresh(
            "/api/v1/messages/edit",
            "Makes a new message out of an old one with other bytes, linked to it. Recorded, without the bytes.",
            edit,
        ),
        Route::post(
            "/api/v1/dead/letters",
            "The dead letters of one group, oldest first, page by page.",
            letters,
        ),
    ]
}

/// A destination.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    channel: String,
    destination: String,
}

async fn queue(service: Service, call: Call<MonitorRead>, one: Queue) -> Answer {
    let at = (name(&one.channel, "channel")?, name(&one.destination, "destination")?);
    let view = service.queue(&call.permit, (&at.0, &at.1)).await?;
    Ok(Json(shape::queue(&view)))
}

/// What goes on behind the answer.
fn goes_on() -> Value {
    json!({ "outcome": "goes_on" })
}

/// A destination, and the head that somebody has looked at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    channel: String,
    destination: String,
    reason: Option<String>,
    /// It must still be the head of its lane; without one it is the oldest head that blocks a lane.
    delivery: Option<String>,
}

async fn skip(service: Service, call: Call<ConnectionControl>, one: Skip) -> Answer {
    let at = (name(&one.channel, "channel")?, name(&one.destination, "destination")?);
    let looked_at = one.delivery.map(|id| id.parse::<DeliveryId>()).transpose();
    let looked_at = looked_at.map_err(|_| Problem::absent("delivery"))?;
    let done = service.skip(&call.permit, at, looked_at, &Why::because(one.reason)).await?;
    Ok(Json(
        done.map_or_else(goes_on, |id| json!({ "outcome": "skipped", "delivery": id.to_string() })),
    ))
}

/// A destination, and how much was seen waiting there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discard {
    channel: String,
    destination: String,
    /// As `/api/v1/destinations/queue` has said it.
    count: i64,
    /// The same; what came later stays. Without one everything is meant that waits now.
    mark: Option<i64>,
    reason: Option<String>,
}

async fn discard(service: Service, call: Call<MessageDiscard>, one: Discard) -> Answer {
    let at = (name(&one.channel, "channel")?, name(&one.destination, "destination")?);
    let why = Why::because(one.reason);
    let done = service.empty_queue(&call.permit, at, (one.count, one.mark), &why).await?;
    Ok(Json(match done {
        Some(QueueEnded::Done(count, sending)) => {
            json!({ "outcome": "discarded", "count": count, "sending": sending })
        }
        Some(QueueEnded::AsJob(id)) => {
            json!({ "outcome": "goes_on", "job": id.to_string(), "count": one.count })
        }
        None => goes_on(),
    }))
}

/// A channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    channel: String,
    reason: Option<String>,
}

async fn stop(service: Service, call: Call<ConnectionControl>, one: Source) -> Answer {
    let channel = name(&one.channel, "channel")?;
    let done = service.stop_source(&call.permit, channel, &Why::because(one.reason)).await?;
    Ok(Json(done.map_or_else(goes_on, |stopped| {
        json!({
            "outcome": "stopped",
            "since_us": stopped.since_us,
            "by": stopped.by,
            "reason": stopped.reason,
        })
    })))
}

async fn start(service: Service, call: Call<ConnectionControl>, one: Source) -> Answer {
    let channel = name(&one.channel, "channel")?;
    let done = service.start_source(&call.permit, channel, &Why::because(one.reason)).await?;
    Ok(Json(done.map_or_else(goes_on, |()| json!({ "outcome": "started" }))))
}

/// A message, and what it is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The message that is edited; it stays what it is.
    id: String,
    /// The new message as text: every line is a segment.
    text: Option<String>,
    /// The new message byte by byte, in base64.
    base64: Option<String>,
    /// To these destinations only.
    #[serde(default)]
    destinations: Vec<String>,
    /// Past the program, as it is, to `destinations`.
    #[serde(default)]
    as_is: bool,
    reason: Option<String>,
    /// The same token a second time does nothing.
    token: Option<String>,
}

async fn edit(service: Service, call: Call<MessageEdit>, edit: Edit) -> Answer {
    let of: MessageId = edit.id.parse().map_err(|_| Problem::absent("message"))?;
    let body = match (edit.text, edit.base64) {
        (Some(text), None) => edited::from_text(&text)?,
        (None, Some(base64)) => BASE64
            .decode(base64.as_bytes())
            .map_err(|_| Problem::invalid("`base64` is not in base64"))?,
        _ => return Err(Problem::invalid("say the new message as `text` or as `base64`")),
    };
    edited::check(&body)?;
    let copy = EditedCopy {
        of,
        body: body.into(),
        to: names(&edit.destinations, "destination")?,
        as_is: edit.as_is,
        token: edit.token,
    };
    let made = service.edit(&call.permit, copy, &Why::because(edit.reason)).await?;
    Ok(Json(json!({
        "id": made.message.to_string(),
        "seq": made.seq,
        "repeated": made.repeated,
    })))
}

/// A group of dead letters, and where its list goes on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Letters {
    channel: String,
    /// Nothing for messages that failed before they had deliveries.
    destination: Option<String>,
    /// As `/api/v1/dead/search` names it.
    error: String,
    /// The id of the last letter that was seen.
    after: Option<String>,
    limit: Option<usize>,
}

async fn letters(service: Service, call: Call<DeadletterRead>, asked: Letters) -> Answer {
    let channel = name(&asked.channel, "channel")?;
    let destination = maybe_name(asked.destination.as_deref(), "destination")?;
    let after = asked.after.map(|id| id.parse::<Uuid>()).transpose();
    let after = after.map_err(|_| Problem::invalid("`after` is the id of a letter"))?;
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, 500);
    let group = (&channel, destination.as_ref(), &*asked.error);
    let found = service.dead_page(&call.permit, group, (after, limit)).await?;
    let letters: Vec<Value> = found.iter().map(shape::dead_letter).collect();
    let next = letters.last().filter(|_| letters.len() >= limit).map(|last| last["id"].clone());
    Ok(Json(json!({ "letters": letters, "next": next })))
}
