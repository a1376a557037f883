//! Routes of the tokens of programs.

use auth::TokenOrder;
use auth::grants::TokenManage;
use axum::Json;
use phi::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::ServiceToken;

use super::account::user_name;
use super::approvals::agreed;
use super::name;
use super::people::{Given, given, granted};
use super::table::{Answer, Call, Route};
use crate::service::{Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/tokens", "The tokens of programs that are in force.", tokens),
        Route::post_fresh(
            "/api/v1/tokens/add",
            "Makes a token of a program; it is shown once.",
            add,
        ),
        Route::post_fresh(
            "/api/v1/tokens/rotate",
            "Makes another; the old one is taken for a day more.",
            rotate,
        ),
        Route::post(
            "/api/v1/tokens/revoke",
            "Takes the tokens of a program back, at once.",
            revoke,
        ),
    ]
}

async fn tokens(service: Service, call: Call<TokenManage>) -> Answer {
    let tokens = service.tokens(&call.permit).await?;
    Ok(Json(json!({ "tokens": tokens.iter().map(shown).collect::<Vec<_>>() })))
}

/// A program, what it may do, from which networks, and for how many seconds (a day unless asked otherwise).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    name: String,
    grants: Vec<Given>,
    networks: Vec<String>,
    ttl_s: Option<u32>,
    reason: Option<String>,
    approval: Option<String>,
}

async fn add(service: Service, call: Call<TokenManage>, add: Add) -> Answer {
    let order = TokenOrder {
        name: user_name(&add.name)?,
        grants: given(add.grants)?,
        networks: add.networks,
        ttl_us: add.ttl_s.map(|seconds| i64::from(seconds) * 1_000_000),
    };
    let why = Why { approval: agreed(add.approval.as_deref())?, ..Why::because(add.reason) };
    Ok(made(&service.add_token(&call, order, &why).await?))
}

/// A program, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    name: String,
    reason: Option<String>,
}

async fn rotate(service: Service, call: Call<TokenManage>, one: One) -> Answer {
    let program = name(&one.name, "token in force")?;
    Ok(made(&service.rotate_token(&call, &program, &Why::because(one.reason)).await?))
}

async fn revoke(service: Service, call: Call<TokenManage>, one: One) -> Answer {
    let program = name(&one.name, "token in force")?;
    service.revoke_tokens(&call, &program, &Why::because(one.reason)).await?;
    Ok(Json(json!({ "name": program.as_str() })))
}

/// Its owner is shown it once.
fn made(token: &Secret<String>) -> Json<Value> {
    Json(json!({ "token": token.expose_secret() }))
}

fn shown(token: &ServiceToken) -> Value {
    json!({
        "id": token.id.simple().to_string(),
        "name": token.name.as_str(),
        "grants": token.grants.iter().map(granted).collect::<Vec<_>>(),
        "networks": token.networks,
        "until_us": token.until_us,
        "seen_us": Some(token.seen_us).filter(|at| *at > 0),
        "created_us": token.created_us,
        "created_by": token.created_by,
    })
}
