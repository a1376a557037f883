//! Routes of the store key.

use auth::grants::KeyManage;
use axum::Json;
use data_encoding::BASE64;
use engine::KeyWork;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{KeyStanding, Reseal, Rotated, SealedColumn};

use super::approvals::agreed;
use super::name;
use super::table::{Answer, Call, Route};
use crate::problem::Problem;
use crate::service::{Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/keys",
            "The store key in force, the data keys that it wraps, its copies, and work on keys that was begun.",
            standing,
        ),
        Route::post(
            "/api/v1/keys/count",
            "Begins to look at every sealed value: how many there are, and whether any is in clear.",
            count,
        ),
        Route::get("/api/v1/keys/rotation", "What a change of the store key would do.", plan),
        Route::post_fresh(
            "/api/v1/keys/rotate",
            "Begins to change the store key for the one that server.toml names next.",
            rotate,
        ),
        Route::post_fresh(
            "/api/v1/keys/escrow",
            "Makes a copy of the store key that only the holders of these keys can open. Recorded.",
            escrow,
        ),
        Route::post("/api/v1/keys/data", "The data keys of a channel, the newest first.", data),
        Route::post(
            "/api/v1/keys/reencryption",
            "How much a data key has sealed. Changes nothing.",
            plan_reseal,
        ),
        Route::post_fresh(
            "/api/v1/keys/reencrypt",
            "Begins to seal anew what a data key has sealed that somebody may have; then it is destroyed.",
            reencrypt,
        ),
        Route::post(
            "/api/v1/keys/verified",
            "Says that a copy was opened, and which store key was in it.",
            verified,
        ),
    ]
}

async fn standing(service: Service, call: Call<KeyManage>) -> Answer {
    let (standing, work) = service.keys(&call.permit).await?;
    let reseals = service.reseals(&call.permit).await?;
    let KeyStanding { kek, source, next, keys, escrowed, escrow_verified_us } = standing;
    let keys = keys.iter().map(|one| {
        json!({
            "purpose": one.purpose,
            "kek": one.kek,
            "live": one.live,
            "destroyed": one.destroyed,
        })
    });
    Ok(Json(json!({
        "kek": kek,
        "source": source,
        "next": next.map(|(kek, left)| json!({ "kek": kek, "left": left })),
        "keys": keys.collect::<Vec<_>>(),
        "escrowed": escrowed.map(|(kek, at_us)| json!({ "kek": kek, "at_us": at_us })),
        "escrow_verified_us": escrow_verified_us,
        "begun": begun(&work),
        "reencrypted": reseals.iter().map(reseal).collect::<Vec<_>>(),
    })))
}

fn begun(work: &KeyWork) -> Value {
    let rotated = work.rotated.as_ref().map(|(begun_us, outcome)| {
        json!({
            "begun_us": begun_us,
            "error": outcome.as_ref().err(),
            "rotated": outcome.as_ref().ok().map(rotated),
        })
    });
    let counted = work.counted.as_ref().map(|(begun_us, outcome)| {
        json!({
            "begun_us": begun_us,
            "error": outcome.as_ref().err(),
            "columns": outcome.as_ref().ok().map(|all| all.iter().map(column).collect::<Vec<_>>()),
        })
    });
    json!({
        "rotating_us": work.rotating_us,
        "rotated": rotated,
        "counting": work.counting.map(|(begun_us, values)| json!({ "begun_us": begun_us, "values": values })),
        "counted": counted,
    })
}

fn rotated(rotated: &Rotated) -> Value {
    json!({
        "from": rotated.from,
        "to": rotated.to,
        "keys": rotated.keys,
        "backup": rotated.backup.as_ref().map(|file| file.display().to_string()),
    })
}

fn column(column: &SealedColumn) -> Value {
    let SealedColumn { column, values, sealed } = column;
    json!({ "column": column, "values": values, "sealed": sealed, "in_clear": values - sealed })
}

/// Nothing to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

async fn count(service: Service, call: Call<KeyManage>, _: Nothing) -> Answer {
    Ok(Json(json!({ "begun_us": service.begin_count(&call.permit) })))
}

async fn plan(service: Service, call: Call<KeyManage>) -> Answer {
    let (plan, source, file) = service.plan_rotation(&call.permit).await?;
    Ok(Json(json!({
        "from": plan.from,
        "to": plan.to,
        "keys": plan.keys,
        "source": source,
        "backup": file,
    })))
}

/// Why, and the request that somebody else has agreed to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    reason: Option<String>,
    approval: Option<String>,
}

async fn rotate(service: Service, call: Call<KeyManage>, asked: Rotate) -> Answer {
    let approval = agreed(asked.approval.as_deref())?;
    let why = Why { approval, ..Why::because(asked.reason) };
    Ok(Json(json!({ "begun_us": service.begin_rotation(&call, &why).await? })))
}

/// For whom, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escrow {
    /// Public keys of age, `age1...`.
    to: Vec<String>,
    reason: Option<String>,
    approval: Option<String>,
}

async fn escrow(service: Service, call: Call<KeyManage>, asked: Escrow) -> Answer {
    let approval = agreed(asked.approval.as_deref())?;
    let why = Why { approval, ..Why::because(asked.reason) };
    let copy = service.escrow_key(&call, &asked.to, &why).await?;
    Ok(Json(json!({
        "kek": copy.kek,
        "sha256": copy.sha256,
        "file": BASE64.encode(&copy.bytes),
    })))
}

/// Of which channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfChannel {
    channel: String,
}

async fn data(service: Service, call: Call<KeyManage>, of: OfChannel) -> Answer {
    let channel = name(&of.channel, "channel")?;
    let keys = service.channel_keys(&call.permit, &channel).await?;
    let keys = keys.iter().map(|one| {
        json!({
            "key": one.key,
            "purpose": one.purpose,
            "day": one.day,
            "kek": one.kek,
            "destroyed_us": one.destroyed_us,
        })
    });
    Ok(Json(json!({ "keys": keys.collect::<Vec<_>>() })))
}

/// Which data key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its id, 16 hexadecimal digits.
    key: String,
}

async fn plan_reseal(service: Service, call: Call<KeyManage>, of: Plan) -> Answer {
    let plan = service.plan_reseal(&call.permit, &of.key).await?;
    let values = plan.values.iter().map(|(column, n)| json!({ "column": column, "values": n }));
    Ok(Json(json!({
        "key": plan.key,
        "purpose": plan.purpose,
        "channel": plan.channel.to_string(),
        "day": plan.day,
        "values": values.collect::<Vec<_>>(),
    })))
}

/// Which data key, why, and the request that somebody else has agreed to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reencrypt {
    /// Its id, 16 hexadecimal digits.
    key: String,
    reason: Option<String>,
    approval: Option<String>,
}

async fn reencrypt(service: Service, call: Call<KeyManage>, asked: Reencrypt) -> Answer {
    let approval = agreed(asked.approval.as_deref())?;
    let why = Why { approval, ..Why::because(asked.reason) };
    Ok(Json(reseal(&service.begin_reseal(&call, &asked.key, &why).await?)))
}

fn reseal(one: &Reseal) -> Value {
    json!({
        "id": one.id.to_string(),
        "old_key": one.old_key,
        "new_key": one.new_key,
        "channel": one.channel.to_string(),
        "seq": one.seq,
        "last_seq": one.last_seq,
        "resealed": one.resealed,
        "begun_us": one.begun_us,
        "begun_by": one.begun_by,
        "ended_us": one.ended_us,
    })
}

/// The key in the copy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    kek: String,
}

async fn verified(service: Service, call: Call<KeyManage>, asked: Verified) -> Answer {
    if asked.kek.len() != 16 {
        return Err(Problem::invalid("`kek` is the id of a store key: 16 hexadecimal digits"));
    }
    service.escrow_verified(&call.permit, &asked.kek).await?;
    Ok(Json(json!({ "kek": asked.kek })))
}
