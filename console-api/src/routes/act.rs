//! Routes that change something.

use auth::grants::{
    ChannelApply, ChannelRead, ConnectionControl, ConnectionTest, MessageDiscard, MessageReplay,
    MonitorRead,
};
use std::collections::BTreeMap;

use axum::Json;
use config::Name;
use engine::{ReplayMode, ReplayOrder, Selection};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::approvals::agreed;
use super::table::{Answer, Call};
use super::{maybe_name, name, names};
use crate::json as shape;
use crate::problem::Problem;
use crate::service::{Service, Why};

/// Which messages or dead letters.
#[derive(Deserialize, JsonSchema)]
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
    approval: Option<String>,
}

/// How something is sent again.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
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
        Why::because(self.reason.clone())
    }
}

pub async fn replay(service: Service, call: Call<MessageReplay>, chosen: Chosen) -> Answer {
    let permit = &call.permit;
    let why = Why { approval: agreed(chosen.approval.as_deref())?, ..chosen.why() };
    let mode = match chosen.mode {
        Some(Mode::Raw) => ReplayMode::Raw,
        Some(Mode::AsSent) | None => ReplayMode::AsSent,
    };
    let order = ReplayOrder {
        selection: chosen.selection()?,
        mode,
        to: names(&chosen.destinations, "destination")?,
        token: chosen.token.clone(),
        at_most: None,
    };
    let done = match chosen.preview {
        true => service.preview_replay(permit, &order).await?,
        false => service.replay(&call, &order, &why).await?,
    };
    Ok(Json(shape::replayed(&done)))
}

pub async fn discard(service: Service, call: Call<MessageDiscard>, chosen: Chosen) -> Answer {
    if chosen.mode.is_some()
        || !chosen.destinations.is_empty()
        || chosen.token.is_some()
        || chosen.preview
        || chosen.approval.is_some()
    {
        return Err(Problem::invalid(
            "a discard has no mode, destinations, token, preview or approval",
        ));
    }
    let done = service.discard(&call.permit, &chosen.selection()?, &chosen.why()).await?;
    Ok(Json(shape::discarded(&done)))
}

/// One destination.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Control {
    channel: String,
    destination: String,
    reason: Option<String>,
}

pub async fn hold(service: Service, call: Call<ConnectionControl>, control: Control) -> Answer {
    let (channel, destination, why) = control.read()?;
    let done = service.hold(&call.permit, (&channel, &destination), &why).await?;
    after(&service, &call, (&channel, &destination), done.map(|()| "held")).await
}

pub async fn resume(service: Service, call: Call<ConnectionControl>, control: Control) -> Answer {
    let (channel, destination, why) = control.read()?;
    let done = service.resume(&call.permit, (&channel, &destination), &why).await?;
    after(&service, &call, (&channel, &destination), done.map(|()| "resumed")).await
}

pub async fn retry(service: Service, call: Call<ConnectionControl>, control: Control) -> Answer {
    let (channel, destination, why) = control.read()?;
    let done = service.retry_now(&call.permit, (&channel, &destination), &why).await?;
    after(&service, &call, (&channel, &destination), done.map(|()| "tried")).await
}

impl Control {
    fn read(self) -> Result<(Name, Name, Why), Problem> {
        let channel = name(&self.channel, "channel")?;
        let destination = name(&self.destination, "destination")?;
        Ok((channel, destination, Why::because(self.reason)))
    }
}

/// What came of it, and how the destination is now, for whoever may see it.
async fn after(
    service: &Service,
    call: &Call<ConnectionControl>,
    (channel, destination): (&Name, &Name),
    outcome: Option<&'static str>,
) -> Answer {
    let outcome = json!(outcome.unwrap_or("goes_on"));
    let Some(permit) = call.session.permit::<MonitorRead>() else {
        return Ok(Json(json!({ "name": destination.as_str(), "outcome": outcome })));
    };
    let status = service.status(&permit).await?;
    let mut shown = shape::destination_of(&status, channel, destination)
        .ok_or_else(|| Problem::absent("destination"))?;
    shown["outcome"] = outcome;
    Ok(Json(shown))
}

/// One destination, and what is sent to it when the way is clear.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    channel: String,
    destination: String,
    message: Option<String>,
    reason: Option<String>,
}

pub async fn test(service: Service, call: Call<ConnectionTest>, test: Test) -> Answer {
    let channel = name(&test.channel, "channel")?;
    let destination = name(&test.destination, "destination")?;
    let why = Why::because(test.reason);
    let message = test.message.map(String::into_bytes);
    let trial =
        service.test_connection(&call.permit, (&channel, &destination), message, &why).await?;
    Ok(Json(shape::trial(trial)))
}

/// Which channels.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    #[serde(default)]
    channels: Vec<String>,
    /// The hashes of the revisions that are expected to run, by channel: nothing is applied when another one does by now.
    #[serde(default)]
    expected: BTreeMap<String, String>,
    reason: Option<String>,
    /// The request to which somebody else has agreed, where scripts are new.
    approval: Option<String>,
}

pub async fn apply(service: Service, call: Call<ChannelApply>, apply: Apply) -> Answer {
    let channels = names(&apply.channels, "channel")?;
    let approval = agreed(apply.approval.as_deref())?;
    let why = Why { approval, ..Why::because(apply.reason) };
    let expected = apply.expected.into_iter();
    let expected = expected.map(|(channel, hash)| Ok((name(&channel, "channel")?, hash)));
    let expected = expected.collect::<Result<Vec<_>, Problem>>()?;
    let applied = service.apply(&call, &channels, &expected, &why).await?;
    Ok(Json(json!({
        "channels": applied.changes.iter().map(shape::change).collect::<Vec<_>>(),
        "tests": { "passed": applied.passed, "failed": applied.failed },
    })))
}

/// A channel, and which of its revisions is put into force again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revert {
    channel: String,
    /// Its number, or the beginning of its hash; the last that was another one, when nothing is said.
    revision: Option<String>,
    reason: Option<String>,
}

pub async fn revert(service: Service, call: Call<ChannelApply>, revert: Revert) -> Answer {
    let channel = name(&revert.channel, "channel")?;
    let why = Why::because(revert.reason);
    let change = service.revert(&call.permit, &channel, revert.revision.as_deref(), &why).await?;
    Ok(Json(shape::change(&change)))
}

/// A channel, and how many of its last messages.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    channel: String,
    count: usize,
}

pub async fn compare(service: Service, call: Call<ChannelRead>, compare: Compare) -> Answer {
    let channel = name(&compare.channel, "channel")?;
    let found = service.compare(&call.permit, &channel, compare.count).await?;
    Ok(Json(shape::comparison(&found)))
}

/// A channel, and where the list begins.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revisions {
    channel: String,
    before: Option<i64>,
    limit: Option<usize>,
}

pub async fn revisions(service: Service, call: Call<ChannelRead>, asked: Revisions) -> Answer {
    let channel = name(&asked.channel, "channel")?;
    let limit = asked.limit.unwrap_or(50).clamp(1, 500);
    let all = service.revisions(&call.permit, &channel, asked.before, limit).await?;
    Ok(Json(json!({ "revisions": all.iter().map(shape::revision).collect::<Vec<_>>() })))
}

/// Which channels, if not all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    #[serde(default)]
    channels: Vec<String>,
}

pub async fn preview_apply(service: Service, call: Call<ChannelRead>, preview: Preview) -> Answer {
    let channels = names(&preview.channels, "channel")?;
    let changes = service.preview_apply(&call.permit, &channels)?;
    Ok(Json(json!({ "channels": changes.iter().map(shape::change).collect::<Vec<_>>() })))
}
