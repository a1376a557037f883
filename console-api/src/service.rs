//! What people may do, as functions: permit, then deed, then audit record in the same transaction.

mod accounts;
mod alerts;
mod approvals;
mod audit;
mod backups;
mod bench;
mod jobs;
mod keys;
mod look;
mod query;
mod queue;
mod registry;
mod retention;
mod search;
mod tables;
mod views;

use std::sync::Arc;

use auth::{Accounts, Asked, Permission, Permit, Registry, grants};
use config::Name;
use engine::{
    Applied, ChannelChange, Comparison, Discarded, Engine, ReplayOrder, Replayed, Selection,
    Status, Trace, Trial,
};
use phi::Phi;
use store::{
    Act, ActOutcome, Actor, Agreed, BodyOf, DeadGroup, DeadLetter, DeliveryId, Flood,
    MessageDetail, MessageFilter, MessageId, Messages, Page, Revision, RevisionSummary, Scope,
    SearchFilter, Target,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::exports::Exports;
use crate::problem::Problem;
use crate::routes::Call;
use crate::scans::Scans;
use crate::views::Views;

pub use alerts::{NewMaintenance, People, SecurityStatus};
pub use jobs::{JobAsk, JobControl};
pub use queue::QueueEnded;
use queue::within;
pub use registry::{CertificateView, Inspected, PeerView};

pub use bench::{Bench, BenchMessage, Benched};
pub use look::{Around, Differing, LookAt, differing_of};
pub use query::{Searched, Window};
pub use search::{Scanned, Wanted};
pub use views::{NewView, View};

/// The services of one engine.
#[derive(Clone)]
pub struct Service {
    engine: Engine,
    registry: Arc<Registry>,
    accounts: Arc<Accounts>,
    denials: Arc<Flood<(String, Permission)>>,
    views: Arc<Views>,
    exports: Arc<Exports>,
    scans: Arc<Scans>,
    streams: Arc<Semaphore>,
}

/// More messages are sent again only after a fresh sign-in, and more only with the agreement of somebody else.
const REPLAY_FRESH: usize = 100;
const REPLAY_APPROVED: usize = 1_000;
/// So many refusals a minute of one actor and permission have a record of their own.
const DENIALS_EACH: u64 = 20;
/// Streams of events at once.
const STREAMS_MAX: usize = 64;

/// Why somebody does something, and the request it came with.
#[derive(Clone, Debug, Default)]
pub struct Why {
    /// In the person's words.
    pub reason: Option<String>,
    /// The agreement of somebody else, where one is needed.
    pub approval: Option<Uuid>,
}

impl Why {
    /// In the person's words, if they say any.
    pub fn because(reason: Option<String>) -> Why {
        Why { reason, approval: None }
    }
}

impl Service {
    /// Over a running engine, its registry of peers and its accounts.
    pub fn new(engine: Engine, registry: Arc<Registry>, accounts: Arc<Accounts>) -> Service {
        Service {
            engine,
            registry,
            accounts,
            denials: Arc::new(Flood::new(DENIALS_EACH)),
            views: Arc::default(),
            exports: Arc::default(),
            scans: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }

    /// The time by the engine's clock, microseconds UTC.
    pub fn now_us(&self) -> i64 {
        self.engine.now_us()
    }

    /// The settings of the whole engine.
    pub(crate) fn server(&self) -> &config::Server {
        self.engine.server()
    }

    /// A place for one more stream of events; it is free again when it is dropped.
    pub fn stream_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| Problem::too_many_streams())
    }

    fn act<G: auth::Grant>(&self, permit: &Permit<G>, action: &'static str, why: &Why) -> Act {
        self.act_of(permit.actor(), action, why)
    }

    fn act_of(&self, actor: &Actor, action: &'static str, why: &Why) -> Act {
        Act {
            actor: actor.clone(),
            action,
            purpose: why.reason.clone(),
            request: Some(Uuid::now_v7().to_string()),
            approval: why.approval.map(|id| Agreed { id, spends: None }),
            now_us: self.engine.now_us(),
        }
    }

    /// How everything is.
    pub async fn status(&self, permit: &Permit<grants::MonitorRead>) -> Result<Status, Problem> {
        let mut status = self.engine.status(permit.scope()).await?;
        let emergencies = self.accounts.emergencies().await?;
        status.warnings.extend(emergencies.iter().filter(|(_, in_force)| *in_force).map(
            |(one, _)| {
                format!(
                    "EMERGENCY: {} has opened an envelope and is an owner; `hilum breakglass list`",
                    one.name
                )
            },
        ));
        // What is wrong with peers and authorities is nobody's who sees some channels only.
        if *permit.scope() == Scope::All {
            status.warnings.extend(self.registry.warnings());
        }
        Ok(status)
    }

    /// The last 24 hours of each channel.
    pub async fn day(
        &self,
        permit: &Permit<grants::MonitorRead>,
    ) -> Result<Vec<store::ChannelDay>, Problem> {
        Ok(self.engine.store().day(permit.scope(), self.now_us()).await?)
    }

    /// A page of messages, without their content.
    pub async fn messages(
        &self,
        permit: &Permit<grants::MessageMeta>,
        filter: &MessageFilter,
        page: Page,
    ) -> Result<Messages, Problem> {
        Ok(self.engine.store().messages(permit.scope(), filter, page).await?)
    }

    /// One message with its trace: by its id, that of one of its deliveries, or the newest with this control id.
    pub async fn message(
        &self,
        permit: &Permit<grants::MessageMeta>,
        id: &str,
    ) -> Result<MessageDetail, Problem> {
        let store = self.engine.store();
        let mut by_id = match id.parse::<MessageId>() {
            Ok(id) => store.message(permit.scope(), id).await?,
            Err(_) => None,
        };
        if by_id.is_none()
            && let Ok(delivery) = id.parse::<DeliveryId>()
            && let Some(message) = store.message_of(permit.scope(), delivery).await?
        {
            by_id = store.message(permit.scope(), message).await?;
        }
        if let Some(found) = by_id {
            return Ok(found);
        }
        let newest = self
            .newest_with_control_id(permit, id)
            .await?
            .ok_or_else(|| Problem::absent("message"))?;
        store.message(permit.scope(), newest).await?.ok_or_else(|| Problem::absent("message"))
    }

    async fn newest_with_control_id(
        &self,
        permit: &Permit<grants::MessageMeta>,
        id: &str,
    ) -> Result<Option<MessageId>, Problem> {
        let filter = SearchFilter {
            control_id: Some(Phi::new(id.to_owned())),
            not_by_control_id: self.engine.channels_without_control_ids(),
            ..SearchFilter::default()
        };
        let mut after = None;
        loop {
            let store = self.engine.store();
            let found = store.search(permit.scope(), &filter, after.as_ref(), 1).await?;
            match (found.rows.first(), found.next) {
                (Some(row), _) => return Ok(Some(row.id)),
                (None, None) => return Ok(None),
                // A page looks at so many rows and no more: the search goes on behind them.
                (None, next) => after = next,
            }
        }
    }

    /// The revision that handled a message.
    pub async fn revision_of(
        &self,
        permit: &Permit<grants::MessageMeta>,
        message: &MessageDetail,
    ) -> Result<Option<Revision>, Problem> {
        match message.summary.revision {
            Some(number) => Ok(self
                .engine
                .store()
                .revision(permit.scope(), store::RevisionId::new(number))
                .await?),
            None => Ok(None),
        }
    }

    /// A body as it was received, or as it was sent to a destination. Recorded.
    pub async fn body(
        &self,
        permit: &Permit<grants::MessageBody>,
        message: MessageId,
        destination: Option<&Name>,
        why: &Why,
    ) -> Result<Vec<u8>, Problem> {
        let store = self.engine.store();
        let detail = store
            .message(permit.scope(), message)
            .await?
            .ok_or_else(|| Problem::absent("message"))?;
        let which = match destination {
            None => BodyOf::Message(message),
            Some(name) => {
                let delivery =
                    detail.deliveries.iter().find(|delivery| delivery.destination == *name);
                BodyOf::Delivery(delivery.ok_or_else(|| Problem::absent("delivery"))?.id)
            }
        };
        self.record_look(permit, "message.body.read", (message, &detail), why).await?;
        Ok(store.body(permit.scope(), which).await?.into_phi().to_vec())
    }

    /// Nobody sees a value before the record of it is on disk.
    async fn record_look(
        &self,
        permit: &Permit<grants::MessageBody>,
        action: &'static str,
        (message, detail): (MessageId, &MessageDetail),
        why: &Why,
    ) -> Result<(), Problem> {
        let limit = self.engine.alert_limits().views_minute;
        let admitted = self.views.admit(&permit.actor().id, limit, self.now_us());
        admitted.map_err(Problem::too_many_views)?;
        let target = Target {
            kind: "message",
            id: Some(message.to_string()),
            channel: Some(detail.summary.channel.to_string()),
        };
        let act = self.act(permit, action, why);
        Ok(self.engine.store().record(&act, target, ActOutcome::Success, None).await?)
    }

    /// What each step did to a message, by the revision that handled it. Recorded, for it shows values.
    pub async fn steps(
        &self,
        permit: &Permit<grants::MessageBody>,
        message: MessageId,
        why: &Why,
    ) -> Result<Trace, Problem> {
        let store = self.engine.store();
        let detail = store
            .message(permit.scope(), message)
            .await?
            .ok_or_else(|| Problem::absent("message"))?;
        let undecided =
            || Problem::conflict("undecided", "the program has not decided about this message yet");
        let number = detail.summary.revision.ok_or_else(undecided)?;
        let revision = store.revision(permit.scope(), store::RevisionId::new(number)).await?;
        let revision = revision.ok_or_else(|| Problem::absent("revision"))?;
        self.record_look(permit, "message.steps.read", (message, &detail), why).await?;
        let body = store.body(permit.scope(), BodyOf::Message(message)).await?.into_phi().to_vec();
        self.engine.trace(&revision, body).map_err(|problems| {
            Problem::conflict("revision", "the revision that handled it cannot run now")
                .detail(problems)
        })
    }

    /// Dead letters by what they have in common.
    pub async fn dead(
        &self,
        permit: &Permit<grants::DeadletterRead>,
    ) -> Result<Vec<DeadGroup>, Problem> {
        Ok(self.engine.store().dead_letters(permit.scope()).await?)
    }

    /// A page of one group's letters.
    pub async fn dead_page(
        &self,
        permit: &Permit<grants::DeadletterRead>,
        (channel, destination, error): (&Name, Option<&Name>, &str),
        (after, limit): (Option<Uuid>, usize),
    ) -> Result<Vec<DeadLetter>, Problem> {
        let store = self.engine.store();
        let groups = store.dead_letters(permit.scope()).await?;
        let group = groups.iter().find(|group| {
            group.key.channel == *channel
                && group.key.destination.as_ref() == destination
                && engine::group_name(group) == error
        });
        match group {
            Some(group) => Ok(store.dead_page(permit.scope(), &group.key, after, limit).await?),
            // The last of them was replayed a moment ago.
            None => Ok(Vec::new()),
        }
    }

    /// How much a replay would send.
    pub async fn preview_replay(
        &self,
        permit: &Permit<grants::MessageReplay>,
        order: &ReplayOrder,
    ) -> Result<Replayed, Problem> {
        Ok(self.engine.preview_replay(permit.scope(), order).await?)
    }

    /// Sends again, as new messages.
    pub async fn replay(
        &self,
        call: &Call<grants::MessageReplay>,
        order: &ReplayOrder,
        why: &Why,
    ) -> Result<Replayed, Problem> {
        let Call { permit, session } = call;
        let act = self.act(permit, "message.replay", &reason_needed(why)?);
        let preview = self.engine.preview_replay(permit.scope(), order).await?;
        let count = preview.count;
        // What is sent is what was looked at here, and agreed to: not what has failed since.
        let order = &ReplayOrder { at_most: Some(count + preview.refused.len()), ..order.clone() };
        if count > REPLAY_FRESH && !session.is_fresh(self.now_us()) {
            return Err(Problem::step_up_needed());
        }
        let act = match count > REPLAY_APPROVED {
            true => self.agreed_act(call, replay_asked(order, count, permit.scope()), why).await?,
            false => Act { approval: None, ..act },
        };
        Ok(self.engine.replay(permit.scope(), &act, order).await?)
    }

    /// Ends deliveries without sending them.
    pub async fn discard(
        &self,
        permit: &Permit<grants::MessageDiscard>,
        selection: &Selection,
        why: &Why,
    ) -> Result<Discarded, Problem> {
        let act = self.act(permit, "message.discard", &reason_needed(why)?);
        Ok(self.engine.discard(permit.scope(), &act, selection).await?)
    }

    /// Stops sending to a destination.
    pub async fn hold(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        (channel, destination): (&Name, &Name),
        why: &Why,
    ) -> Result<Option<()>, Problem> {
        let act = self.act(permit, "destination.hold", why);
        let (engine, scope) = (self.engine.clone(), permit.scope().clone());
        let (channel, destination) = (channel.clone(), destination.clone());
        within(async move { engine.hold(&scope, &act, &channel, &destination).await }).await
    }

    /// Sends to it again.
    pub async fn resume(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        (channel, destination): (&Name, &Name),
        why: &Why,
    ) -> Result<Option<()>, Problem> {
        let act = self.act(permit, "destination.resume", why);
        let (engine, scope) = (self.engine.clone(), permit.scope().clone());
        let (channel, destination) = (channel.clone(), destination.clone());
        within(async move { engine.resume(&scope, &act, &channel, &destination).await }).await
    }

    /// Tries everything that waits there at once.
    pub async fn retry_now(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        (channel, destination): (&Name, &Name),
        why: &Why,
    ) -> Result<Option<()>, Problem> {
        let act = self.act(permit, "destination.retry", why);
        let (engine, scope) = (self.engine.clone(), permit.scope().clone());
        let (channel, destination) = (channel.clone(), destination.clone());
        within(async move { engine.retry_now(&scope, &act, &channel, &destination).await }).await
    }

    /// Goes the way to a destination, step by step; a message is sent only when one is given. Recorded.
    pub async fn test_connection(
        &self,
        permit: &Permit<grants::ConnectionTest>,
        (channel, destination): (&Name, &Name),
        message: Option<Vec<u8>>,
        why: &Why,
    ) -> Result<Trial, Problem> {
        let absent = || Problem::absent("destination");
        let within = permit.scope().holds(channel.as_str());
        let way = self.engine.way(channel, destination).filter(|_| within);
        let way = way.ok_or_else(absent)?;
        let target = Target {
            kind: "destination",
            id: Some(destination.to_string()),
            channel: Some(channel.to_string()),
        };
        let act = self.act(permit, "destination.test", why);
        self.engine.store().record(&act, target, ActOutcome::Success, None).await?;
        Ok(self.engine.try_out(&way, message.map(Into::into).as_ref()).await)
    }

    /// What `apply` would do.
    pub fn preview_apply(
        &self,
        permit: &Permit<grants::ChannelRead>,
        channels: &[Name],
    ) -> Result<Vec<ChannelChange>, Problem> {
        Ok(self.engine.preview_apply(permit.scope(), channels)?)
    }

    /// Puts the site's files into force.
    pub async fn apply(
        &self,
        call: &Call<grants::ChannelApply>,
        channels: &[Name],
        expected: &[(Name, String)],
        why: &Why,
    ) -> Result<Applied, Problem> {
        let permit = &call.permit;
        let act = self.act(permit, "channel.apply", &reason_needed(why)?);
        let scripts = self.engine.new_scripts(permit.scope(), channels)?;
        let act = match scripts.is_empty() {
            true => Act { approval: None, ..act },
            false => self.agreed_act(call, scripts_asked(&scripts), why).await?,
        };
        Ok(self.engine.apply(permit.scope(), act, channels, expected).await?)
    }

    /// Puts a stored revision into force again.
    pub async fn revert(
        &self,
        permit: &Permit<grants::ChannelApply>,
        channel: &Name,
        revision: Option<&str>,
        why: &Why,
    ) -> Result<ChannelChange, Problem> {
        let act = self.act(permit, "channel.revert", &reason_needed(why)?);
        Ok(self.engine.revert(permit.scope(), act, channel, revision).await?)
    }

    /// What the file of a channel would change for its last messages. Recorded, though no value is shown.
    pub async fn compare(
        &self,
        permit: &Permit<grants::ChannelRead>,
        channel: &Name,
        count: usize,
    ) -> Result<Comparison, Problem> {
        let target = Target {
            kind: "channel",
            id: Some(channel.to_string()),
            channel: Some(channel.to_string()),
        };
        let act = self.act(permit, "channel.compared", &Why::default());
        self.engine.store().record(&act, target, ActOutcome::Success, None).await?;
        Ok(self.engine.compare(permit.scope(), channel, count).await?)
    }

    /// The revisions of a channel, the newest first.
    pub async fn revisions(
        &self,
        permit: &Permit<grants::ChannelRead>,
        channel: &Name,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<RevisionSummary>, Problem> {
        let before = before.map(store::RevisionId::new);
        Ok(self.engine.store().revisions(permit.scope(), channel, before, limit).await?)
    }
}

/// What is asked of somebody else before so many messages are sent again.
fn replay_asked(order: &ReplayOrder, count: usize, scope: &Scope) -> Asked {
    let Selection { ids, channel, destination, error } = &order.selection;
    let text = |name: &Option<Name>| name.as_ref().map(Name::to_string).unwrap_or_default();
    let to: Vec<&str> = order.to.iter().map(Name::as_str).collect();
    let mut summary = format!("send {count} messages again");
    for (word, name) in [(" of channel ", text(channel)), (" to ", text(destination))] {
        if !name.is_empty() {
            summary.push_str(&format!("{word}`{name}`"));
        }
    }
    let parts = vec![
        ids.join(" "),
        text(channel),
        text(destination),
        error.clone().unwrap_or_default(),
        format!("{:?}", order.mode),
        to.join(" "),
        count.to_string(),
    ];
    let scope = match channel {
        Some(name) => Scope::Channels([name.clone()].into()),
        None => scope.clone(),
    };
    Asked { action: "message.replay", parts, summary, scope }
}

/// What is asked of somebody else before scripts run that did not run before.
fn scripts_asked(scripts: &[(Name, String, String)]) -> Asked {
    let shown = scripts
        .iter()
        .map(|(_, path, hash)| format!("`{path}` ({})", hash.get(..12).unwrap_or(hash.as_str())));
    let summary = format!("run the scripts {}", shown.collect::<Vec<_>>().join(", "));
    let parts = scripts
        .iter()
        .flat_map(|(channel, path, hash)| [channel.to_string(), path.clone(), hash.clone()]);
    let channels = scripts.iter().map(|(channel, ..)| channel.clone()).collect();
    Asked {
        action: "channel.apply",
        parts: parts.collect(),
        summary,
        scope: Scope::Channels(channels),
    }
}

fn reason_needed(why: &Why) -> Result<Why, Problem> {
    match &why.reason {
        Some(reason) if !reason.trim().is_empty() => Ok(why.clone()),
        Some(_) | None => Err(Problem::invalid("a reason is needed: the audit log keeps it")),
    }
}
