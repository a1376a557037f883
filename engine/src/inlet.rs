//! Where a channel's messages come in: from a frame to a commit to an answer.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ::channel::{Admitted, Arrival, PeerMismatch, Rejection, SameId};
use arc_swap::ArcSwap;
use bytes::Bytes;
use config::{Name, Profile};
use connectors::{Answer, BrokenFrame, Incoming, Intake, Peer, Refusal};
use hl7::{Peek, Unreadable};
use store::{
    AckPart, Decision, DeliveryId, Disposition, Header, LaneKey, Lease, MessageId, OnCommit,
    Origin, Reason, Receipt, Store, StoreError,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::ack_ids::AckIds;
use crate::answer::{Answering, Ready};
use crate::budget::{BEFORE_ACK, Deadline};
use crate::caution::Caution;
use crate::clock::Clock;
use crate::decide::{Decided, Handover, Outcome, Undecided, decide, lane_keys, plain};
use crate::figures::Taken;
use crate::flow::{Load, Valve};
use crate::gate::Gate;
use crate::handing::{ChannelGate, Deferring, Handing, hand_over, lock};
use crate::header::header;
use crate::impostors::Impostors;
use crate::inlets::Inlets;
use crate::last_words::{LastWords, Slot};
use crate::late::{Late, Told, Work};
use crate::outbound::Outbound;
use crate::plan::{Plan, Route};
use crate::speaker;
use crate::traces::{Span, Traces};

/// What one channel's sources, programs and lanes share.
pub struct Inlet {
    lease: Lease,
    store: Store,
    clock: Clock,
    plan: ArcSwap<Plan>,
    gate: Arc<Mutex<Gate<Vec<Handover>>>>,
    valve: Arc<Valve>,
    caution: Arc<Caution>,
    late: mpsc::UnboundedSender<Work>,
    ack_ids: Arc<AckIds>,
    last_words: Slot,
    last_in_us: AtomicI64,
    peer_mismatches: AtomicU64,
    impostors: Impostors,
    taken: Arc<Taken>,
    traces: Traces,
    /// Something that an owed acknowledgement may have waited for has happened.
    owed: Arc<Notify>,
    /// Counts the acknowledgements that have come in.
    acks: watch::Sender<u64>,
}

/// What came with a message's bytes.
#[derive(Clone, Copy)]
struct Sent<'a> {
    peek: &'a Result<Peek, Unreadable>,
    peer: &'a Peer,
    batch: Option<&'a str>,
}

/// What the channels of an engine share.
#[derive(Clone)]
pub struct Shared {
    /// The message store.
    pub store: Store,
    /// Whether to commit before running programs.
    pub caution: Arc<Caution>,
    /// Control ids for acknowledgements.
    pub ack_ids: Arc<AckIds>,
    /// Where a program that may end the process is noted.
    pub last_words: LastWords,
    /// The profile of the site, which some destinations are kept out of.
    pub profile: Profile,
    /// The running channels, for those that hand messages to them.
    pub inlets: Inlets,
    /// Where spans are given.
    pub(crate) traces: Traces,
}

impl Inlet {
    /// A channel that takes messages in by this plan; undecided ones go to `late`.
    pub fn new(
        shared: &Shared,
        lease: Lease,
        plan: Plan,
        (gate, owed): (ChannelGate, Arc<Notify>),
        late: mpsc::UnboundedSender<Work>,
    ) -> Inlet {
        Inlet {
            last_words: shared.last_words.slot(lease.channel().number()),
            lease,
            store: shared.store.clone(),
            clock: Clock,
            plan: ArcSwap::from_pointee(plan),
            gate,
            valve: Arc::default(),
            caution: Arc::clone(&shared.caution),
            late,
            ack_ids: Arc::clone(&shared.ack_ids),
            last_in_us: AtomicI64::new(0),
            peer_mismatches: AtomicU64::new(0),
            impostors: Impostors::default(),
            taken: Arc::default(),
            traces: shared.traces.clone(),
            owed,
            acks: watch::Sender::new(0),
        }
    }

    /// The time by the engine's clock, microseconds UTC.
    pub fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// The channel's name.
    pub fn name(&self) -> &Name {
        self.lease.name()
    }

    /// What is in force.
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// Puts another revision into force; messages that are being decided finish with the old one.
    pub fn swap(&self, plan: Plan) {
        self.plan.store(Arc::new(plan));
    }

    /// Where messages are kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The right to write for this channel.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Where the message whose program runs behind an acknowledgement is noted.
    pub fn last_words(&self) -> &Slot {
        &self.last_words
    }

    /// Where the makers of acknowledgements hear that they may have something to do.
    pub fn owed(&self) -> &Notify {
        &self.owed
    }

    /// Hears of every acknowledgement that has come in and is on disk.
    pub fn acks(&self) -> watch::Receiver<u64> {
        self.acks.subscribe()
    }

    /// A control id for an acknowledgement.
    pub fn ack_ids(&self) -> &AckIds {
        &self.ack_ids
    }

    /// Back-pressure.
    pub fn valve(&self) -> &Arc<Valve> {
        &self.valve
    }

    /// When the last message came in, microseconds UTC.
    pub fn last_in_us(&self) -> Option<i64> {
        Some(self.last_in_us.load(Ordering::Relaxed)).filter(|us| *us > 0)
    }

    /// What has come in and how it was answered, since the start.
    pub fn taken(&self) -> &Taken {
        &self.taken
    }

    /// Messages since the start in which a peer spoke as somebody else.
    pub fn peer_mismatches(&self) -> u64 {
        self.peer_mismatches.load(Ordering::Relaxed)
    }

    /// The store holds undecided messages from this number on, after a restart or a replay.
    pub fn read_undecided_from(&self, seq: i64) {
        lock(&self.gate).unread_from(seq);
        // The worker ends only with the channel; then the messages stay undecided in the store.
        let _ = self.late.send(Work::Read);
    }

    /// A decision did not reach the store, or nobody knows whether it did: the message is asked for again.
    pub fn ask_again(&self, seq: i64) {
        lock(&self.gate).forget(seq);
        self.plan().routes.iter().flatten().for_each(|route| route.outbound.leave_in_store());
        self.read_undecided_again();
    }

    /// Asks the store once more, behind what is in hand.
    pub fn read_undecided_again(&self) {
        // See above.
        let _ = self.late.send(Work::Read);
    }

    /// Takes a page of undecided messages from the store; those that are in hand already are left out.
    pub fn read_page(&self, page: Vec<store::Undecided>, more: bool) -> Vec<Late> {
        let next = if more { page.last().map(|row| row.seq + 1) } else { None };
        let mut gate = lock(&self.gate);
        let rows: Vec<_> = page.into_iter().filter(|row| gate.undecided(row.seq)).collect();
        let released = gate.read_until(next);
        drop(gate);
        hand_over(released);
        let late = |row: store::Undecided| {
            let load = Some(self.valve.carry(row.body.len()));
            let store::Undecided { id, body, received_us, trace, seq, tries, .. } = row;
            let message = Undecided { id, body, received_us, trace };
            Late { seq, message, tries, told: None, load }
        };
        rows.into_iter().map(late).collect()
    }

    /// Decides where the frame was read; a program with scripts lets the thread's other work go on elsewhere meanwhile.
    fn decided(&self, plan: &Plan, message: &Undecided, budget: &Deadline) -> Option<Decided> {
        let decide = || decide(plan, (&self.store, &self.lease), message, budget);
        match plan.channel.program().has_scripts() {
            true => tokio::task::block_in_place(decide),
            false => decide(),
        }
    }

    /// Stores the decision on a message that was committed without, and lets its deliveries go.
    pub async fn decide(
        &self,
        id: MessageId,
        decision: Decision,
        parcels: Vec<Handover>,
    ) -> Result<(), StoreError> {
        let on_commit = self.hand_over_on_commit(parcels);
        let decided = self.store.decide(&self.lease, id, decision, on_commit).await;
        self.owed.notify_one();
        decided.map(drop)
    }

    /// Lets deliveries go once they are on disk, in receipt order.
    pub(crate) fn hand_over_on_commit(&self, parcels: Vec<Handover>) -> OnCommit {
        let handing = Handing { parcels: Some(parcels), gate: Arc::clone(&self.gate) };
        Box::new(move |committed| handing.over(committed))
    }

    /// The lanes of a destination for bytes that are sent there without having gone through the program.
    pub(crate) fn keys_for(&self, outbound: &Outbound, body: &Bytes) -> Vec<LaneKey> {
        let plan = self.plan.load_full();
        let is_it =
            |route: &Option<Route>| route.as_ref().is_some_and(|r| r.outbound.id == outbound.id);
        let Some(index) = plan.routes.iter().position(is_it) else { return Vec::new() };
        let message = plan.channel.message(body.to_vec());
        let values = plan.channel.program().order_keys(index, message).unwrap_or_default();
        plan.routes.get(index).and_then(Option::as_ref).map_or_else(Vec::new, |route| {
            lane_keys(route, (&self.store, &self.lease), DeliveryId::new(), &values)
        })
    }

    fn receive(
        &self,
        incoming: Incoming,
        told: Option<oneshot::Sender<bool>>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let Incoming { body: frame, peer, batch } = incoming;
        let received_us = self.clock.now_us();
        self.last_in_us.store(received_us, Ordering::Relaxed);
        let load = self.valve.carry(frame.len());
        let plan = self.plan.load_full();
        let peek = hl7::peek(&frame);
        let ids = Arc::clone(&self.ack_ids);
        let answering = Answering::new(Arc::clone(&plan), frame.clone(), &peek, (ids, told));
        let message = new_message(frame, received_us);
        let sent = Sent { peek: &peek, peer: &peer, batch: batch.as_deref() };
        match self.admit(&plan, &message.body, (&peek, &peer)) {
            Admitted::Rejected(rejection) => {
                self.reject(&plan, message, sent, rejection, answering, load)
            }
            Admitted::Acknowledgement => {
                let reason = Reason { code: "acknowledgement".to_owned(), step: None };
                let decided = plain(&plan, Disposition::Filtered, Some(reason), Outcome::Filtered);
                let ready = answering.ready(&Arrival::Acknowledgement);
                let answers = hl7::read_reply(&message.body).map(|reply| reply.control_id);
                let mut receipt = self.receipt(message, sent, &ready, false);
                receipt.ack = answers.map_or(AckPart::None, AckPart::For);
                self.commit(receipt, decided, ready, answering, load)
            }
            Admitted::Message if self.caution.receipt_first() => {
                self.defer(message, sent, answering, load)
            }
            Admitted::Message => {
                let budget = Deadline::within(BEFORE_ACK);
                match self.decided(&plan, &message, &budget) {
                    Some(decided) => {
                        let ready = answering.ready(&arrival(&decided.outcome));
                        let accepted =
                            !matches!(&ready, Ready::Answer(answer) if !answer.code.is_positive());
                        let mut receipt = self.receipt(message, sent, &ready, accepted);
                        receipt.ack = answering.owes(&arrival(&decided.outcome));
                        self.commit(receipt, decided, ready, answering, load)
                    }
                    None => self.defer(message, sent, answering, load),
                }
            }
        }
    }

    /// Decides by the header and by who sends whether a frame is for the program.
    fn admit(
        &self,
        plan: &Plan,
        bytes: &[u8],
        (peek, peer): (&Result<Peek, Unreadable>, &Peer),
    ) -> Admitted {
        let admitted = plan.channel.admit(bytes, peek.as_ref());
        let (Ok(peek), Admitted::Message | Admitted::Acknowledgement) = (peek, &admitted) else {
            return admitted;
        };
        if speaker::is_itself(peer, peek, bytes) {
            return admitted;
        }
        self.peer_mismatches.fetch_add(1, Ordering::Relaxed);
        let name = peer.identity.as_ref().map(|identity| identity.name.as_str());
        tracing::warn!(code = "peer.mismatch", channel = %self.name(), peer = name, place = %peer.place, "a peer speaks as somebody else");
        self.impostors.take_down(&self.store, self.name(), name.unwrap_or_default(), self.now_us());
        match plan.channel.peer_mismatch() {
            PeerMismatch::Reject => Admitted::Rejected(Rejection::peer_mismatch()),
            PeerMismatch::Flag => admitted,
        }
    }

    /// Takes a message over from another channel: what is to be committed together with its end there.
    pub(crate) fn take_over(
        &self,
        message: Undecided,
        (parent, from): (MessageId, &Name),
    ) -> TakenOver {
        self.last_in_us.store(message.received_us, Ordering::Relaxed);
        let load = self.valve.carry(message.body.len());
        let plan = self.plan.load_full();
        let peek = hl7::peek(&message.body);
        let decided = match plan.channel.admit(&message.body, peek.as_ref()) {
            Admitted::Rejected(rejection) => Some(rejected(&plan, &rejection)),
            // An acknowledgement that another channel hands on is there to be worked on.
            Admitted::Acknowledgement | Admitted::Message if self.caution.receipt_first() => None,
            Admitted::Acknowledgement | Admitted::Message => {
                let budget = Deadline::within(BEFORE_ACK);
                self.decided(&plan, &message, &budget)
            }
        };
        let again = Undecided { body: message.body.clone(), ..message };
        let peer = Peer { place: format!("channel {from}").into(), connection: 0, identity: None };
        let sent = Sent { peek: &peek, peer: &peer, batch: None };
        let mut receipt = self.receipt(again, sent, &Ready::Silent, false);
        self.taken.received(Origin::Channel);
        receipt.origin = Origin::Channel;
        receipt.parent = Some(parent);
        let on_commit: OnCommit = match decided {
            Some(Decided { decision, parcels, .. }) => {
                receipt.decision = Some(decision);
                let on_commit = self.hand_over_on_commit(parcels);
                Box::new(move |committed| {
                    drop(load);
                    on_commit(committed);
                })
            }
            None => self.defer_on_commit(message, None, load),
        };
        TakenOver { receipt, on_commit }
    }

    fn reject(
        &self,
        plan: &Plan,
        message: Undecided,
        sent: Sent<'_>,
        rejection: Rejection,
        answering: Answering,
        load: Load,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let decided = rejected(plan, &rejection);
        let ready = answering.ready(&Arrival::Rejected(&rejection));
        let receipt = self.receipt(message, sent, &ready, false);
        self.commit(receipt, decided, ready, answering, load)
    }

    /// Commits a message with its decision, then answers.
    fn commit(
        &self,
        mut receipt: Receipt,
        decided: Decided,
        ready: Ready,
        answering: Answering,
        load: Load,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let Decided { decision, parcels, watched, .. } = decided;
        receipt.decision = Some(decision);
        let on_commit = self.ring_on_commit(&receipt.ack, self.hand_over_on_commit(parcels));
        let spanning = self.spanning(&receipt);
        let stored = self.store.receive(&self.lease, receipt, on_commit);
        Box::pin(async move {
            let stored = stored.await;
            drop(load);
            let is_stored = stored.is_ok();
            let answer = answering.after(stored, ready, watched).await;
            spanning(is_stored);
            answer
        })
    }

    /// Lets those hear who make or wait for application acknowledgements.
    fn ring_on_commit(&self, ack: &AckPart, on_commit: OnCommit) -> OnCommit {
        match ack {
            AckPart::None => on_commit,
            AckPart::Owed => {
                let owed = Arc::clone(&self.owed);
                Box::new(move |committed| {
                    on_commit(committed);
                    owed.notify_one();
                })
            }
            AckPart::For(_) => {
                let acks = self.acks.clone();
                Box::new(move |committed| {
                    on_commit(committed);
                    acks.send_modify(|n| *n = n.wrapping_add(1));
                })
            }
        }
    }

    /// Commits a message without a decision, answers if that may be done, and decides behind it.
    fn defer(
        &self,
        message: Undecided,
        sent: Sent<'_>,
        answering: Answering,
        load: Load,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let ready = answering.ready(&Arrival::Undecided);
        let again = Undecided { body: message.body.clone(), ..message };
        let mut receipt = self.receipt(again, sent, &ready, true);
        receipt.ack = answering.owes(&Arrival::Undecided);
        let (told, hears) = oneshot::channel();
        let on_commit = self.defer_on_commit(message, Some(told), load);
        let spanning = self.spanning(&receipt);
        let stored = self.store.receive(&self.lease, receipt, on_commit);
        Box::pin(async move {
            let stored = stored.await;
            let is_stored = stored.is_ok();
            let answer = answering.after_deferred(stored, ready, hears).await;
            spanning(is_stored);
            answer
        })
    }

    /// Gives the span of a message once it is answered.
    fn spanning(&self, receipt: &Receipt) -> impl FnOnce(bool) + Send + use<> {
        let (ids, from_us) = ((receipt.id, receipt.trace), receipt.received_us);
        let (traces, clock, channel) = (self.traces.clone(), self.clock, self.lease.clone());
        move |is_stored| {
            let name = channel.name();
            traces.give(|| Span::message(ids, name.as_str(), (from_us, clock.now_us()), is_stored));
        }
    }

    /// Lets a message be decided once it is on disk.
    fn defer_on_commit(
        &self,
        message: Undecided,
        told: Option<oneshot::Sender<Told>>,
        load: Load,
    ) -> OnCommit {
        let (gate, late) = (Arc::clone(&self.gate), self.late.clone());
        let deferring = Deferring { message: Some((message, told, load)), gate, late };
        Box::new(move |committed| deferring.over(committed))
    }

    fn receipt(&self, message: Undecided, sent: Sent<'_>, ready: &Ready, dedupe: bool) -> Receipt {
        let Sent { peek, peer, batch } = sent;
        let lone_lf = peek.as_ref().map_or(0, |peek| peek.lone_line_feeds(&message.body));
        Receipt {
            id: message.id,
            received_us: message.received_us,
            origin: Origin::Peer,
            parent: None,
            trace: message.trace,
            peer: peer.place.to_string(),
            header: peek
                .as_ref()
                .map_or_else(|_| Header::default(), |peek| header(peek, &message.body)),
            body: message.body,
            ack_code: ready.code(),
            dedupe,
            refuse_same_id: self.plan().channel.ack().same_id == SameId::Reject,
            decision: None,
            tries: 0,
            lone_lf: u32::try_from(lone_lf).unwrap_or(u32::MAX),
            batch: batch.map(str::to_owned),
            ack: AckPart::None,
        }
    }
}

impl Intake for Inlet {
    fn receive(&self, incoming: Incoming) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        self.taken.counted(|| Inlet::receive(self, incoming, None))
    }

    fn receive_and_tell(
        &self,
        incoming: Incoming,
        stored: oneshot::Sender<bool>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        self.taken.counted(|| Inlet::receive(self, incoming, Some(stored)))
    }

    fn refuse(
        &self,
        incoming: Incoming,
        why: Refusal,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let Incoming { body, peer, batch } = incoming;
        let received_us = self.clock.now_us();
        self.last_in_us.store(received_us, Ordering::Relaxed);
        let load = self.valve.carry(body.len());
        let plan = self.plan.load_full();
        let peek = hl7::peek(&body);
        let ids = Arc::clone(&self.ack_ids);
        let answering = Answering::new(Arc::clone(&plan), body.clone(), &peek, (ids, None));
        let message = new_message(body, received_us);
        let rejection = Rejection::by_source(why.code, why.text);
        let sent = Sent { peek: &peek, peer: &peer, batch: batch.as_deref() };
        self.taken.counted(|| self.reject(&plan, message, sent, rejection, answering, load))
    }

    fn fragment(
        &self,
        incoming: Incoming,
        why: BrokenFrame,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.taken.received(Origin::Peer);
        let Incoming { body: bytes, peer, batch } = incoming;
        let plan = self.plan.load_full();
        let load = self.valve.carry(bytes.len());
        let peek = hl7::peek(&bytes);
        let message = new_message(bytes, self.clock.now_us());
        let sent = Sent { peek: &peek, peer: &peer, batch: batch.as_deref() };
        let mut receipt = self.receipt(message, sent, &Ready::Silent, false);
        let reason = Reason { code: why.code().to_owned(), step: None };
        let decided =
            plain(&plan, Disposition::Rejected, Some(reason), Outcome::Failed(String::new()));
        receipt.decision = Some(decided.decision);
        let stored = self.store.receive(&self.lease, receipt, self.hand_over_on_commit(Vec::new()));
        let channel = self.name().clone();
        Box::pin(async move {
            if let Err(error) = stored.await {
                tracing::warn!(channel = %channel, error = %error, "a broken frame could not be kept");
            }
            drop(load);
        })
    }
}

/// A message of another channel, ready to be committed.
pub(crate) struct TakenOver {
    pub receipt: Receipt,
    pub on_commit: OnCommit,
}

/// A message that nothing was before.
fn new_message(body: Bytes, received_us: i64) -> Undecided {
    let id = MessageId::new();
    Undecided { id, body, received_us, trace: id }
}

/// A message that no program sees.
fn rejected(plan: &Plan, rejection: &Rejection) -> Decided {
    let reason = Reason { code: rejection.reason.to_owned(), step: None };
    plain(plan, Disposition::Rejected, Some(reason), Outcome::Failed(String::new()))
}

/// What the acknowledgement is decided by.
pub(crate) fn arrival(outcome: &Outcome) -> Arrival<'_> {
    match outcome {
        Outcome::Routed => Arrival::Routed,
        Outcome::Filtered => Arrival::Filtered,
        Outcome::Unrouted => Arrival::Unrouted,
        Outcome::Failed(told) => Arrival::Failed(told),
    }
}
