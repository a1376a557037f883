//! Routes that change something.

use auth::Session;
use axum::extract::{Extension, Json, State};
use engine::{ReplayMode, ReplayOrder, Selection};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{maybe_name, name, names, permit};
use crate::json as shape;
use crate::problem::Problem;
use crate::service::{Service, Why};

/// Which messages or dead letters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    #[serde(default)]
    ids: Vec<String>,
    channel: Option<String>,
    destination: Option<String>,
    error: Option<String>,
    reason: Option<String>,
    // Of a replay alone; a discard refuses them.
    mode: Option<Mode>,
    #[serde(default)]
    destinations: Vec<String>,
    token: Option<String>,
    #[serde(default)]
    preview: bool,
}

/// How something is sent again.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    AsSent,
    Raw,
}

impl Chosen {
    fn selection(&self) -> Result<Selection, Problem> {
        let selection = Selection {
            ids: self.ids.clone(),
            channel: maybe_name(self.channel.as_deref(), "channel")?,
            destination: maybe_name(self.destination.as_deref(), "destination")?,
            error: self.error.clone(),
        };
        match selection.ids.is_empty() && selection.channel.is_none() {
            true => Err(Problem::invalid("name ids, or a channel")),
            false => Ok(selection),
        }
    }

    fn why(&self) -> Why {
        Why { reason: self.reason.clone() }
    }
}

pub async fn replay(
    State(service): State<Service>,
    Extension(session): Extension<Session>,
    Json(chosen): Json<Chosen>,
) -> Result<Json<Value>, Problem> {
    let permit = permit(&session)?;
    let why = chosen.why();
    let mode = match chosen.mode {
        Some(Mode::Raw) => ReplayMode::Raw,
        Some(Mode::AsSent) | None => ReplayMode::AsSent,
    };
    let order = ReplayOrder {
        selection: chosen.selection()?,
        mode,
        to: names(&chosen.destinations, "destination")?,
        token: chosen.token.clone(),
    };
    let done = match chosen.preview {
        true => service.preview_replay(&permit, &order).await?,
        false => service.replay(&permit, &order, &why).await?,
    };
    Ok(Json(shape::replayed(&done)))
}

pub async fn discard(
    State(service): State<Service>,
    Extension(session): Extension<Session>,
    Json(chosen): Json<Chosen>,
) -> Result<Json<Value>, Problem> {
    if chosen.mode.is_some()
        || !chosen.destinations.is_empty()
        || chosen.token.is_some()
        || chosen.preview
    {
        return Err(Problem::invalid("a discard has no mode, destinations, token or preview"));
    }
    let done = service.discard(&permit(&session)?, &chosen.selection()?, &chosen.why()).await?;
    Ok(Json(shape::discarded(&done)))
}

/// One destination.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    channel: String,
    destination: String,
    reason: Option<String>,
}

/// What is done with a destination.
enum Verb {
    Hold,
    Resume,
    Retry,
}

pub async fn hold(
    service: State<Service>,
    session: Extension<Session>,
    control: Json<Control>,
) -> Answer {
    control_destination(service, session, control, Verb::Hold).await
}

pub async fn resume(
    service: State<Service>,
    session: Extension<Session>,
    control: Json<Control>,
) -> Answer {
    control_destination(service, session, control, Verb::Resume).await
}

pub async fn retry(
    service: State<Service>,
    session: Extension<Session>,
    control: Json<Control>,
) -> Answer {
    control_destination(service, session, control, Verb::Retry).await
}

type Answer = Result<Json<Value>, Problem>;

async fn control_destination(
    State(service): State<Service>,
    Extension(session): Extension<Session>,
    Json(control): Json<Control>,
    verb: Verb,
) -> Answer {
    let channel = name(&control.channel, "channel")?;
    let destination = name(&control.destination, "destination")?;
    let (permit, why) = (permit(&session)?, Why { reason: control.reason });
    let which = (&channel, &destination);
    match verb {
        Verb::Hold => service.hold(&permit, which, &why).await?,
        Verb::Resume => service.resume(&permit, which, &why).await?,
        Verb::Retry => service.retry_now(&permit, which, &why).await?,
    }
    let status = service.status(&super::permit(&session)?).await?;
    shape::destination_of(&status, &channel, &destination)
        .map(Json)
        .ok_or_else(|| Problem::absent("destination"))
}

/// One destination, and what is sent to it when the way is clear.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    channel: String,
    destination: String,
    message: Option<String>,
    reason: Option<String>,
}

pub async fn test(
    State(service): State<Service>,
    Extension(session): Extension<Session>,
    Json(test): Json<Test>,
) -> Answer {
    let channel = name(&test.channel, "channel")?;
    let destination = name(&test.destination, "destination")?;
    let why = Why { reason: test.reason };
    let message = test.message.map(String::into_bytes);
    let trial = service
        .test_connection(&permit(&session)?, (&channel, &destination), message, &why)
        .await?;
    Ok(Json(shape::trial(trial)))
}

/// Which channels.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    #[serde(default)]
    channels: Vec<String>,
    reason: Option<String>,
    #[serde(default)]
    preview: bool,
}

pub async fn apply(
    State(service): State<Service>,
    Extension(session): Extension<Session>,
    Json(apply): Json<Apply>,
) -> Answer {
    let channels = names(&apply.channels, "channel")?;
    let changes = match apply.preview {
        true => service.preview_apply(&permit(&session)?, &channels)?,
        false => {
            service.apply(&permit(&session)?, &channels, &Why { reason: apply.reason }).await?
        }
    };
    Ok(Json(json!({ "channels": changes.iter().map(shape::change).collect::<Vec<_>>() })))
}
