//! One channel at work: its listener, its programs, its destinations.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use config::Name;
use connectors::{Flow, Intake, Source, SourceSettings, SourceStats};
use store::{Lease, RevisionId};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::handing::ChannelGate;
use crate::inlet::{Inlet, Shared};
use crate::late;
use crate::outbound::Outbound;
use crate::owed;
use crate::plan::Plan;
use crate::site::{ChannelFile, ChannelPlan, DestinationPlan};

/// A running channel.
pub struct Running {
    /// Where its messages come in.
    pub inlet: Arc<Inlet>,
    gate: ChannelGate,
    owed: Arc<Notify>,
    state: Mutex<State>,
    late: JoinHandle<()>,
    acks: JoinHandle<()>,
}

struct State {
    file: ChannelFile,
    source: Option<SourceSettings>,
    working: Option<Working>,
    destinations: BTreeMap<Name, Destination>,
}

struct Destination {
    plan: DestinationPlan,
    outbound: Arc<Outbound>,
    /// Sends, once the channel has started to.
    task: Option<JoinHandle<()>>,
}

/// A source at work.
struct Working {
    address: Option<SocketAddr>,
    stats: SourceStats,
    task: JoinHandle<()>,
    /// Tells this source alone to finish what it has in hand and end.
    retire: oneshot::Sender<()>,
}

/// The names of destinations that a person has put on hold.
pub type Held = std::collections::BTreeSet<Name>;

impl Running {
    /// Makes a channel that neither listens nor sends yet.
    pub fn new(
        shared: &Shared,
        lease: Lease,
        revision: (RevisionId, String),
        plan: &ChannelPlan,
        held: &Held,
    ) -> Arc<Running> {
        let (gate, owed) = (ChannelGate::default(), Arc::<Notify>::default());
        let destinations: BTreeMap<Name, Destination> = plan
            .destinations
            .iter()
            .filter(|destination| destination.is_for(shared.profile))
            .filter_map(|destination| {
                let made = make(shared, &lease, (&gate, &owed), destination, held)?;
                Some((destination.name.clone(), made))
            })
            .collect();
        let outbounds: Vec<_> = destinations.values().map(|d| Arc::clone(&d.outbound)).collect();
        let in_force = Plan::new(revision, plan, &outbounds, (&shared.store, &lease));
        let (sender, waiting) = mpsc::unbounded_channel();
        let inlet = Arc::new(Inlet::new(
            shared,
            lease,
            in_force,
            (Arc::clone(&gate), Arc::clone(&owed)),
            sender,
        ));
        let late = tokio::spawn(late::run(Arc::clone(&inlet), waiting));
        let acks = tokio::spawn(owed::run(Arc::clone(&inlet)));
        let state = State {
            file: plan.file.clone(),
            source: plan.source.clone(),
            working: None,
            destinations,
        };
        shared.inlets.add(&inlet);
        Arc::new(Running { inlet, gate, owed, state: Mutex::new(state), late, acks })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The texts in force.
    pub fn file(&self) -> ChannelFile {
        self.state().file.clone()
    }

    /// Where its messages come from, in words.
    pub fn source(&self) -> String {
        source_in_words(self.state().source.as_ref())
    }

    /// Its source's settings; none when only other channels hand it messages.
    pub fn source_settings(&self) -> Option<SourceSettings> {
        self.state().source.clone()
    }

    /// Settings with which its source starts, once it is started.
    pub fn set_source(&self, settings: SourceSettings) {
        self.state().source = Some(settings);
    }

    /// Its destinations with what they do at this moment.
    pub fn destinations(&self) -> Vec<(DestinationPlan, Arc<Outbound>)> {
        self.state()
            .destinations
            .values()
            .map(|d| (d.plan.clone(), Arc::clone(&d.outbound)))
            .collect()
    }

    /// One of its destinations.
    pub fn destination(&self, name: &Name) -> Option<Arc<Outbound>> {
        self.state().destinations.get(name).map(|d| Arc::clone(&d.outbound))
    }

    /// The address that its source listens on, if it does.
    pub fn listening(&self) -> Option<SocketAddr> {
        self.state().working.as_ref().and_then(|source| source.address)
    }

    /// What its source has counted.
    pub fn source_stats(&self) -> Option<SourceStats> {
        self.state().working.as_ref().map(|source| source.stats.clone())
    }

    /// Lets the destinations read what the store has for them, and send.
    pub fn start_sending(&self) {
        for destination in self.state().destinations.values_mut() {
            if destination.task.is_none() {
                destination.task = Some(tokio::spawn(Arc::clone(&destination.outbound).run()));
            }
        }
    }

    /// Lets an opened source work; the one before, if any, finishes what it has in hand.
    pub fn take_in(&self, source: Source, settings: SourceSettings) {
        let (address, stats) = (source.address(), source.stats());
        let intake: Arc<dyn Intake> = Arc::clone(&self.inlet) as Arc<dyn Intake>;
        let (retire, retired) = oneshot::channel();
        let flow = until_retired(self.inlet.valve().flow(), retired);
        let task = tokio::spawn(source.run(intake, flow));
        let mut state = self.state();
        state.source = Some(settings);
        if let Some(before) = state.working.replace(Working { address, stats, task, retire }) {
            // One that has ended by itself no longer listens to this either.
            let _ = before.retire.send(());
        }
    }

    /// Ends the source alone; what it has in hand is finished and answered.
    pub async fn retire_source(&self) {
        let working = self.state().working.take();
        if let Some(working) = working {
            let _ = working.retire.send(());
            // A source that panicked has closed its sockets, which is all that is wanted here.
            let _ = working.task.await;
        }
    }

    /// Puts another revision into force: its program, its destinations; not its source.
    ///
    /// Destinations that stay keep their queues. Those that are gone end after what they send now; their deliveries are held in
    /// the store by the act that removed them.
    pub fn adopt(
        &self,
        shared: &Shared,
        lease: &Lease,
        revision: (RevisionId, String),
        plan: &ChannelPlan,
    ) {
        let mut state = self.state();
        let here: Vec<_> = plan.destinations.iter().filter(|d| d.is_for(shared.profile)).collect();
        for destination in &here {
            match state.destinations.get_mut(&destination.name) {
                Some(known) => {
                    known.outbound.reconfigure(destination.settings.clone());
                    known.plan = DestinationPlan::clone(destination);
                }
                None => {
                    if let Some(mut made) =
                        make(shared, lease, (&self.gate, &self.owed), destination, &Held::new())
                    {
                        made.task = Some(tokio::spawn(Arc::clone(&made.outbound).run()));
                        state.destinations.insert(destination.name.clone(), made);
                    }
                }
            }
        }
        let is_here = |name: &Name| here.iter().any(|d| d.name == *name);
        let staying = state.destinations.values().filter(|d| is_here(&d.plan.name));
        let outbounds: Vec<_> = staying.map(|d| Arc::clone(&d.outbound)).collect();
        self.inlet.swap(Plan::new(revision, plan, &outbounds, (&shared.store, lease)));
        self.owed.notify_one();
        state.file = plan.file.clone();
        if plan.source.is_none() {
            state.source = None;
        }
        state.destinations.retain(|name, destination| {
            let stays = is_here(name);
            if !stays {
                destination.outbound.stop();
            }
            stays
        });
    }

    /// Stops reading and accepting; what is in hand is finished and answered.
    pub async fn stop_listening(&self) {
        self.inlet.valve().close();
        self.retire_source().await;
    }

    /// Sends what can go at once, until the deadline.
    pub async fn drain(&self, deadline: Instant) {
        let destinations = std::mem::take(&mut self.state().destinations);
        destinations.values().for_each(|d| d.outbound.drain());
        for mut task in destinations.into_values().filter_map(|d| d.task) {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.late.abort();
        self.acks.abort();
    }
}

fn make(
    shared: &Shared,
    lease: &Lease,
    (gate, owed): (&ChannelGate, &Arc<Notify>),
    plan: &DestinationPlan,
    held: &Held,
) -> Option<Destination> {
    let id = lease.destination(&plan.name)?;
    let gate = Arc::clone(gate);
    let open_before =
        move || gate.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).open_before();
    let outbound = Outbound::new(
        (plan.name.clone(), id),
        (shared, lease.clone()),
        plan.settings.clone(),
        held.contains(&plan.name),
        (Box::new(open_before), Arc::clone(owed)),
    );
    Some(Destination { plan: plan.clone(), outbound, task: None })
}

/// The channel's flow for one source, which may be closed apart from the others.
fn until_retired(
    mut flow: watch::Receiver<Flow>,
    mut retired: oneshot::Receiver<()>,
) -> watch::Receiver<Flow> {
    let (own, followed) = watch::channel(*flow.borrow());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = &mut retired => {
                    own.send_replace(Flow::Close);
                    return;
                }
                changed = flow.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    own.send_replace(*flow.borrow());
                }
            }
        }
    });
    followed
}

/// Where messages come from, in words.
pub(crate) fn source_in_words(settings: Option<&SourceSettings>) -> String {
    settings.map_or_else(|| "other channels".to_owned(), SourceSettings::to_string)
}
