//! Routes of approvals and of emergencies.

use auth::Opening;
use auth::grants::{ApprovalDecide, ApprovalRead, AuditRead, RoleManage};
use axum::Json;
use phi::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Approval, Emergency, Scope, Source};
use uuid::Uuid;

use super::table::{Answer, Call, Route};
use crate::problem::Problem;
use crate::service::{Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/approvals", "What others have asked for, the newest first.", approvals),
        Route::post_fresh(
            "/api/v1/approvals/approve",
            "Agrees to what somebody else has asked for.",
            |service, call, one| decide(service, call, one, true),
        ),
        Route::post_fresh(
            "/api/v1/approvals/refuse",
            "Does not agree to what somebody else has asked for.",
            |service, call, one| decide(service, call, one, false),
        ),
        Route::open(
            "/api/v1/break-glass",
            "Lets somebody in who has opened a sealed envelope, for an hour. Everybody hears of it.",
            open,
        ),
        Route::post_fresh(
            "/api/v1/break-glass/seal",
            "Makes passphrases for envelopes, shown once; those made before open nothing any more.",
            seal,
        ),
        Route::get("/api/v1/break-glass/log", "Emergencies, the newest first.", emergencies),
        Route::post_fresh(
            "/api/v1/break-glass/review",
            "Says that somebody has looked at what was done in an emergency.",
            review,
        ),
    ]
}

/// The agreement that a request shows.
pub(super) fn agreed(text: Option<&str>) -> Result<Option<Uuid>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::invalid("`approval` is the id of a request")))
        .transpose()
}

async fn approvals(service: Service, call: Call<ApprovalRead>) -> Answer {
    let all = service.approvals(&call.permit).await?;
    Ok(Json(json!({ "approvals": all.iter().map(approval).collect::<Vec<_>>() })))
}

fn approval(one: &Approval) -> Value {
    let channels = match &one.scope {
        Scope::All => Value::Null,
        Scope::Channels(names) => names.iter().map(config::Name::as_str).collect(),
    };
    json!({
        "id": one.id,
        "action": one.action,
        "summary": one.summary,
        "channels": channels,
        "requester": one.requester_name.as_ref().unwrap_or(&one.requester),
        "asked_us": one.asked_us,
        "until_us": one.until_us,
        "state": one.state.as_str(),
        "decided_by": one.decided_by,
        "decided_us": one.decided_us,
        "reason": one.reason,
    })
}

/// One request, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    id: String,
    reason: Option<String>,
}

impl Decide {
    fn read(self) -> Result<(Uuid, Why), Problem> {
        let id = self.id.parse().map_err(|_| Problem::absent("request"))?;
        Ok((id, Why::because(self.reason)))
    }
}

async fn decide(
    service: Service,
    call: Call<ApprovalDecide>,
    decide: Decide,
    agrees: bool,
) -> Answer {
    let (id, why) = decide.read()?;
    service.decide_approval(&call, (id, agrees), &why).await?;
    Ok(Json(json!({ "id": id })))
}

/// The words of an envelope, who has opened it, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    passphrase: String,
    name: String,
    reason: String,
    ticket: Option<String>,
}

async fn open(service: Service, source: Source, open: Open) -> Answer {
    let Open { passphrase, name, reason, ticket } = open;
    let opening = Opening { passphrase: Secret::new(passphrase), name, reason, ticket };
    let (token, until_us) = service.open_envelope(opening, source).await?;
    Ok(Json(json!({ "token": token.expose_secret(), "until_us": until_us })))
}

/// How many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    count: usize,
}

async fn seal(service: Service, call: Call<RoleManage>, seal: Seal) -> Answer {
    let passphrases = service.seal_envelopes(&call, seal.count).await?;
    let shown: Vec<&String> = passphrases.iter().map(Secret::expose_secret).collect();
    Ok(Json(json!({ "passphrases": shown })))
}

async fn emergencies(service: Service, call: Call<AuditRead>) -> Answer {
    let all = service.emergencies(&call.permit).await?;
    let shown = all.iter().map(|(one, in_force)| emergency(one, *in_force));
    Ok(Json(json!({ "emergencies": shown.collect::<Vec<_>>() })))
}

fn emergency(one: &Emergency, in_force: bool) -> Value {
    json!({
        "id": one.id,
        "name": one.name,
        "ticket": one.ticket,
        "begun_us": one.begun_us,
        "seen_us": one.seen_us,
        "until_us": one.until_us,
        "ended_us": one.ended_us,
        "in_force": in_force,
        "address": one.address,
        "reviewed_us": one.reviewed_us,
        "reviewed_by": one.reviewed_by,
    })
}

async fn review(service: Service, call: Call<ApprovalDecide>, review: Decide) -> Answer {
    let (id, why) = review.read()?;
    service.review_emergency(&call, id, &why).await?;
    Ok(Json(json!({ "id": id })))
}
