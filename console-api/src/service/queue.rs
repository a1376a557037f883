//! Services of what waits: each answers within seconds with what has come of it, or that it goes on.

use std::time::Duration;

use auth::{Permit, grants};
use config::Name;
use engine::{ActError, EditedCopy, Emptied, JobOrder, QueueView, ReplayMode};
use store::{Act, DeliveryId, JobKind, Letter, Replayed, Stopped};
use uuid::Uuid;

use super::{Service, Why, reason_needed};
use crate::problem::Problem;

/// An act that takes longer goes on behind its answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Letters a second of a job that ends what waits.
const DISCARD_RATE: u32 = 1_000;

/// What came of ending what waits.
pub enum QueueEnded {
    /// So many were ended; so many are being sent and stay.
    Done(usize, usize),
    /// A job ends them.
    AsJob(Uuid),
}

/// Waits for an act as long as people wait; without an answer by then it goes on.
pub(super) async fn within<T: Send + 'static>(
    work: impl Future<Output = Result<T, ActError>> + Send + 'static,
) -> Result<Option<T>, Problem> {
    match tokio::time::timeout(DEADLINE, tokio::spawn(work)).await {
        Ok(Ok(done)) => Ok(Some(done?)),
        Ok(Err(_)) => Err(Problem::conflict("refused", "the act broke off; the log says where")),
        Err(_) => Ok(None),
    }
}

impl Service {
    /// What waits at a destination.
    pub async fn queue(
        &self,
        permit: &Permit<grants::MonitorRead>,
        (channel, destination): (&Name, &Name),
    ) -> Result<QueueView, Problem> {
        Ok(self.engine.queue(permit.scope(), channel, destination).await?)
    }

    /// Makes the head of a blocked lane a dead letter.
    pub async fn skip(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        at: (Name, Name),
        looked_at: Option<DeliveryId>,
        why: &Why,
    ) -> Result<Option<DeliveryId>, Problem> {
        let act = self.act(permit, "destination.skip", &reason_needed(why)?);
        let (engine, scope) = (self.engine.clone(), permit.scope().clone());
        within(async move { engine.skip(&scope, &act, (&at.0, &at.1), looked_at).await }).await
    }

    /// Ends everything that waits at a destination, when it is as many as were looked at.
    pub async fn empty_queue(
        &self,
        permit: &Permit<grants::MessageDiscard>,
        at: (Name, Name),
        looked_at: (i64, Option<i64>),
        why: &Why,
    ) -> Result<Option<QueueEnded>, Problem> {
        let act = self.act(permit, "message.discard", &reason_needed(why)?);
        let (engine, scope) = (self.engine.clone(), permit.scope().clone());
        within(async move {
            match engine.empty_queue(&scope, &act, (&at.0, &at.1), looked_at).await? {
                Emptied::Done(count, stay) => Ok(QueueEnded::Done(count, stay.len())),
                Emptied::AsJob(ids) => {
                    let order = JobOrder {
                        kind: JobKind::Discard,
                        mode: ReplayMode::AsSent,
                        to: Vec::new(),
                        letters: ids.into_iter().map(Letter::Delivery).collect(),
                        channels: vec![at.0],
                        rate: DISCARD_RATE,
                        token: None,
                    };
                    let act = Act { action: "job.begun", ..act };
                    let (id, _) = engine.begin_job(&scope, &act, order).await?;
                    Ok(QueueEnded::AsJob(id))
                }
            }
        })
        .await
    }

    /// Stops a source, over restarts.
    pub async fn stop_source(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        channel: Name,
        why: &Why,
    ) -> Result<Option<Stopped>, Problem> {
        let act = self.act(permit, "source.stop", &reason_needed(why)?);
        let (engine, scope) = (self.engine.clone(), permit.scope().clone());
        within(async move { engine.stop_source(&scope, &act, &channel).await }).await
    }

    /// Starts a source that a person has stopped.
    pub async fn start_source(
        &self,
        permit: &Permit<grants::ConnectionControl>,
        channel: Name,
        why: &Why,
    ) -> Result<Option<()>, Problem> {
        let act = self.act(permit, "source.start", why);
        let (engine, scope) = (self.engine.clone(), permit.scope().clone());
        within(async move { engine.start_source(&scope, &act, &channel).await }).await
    }

    /// Stores an edited copy of a message and lets it go its way.
    pub async fn edit(
        &self,
        permit: &Permit<grants::MessageEdit>,
        copy: EditedCopy,
        why: &Why,
    ) -> Result<Replayed, Problem> {
        let act = self.act(permit, "message.edit", &reason_needed(why)?);
        Ok(self.engine.edit(permit.scope(), &act, copy).await?)
    }
}
