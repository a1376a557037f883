//! How everything is: the store's figures joined with what runs at this moment.

use std::sync::Arc;

use config::Name;
use connectors::Flow;
use store::{
    Counted, DeadGroup, Disposition, MessageFilter, Page, Recent, Scope, StoreError, What,
};

use crate::certificates::CertificateStatus;
use crate::engine::Engine;
use crate::outbound::{Live, Outbound};
use crate::running::Running;
use crate::site::DestinationPlan;

/// The engine at one moment.
pub struct Status {
    /// The label of the environment.
    pub environment: String,
    /// `development` or `production`.
    pub profile: &'static str,
    /// The name of this engine.
    pub node: String,
    /// `sqlite` or `postgres`.
    pub store: &'static str,
    /// When it started, microseconds UTC.
    pub started_us: i64,
    /// When this was asked, microseconds UTC.
    pub now_us: i64,
    /// Bytes free on the store's disk, and the reserve below which sources pause.
    pub disk: crate::Disk,
    /// What somebody should look at.
    pub warnings: Vec<String>,
    /// The peers that are connected.
    pub present: Vec<net::Present>,
    /// The certificates in use, the next to end first.
    pub certificates: Vec<CertificateStatus>,
    /// The channels, by name.
    pub channels: Vec<ChannelStatus>,
}

/// A channel at one moment. Its figures are those of the store and survive a crash.
pub struct ChannelStatus {
    /// Its name.
    pub name: Name,
    /// `running`, `paused` or `stopped`.
    pub state: &'static str,
    /// Who has stopped its source, and since when.
    pub stopped: Option<store::Stopped>,
    /// Where its messages come from, in words.
    pub source: String,
    /// The hash of the revision in force.
    pub revision: Option<String>,
    /// Messages stored, by how they came to be.
    pub received: Vec<(&'static str, i64)>,
    /// Resends that were recognised; none of `received`.
    pub duplicates: i64,
    /// What became of the messages; the numbers add up to those of `received`.
    pub dispositions: Vec<(Disposition, i64)>,
    /// Messages whose program has not decided.
    pub undecided: i64,
    /// Connections that peers hold now.
    pub peers: u64,
    /// Connections refused since the listener was bound.
    pub refused: u64,
    /// The same by reason.
    pub refusals: Vec<(&'static str, u64)>,
    /// Bytes between frames since then.
    pub junk_bytes: u64,
    /// Messages since the start in which a peer spoke as somebody else.
    pub peer_mismatches: u64,
    /// When the last message came in, microseconds UTC.
    pub last_in_us: Option<i64>,
    /// The code tables of its steps, and how many values were not in each since the revision runs here.
    pub misses: Vec<(Name, u64)>,
    /// Answers to senders in the last five minutes.
    pub recent: Option<Recent>,
    /// Its destinations.
    pub destinations: Vec<DestinationStatus>,
}

/// A destination at one moment.
pub struct DestinationStatus {
    /// Its name.
    pub name: Name,
    /// `running`, `down`, `held` or `removed`.
    pub state: &'static str,
    /// Where it sends, in words.
    pub to: String,
    /// Nobody waits for anybody.
    pub unordered: bool,
    /// Deliveries waiting for their turn.
    pub queued: i64,
    /// Deliveries waiting for their time.
    pub waiting: i64,
    /// Deliveries that a person has stopped, all of them when the destination is on hold.
    pub held: i64,
    /// Deliveries accepted.
    pub delivered: i64,
    /// Dead letters, as the list of dead letters shows them.
    pub dead: i64,
    /// When the oldest open delivery's message arrived, microseconds UTC.
    pub oldest_us: Option<i64>,
    /// What it does at this moment.
    pub live: Option<Live>,
    /// Tries of the last five minutes.
    pub recent: Option<Recent>,
}

impl ChannelStatus {
    /// Messages stored, however they came to be.
    pub fn received_in_all(&self) -> i64 {
        self.received.iter().map(|(_, n)| n).sum()
    }
}

impl Engine {
    /// How everything within a scope is.
    pub async fn status(&self, scope: &Scope) -> Result<Status, StoreError> {
        // From the first hour on: the figures of the whole life of the store.
        let stored = self.store().status(scope, 0).await?;
        let dead = self.store().dead_letters(scope).await?;
        let server = &self.inner.server;
        let disk = *self.inner.disk.borrow();
        let mut warnings = self.inner.warnings.clone();
        if disk.is_low() {
            warnings.push(format!("the disk has {} MiB left: sources are paused", disk.free >> 20));
        }
        warnings.extend(crate::audit_log::warnings(&self.store().audit_standing()));
        warnings.extend(self.inner.audit_problem());
        warnings.extend(self.inner.retaining.waits());
        if let Some((collector, standing)) = self.syslog() {
            warnings.extend(standing.warning(&collector));
        }
        warnings.extend(self.transport_warnings(scope));
        warnings.extend(stored.iter().filter_map(|channel| {
            let store::Stopped { since_us, by, reason } = channel.stopped.as_ref()?;
            let since = self.clock_time(*since_us);
            let name = &channel.channel;
            Some(format!("channel `{name}`: {by} has stopped its source, {since}: {reason}"))
        }));
        let mut channels: Vec<ChannelStatus> =
            stored.into_iter().map(|channel| self.channel_status(channel, &dead)).collect();
        for channel in channels.iter_mut().filter(|channel| channel.last_in_us.is_none()) {
            channel.last_in_us = self.last_received(scope, &channel.name).await?;
        }
        Ok(Status {
            environment: server.environment.clone(),
            profile: server.profile.as_str(),
            node: server.node.clone(),
            store: match server.store_url {
                config::StoreUrl::Sqlite(_) => "sqlite",
                config::StoreUrl::Postgres { .. } => "postgres",
            },
            started_us: self.inner.started_us,
            now_us: self.now_us(),
            disk,
            warnings,
            present: self
                .attendance()
                .into_iter()
                .filter(|one| scope.holds(one.channel.as_str()))
                .collect(),
            certificates: self
                .certificates()
                .into_iter()
                .filter(|one| one.is_within(scope))
                .collect(),
            channels,
        })
    }

    /// When the newest stored message of a channel came in, from before this start.
    async fn last_received(
        &self,
        scope: &Scope,
        channel: &Name,
    ) -> Result<Option<i64>, StoreError> {
        let filter = MessageFilter { channel: Some(channel.clone()), ..MessageFilter::default() };
        let newest = self.store().messages(scope, &filter, Page { after: None, limit: 1 }).await?;
        Ok(newest.rows.first().map(|row| row.received_us))
    }

    fn channel_status(&self, stored: store::ChannelStatus, dead: &[DeadGroup]) -> ChannelStatus {
        let running = self.channel(&stored.channel);
        let stats = running.as_ref().and_then(|running| running.source_stats());
        let source = stats.map(|stats| stats.counts()).unwrap_or_default();
        let destinations = stored.destinations.iter();
        let destinations = destinations.map(|d| {
            destination_status(running.as_ref(), d, dead_at(dead, &stored.channel, &d.destination))
        });
        let received = received(&stored.counts);
        ChannelStatus {
            state: match running.as_ref().map(|running| running.inlet.valve().now()) {
                _ if stored.stopped.is_some() => "stopped",
                Some(Flow::Read) => "running",
                Some(Flow::Pause) => "paused",
                Some(Flow::Close) | None => "stopped",
            },
            source: running.as_ref().map_or_else(String::new, |running| running.source()),
            revision: running.as_ref().map(|running| running.inlet.plan().hash.clone()),
            duplicates: count(&stored.counts, What::Duplicates),
            dispositions: dispositions(&stored.counts, received.iter().map(|(_, n)| n).sum()),
            received,
            undecided: stored.undecided,
            peers: source.peers,
            refused: source.refused,
            refusals: source.refusals,
            junk_bytes: source.junk_bytes,
            peer_mismatches: running.as_ref().map_or(0, |running| running.inlet.peer_mismatches()),
            last_in_us: running.as_ref().and_then(|running| running.inlet.last_in_us()),
            misses: running.as_ref().map(|running| misses(running)).unwrap_or_default(),
            recent: running.as_ref().map(|running| running.inlet.taken().acks.recent()),
            destinations: destinations.collect(),
            stopped: stored.stopped,
            name: stored.channel,
        }
    }
}

fn count(counts: &Counted, what: What) -> i64 {
    counts.get(&what).copied().unwrap_or(0)
}

fn received(counts: &Counted) -> Vec<(&'static str, i64)> {
    vec![
        ("peer", count(counts, What::ReceivedPeer)),
        ("replay", count(counts, What::ReceivedReplay)),
        ("edit", count(counts, What::ReceivedEdit)),
        ("channel", count(counts, What::ReceivedChannel)),
        ("acknowledgement", count(counts, What::ReceivedAcknowledgement)),
    ]
}

/// Final messages as counted; what is left of those received is not final yet.
fn dispositions(counts: &Counted, received: i64) -> Vec<(Disposition, i64)> {
    let finals = [
        (Disposition::Delivered, What::Delivered),
        (Disposition::PartlyDelivered, What::PartlyDelivered),
        (Disposition::Filtered, What::Filtered),
        (Disposition::Unrouted, What::Unrouted),
        (Disposition::Rejected, What::Rejected),
        (Disposition::Failed, What::Failed),
        (Disposition::Discarded, What::Discarded),
    ];
    let finals = finals.map(|(disposition, what)| (disposition, count(counts, what)));
    let open = received - finals.iter().map(|(_, n)| n).sum::<i64>();
    std::iter::once((Disposition::Received, open)).chain(finals).collect()
}

fn dead_at(dead: &[DeadGroup], channel: &Name, destination: &Name) -> i64 {
    let here = |group: &&DeadGroup| {
        group.key.channel == *channel && group.key.destination.as_ref() == Some(destination)
    };
    dead.iter().filter(here).map(|group| group.count).sum()
}

fn destination_status(
    running: Option<&Arc<Running>>,
    stored: &store::DestinationStatus,
    dead: i64,
) -> DestinationStatus {
    let found = running.and_then(|running| find(running, &stored.destination));
    let live = found.as_ref().map(|(_, outbound)| outbound.live());
    let recent = found.as_ref().map(|(_, outbound)| outbound.tried().tries.recent());
    let state = match &live {
        None if running.is_some_and(|r| r.inlet.plan().elsewhere.contains(&stored.destination)) => {
            "elsewhere"
        }
        None => "removed",
        Some(_) if stored.held_us.is_some() => "held",
        Some(live) if live.down_since_us.is_some() => "down",
        Some(_) => "running",
    };
    let plan = found.map(|(plan, _)| plan);
    let open = stored.queued + stored.waiting + stored.held;
    DestinationStatus {
        name: stored.destination.clone(),
        state,
        to: plan.as_ref().map_or_else(String::new, |plan| plan.settings.way.to_string()),
        unordered: plan.is_some_and(|plan| plan.settings.lane.unordered),
        queued: stored.queued,
        waiting: stored.waiting,
        held: if stored.held_us.is_some() { open } else { stored.held },
        delivered: count(&stored.counts, What::DeliveriesDelivered),
        dead,
        oldest_us: stored.oldest_us,
        live,
        recent,
    }
}

fn find(running: &Running, name: &Name) -> Option<(DestinationPlan, Arc<Outbound>)> {
    running.destinations().into_iter().find(|(plan, _)| plan.name == *name)
}

fn misses(running: &Running) -> Vec<(Name, u64)> {
    let plan = running.inlet.plan();
    let tables = plan.channel.program().tables().iter();
    tables.map(|table| (table.name().clone(), table.misses())).collect()
}
