//! What people may do, as functions: permit, then deed, then audit record in the same transaction.

mod accounts;
mod audit;
mod registry;

use std::sync::Arc;

use auth::{Accounts, Permit, Registry, grants};
use config::Name;
use engine::{
    ChannelChange, Discarded, Engine, ReplayOrder, Replayed, Selection, Status, Trace, Trial,
};
use store::{
    Act, ActOutcome, Actor, BodyOf, DeadGroup, DeliveryId, MessageDetail, MessageFilter, MessageId,
    Messages, Page, Revision, Scope, Target,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::denials::Denials;
use crate::problem::Problem;

pub use registry::{CertificateView, Inspected, PeerView};

/// The services of one engine.
#[derive(Clone)]
pub struct Service {
    engine: Engine,
    registry: Arc<Registry>,
    accounts: Arc<Accounts>,
    denials: Arc<Denials>,
    streams: Arc<Semaphore>,
}

/// Streams of events at once.
const STREAMS_MAX: usize = 64;

/// Why somebody does something, and the request it came with.
#[derive(Clone, Debug, Default)]
pub struct Why {
    /// In the person's words.
    pub reason: Option<String>,
}

impl Service {
    /// Over a running engine, its registry of peers and its accounts.
    pub fn new(engine: Engine, registry: Arc<Registry>, accounts: Arc<Accounts>) -> Service {
        Service {
            engine,
            registry,
            accounts,
            denials: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }

    /// The time by the engine's clock, microseconds UTC.
    pub fn now_us(&self) -> i64 {
        self.engine.now_us()
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
            now_us: self.engine.now_us(),
        }
    }

    /// How everything is.
    pub async fn status(&self, permit: &Permit<grants::MonitorRead>) -> Result<Status, Problem> {
        let mut status = self.engine.status(permit.scope()).await?;
        // What is wrong with peers and authorities is nobody's who sees some channels only.
        if *permit.scope() == Scope::All {
            status.warnings.extend(self.registry.warnings());
        }
        Ok(status)
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
        let filter = MessageFilter { control_id: Some(id.to_owned()), ..MessageFilter::default() };
        let mut page = Page { after: None, limit: 1 };
        loop {
            let found = self.engine.store().messages(permit.scope(), &filter, page).await?;
            match (found.rows.first(), found.next) {
                (Some(row), _) => return Ok(Some(row.id)),
                (None, None) => return Ok(None),
                // A page looks at so many rows and no more: the search goes on behind them.
                (None, after) => page = Page { after, limit: 1 },
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
        permit: &Permit<grants::MessageReplay>,
        order: &ReplayOrder,
        why: &Why,
    ) -> Result<Replayed, Problem> {
        let act = self.act(permit, "message.replay", &reason_needed(why)?);
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
    ) -> Result<(), Problem> {
        let act = self.act(permit, "destination.hold", why);
        Ok(self.engine.hold(permit.scope(), &act, channel, destination).await?)
    }

    /// Sends to it again.
    pub async fn resume(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        (channel, destination): (&Name, &Name),
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "destination.resume", why);
        Ok(self.engine.resume(permit.scope(), &act, channel, destination).await?)
    }

    /// Tries everything that waits there at once.
    pub async fn retry_now(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        (channel, destination): (&Name, &Name),
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "destination.retry", why);
        Ok(self.engine.retry_now(permit.scope(), &act, channel, destination).await?)
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
        permit: &Permit<grants::ChannelApply>,
        channels: &[Name],
        why: &Why,
    ) -> Result<Vec<ChannelChange>, Problem> {
        let act = self.act(permit, "channel.apply", &reason_needed(why)?);
        Ok(self.engine.apply(permit.scope(), act, channels).await?)
    }
}

fn reason_needed(why: &Why) -> Result<Why, Problem> {
    match &why.reason {
        Some(reason) if !reason.trim().is_empty() => Ok(why.clone()),
        Some(_) | None => Err(Problem::invalid("a reason is needed: the audit log keeps it")),
    }
}
