//! Routes of retention.

use auth::grants::RetentionManage;
use axum::Json;
use config::Name;
use engine::{ChannelRetention, Cleared};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{LegalHold, Periods, Purged, Standstill, StoreSize};

use super::approvals::agreed;
use super::maybe_name;
use super::table::{Answer, Call, Route};
use crate::problem::Problem;
use crate::service::{Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/retention",
            "How long messages stay, what of them is over now, legal holds, and what came of the last purge. Changes nothing.",
            standing,
        ),
        Route::post_fresh(
            "/api/v1/retention/run",
            "Begins to take out of the store what is over.",
            run,
        ),
        Route::post_fresh(
            "/api/v1/retention/shorten",
            "Puts shorter periods into force, as server.toml asks for them.",
            shorten,
        ),
        Route::post(
            "/api/v1/retention/hold",
            "Says that nothing of a channel may leave the store, or nothing at all.",
            hold,
        ),
        Route::post_fresh("/api/v1/retention/lift", "Lifts a legal hold.", lift),
    ]
}

async fn standing(service: Service, call: Call<RetentionManage>) -> Answer {
    let standing = service.retention(&call.permit).await?;
    let last = standing.last.as_ref().map(|(begun_us, outcome)| {
        json!({
            "begun_us": begun_us,
            "error": outcome.as_ref().err(),
            "cleared": outcome.as_ref().ok().map(cleared),
        })
    });
    let running = standing.running.as_ref().map(|running| {
        json!({
            "begun_us": running.begun_us,
            "channel": running.channel.as_ref().map(Name::to_string),
            "done": running.done,
            "all": running.all,
        })
    });
    Ok(Json(json!({
        "channels": standing.channels.iter().map(channel).collect::<Vec<_>>(),
        "holds": standing.holds.iter().map(legal_hold).collect::<Vec<_>>(),
        "size": size(&standing.size),
        "running": running,
        "last": last,
        "needs_a_person": standing.needs_a_person,
    })))
}

fn channel(one: &ChannelRetention) -> Value {
    let due = one.due.as_ref().map(|due| {
        json!({
            "bodies": due.bodies,
            "with_bodies": due.with_bodies,
            "kept": due.kept,
            "messages": due.messages,
            "all": due.all,
        })
    });
    json!({
        "channel": one.retained.channel.to_string(),
        "in_force": one.retained.periods.as_ref().map(periods),
        "asked": periods(&one.asked),
        "is_shorter": one.is_shorter,
        "due": due,
        "bodies_gone": one.retained.bodies_gone,
        "messages_gone": one.retained.messages_gone,
        "ran_us": one.retained.ran_us,
    })
}

fn periods(periods: &Periods) -> Value {
    json!({
        "bodies_us": periods.bodies_us,
        "dead_letters_us": periods.dead_us,
        "messages_us": periods.messages_us,
        "bodies_max": periods.bodies_max,
    })
}

fn cleared(cleared: &Cleared) -> Value {
    let channels = cleared.channels.iter().map(|(name, gone)| purged(name, gone));
    json!({
        "channels": channels.collect::<Vec<_>>(),
        "before": size(&cleared.size.0),
        "after": size(&cleared.size.1),
    })
}

fn purged(name: &Name, gone: &Purged) -> Value {
    json!({
        "channel": name.to_string(),
        "bodies": gone.bodies,
        "messages": gone.messages,
        "keys": gone.keys,
        "standstill": gone.standstill.map(|why| match why {
            Standstill::LegalHold => "legal_hold",
            Standstill::NoPeriods => "no_periods",
        }),
    })
}

fn size(size: &StoreSize) -> Value {
    json!({ "bytes": size.bytes, "free": size.free })
}

fn legal_hold(hold: &LegalHold) -> Value {
    json!({
        "id": hold.id.to_string(),
        "channel": hold.channel.as_ref().map(Name::to_string),
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_us": hold.placed_us,
        "lifted_by": hold.lifted.as_ref().map(|(by, _)| by),
        "lifted_us": hold.lifted.as_ref().map(|(_, us)| us),
    })
}

/// Why, and the request that somebody else has agreed to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Take {
    reason: Option<String>,
    approval: Option<String>,
}

impl Take {
    fn why(self) -> Result<Why, Problem> {
        Ok(Why { approval: agreed(self.approval.as_deref())?, ..Why::because(self.reason) })
    }
}

async fn run(service: Service, call: Call<RetentionManage>, asked: Take) -> Answer {
    let begun_us = service.begin_purge(&call, &asked.why()?).await?;
    Ok(Json(json!({ "begun_us": begun_us })))
}

async fn shorten(service: Service, call: Call<RetentionManage>, asked: Take) -> Answer {
    let channels = service.shorten_retention(&call, &asked.why()?).await?;
    let channels: Vec<String> = channels.iter().map(Name::to_string).collect();
    Ok(Json(json!({ "channels": channels })))
}

/// Of what, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The channel; without one nothing leaves the store at all.
    channel: Option<String>,
    reason: Option<String>,
}

async fn hold(service: Service, call: Call<RetentionManage>, asked: Hold) -> Answer {
    let channel = maybe_name(asked.channel.as_deref(), "channel")?;
    let why = Why::because(asked.reason);
    let id = service.place_hold(&call.permit, channel.as_ref(), &why).await?;
    Ok(Json(json!({ "id": id.to_string() })))
}

/// Which one, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    id: String,
    reason: Option<String>,
}

async fn lift(service: Service, call: Call<RetentionManage>, asked: Lift) -> Answer {
    let id = asked.id.parse().map_err(|_| Problem::invalid("`id` is the id of a legal hold"))?;
    service.lift_hold(&call.permit, id, &Why::because(asked.reason)).await?;
    Ok(Json(json!({ "id": asked.id })))
}
