//! Routes of alerts, and of what protects the engine.

use auth::grants::{AlertManage, MonitorRead};
use axum::Json;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{Alert, AlertId, AlertState, Maintenance, MaintenanceId, Severity};

use super::table::{Answer, Call, Route};
use super::{name, names};
use crate::json;
use crate::problem::Problem;
use crate::service::{NewMaintenance, People, SecurityStatus, Service, Why};

/// Alerts of a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 1_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/security/status",
            "What protects the engine, and what does not.",
            status,
        ),
        Route::query(
            "/api/v1/security/alerts",
            "What somebody should look at, the newest first.",
            alerts,
        ),
        Route::post(
            "/api/v1/security/alerts/acknowledge",
            "Says that somebody looks after an alert.",
            acknowledge,
        ),
        Route::post("/api/v1/security/alerts/resolve", "Says that an alert is over.", resolve),
        Route::post(
            "/api/v1/security/alerts/snooze",
            "Puts an alert off: it is not told again before a time, unless it becomes worse.",
            snooze,
        ),
        Route::post(
            "/api/v1/security/alerts/assign",
            "Says who is to look after an alert; without `to`, nobody any more.",
            assign,
        ),
        Route::get(
            "/api/v1/security/alerts/rules",
            "Every rule by which alerts are raised, with the setting that it goes by.",
            rules,
        ),
        Route::post(
            "/api/v1/security/alerts/maintenance",
            "Times in which alerts are written down and not told, now and to come.",
            maintenance,
        ),
        Route::post(
            "/api/v1/security/alerts/maintenance/add",
            "Alerts of some rules or channels are written down and not told for a time; what is still so at its end is told.",
            add_maintenance,
        ),
        Route::post(
            "/api/v1/security/alerts/maintenance/end",
            "Ends a maintenance before its time.",
            end_maintenance,
        ),
        Route::post(
            "/api/v1/security/alerts/test",
            "Tells one who is told of alerts that this is a test, and says whether it went well.",
            test,
        ),
    ]
}

async fn status(service: Service, call: Call<MonitorRead>) -> Answer {
    let SecurityStatus { posture, people, alerts } = service.security_status(&call.permit).await?;
    let certificates: Vec<Value> = posture.certificates.iter().map(json::in_use).collect();
    let plaintext: Vec<Value> = posture
        .plaintext
        .iter()
        .map(|one| {
            json!({
                "channel": one.channel.as_str(),
                "destination": one.destination.as_ref().map(config::Name::as_str),
                "reason": one.reason,
                "until": one.until,
            })
        })
        .collect();
    let limits: Map<String, Value> = posture
        .limits
        .named()
        .into_iter()
        .map(|(name, limit)| (name.to_owned(), json!(limit)))
        .collect();
    let system = people.map(|people| of_people(people, &posture));
    Ok(Json(json!({
        "environment": posture.environment,
        "profile": posture.profile,
        "acknowledgements": { "plaintext": plaintext },
        "certificates": certificates,
        "alerts": counted(&alerts),
        "limits": limits,
        "system": system,
    })))
}

/// People, sessions, the audit log and those who are told: none of it is about a channel.
fn of_people(people: People, posture: &engine::Posture) -> Value {
    let untold = |sink: &String| {
        people.untold.iter().find(|(name, _)| name == sink).map_or(0, |(_, waiting)| *waiting)
    };
    let sinks: Vec<Value> =
        posture.sinks.iter().map(|sink| json!({ "name": sink, "waiting": untold(sink) })).collect();
    let verified = people.watch.verified.as_ref();
    json!({
        "warnings": posture.warnings,
        "second_factor": {
            "policy": posture.second_factor.as_str(),
            "users": people.users,
            "with": people.second_factor,
        },
        "locked": people.locked,
        "sessions": people.sessions,
        "tokens": people.tokens,
        "audit": {
            "records": people.watch.seq,
            "verified_us": verified.map(|verified| verified.at_us),
            "verified": verified.map(|verified| &*verified.outcome == "success"),
        },
        "sinks": sinks,
    })
}

/// Every severity, also those of which there is none.
fn counted(counts: &[(Severity, AlertState, i64)]) -> Value {
    let of = |severity: Severity, state: AlertState| {
        let found = counts.iter().find(|(one, other, _)| (*one, *other) == (severity, state));
        found.map_or(0, |(_, _, n)| *n)
    };
    let by_severity: Map<String, Value> = Severity::ALL
        .iter()
        .map(|severity| {
            let counts = json!({
                "open": of(*severity, AlertState::Open),
                "acknowledged": of(*severity, AlertState::Acknowledged),
            });
            (severity.as_str().to_owned(), counts)
        })
        .collect();
    Value::Object(by_severity)
}

/// Which alerts: of a state (`open`, `acknowledged` or `resolved`), from before one on, and how many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    state: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

async fn alerts(service: Service, call: Call<MonitorRead>, which: Which) -> Answer {
    let state =
        match which.state.as_deref() {
            Some(word) => Some(AlertState::parse(word).ok_or_else(|| {
                Problem::invalid("`state` is `open`, `acknowledged` or `resolved`")
            })?),
            None => None,
        };
    let before = which.before.as_deref().map(|before| {
        before.parse::<AlertId>().map_err(|_| Problem::invalid("`before` is the id of an alert"))
    });
    let limit = which.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let page = service.alerts(&call.permit, state, before.transpose()?, limit).await?;
    let shown: Vec<Value> = page.alerts.iter().map(shown).collect();
    Ok(Json(json!({ "alerts": shown, "next": page.next.map(|id| id.to_string()) })))
}

fn shown(alert: &Alert) -> Value {
    json!({
        "id": alert.id.to_string(),
        "kind": alert.kind,
        "object": alert.object,
        "channel": alert.channel,
        "severity": alert.severity.as_str(),
        "state": alert.state.as_str(),
        "first_us": alert.first_us,
        "last_us": alert.last_us,
        "count": alert.count,
        "text": alert.text,
        "acknowledged_us": alert.acknowledged_us,
        "acknowledged_by": alert.acknowledged_by,
        "resolved_us": alert.resolved_us,
        "resolved_by": alert.resolved_by,
        "note": alert.note,
        "snoozed_until_us": alert.snoozed_until_us,
        "assigned_to": alert.assigned_to,
        "escalated_us": alert.escalated_us,
    })
}

/// An alert, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    id: String,
    reason: Option<String>,
}

fn id(text: &str) -> Result<AlertId, Problem> {
    text.parse().map_err(|_| Problem::absent("alert"))
}

async fn acknowledge(service: Service, call: Call<AlertManage>, one: One) -> Answer {
    let id = id(&one.id)?;
    service.acknowledge_alert(&call.permit, id, &Why::because(one.reason)).await?;
    Ok(Json(json!({ "id": id.to_string() })))
}

async fn resolve(service: Service, call: Call<AlertManage>, one: One) -> Answer {
    let id = id(&one.id)?;
    service.resolve_alert(&call.permit, id, &Why::because(one.reason)).await?;
    Ok(Json(json!({ "id": id.to_string() })))
}

/// An alert, until when it is put off (`minutes` from now, or `until_us`), and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snooze {
    id: String,
    minutes: Option<u32>,
    until_us: Option<i64>,
    reason: Option<String>,
}

async fn snooze(service: Service, call: Call<AlertManage>, asked: Snooze) -> Answer {
    let id = id(&asked.id)?;
    let until_us = match (asked.minutes, asked.until_us) {
        (Some(minutes), None) => service.now_us().saturating_add(i64::from(minutes) * 60_000_000),
        (None, Some(until_us)) => until_us,
        _ => return Err(Problem::invalid("either `minutes` or `until_us` is needed")),
    };
    service.snooze_alert(&call.permit, id, until_us, &Why::because(asked.reason)).await?;
    Ok(Json(json!({ "id": id.to_string(), "snoozed_until_us": until_us })))
}

/// An alert, who is to look after it, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    id: String,
    to: Option<String>,
    reason: Option<String>,
}

async fn assign(service: Service, call: Call<AlertManage>, asked: Assign) -> Answer {
    let id = id(&asked.id)?;
    let to = asked.to.as_deref().map(|to| name(to, "user")).transpose()?;
    let shown = to.as_ref().map(ToString::to_string);
    service.assign_alert(&call.permit, id, to, &Why::because(asked.reason)).await?;
    Ok(Json(json!({ "id": id.to_string(), "assigned_to": shown })))
}

async fn rules(service: Service, call: Call<MonitorRead>) -> Answer {
    let rules: Vec<Value> = service
        .alert_rules(&call.permit)
        .into_iter()
        .map(|(rule, setting)| {
            let (set, limit) = setting.unzip();
            json!({
                "kind": rule.kind,
                "severity": rule.severity.as_str(),
                "doc": rule.doc,
                "limit": limit,
                "set": set,
            })
        })
        .collect();
    Ok(Json(json!({ "rules": rules })))
}

/// Nothing is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllMaintenance {}

async fn maintenance(
    service: Service,
    call: Call<MonitorRead>,
    AllMaintenance {}: AllMaintenance,
) -> Answer {
    let windows = service.maintenances(&call.permit).await?;
    let windows: Vec<Value> = windows.iter().map(window).collect();
    Ok(Json(json!({ "windows": windows })))
}

fn window(window: &Maintenance) -> Value {
    json!({
        "id": window.id.to_string(),
        "from_us": window.from_us,
        "until_us": window.until_us,
        "rules": window.rules,
        "channels": window.channels,
        "destination": window.destination,
        "reason": window.reason,
        "by": window.by,
    })
}

/// From when to when (without `from_us`, from now on), about which rules and channels (without any, all), and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMaintenance {
    from_us: Option<i64>,
    until_us: i64,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    destination: Option<String>,
    reason: Option<String>,
}

async fn add_maintenance(
    service: Service,
    call: Call<AlertManage>,
    asked: AddMaintenance,
) -> Answer {
    let destination = asked.destination.as_deref();
    let new = NewMaintenance {
        from_us: asked.from_us.unwrap_or_else(|| service.now_us()),
        until_us: asked.until_us,
        rules: asked.rules,
        channels: names(&asked.channels, "channel")?,
        destination: destination.map(|text| name(text, "destination")).transpose()?,
    };
    let id = service.add_maintenance(&call.permit, new, &Why::because(asked.reason)).await?;
    Ok(Json(json!({ "id": id.to_string() })))
}

async fn end_maintenance(service: Service, call: Call<AlertManage>, one: One) -> Answer {
    let id: MaintenanceId = one.id.parse().map_err(|_| Problem::absent("maintenance"))?;
    service.end_maintenance(&call.permit, id, &Why::because(one.reason)).await?;
    Ok(Json(json!({ "id": id.to_string() })))
}

/// One who is told of alerts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    sink: String,
}

async fn test(service: Service, call: Call<AlertManage>, asked: Test) -> Answer {
    let told = service.test_sink(&call.permit, &name(&asked.sink, "sink")?).await?;
    let outcome = if told.is_ok() { "told" } else { "failed" };
    Ok(Json(json!({ "outcome": outcome, "problem": told.err() })))
}
