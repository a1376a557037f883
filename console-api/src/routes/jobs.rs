//! Routes of previews and jobs.

use auth::grants::{MessageDiscard, MessageMeta, MessageReplay};
use axum::Json;
use engine::{ReplayMode, ReplayOrder, Selection};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::approvals::agreed;
use super::table::{Answer, Call, Route};
use super::{maybe_name, names};
use crate::json::acts as shape;
use crate::problem::Problem;
use crate::service::{JobAsk, JobControl, Service, Why};

/// Items a second, when nobody says; and at most.
const RATE: u32 = 5;
const RATE_MAX: u32 = 1_000;
/// Rows of one answer, when nobody says.
const PAGE: usize = 100;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/replay/preview",
            "What a replay would send, where to, and how much of it would differ. Changes nothing.",
            preview_replay,
        ),
        Route::post(
            "/api/v1/discard/preview",
            "What a discard would end. Changes nothing.",
            preview_discard,
        ),
        Route::post(
            "/api/v1/jobs/replay",
            "Begins a job that sends messages or dead letters again, in order and at a rate; the same token is the same job.",
            replay,
        ),
        Route::post(
            "/api/v1/jobs/discard",
            "Begins a job that ends deliveries without sending them; the same token is the same job.",
            discard,
        ),
        Route::post("/api/v1/jobs/search", "The jobs, the newest first.", search),
        Route::post("/api/v1/jobs/find", "One job and how far it is.", find),
        Route::post(
            "/api/v1/jobs/outcomes",
            "What became of the items of a job, page by page.",
            outcomes,
        ),
        Route::post("/api/v1/jobs/pause", "Stops a job between two items.", |s, c, one| {
            control(s, c, one, JobControl::Pause)
        }),
        Route::post("/api/v1/jobs/resume", "Lets a paused job go on.", |s, c, one| {
            control(s, c, one, JobControl::Resume)
        }),
        Route::post("/api/v1/jobs/cancel", "Ends a job; what was done stays done.", |s, c, one| {
            control(s, c, one, JobControl::Cancel)
        }),
    ]
}

/// How something is sent again.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    AsSent,
    Raw,
}

/// Which messages or dead letters, how they are sent again, and how fast.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    #[serde(default)]
    ids: Vec<String>,
    channel: Option<String>,
    destination: Option<String>,
    error: Option<String>,
    mode: Option<Mode>,
    #[serde(default)]
    destinations: Vec<String>,
    /// 1 to 1,000; 5 when nothing is said.
    rate_per_second: Option<u32>,
    // Of a job alone; a preview does not look at them.
    reason: Option<String>,
    /// The same token a second time is the same job.
    token: Option<String>,
    /// The request to which somebody else has agreed.
    approval: Option<String>,
    /// How many the person has seen in the preview; must be said above 100.
    count: Option<usize>,
}

/// Which letters are ended.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    #[serde(default)]
    ids: Vec<String>,
    channel: Option<String>,
    destination: Option<String>,
    error: Option<String>,
    // Of a job alone; a preview does not look at them.
    reason: Option<String>,
    token: Option<String>,
    count: Option<usize>,
}

fn selection(
    ids: &[String],
    (channel, destination): (Option<&str>, Option<&str>),
    error: Option<&str>,
) -> Result<Selection, Problem> {
    let selection = Selection {
        ids: ids.to_vec(),
        channel: maybe_name(channel, "channel")?,
        destination: maybe_name(destination, "destination")?,
        error: error.map(str::to_owned),
    };
    match selection.ids.is_empty() && selection.channel.is_none() {
        true => Err(Problem::invalid("name ids, or a channel")),
        false => Ok(selection),
    }
}

impl Sending {
    fn order(&self) -> Result<ReplayOrder, Problem> {
        let place = (self.channel.as_deref(), self.destination.as_deref());
        Ok(ReplayOrder {
            selection: selection(&self.ids, place, self.error.as_deref())?,
            mode: match self.mode {
                Some(Mode::Raw) => ReplayMode::Raw,
                Some(Mode::AsSent) | None => ReplayMode::AsSent,
            },
            to: names(&self.destinations, "destination")?,
            token: None,
            at_most: None,
        })
    }

    fn rate(&self) -> Result<u32, Problem> {
        match self.rate_per_second.unwrap_or(RATE) {
            rate @ 1..=RATE_MAX => Ok(rate),
            _ => Err(Problem::invalid(format!("`rate_per_second` is 1 to {RATE_MAX}"))),
        }
    }
}

async fn preview_replay(service: Service, call: Call<MessageReplay>, wanted: Sending) -> Answer {
    let (order, rate) = (wanted.order()?, wanted.rate()?);
    let (preview, needs) = service.look_before_replay(&call, &order).await?;
    Ok(Json(shape::replay_preview(&preview, rate, needs)))
}

async fn preview_discard(service: Service, call: Call<MessageDiscard>, wanted: Ending) -> Answer {
    let preview = service.look_before_discard(&call.permit, &wanted.selection()?).await?;
    Ok(Json(shape::discard_preview(&preview)))
}

async fn replay(service: Service, call: Call<MessageReplay>, wanted: Sending) -> Answer {
    let why = Why {
        approval: agreed(wanted.approval.as_deref())?,
        ..Why::because(wanted.reason.clone())
    };
    let (order, rate) = (wanted.order()?, wanted.rate()?);
    let ask = JobAsk { rate, token: wanted.token, count: wanted.count };
    let (id, repeated) = service.begin_replay(&call, &order, ask, &why).await?;
    Ok(Json(json!({ "id": id.to_string(), "repeated": repeated })))
}

async fn discard(service: Service, call: Call<MessageDiscard>, wanted: Ending) -> Answer {
    let why = Why::because(wanted.reason.clone());
    let chosen = wanted.selection()?;
    let ask = JobAsk { rate: RATE_MAX, token: wanted.token, count: wanted.count };
    let (id, repeated) = service.begin_discard(&call.permit, &chosen, ask, &why).await?;
    Ok(Json(json!({ "id": id.to_string(), "repeated": repeated })))
}

impl Ending {
    fn selection(&self) -> Result<Selection, Problem> {
        let place = (self.channel.as_deref(), self.destination.as_deref());
        selection(&self.ids, place, self.error.as_deref())
    }
}

/// Which jobs, if not all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    channel: Option<String>,
}

async fn search(service: Service, call: Call<MessageMeta>, search: Search) -> Answer {
    let channel = maybe_name(search.channel.as_deref(), "channel")?;
    let now_us = service.now_us();
    let jobs = service.jobs(&call.permit, channel.as_ref()).await?;
    Ok(Json(json!({ "jobs": jobs.iter().map(|one| shape::job(one, now_us)).collect::<Vec<_>>() })))
}

/// A job.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    id: String,
}

fn id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::absent("job"))
}

async fn find(service: Service, call: Call<MessageMeta>, one: One) -> Answer {
    let job = service.job(&call.permit, id(&one.id)?).await?;
    Ok(Json(shape::job(&job, service.now_us())))
}

/// A job, and where the list goes on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    id: String,
    /// The number of the last item that was seen.
    after: Option<i64>,
    limit: Option<usize>,
}

async fn outcomes(service: Service, call: Call<MessageMeta>, asked: Outcomes) -> Answer {
    let place = (asked.after.unwrap_or(-1), asked.limit.unwrap_or(PAGE));
    let found = service.job_outcomes(&call.permit, id(&asked.id)?, place).await?;
    let next = found.last().map(|one| one.n).filter(|_| found.len() >= place.1);
    let all: Vec<_> = found.iter().map(shape::outcome).collect();
    Ok(Json(json!({ "outcomes": all, "next": next })))
}

/// A job, and why somebody does something with it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Control {
    id: String,
    reason: Option<String>,
}

async fn control(
    service: Service,
    call: Call<MessageReplay>,
    one: Control,
    what: JobControl,
) -> Answer {
    let why = Why::because(one.reason);
    let job = service.control_job(&call, (id(&one.id)?, what), &why).await?;
    Ok(Json(shape::job(&job, service.now_us())))
}
