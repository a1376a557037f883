//! Routes of the page of a message.

use auth::grants::{MessageBody, MessageError, MessageMeta};
use axum::Json;
use hl7::PathChange;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AuditRecord, DeliveryId, InLine, MessageDetail};

use super::look::message_id;
use super::maybe_name;
use super::table::{Answer, Call, Route};
use crate::json as shape;
use crate::page;
use crate::problem::Problem;
use crate::service::{Around, Differing, LookAt, Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/messages/find",
            "One message with its trace: by its id, or the newest with a control id. With who looked at it, for whoever may read the audit log.",
            message,
        ),
        Route::post(
            "/api/v1/messages/fields",
            "The fields of a body by the names of its version. Recorded.",
            fields,
        ),
        Route::post(
            "/api/v1/messages/raw",
            "A body line by line, with the place and the name of each value. Recorded.",
            raw,
        ),
        Route::post(
            "/api/v1/messages/difference",
            "Where two bodies differ, by path. Recorded, as a look at both.",
            difference,
        ),
        Route::post(
            "/api/v1/messages/response",
            "What a receiver answered to a try. Recorded.",
            response,
        ),
    ]
}

/// An id, or a control id.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Find {
    id: String,
}

async fn message(service: Service, call: Call<MessageMeta>, find: Find) -> Answer {
    let detail = service.message(&call.permit, &find.id).await?;
    let revision = service.revision_of(&call.permit, &detail).await?;
    let errors = call.session.permit::<MessageError>().is_some();
    let around = service.around(&call, &detail).await?;
    let mut shown = shape::detail(&detail, revision.as_ref(), errors);
    explain(&detail, &mut shown);
    surround(&detail, around, &mut shown);
    shown["timeline"] = Value::Array(page::timeline(&detail));
    Ok(Json(shown))
}

/// Why deliveries are dead, and how to send their bytes by hand.
fn explain(detail: &MessageDetail, shown: &mut Value) {
    let Some(shapes) = shown["deliveries"].as_array_mut() else { return };
    for (delivery, shape) in detail.deliveries.iter().zip(shapes) {
        shape["why"] = json!(page::why_dead(delivery));
        let peer = delivery.attempts.last().map(|last| last.peer.as_str());
        // Only an address says where to send; what a connector calls its receiver otherwise may be anything.
        let peer = peer.filter(|peer| peer.parse::<std::net::SocketAddr>().is_ok());
        shape["reproduce"] = json!(peer.map(|peer| {
            let (id, name) = (detail.summary.id, &delivery.destination);
            format!(
                "hilum message {id} --sent {name} --to message.hl7 && hilum send {peer} message.hl7"
            )
        }));
    }
}

fn surround(detail: &MessageDetail, around: Around, shown: &mut Value) {
    let Around { line, previous, next, looks } = around;
    let mut ancestors = Vec::new();
    let mut parent = detail.summary.parent;
    while let Some(one) = line.iter().find(|one| Some(one.message.id) == parent) {
        ancestors.push(in_line(one));
        parent = one.parent;
    }
    shown["ancestors"] = Value::Array(ancestors);
    shown["line"] = Value::Array(line.iter().map(in_line).collect());
    shown["previous"] = json!(previous.map(|id| id.to_string()));
    shown["next"] = json!(next.map(|id| id.to_string()));
    shown["looks_masked"] = json!(looks.is_none());
    shown["looks"] = json!(looks.map(|looks| looks.iter().map(look).collect::<Vec<_>>()));
}

fn in_line(one: &InLine) -> Value {
    let InLine { message, parent } = one;
    json!({
        "id": message.id.to_string(),
        "parent": parent.map(|id| id.to_string()),
        "origin": message.origin.as_str(),
        "channel": message.channel.as_str(),
        "received_us": message.received_us,
        "disposition": message.disposition.as_str(),
    })
}

/// Who did what when, and why.
fn look(record: &AuditRecord) -> Value {
    let read: Value = serde_json::from_str(&record.text).unwrap_or_default();
    json!({
        "seq": record.seq,
        "at_us": read["ts_us"],
        "actor": read["actor"]["id"],
        "name": read["actor"]["name"],
        "action": read["action"],
        "reason": read["purpose"],
        "outcome": read["outcome"],
    })
}

/// Which body.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    id: String,
    destination: Option<String>,
    part: Option<u32>,
}

impl Which {
    fn look(&self) -> Result<LookAt, Problem> {
        Ok(LookAt {
            message: message_id(&self.id)?,
            destination: maybe_name(self.destination.as_deref(), "destination")?,
            part: self.part.unwrap_or(1),
        })
    }
}

/// Which body, and which of its fields: `all`, `populated` or `noted`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    id: String,
    destination: Option<String>,
    part: Option<u32>,
    show: Option<String>,
    reason: Option<String>,
}

async fn fields(service: Service, call: Call<MessageBody>, asked: Fields) -> Answer {
    let Fields { id, destination, part, show, reason } = asked;
    let show = show.as_deref().unwrap_or("populated");
    let show = page::Show::parse(show)
        .ok_or_else(|| Problem::invalid("`show` is `all`, `populated` or `noted`"))?;
    let look = Which { id, destination, part }.look()?;
    let bytes = service.look_at(&call.permit, &look, &Why::because(reason)).await?;
    shaped(move || page::fields(&bytes, show)).await
}

/// Which body, with its bytes in hexadecimal if asked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    id: String,
    destination: Option<String>,
    part: Option<u32>,
    #[serde(default)]
    hex: bool,
    reason: Option<String>,
}

async fn raw(service: Service, call: Call<MessageBody>, asked: Raw) -> Answer {
    let Raw { id, destination, part, hex, reason } = asked;
    let look = Which { id, destination, part }.look()?;
    let bytes = service.look_at(&call.permit, &look, &Why::because(reason)).await?;
    shaped(move || page::raw(&bytes, hex)).await
}

/// A message may be long: it is not taken apart where requests are answered.
async fn shaped(shape: impl FnOnce() -> Value + Send + 'static) -> Answer {
    let shown = tokio::task::spawn_blocking(shape).await;
    shown
        .map(Json)
        .map_err(|_| Problem::conflict("unreadable", "the message cannot be taken apart"))
}

/// Two bodies.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Two {
    left: Which,
    right: Which,
    reason: Option<String>,
}

async fn difference(service: Service, call: Call<MessageBody>, two: Two) -> Answer {
    let (left, right) = (two.left.look()?, two.right.look()?);
    let why = Why::because(two.reason);
    let found = service.difference(&call.permit, (&left, &right), &why).await?;
    Ok(Json(differing(&found)))
}

pub(super) fn differing(found: &Differing) -> Value {
    let shown: Vec<Value> = found.changes.iter().map(change).collect();
    json!({ "differences": shown, "cut": found.cut })
}

fn change(change: &PathChange) -> Value {
    let path = hl7::Path::parse(&change.path).ok();
    json!({
        "path": change.path,
        "title": path.map(|path| page::newest_title(&path)),
        "kind": change.kind.as_str(),
        "before": change.before,
        "after": change.after,
    })
}

/// A try, from 1.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    delivery: String,
    attempt: usize,
    reason: Option<String>,
}

async fn response(service: Service, call: Call<MessageBody>, asked: Response) -> Answer {
    let Response { delivery, attempt, reason } = asked;
    let delivery: DeliveryId = delivery.parse().map_err(|_| Problem::absent("delivery"))?;
    let why = Why::because(reason);
    let bytes = service.response(&call.permit, (delivery, attempt), &why).await?;
    Ok(Json(shape::body(&bytes)))
}
