//! The one task that writes for a set of channels: groups what has arrived, and tells everybody when it is on disk.
//!
//! Receives never wait for company: a group is whatever arrived while the one before it was written. Settles that come alone may wait a
//! moment for a receive to share its sync, because nobody is kept waiting by them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::backend::{Backend, Done, Framing, Job, Run};
use crate::channels::Channels;
use crate::error::StoreError;
use crate::fence;
use crate::figures::Commits;
use crate::group::{Assembled, Item, OpenMessages, Unwritten, Work};
use crate::prune::Pruning;
use crate::seats::Seats;

/// Receives and settles in one group, each.
const GROUP_MAX: usize = 64;
/// Bytes of bodies in one group, unless one message alone has more.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// How long settles alone wait for a receive.
const COMPANY_WAIT: Duration = Duration::from_millis(3);
/// So many settles do not wait.
const SETTLES_ENOUGH: usize = 16;
/// Waiting items and bytes of one writer; beyond that callers are refused.
const QUEUE_ITEMS_MAX: usize = 65_536;
const QUEUE_BYTES_MAX: usize = 256 << 20;
/// How often a group may meet rows that it did not expect.
const ROUNDS_MAX: usize = 4;
/// Pause before a broken connection is tried again: doubled up to the second.
const RECOVER_PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

enum Command {
    Item(Item, usize),
    Job(Job),
    /// Everything before is written, or refused: a channel may move to another writer.
    Flush(oneshot::Sender<()>),
    /// Gives some space back, outside of any transaction.
    GiveBack(oneshot::Sender<Result<bool, StoreError>>),
    /// A channel comes from another writer, once that has flushed.
    Take(i64, oneshot::Receiver<()>),
    Close(oneshot::Sender<()>),
}

/// Wakes a writer that waits for company.
#[derive(Default)]
pub(crate) struct Hurry {
    asked: AtomicBool,
    notify: Notify,
}

impl Hurry {
    pub(crate) fn now(&self) {
        self.asked.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    fn take(&self) -> bool {
        self.asked.swap(false, Ordering::AcqRel)
    }
}

/// The callers' end of a writer.
#[derive(Clone)]
pub(crate) struct Desk {
    queue: mpsc::UnboundedSender<Command>,
    load: Arc<Load>,
    hurry: Arc<Hurry>,
    failed: watch::Receiver<bool>,
}

#[derive(Default)]
struct Load {
    items: AtomicUsize,
    bytes: AtomicUsize,
}

impl Desk {
    /// Puts an item into the queue; the order of calls is the order on disk.
    pub(crate) fn put(&self, item: Item, bytes: usize) {
        let items = self.load.items.fetch_add(1, Ordering::Relaxed);
        let waiting = self.load.bytes.fetch_add(bytes, Ordering::Relaxed);
        let full = items >= QUEUE_ITEMS_MAX || (waiting > 0 && waiting + bytes > QUEUE_BYTES_MAX);
        let refused = if full {
            Some((item, StoreError::Busy))
        } else {
            match self.queue.send(Command::Item(item, bytes)) {
                Ok(()) => None,
                Err(mpsc::error::SendError(Command::Item(item, _))) => Some((item, self.gone())),
                Err(_) => None,
            }
        };
        if let Some((item, error)) = refused {
            self.load.leave(bytes);
            item.refuse(error);
        }
    }

    fn gone(&self) -> StoreError {
        if *self.failed.borrow() { StoreError::SyncFailed } else { StoreError::Closed }
    }

    /// Runs something in a transaction of its own, between groups.
    pub(crate) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Backend) -> crate::sql::Later<'a, Done> + Send + 'static,
    {
        self.submit(job)?.await
    }

    /// The same in two steps: it has its place in the queue before this returns.
    pub(crate) fn submit<T, F>(
        &self,
        job: F,
    ) -> Result<impl Future<Output = Result<T, StoreError>> + Send + use<'_, T, F>, StoreError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Backend) -> crate::sql::Later<'a, Done> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job { run: Box::new(job), reply };
        self.queue.send(Command::Job(job)).map_err(|_| self.gone())?;
        Ok(async move {
            let value = answer.await.map_err(|_| self.gone())??;
            value
                .downcast::<T>()
                .map(|value| *value)
                .map_err(|_| StoreError::Internal("a job gave something else".to_owned()))
        })
    }

    /// Gives some space that nothing is in back to the file system, between groups; whether there is more.
    pub(crate) async fn give_back(&self) -> Result<bool, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Command::GiveBack(reply)).map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Says when everything before is written.
    pub(crate) fn flush(&self, flushed: oneshot::Sender<()>) {
        // A writer that has ended drops the sender, which says the same.
        let _ended = self.queue.send(Command::Flush(flushed));
    }

    /// Writes for a channel from here on, once its old writer has flushed.
    pub(crate) fn take(&self, channel: i64, flushed: oneshot::Receiver<()>) {
        // A writer that has ended refuses the channel's items too.
        let _ended = self.queue.send(Command::Take(channel, flushed));
    }

    /// Ends the writer once everything before is written.
    pub(crate) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Command::Close(reply)).is_ok() {
            // The writer drops the sender when it ends for another reason: it has ended all the same.
            let _ended = closed.await;
        }
    }

    pub(crate) fn hurry(&self) -> Arc<Hurry> {
        Arc::clone(&self.hurry)
    }
}

impl Load {
    fn leave(&self, bytes: usize) {
        self.items.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The writing end.
pub(crate) struct Writer {
    backend: Box<dyn Backend>,
    channels: Arc<Channels>,
    queue: mpsc::UnboundedReceiver<Command>,
    load: Arc<Load>,
    hurry: Arc<Hurry>,
    waiting: VecDeque<Command>,
    open: OpenMessages,
    pruning: Pruning,
    /// Channels that come from other writers and have not been looked at.
    coming: Vec<(i64, oneshot::Receiver<()>)>,
    failed: watch::Sender<bool>,
    now_us: i64,
    share: Share,
}

/// The channels that a writer writes for.
pub(crate) struct Share {
    pub writer: usize,
    pub seats: Arc<Seats>,
    pub commits: Arc<Commits>,
}

impl Writer {
    /// A writer and its desk. `failed` is set when a sync has failed.
    pub(crate) fn new(
        backend: Box<dyn Backend>,
        channels: Arc<Channels>,
        failed: watch::Sender<bool>,
        (now_us, share): (i64, Share),
    ) -> (Writer, Desk) {
        let (sender, queue) = mpsc::unbounded_channel();
        let (load, hurry) = (Arc::new(Load::default()), Arc::new(Hurry::default()));
        let desk = Desk {
            queue: sender,
            load: Arc::clone(&load),
            hurry: Arc::clone(&hurry),
            failed: failed.subscribe(),
        };
        let writer = Writer {
            backend,
            channels,
            queue,
            load,
            hurry,
            waiting: VecDeque::new(),
            open: OpenMessages::default(),
            pruning: Pruning::new(),
            coming: Vec::new(),
            failed,
            now_us,
            share,
        };
        (writer, desk)
    }

    /// Writes until it is closed, every desk is gone, or a sync fails.
    pub(crate) async fn run(mut self) {
        let closed = loop {
            if *self.failed.borrow() {
                break None;
            }
            while let Some((channel, flushed)) = self.coming.pop() {
                self.take(channel, flushed).await;
            }
            match self.next().await {
                Some(Command::Item(item, bytes)) => {
                    self.load.leave(bytes);
                    let assembled = self.gather(item, bytes).await;
                    self.write(assembled).await;
                }
                Some(Command::Job(job)) => self.act(job).await,
                Some(Command::GiveBack(reply)) => self.give_back(reply).await,
                Some(Command::Flush(flushed)) => drop(flushed.send(())),
                Some(Command::Take(channel, flushed)) => self.coming.push((channel, flushed)),
                Some(Command::Close(reply)) => break Some(reply),
                None => break None,
            }
            if self.pruning.is_due() {
                self.prune().await;
            }
            if self.waiting.is_empty() && self.queue.is_empty() {
                self.rest().await;
            }
        };
        let error = if *self.failed.borrow() { StoreError::SyncFailed } else { StoreError::Closed };
        self.queue.close();
        self.refuse_waiting(&error).await;
        if let Err(error) = self.backend.close().await {
            tracing::warn!(%error, "closing the store's connection failed");
        }
        if let Some(reply) = closed {
            let _nobody_waits = reply.send(());
        }
    }

    async fn next(&mut self) -> Option<Command> {
        if let Some(command) = self.waiting.pop_front() {
            return Some(command);
        }
        self.queue.recv().await
    }

    /// The first item and whatever else has arrived that fits into its group.
    async fn gather(&mut self, first: Item, bytes: usize) -> Assembled {
        let mut gathered =
            Gathered { settles: usize::from(first.is_settle()), bytes, ..Gathered::default() };
        gathered.others = 1 - gathered.settles;
        let begun = Instant::now();
        self.admit(first, &mut gathered.assembled);
        loop {
            while let Some(command) =
                self.waiting.pop_front().or_else(|| self.queue.try_recv().ok())
            {
                if let Some(command) = self.join(command, &mut gathered) {
                    self.waiting.push_front(command);
                    return gathered.assembled;
                }
            }
            let alone = gathered.others == 0 && gathered.settles < SETTLES_ENOUGH;
            if !alone || self.hurry.take() {
                return gathered.assembled;
            }
            let Some(left) =
                COMPANY_WAIT.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
            else {
                return gathered.assembled;
            };
            tokio::select! {
                command = self.queue.recv() => match command {
                    Some(command) => self.waiting.push_front(command),
                    None => return gathered.assembled,
                },
                () = self.hurry.notify.notified() => {}
                () = tokio::time::sleep(left) => return gathered.assembled,
            }
        }
    }

    /// Adds a command to a group, or gives it back when it has to come after it.
    fn join(&mut self, command: Command, gathered: &mut Gathered) -> Option<Command> {
        let Command::Item(item, bytes) = command else { return Some(command) };
        let settle = item.is_settle();
        let count = if settle { gathered.settles } else { gathered.others };
        let full = count >= GROUP_MAX || gathered.bytes + bytes > GROUP_BYTES_MAX;
        if full || gathered.assembled.must_wait(&item) {
            return Some(Command::Item(item, bytes));
        }
        self.load.leave(bytes);
        gathered.bytes += bytes;
        gathered.settles += usize::from(settle);
        gathered.others += usize::from(!settle);
        self.admit(item, &mut gathered.assembled);
        None
    }

    fn admit(&mut self, item: Item, assembled: &mut Assembled) {
        if !self.channels.is_owner(item.channel, item.epoch) {
            return item.refuse(StoreError::Fenced);
        }
        if let Work::Hop { message, epoch, .. } = &item.work
            && !self.channels.is_owner(message.channel, *epoch)
        {
            return item.refuse(StoreError::Fenced);
        }
        // Time comes from outside, with what is written; it only has to move on.
        self.now_us = self.now_us.max(match &item.work {
            Work::Receive { message, .. } => message.received_us,
            Work::Settle { row, .. } => row.started_us.saturating_add(row.duration_us),
            Work::Hop { message, .. } => message.received_us,
            Work::Decide { .. } | Work::Try { .. } => 0,
        });
        assembled.add(item);
    }

    async fn write(&mut self, mut assembled: Assembled) {
        if assembled.replies.is_empty() {
            return;
        }
        let begun = self.share.commits.begin(self.share.writer);
        let written = self.write_rounds(&mut assembled).await;
        self.share.commits.end(self.share.writer, begun, assembled.replies.len());
        if let Err(error) = written {
            self.open.forget();
            self.note(&error);
            assembled.fail(&error);
            self.recover(&error).await;
            return;
        }
        self.channels.advance(&assembled.group.messages);
        self.open.written(&assembled.group);
        self.pruning.written(&assembled.group);
        assembled.succeed();
    }

    async fn write_rounds(&mut self, assembled: &mut Assembled) -> Result<(), StoreError> {
        if !assembled.group.decides.is_empty() {
            assembled.look_up_decisions(&mut *self.backend).await?;
        }
        if assembled.group.has_repeats() {
            assembled.resolve(&mut *self.backend).await?;
        }
        for _ in 0..ROUNDS_MAX {
            self.open.recall(&mut *self.backend, &assembled.group.settles).await?;
            assembled.number(&self.channels, &self.open, self.now_us);
            match self.backend.write(&assembled.group, Framing::Whole).await {
                Ok(()) => return Ok(()),
                Err(Unwritten::Unexpected) => {
                    self.open.doubt(&assembled.group.settles);
                    assembled.resolve(&mut *self.backend).await?;
                }
                Err(Unwritten::Fenced) => {
                    let lost = fence::lost(&mut *self.backend, &assembled.group.fences).await?;
                    lost.iter().for_each(|channel| self.channels.lose(*channel));
                    assembled.fence(&lost);
                }
                Err(Unwritten::Failed(error)) => return Err(error),
            }
        }
        Err(StoreError::Internal("a group never met the rows it expected".to_owned()))
    }

    async fn act(&mut self, job: Job) {
        self.open.forget();
        match self.transact(job.run).await {
            Ok(done) => {
                (done.after)();
                let _nobody_waits = job.reply.send(Ok(done.value));
            }
            Err(error) => {
                self.note(&error);
                let _nobody_waits = job.reply.send(Err(error.clone()));
                self.recover(&error).await;
            }
        }
    }

    async fn take(&mut self, channel: i64, flushed: oneshot::Receiver<()>) {
        // The old writer has flushed, or has ended and will write nothing more.
        let _flushed = flushed.await;
        self.open.forget();
        if let Err(error) = self.look_again(|one| one == channel).await {
            self.note(&error);
            self.recover(&error).await;
        }
    }

    async fn transact(&mut self, run: Run) -> Result<Done, StoreError> {
        self.backend.begin().await?;
        match run(&mut *self.backend).await {
            Ok(done) => {
                if let Err(error) = self.backend.commit().await {
                    self.undo().await;
                    return Err(error);
                }
                Ok(done)
            }
            Err(error) => {
                self.undo().await;
                Err(error)
            }
        }
    }

    async fn undo(&mut self) {
        if let Err(error) = self.backend.rollback().await {
            tracing::warn!(%error, "undoing a transaction failed");
        }
    }

    /// Remembers a failure after which nothing may be written any more.
    fn note(&mut self, error: &StoreError) {
        if *error == StoreError::SyncFailed {
            self.failed.send_replace(true);
        }
    }

    /// Makes the connection usable again; callers are refused meanwhile, so that nobody waits for a database that is gone.
    async fn recover(&mut self, error: &StoreError) {
        if *error != StoreError::Unavailable {
            return;
        }
        let [mut pause, longest] = RECOVER_PAUSES;
        loop {
            match self.reconnect().await {
                Ok(()) => return,
                Err(StoreError::Unavailable) => {}
                // What the old session was doing is not over yet.
                Err(StoreError::Busy) => {
                    tracing::info!("waiting for the store's old session to end")
                }
                Err(other) => {
                    tracing::warn!(error = %other, "the store's connection came back, but not whole")
                }
            }
            self.refuse_waiting(&StoreError::Unavailable).await;
            let until = Instant::now() + pause;
            loop {
                match tokio::time::timeout_at(until, self.queue.recv()).await {
                    Ok(Some(Command::Close(reply))) => {
                        self.waiting.push_front(Command::Close(reply));
                        return;
                    }
                    Ok(Some(command)) => self.refuse(command, &StoreError::Unavailable),
                    Ok(None) => return,
                    Err(_elapsed) => break,
                }
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// A new connection, and what it says about the channels: a commit that was never heard of may have used up numbers.
    async fn reconnect(&mut self) -> Result<(), StoreError> {
        self.backend.recover().await?;
        let (writer, seats) = (self.share.writer, Arc::clone(&self.share.seats));
        self.look_again(|channel| seats.holds(writer, channel)).await
    }

    /// Reads what the database says about some channels.
    async fn look_again(&mut self, concerns: impl Fn(i64) -> bool) -> Result<(), StoreError> {
        self.backend.begin().await?;
        let refreshed = fence::refresh(&mut *self.backend, &self.channels, concerns).await;
        let ended = if refreshed.is_ok() {
            self.backend.commit().await
        } else {
            self.backend.rollback().await
        };
        refreshed.and(ended)
    }

    async fn prune(&mut self) {
        let pruned = match self.pruning.look(&mut *self.backend).await {
            Ok(Some(stretch)) => {
                self.transact(Box::new(|session| Box::pin(stretch.prune(session)))).await.map(drop)
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = pruned {
            tracing::warn!(%error, "old duplicate tokens stay for now");
            self.note(&error);
            self.recover(&error).await;
        }
    }

    async fn give_back(&mut self, reply: oneshot::Sender<Result<bool, StoreError>>) {
        let given = self.backend.give_back().await;
        if let Err(error) = &given {
            self.note(error);
        }
        let _nobody_waits = reply.send(given);
    }

    async fn rest(&mut self) {
        if let Err(error) = self.backend.rest().await {
            self.note(&error);
            tracing::warn!(%error, "upkeep of the store failed");
        }
    }

    async fn refuse_waiting(&mut self, error: &StoreError) {
        while let Some(command) = self.waiting.pop_front().or_else(|| self.queue.try_recv().ok()) {
            self.refuse(command, error);
        }
    }

    fn refuse(&mut self, command: Command, error: &StoreError) {
        match command {
            Command::Item(item, bytes) => {
                self.load.leave(bytes);
                item.refuse(error.clone());
            }
            Command::Job(job) => drop(job.reply.send(Err(error.clone()))),
            Command::GiveBack(reply) => drop(reply.send(Err(error.clone()))),
            Command::Flush(reply) | Command::Close(reply) => drop(reply.send(())),
            // It comes all the same, before anything that is asked for it.
            Command::Take(channel, flushed) => self.coming.push((channel, flushed)),
        }
    }
}

#[derive(Default)]
struct Gathered {
    assembled: Assembled,
    settles: usize,
    others: usize,
    bytes: usize,
}
