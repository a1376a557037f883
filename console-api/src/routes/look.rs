//! Routes that only look.

use auth::grants::{DeadletterRead, MessageBody, MessageMeta, MessageSearch, MonitorRead};
use axum::Json;
use config::Name;
use phi::Phi;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use store::{Cursor, MessageFilter, MessageId, MessageState, Messages, Page, SearchField};

use super::maybe_name;
use super::table::{Answer, Call};
use crate::json as shape;
use crate::problem::Problem;
use crate::query::{Query, Word};
use crate::scans::ScanEnd;
use crate::service::{Scanned, Service, Wanted, Why};

/// Rows of a page unless asked otherwise, and at most.
pub(super) const PAGE: usize = 50;
pub(super) const PAGE_MAX: usize = 1_000;

pub async fn status(service: Service, call: Call<MonitorRead>) -> Answer {
    let status = service.status(&call.permit).await?;
    Ok(Json(shape::status(&status)))
}

pub async fn day(service: Service, call: Call<MonitorRead>) -> Answer {
    Ok(Json(shape::day(&service.day(&call.permit).await?)))
}

pub async fn channels(service: Service, call: Call<MonitorRead>) -> Answer {
    let status = service.status(&call.permit).await?;
    Ok(Json(json!({ "channels": shape::channels(&status) })))
}

/// Which messages: a search by words such as `mrn:8001 state:dead`, or the other fields alone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub(super) query: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) state: Option<String>,
    pub(super) r#type: Option<String>,
    pub(super) control_id: Option<String>,
    pub(super) code: Option<String>,
    pub(super) since_us: Option<i64>,
    pub(super) until_us: Option<i64>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<String>,
    pub(super) reason: Option<String>,
}

pub async fn messages(service: Service, call: Call<MessageMeta>, search: Search) -> Answer {
    if search.query.is_some() {
        return super::search::by_words(service, call, search).await;
    }
    let state = search.state.as_deref().map(|text| {
        MessageState::parse(text)
            .ok_or_else(|| Problem::invalid(format!("`{text}` is no state of a message")))
    });
    let after = search.after.as_deref().map(|text| {
        text.parse::<Cursor>()
            .map_err(|_| Problem::invalid(format!("`{text}` is not the end of a page")))
    });
    let filter = MessageFilter {
        channel: maybe_name(search.channel.as_deref(), "channel")?,
        state: state.transpose()?,
        kind: search.r#type,
        control_id: search.control_id,
        origin: None,
        code: search.code,
        since_us: search.since_us,
        until_us: search.until_us,
    };
    let page =
        Page { after: after.transpose()?, limit: search.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX) };
    let found = service.messages(&call.permit, &filter, page).await?;
    Ok(Json(shape::page(&found)))
}

/// A number, and what it is the number of.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// `control-id`, `mrn`, `visit`, `order` or `accession`.
    by: String,
    value: String,
    channel: Option<String>,
    since_us: Option<i64>,
    until_us: Option<i64>,
    limit: Option<usize>,
    reason: Option<String>,
}

/// A longer value is no number of anything.
const VALUE_MAX: usize = 256;

pub async fn lookup(service: Service, call: Call<MessageSearch>, lookup: Lookup) -> Answer {
    let field = SearchField::parse(&lookup.by).ok_or_else(|| {
        Problem::invalid(format!("`{}` is nothing that messages are found by", lookup.by))
    })?;
    if lookup.value.trim().is_empty() || lookup.value.len() > VALUE_MAX {
        return Err(Problem::invalid(format!("`value` has 1 to {VALUE_MAX} bytes")));
    }
    let wanted = Wanted {
        field,
        value: Phi::new(lookup.value),
        channel: maybe_name(lookup.channel.as_deref(), "channel")?,
        since_us: lookup.since_us.unwrap_or(0),
        until_us: lookup.until_us,
        limit: lookup.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX),
    };
    let found = service.lookup(&call.permit, &wanted, &Why::because(lookup.reason)).await?;
    let mut page = shape::page(&Messages { rows: found.rows, next: None });
    page["more"] = json!(found.more);
    page["behind"] = json!(found.behind);
    Ok(Json(page))
}

/// A text, and where it is looked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanFor {
    text: String,
    /// Where and when, as words of a search: `channel:`, `since:` and `until:`.
    query: Option<String>,
    channel: Option<String>,
    since_us: Option<i64>,
    until_us: Option<i64>,
    reason: Option<String>,
}

/// A shorter text stands in every message.
const TEXT_MIN: usize = 3;

pub async fn scan(service: Service, call: Call<MessageSearch>, wanted: ScanFor) -> Answer {
    if !(TEXT_MIN..=VALUE_MAX).contains(&wanted.text.len()) {
        return Err(Problem::invalid(format!("`text` has {TEXT_MIN} to {VALUE_MAX} bytes")));
    }
    let within = wanted.query.as_deref().map(|query| scan_within(&service, query)).transpose()?;
    let (channel, since_us, until_us) = within.unwrap_or_default();
    let channel = maybe_name(wanted.channel.as_deref(), "channel")?.or(channel);
    let missing = |what: &str| {
        Problem::invalid(format!("a text is looked for in one channel and time: {what} is missing"))
    };
    let scanned = Scanned {
        text: Phi::new(wanted.text),
        channel: channel.ok_or_else(|| missing("`channel`"))?,
        since_us: wanted.since_us.or(since_us).ok_or_else(|| missing("`since_us`"))?,
        until_us: wanted.until_us.or(until_us).unwrap_or_else(|| service.now_us() + 1),
    };
    let id = service.begin_scan(&call.permit, scanned, &Why::because(wanted.reason)).await?;
    Ok(Json(json!({ "id": id.to_string() })))
}

/// Where and when a text is looked for.
fn scan_within(service: &Service, query: &str) -> Result<Within, Problem> {
    let query = Query::parse(query).map_err(Problem::of_query)?;
    let taken = [Word::Channel, Word::Since, Word::Until];
    if query.words().any(|(word, _)| word.is_none_or(|word| !taken.contains(&word))) {
        let title = "a text is looked for by `channel:`, `since:` and `until:` alone";
        return Err(Problem::invalid(title));
    }
    let filter = service.asked(&query)?.filter;
    Ok((filter.channel, filter.since_us, filter.until_us))
}

/// A channel, a time and another before which.
type Within = (Option<Name>, Option<i64>, Option<i64>);

/// A search that was begun.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneScan {
    id: String,
}

impl OneScan {
    fn id(&self) -> Result<uuid::Uuid, Problem> {
        self.id.parse().map_err(|_| Problem::invalid("`id` is the id of a search"))
    }
}

pub async fn scan_standing(service: Service, call: Call<MessageSearch>, one: OneScan) -> Answer {
    let standing = service.scan_standing(&call.permit, one.id()?)?;
    let (ended, error) = match &standing.ended {
        None => (None, None),
        Some(ScanEnd::Done) => (Some("done"), None),
        Some(ScanEnd::Bounded) => (Some("bounded"), None),
        Some(ScanEnd::Cancelled) => (Some("cancelled"), None),
        Some(ScanEnd::Failed(error)) => (Some("failed"), Some(error.to_string())),
    };
    let mut page = shape::page(&Messages { rows: standing.found, next: None });
    page["looked"] = json!(standing.looked);
    page["of"] = json!(standing.of.max(standing.looked));
    page["unread"] = json!(standing.unread);
    page["ended"] = json!(ended);
    page["error"] = json!(error);
    Ok(Json(page))
}

pub async fn end_scan(service: Service, call: Call<MessageSearch>, one: OneScan) -> Answer {
    service.end_scan(&call.permit, one.id()?)?;
    Ok(Json(json!({ "id": one.id })))
}

/// Which of a message's bodies, and why somebody looks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    id: String,
    destination: Option<String>,
    reason: Option<String>,
}

pub async fn body(service: Service, call: Call<MessageBody>, body: Body) -> Answer {
    let destination = maybe_name(body.destination.as_deref(), "destination")?;
    let (id, why) = (message_id(&body.id)?, Why::because(body.reason));
    let bytes = service.body(&call.permit, id, destination.as_ref(), &why).await?;
    Ok(Json(shape::body(&bytes)))
}

/// Of which message, and why somebody looks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    id: String,
    reason: Option<String>,
}

pub async fn steps(service: Service, call: Call<MessageBody>, steps: Steps) -> Answer {
    let why = Why::because(steps.reason);
    let trace = service.steps(&call.permit, message_id(&steps.id)?, &why).await?;
    Ok(Json(shape::trace(&trace)))
}

pub(super) fn message_id(text: &str) -> Result<MessageId, Problem> {
    text.parse().map_err(|_| Problem::absent("message"))
}

/// Which dead letters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dead {
    channel: Option<String>,
    destination: Option<String>,
}

pub async fn dead(service: Service, call: Call<DeadletterRead>, dead: Dead) -> Answer {
    let channel = maybe_name(dead.channel.as_deref(), "channel")?;
    let destination = maybe_name(dead.destination.as_deref(), "destination")?;
    let groups = service.dead(&call.permit).await?;
    let asked = groups.iter().filter(|group| {
        channel.as_ref().is_none_or(|channel| *channel == group.key.channel)
            && (destination.is_none() || destination == group.key.destination)
    });
    let asked: Vec<_> = asked.collect();
    let total: i64 = asked.iter().map(|group| group.count).sum();
    let groups: Vec<_> = asked.into_iter().map(shape::dead_group).collect();
    Ok(Json(json!({ "groups": groups, "total": total })))
}
