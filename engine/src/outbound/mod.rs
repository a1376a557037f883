//! One destination at work: its deliveries in memory, its connections, its state.
//!
//! Deliveries arrive from the commit in receipt order and stay in memory while there is room.
//! Beyond that they stay in the store alone, and [`refill`] reads them back in the same order.

mod awaited;
mod hop;
pub(crate) mod refill;
mod settle;
mod way;
mod worker;

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use config::Name;
use store::{DeliveryId, DestinationId, Lease, MessageId, Store};
use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::figures::Tried;
use crate::inlet::Shared;
use crate::inlets::Inlets;
use crate::lanes::{LaneHead, Lanes, Next, Position, Removal, Stands};
use crate::parcel::Parcel;
use crate::retry::LaneSettings;
use crate::traces::Traces;
use crate::watch::{Watch, Watched, Watches};

pub use way::Way;

/// At most this many deliveries of a destination are held in memory.
const PARCELS_MAX: usize = 8_192;
/// At most this many bytes of bodies of a destination are held in memory.
const PARCEL_BYTES_MAX: usize = 16 << 20;

/// What everything at one destination shares.
pub struct Outbound {
    /// The destination's name in its channel file.
    pub name: Name,
    /// Its row in the store.
    pub id: DestinationId,
    lease: Lease,
    store: Store,
    inlets: Inlets,
    clock: Clock,
    settings: watch::Sender<Settings>,
    state: Mutex<State>,
    /// Deliveries that acknowledgements wait for.
    watches: Mutex<Watches>,
    /// Something can start, or the state changed.
    work: Notify,
    /// There is room in memory and more in the store.
    room: Notify,
    /// Receipt numbers at and behind this one may not be read back yet.
    open_before: Box<dyn Fn() -> i64 + Send + Sync>,
    /// The channel hears of every settle that is on disk.
    settled: Arc<Notify>,
    tried: Tried,
    traces: Traces,
    /// A delivery has begun to wait for its application acknowledgement.
    awaiting: Notify,
}

/// The part that a reload may change while deliveries are queued.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// Which way deliveries go.
    pub way: Way,
    /// Order, retries and parallelism.
    pub lane: LaneSettings,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not begun: deliveries collect.
    Starting,
    Running,
    /// Finish what can go at once, then end.
    Draining,
    /// Start nothing more.
    Stopped,
}

struct State {
    lanes: Lanes<Parcel>,
    bytes: usize,
    phase: Phase,
    held: bool,
    /// Nothing is started while what waits is being ended.
    still: bool,
    /// Every delivery up to here has been in memory.
    loaded: Option<Position>,
    /// The store has deliveries behind `loaded` that are not in memory.
    behind: bool,
    /// Counts hand-overs left to the store, so that a refill knows whether it has seen them all.
    missed: u64,
    /// The receiver cannot be reached: nothing goes before this time.
    down_until_us: Option<i64>,
    down_since_us: Option<i64>,
    failures: u32,
    live: Live,
}

/// What status shows of a destination beside the store's figures.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Live {
    /// Deliveries being sent at this moment.
    pub sending: usize,
    /// Deliveries sent whose settle is not on disk yet.
    pub in_doubt: usize,
    /// Since when the receiver cannot be reached, microseconds UTC.
    pub down_since_us: Option<i64>,
    /// When it is tried again, microseconds UTC.
    pub next_try_us: Option<i64>,
    /// The code of the last failed try, and when it was, microseconds UTC.
    pub last_error: Option<(&'static str, i64)>,
    /// When the last delivery was accepted, microseconds UTC.
    pub last_delivered_us: Option<i64>,
}

impl Outbound {
    /// A destination that has not begun: deliveries handed over are counted, none is sent.
    pub fn new(
        (name, id): (Name, DestinationId),
        (shared, lease): (&Shared, Lease),
        settings: Settings,
        held: bool,
        (open_before, settled): (Box<dyn Fn() -> i64 + Send + Sync>, Arc<Notify>),
    ) -> Arc<Outbound> {
        let state = State {
            lanes: Lanes::new(),
            bytes: 0,
            phase: Phase::Starting,
            held,
            still: false,
            loaded: None,
            behind: true,
            missed: 0,
            down_until_us: None,
            down_since_us: None,
            failures: 0,
            live: Live::default(),
        };
        Arc::new(Outbound {
            name,
            id,
            lease,
            store: shared.store.clone(),
            inlets: shared.inlets.clone(),
            clock: Clock,
            settings: watch::Sender::new(settings),
            state: Mutex::new(state),
            watches: Mutex::default(),
            work: Notify::new(),
            room: Notify::new(),
            open_before,
            settled,
            tried: Tried::default(),
            traces: shared.traces.clone(),
            awaiting: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held left plain data behind; going on beats stopping a lane.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Lets a watch hear of the end of a delivery that is about to be committed.
    pub fn watch(&self, delivery: DeliveryId, watch: Weak<Watch>) {
        self.watches().add(delivery, watch);
    }

    /// Tells whoever watches a delivery that it has ended.
    pub fn ended(&self, delivery: DeliveryId, result: Watched) {
        self.watches().settled(delivery, result);
    }

    fn watches(&self) -> MutexGuard<'_, Watches> {
        self.watches.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes a committed delivery, in receipt order. Never waits.
    pub fn hand_over(&self, parcel: Parcel) {
        let mut state = self.state();
        if Some(parcel.position) <= state.loaded {
            // A refill has read it between its commit and this call.
            return;
        }
        let full = state.lanes.len() >= PARCELS_MAX || state.bytes >= PARCEL_BYTES_MAX;
        if state.behind || full {
            state.behind = true;
            state.missed += 1;
            return;
        }
        state.add(parcel, false, None);
        drop(state);
        self.work.notify_one();
    }

    /// A committed delivery that memory has no room for: it is read back when its turn comes.
    pub fn leave_in_store(&self) {
        let mut state = self.state();
        state.behind = true;
        state.missed += 1;
        drop(state);
        self.room.notify_one();
    }

    /// Starts and stops sending; deliveries collect meanwhile.
    pub fn set_held(&self, held: bool) {
        self.state().held = held;
        self.work.notify_one();
    }

    /// Whether a person holds it.
    pub fn is_held(&self) -> bool {
        self.state().held
    }

    /// Tries everything that waits at once.
    pub fn retry_now(&self) {
        let mut state = self.state();
        state.down_until_us = None;
        state.lanes.retry_now();
        drop(state);
        self.work.notify_one();
    }

    /// Takes deliveries out of memory so that the store may end them.
    pub fn withdraw(&self, deliveries: &[DeliveryId]) -> Withdrawn {
        let mut state = self.state();
        let mut withdrawn = Withdrawn::default();
        for id in deliveries {
            let stands = state.lanes.stands(|parcel| parcel.delivery == *id);
            match state.lanes.remove(|parcel| parcel.delivery == *id) {
                Removal::Removed(parcel) => {
                    state.bytes = state.bytes.saturating_sub(parcel.body.len());
                    withdrawn.parcels.push((parcel, stands.unwrap_or(Stands::Ready)));
                }
                Removal::Sending => withdrawn.sending.push(*id),
                Removal::Absent => {}
            }
        }
        drop(state);
        self.work.notify_one();
        withdrawn
    }

    /// Starts nothing for the moment, so that what waits can be ended; and goes on.
    pub fn set_still(&self, still: bool) {
        self.state().still = still;
        self.work.notify_waiters();
        self.work.notify_one();
    }

    /// Takes everything up to a number out of memory that is not being sent.
    pub fn withdraw_until(&self, seq: i64) -> Withdrawn {
        let mut state = self.state();
        let parcels = state.lanes.remove_until(seq);
        let bytes: usize = parcels.iter().map(|(parcel, _)| parcel.body.len()).sum();
        state.bytes = state.bytes.saturating_sub(bytes);
        let sending = state.lanes.heads().into_iter();
        let sending = sending.filter(|head| head.stands == Stands::Sending);
        let sending = sending.map(|head| head.item.delivery).collect();
        drop(state);
        self.work.notify_one();
        self.room.notify_one();
        Withdrawn { parcels, sending }
    }

    /// The heads of its lanes: those that wait or are held first, then the oldest; how many lanes there are, and how many of them wait.
    pub fn heads(&self, limit: usize) -> (Vec<QueueHead>, usize, usize) {
        let state = self.state();
        let mut heads: Vec<QueueHead> =
            state.lanes.heads().into_iter().map(QueueHead::of).collect();
        heads.sort_by_key(|head| (!head.is_blocked(), head.position));
        let blocked = heads.iter().filter(|head| head.is_blocked()).count();
        heads.truncate(limit);
        (heads, state.lanes.lanes(), blocked)
    }

    /// Puts a delivery back that was taken out for nothing, as it was.
    pub fn restore(&self, (parcel, stands): (Parcel, Stands)) {
        let mut state = self.state();
        let reached = state.loaded.is_some_and(|loaded| parcel.position <= loaded);
        if reached {
            let (held, not_before) = match stands {
                Stands::Held => (true, None),
                Stands::Waiting(at) => (false, Some(at)),
                Stands::Ready | Stands::Sending => (false, None),
            };
            state.add(parcel, held, not_before);
        }
        drop(state);
        self.work.notify_one();
    }

    /// Puts a delivery that a person released back to work, at its place.
    pub fn put_back(&self, parcel: Parcel) {
        let mut state = self.state();
        let known = state.lanes.release(|p| p.delivery == parcel.delivery);
        let reached = state.loaded.is_some_and(|loaded| parcel.position <= loaded);
        if !known && reached {
            state.add(parcel, false, None);
        }
        drop(state);
        self.work.notify_one();
    }

    /// Uses other settings from the next delivery on.
    pub fn reconfigure(&self, settings: Settings) {
        self.settings.send_if_modified(|now| {
            let changed = *now != settings;
            // Equal ones are left alone: what they share with the workers, such as certificates, stays shared.
            if changed {
                *now = settings;
            }
            changed
        });
        self.work.notify_waiters();
    }

    /// Which way deliveries go at this moment.
    pub fn way(&self) -> Way {
        self.settings.borrow().way.clone()
    }

    /// Sends what can go at once and ends; `stop` ends without.
    pub fn drain(&self) {
        self.state().phase = Phase::Draining;
        self.work.notify_waiters();
        self.work.notify_one();
    }

    /// Starts nothing more.
    pub fn stop(&self) {
        self.state().phase = Phase::Stopped;
        self.work.notify_waiters();
        self.work.notify_one();
    }

    /// What tries have come to since the start.
    pub fn tried(&self) -> &Tried {
        &self.tried
    }

    /// What status shows.
    pub fn live(&self) -> Live {
        let state = self.state();
        Live {
            sending: state.lanes.sending(),
            in_doubt: state.lanes.in_doubt(),
            down_since_us: state.down_since_us,
            next_try_us: state.down_until_us,
            ..state.live.clone()
        }
    }

    /// How many are sent at once.
    fn parallel(&self) -> usize {
        self.settings.borrow().lane.parallel
    }

    fn next(&self) -> Task {
        let now_us = self.clock.now_us();
        let mut state = self.state();
        match state.phase {
            Phase::Starting => return Task::Wait(None),
            Phase::Stopped => return Task::End,
            Phase::Running | Phase::Draining => {}
        }
        let draining = state.phase == Phase::Draining;
        let down = state.down_until_us.filter(|until| *until > now_us);
        if state.held || state.still || down.is_some() {
            return if draining {
                Task::End
            } else {
                Task::Wait(down.filter(|_| !state.held && !state.still))
            };
        }
        let next = state.lanes.start(now_us);
        if matches!(next, Next::Start(_)) && state.lanes.has_runnable() {
            self.work.notify_one();
        }
        if state.behind && state.lanes.len() < PARCELS_MAX / 2 && state.bytes < PARCEL_BYTES_MAX / 2
        {
            self.room.notify_one();
        }
        match next {
            Next::Start(parcel) => Task::Send(parcel),
            Next::At(_) | Next::Idle if draining && (!state.behind || !state.lanes.is_empty()) => {
                Task::End
            }
            Next::At(at) => Task::Wait(Some(at)),
            Next::Idle => Task::Wait(None),
        }
    }

    /// How long to wait for a time of the wall clock.
    fn until(&self, at_us: i64) -> Duration {
        let micros = at_us.saturating_sub(self.clock.now_us()).max(1_000);
        Duration::from_micros(u64::try_from(micros).unwrap_or(1_000))
    }
}

impl State {
    fn add(&mut self, parcel: Parcel, held: bool, not_before_us: Option<i64>) {
        self.bytes += parcel.body.len();
        self.loaded = self.loaded.max(Some(parcel.position));
        self.lanes.push(parcel, held, not_before_us);
    }
}

/// A delivery at the head of its lanes.
#[derive(Clone, Debug)]
pub struct QueueHead {
    /// Which one.
    pub delivery: DeliveryId,
    /// Its message.
    pub message: MessageId,
    /// Its place.
    pub position: Position,
    /// The first digits of its first lane's token, which says nothing about the value behind it.
    pub lane: String,
    /// Deliveries of its longest lane that are in memory, itself among them.
    pub length: usize,
    /// What it does.
    pub stands: Stands,
    /// Tries so far.
    pub tries: u32,
}

impl QueueHead {
    fn of(head: LaneHead<'_, Parcel>) -> QueueHead {
        let LaneHead { item, stands, length } = head;
        let lane = item
            .keys
            .first()
            .map(|key| key.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>());
        QueueHead {
            delivery: item.delivery,
            message: item.message,
            position: item.position,
            lane: lane.unwrap_or_default(),
            length,
            stands,
            tries: item.tries,
        }
    }

    /// It stands in the way of those behind it.
    pub fn is_blocked(&self) -> bool {
        matches!(self.stands, Stands::Waiting(_) | Stands::Held)
    }
}

/// What came of taking deliveries out of memory.
#[derive(Default)]
pub struct Withdrawn {
    /// Those that were there with what they did, to be put back if need be.
    pub parcels: Vec<(Parcel, Stands)>,
    /// Those that are being sent at this moment and stay.
    pub sending: Vec<DeliveryId>,
}

/// What a worker does next.
enum Task {
    Send(Parcel),
    /// Nothing before this time, or until something changes.
    Wait(Option<i64>),
    End,
}
