//! The store as the engine uses it: by ownership of channels.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use config::Name;
use tokio::sync::{oneshot, watch};

use crate::audit::{self, Recorder};
use crate::backend::Done;
use crate::channels::Channels;
use crate::error::StoreError;
use crate::figures::Commits;
use crate::group::{Item, TryRow, Work};
use crate::ids::{ChannelId, DestinationId, MessageId};
use crate::intake::{Intake, Sealed};
use crate::key::Held;
use crate::lease::Lease;
use crate::read::{Queued, QueuedDelivery, Reader, Undecided, Waiting};
use crate::receipt::{Decision, OnCommit, Receipt, Received};
use crate::seal::{DataKey, FreshKey, KeyRing, KeyRow};
use crate::seats::{Seat, Seats};
use crate::settle::{Settle, SettleTicket};
use crate::sql::{Session, statements, values};
use crate::token::{LaneKey, Tokens};
use crate::writer::Desk;

statements! {
    INSERT_KEY = "insert into data_keys (id, purpose, channel, day, kek_id, wrapped, commitment, created_us)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing";
}

/// The message store. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Parts>,
}

/// What a store consists of.
pub(crate) struct Parts {
    pub desks: Vec<Desk>,
    pub commits: Arc<Commits>,
    pub seats: Arc<Seats>,
    pub channels: Arc<Channels>,
    pub reader: Reader,
    pub ring: Arc<KeyRing>,
    pub tokens: Tokens,
    pub secrets: DataKey,
    pub auth: DataKey,
    /// The store key in force.
    pub key: Mutex<Held>,
    /// Held while that is being changed.
    pub rotating: tokio::sync::Mutex<()>,
    pub recorder: Recorder,
    pub standing: audit::Standing,
    pub failing: watch::Receiver<bool>,
    pub node: String,
    pub version: String,
    pub time: Time,
}

/// The latest time that anybody has told the store: it has no clock of its own, and some rows only need a time at all.
pub(crate) struct Time(AtomicI64);

impl Time {
    pub(crate) fn new(now_us: i64) -> Time {
        Time(AtomicI64::new(now_us))
    }

    pub(crate) fn told(&self, now_us: i64) {
        self.0.fetch_max(now_us, Ordering::Relaxed);
    }

    pub(crate) fn latest_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Store {
    /// How commits have gone since the start.
    pub fn commits(&self) -> &Commits {
        &self.inner.commits
    }

    /// Whether the disk has failed to keep what was written: nothing more is.
    pub fn has_failed(&self) -> bool {
        *self.inner.failing.borrow()
    }

    pub(crate) fn new(parts: Parts) -> Store {
        Store { inner: Arc::new(parts) }
    }

    /// The writer of a channel: always the same one, so that one order of writing is one order of rows.
    pub(crate) fn seat(&self, channel: ChannelId) -> Seat<'_> {
        self.inner.seats.at(&self.inner.desks, channel)
    }

    pub(crate) fn intake<'a>(&'a self, lease: &'a Lease) -> Intake<'a> {
        let Parts { ring, tokens, .. } = &*self.inner;
        Intake { ring, tokens, channel: lease.channel(), name: lease.name() }
    }

    pub(crate) fn put<T>(
        &self,
        lease: &Lease,
        sealed: Sealed<T>,
        work: impl FnOnce(T) -> Work,
    ) -> Result<(), StoreError> {
        let mut keys = sealed.keys;
        keys.retain(|fresh| !fresh.key.is_committed());
        let item = Item {
            channel: lease.channel().number(),
            epoch: lease.epoch(),
            work: work(sealed.row),
            keys,
        };
        self.seat(lease.channel()).put(item, sealed.bytes)
    }

    /// Stores a message: the future ends when it is on disk, or known to be there already.
    ///
    /// It is sealed and has its place in the order before this returns. `on_commit` is called by the writer in the order of `seq`, after
    /// the sync and before any future of the group ends; not for duplicates.
    pub fn receive(
        &self,
        lease: &Lease,
        receipt: Receipt,
        on_commit: OnCommit,
    ) -> impl Future<Output = Result<Received, StoreError>> + Send + 'static {
        let (reply, outcome) = oneshot::channel();
        self.inner.time.told(receipt.received_us);
        let put = self.intake(lease).receipt(receipt).and_then(|sealed| {
            self.put(lease, sealed, |row| Work::Receive {
                message: Box::new(row),
                on_commit,
                reply,
            })
        });
        wait(put, outcome)
    }

    /// Notes that a program is about to start on an undecided message, so that one that ends the process is counted.
    pub fn begin_try(
        &self,
        lease: &Lease,
        message: MessageId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (reply, outcome) = oneshot::channel();
        let row = TryRow { message: message.uuid(), channel: lease.channel().number() };
        let work = Work::Try { row, reply };
        let item = Item {
            channel: lease.channel().number(),
            epoch: lease.epoch(),
            work,
            keys: Vec::new(),
        };
        let put = self.seat(lease.channel()).put(item, 64);
        wait(put, outcome)
    }

    /// Stores what the program made of an undecided message, and gives its `seq`.
    pub fn decide(
        &self,
        lease: &Lease,
        message: MessageId,
        decision: Decision,
        on_commit: OnCommit,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send + 'static {
        let (reply, outcome) = oneshot::channel();
        let put = self.intake(lease).decided(message, decision).and_then(|sealed| {
            self.put(lease, sealed, |row| Work::Decide { row: Box::new(row), on_commit, reply })
        });
        wait(put, outcome)
    }

    /// Stores what a try came to. It has its place in the order before this returns.
    pub fn settle(&self, lease: &Lease, settle: Settle) -> SettleTicket {
        let (reply, outcome) = oneshot::channel();
        self.inner.time.told(settle.attempt.started_us);
        // When sealing or the queue fails, the sender inside is gone and the ticket says so.
        let put = match self.intake(lease).settle(settle) {
            Ok(sealed) => self.put(lease, sealed, |row| Work::Settle { row: Box::new(row), reply }),
            Err(error) => Err(error),
        };
        if let Err(error) = put {
            tracing::error!(%error, "a settle could not be queued");
        }
        let hurry = self.seat(lease.channel()).hurry().unwrap_or_default();
        SettleTicket { outcome, hurry }
    }

    /// Ends a delivery of one channel and stores what it hands over as a message of another, in one transaction.
    ///
    /// May be given again when nobody knows whether it was written: a delivery is handed over once. `on_commit` is called as for
    /// [`Store::receive`], and dropped when the delivery had been handed over before.
    pub fn hop(
        &self,
        (from, to): (&Lease, &Lease),
        settle: Settle,
        receipt: Receipt,
        on_commit: OnCommit,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (reply, outcome) = oneshot::channel();
        self.inner.time.told(receipt.received_us);
        let put = self.put_hop((from, to), settle, receipt, (on_commit, reply));
        wait(put, outcome)
    }

    fn put_hop(
        &self,
        (from, to): (&Lease, &Lease),
        settle: Settle,
        receipt: Receipt,
        (on_commit, reply): (OnCommit, oneshot::Sender<Result<(), StoreError>>),
    ) -> Result<(), StoreError> {
        let settled = self.intake(from).settle(settle)?;
        let received = self.intake(to).receipt(receipt)?;
        let keys = settled.keys.into_iter().chain(received.keys);
        let keys = keys.filter(|fresh| !fresh.key.is_committed());
        let work = Work::Hop {
            settle: Box::new(settled.row),
            message: Box::new(received.row),
            epoch: to.epoch(),
            on_commit,
            reply,
        };
        let item = Item {
            channel: from.channel().number(),
            epoch: from.epoch(),
            work,
            keys: keys.collect(),
        };
        self.inner.seats.join(&self.inner.desks, from.channel(), to.channel());
        self.seat(from.channel()).put(item, settled.bytes + received.bytes)
    }

    /// The token of an order key at a destination.
    pub fn lane_key(&self, lease: &Lease, destination: DestinationId, key: &[u8]) -> LaneKey {
        self.inner.tokens.lane(lease.channel(), destination, key)
    }

    /// The open deliveries of a destination after a place, in receipt order. One whose body does not open is settled dead on the way.
    pub async fn queued(
        &self,
        lease: &Lease,
        destination: DestinationId,
        after: Option<(i64, u32)>,
        limit: usize,
    ) -> Result<Vec<QueuedDelivery>, StoreError> {
        let found = self.inner.reader.queued(lease.channel(), destination, after, limit).await?;
        self.whole(lease, found).await
    }

    /// Those whose bodies open; the others are settled dead.
    pub(crate) async fn whole(
        &self,
        lease: &Lease,
        found: Vec<Queued>,
    ) -> Result<Vec<QueuedDelivery>, StoreError> {
        let mut whole = Vec::new();
        for queued in found {
            match queued {
                Queued::Whole(delivery) => whole.push(*delivery),
                Queued::Unreadable { message, delivery } => {
                    self.bury(lease, message, delivery).await?
                }
            }
        }
        Ok(whole)
    }

    /// Messages whose program has not decided, in receipt order.
    pub async fn undecided(
        &self,
        lease: &Lease,
        limit: usize,
    ) -> Result<Vec<Undecided>, StoreError> {
        let mut whole = Vec::new();
        for waiting in self.inner.reader.undecided(lease.channel(), limit).await? {
            match waiting {
                Waiting::Whole(undecided) => whole.push(*undecided),
                Waiting::Unreadable(message) => self.set_aside(lease, message).await?,
            }
        }
        Ok(whole)
    }

    /// Ends when a sync has failed: nothing is acknowledged any more, and the process must end.
    pub fn failed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut failing = self.inner.failing.clone();
        async move {
            if failing.wait_for(|failed| *failed).await.is_err() {
                // Every writer has ended without a failure, so there will be none.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The checkpoint with which the audit log ends. Without it the messages are none the worse.
    async fn last_checkpoint(&self) {
        let signed = self.checkpoint_audit(self.inner.time.latest_us()).await;
        let anchored = match signed {
            Ok(()) => self.anchor_audit().await,
            error => error,
        };
        if let Err(error) = anchored {
            tracing::error!(code = "audit.anchor", %error, "the audit log ends without a checkpoint");
        }
    }

    /// Writes what is queued, notes that the end was clean, and closes every connection.
    pub async fn close(&self) -> Result<(), StoreError> {
        let noted = match self.inner.desks.first() {
            Some(desk) => {
                // The other writers first: what is noted must be true of them too.
                for other in self.inner.desks.iter().skip(1) {
                    other.close().await;
                }
                self.last_checkpoint().await;
                desk.run(|session| {
                    Box::pin(async move {
                        crate::open::set_fact(session, "clean", b"1").await?;
                        Ok(Done::new(()))
                    })
                })
                .await
            }
            None => Ok(()),
        };
        self.inner.reader.close().await;
        for desk in &self.inner.desks {
            desk.close().await;
        }
        noted
    }
}

async fn wait<T>(
    put: Result<(), StoreError>,
    outcome: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    put?;
    outcome.await.unwrap_or(Err(StoreError::Closed))
}

/// Writes the rows of keys that are not on disk yet, so that what they sealed may follow.
pub(crate) async fn insert_keys(
    session: &mut dyn Session,
    keys: &[FreshKey],
    now_us: i64,
) -> Result<(), StoreError> {
    for fresh in keys.iter().filter(|fresh| !fresh.key.is_committed()) {
        insert_key(session, &fresh.row, now_us).await?;
    }
    Ok(())
}

pub(crate) async fn insert_key(
    session: &mut dyn Session,
    key: &KeyRow,
    now_us: i64,
) -> Result<(), StoreError> {
    let row = values![
        &key.id[..],
        key.purpose.code(),
        key.channel,
        key.day,
        &key.kek_id.0[..],
        key.wrapped.clone(),
        key.commitment.clone(),
        now_us,
    ];
    session.run(INSERT_KEY, row).await.map(drop)
}

/// Names with their rows, as a lease holds them.
pub(crate) type Destinations = BTreeMap<Name, DestinationId>;
