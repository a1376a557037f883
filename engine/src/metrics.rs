//! The engine's figures in the text format of Prometheus (version 0.0.4), and whether it is ready.
//!
//! Counters and histograms are those that were kept as things happened. What waits is read from the index of open deliveries, at most
//! every [`FRESH`], however often somebody asks. Labels are channels, destinations and closed sets of words: never anything of a message.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::Flow;
use store::{BOUNDS_US, Histogram, Scope, StoreError};

use crate::engine::Engine;
use crate::figures::{CODES, ORIGINS, OUTCOMES};
use crate::running::Running;
use crate::status::{ChannelStatus, Status};

/// What waits is looked at anew after this long.
const FRESH: Duration = Duration::from_secs(5);
/// A commit that takes longer is stuck.
const COMMIT_STUCK: Duration = Duration::from_secs(10);

/// Of memory, as the kernel counts it in `statm` on the machines that we build for.
const PAGE_BYTES: u64 = 4_096;

/// Every metric: name without its prefix, kind, what it says. Documented in docs/operations.md.
pub const METRICS: &[(&str, &str, &str)] = &[
    ("build_info", "gauge", "1, with the version of the program."),
    ("start_time_seconds", "gauge", "When the engine started, seconds since 1970."),
    ("ready", "gauge", "1 when /readyz says so."),
    (
        "messages_arrived_total",
        "counter",
        "Messages that came in since the start, resends among them, by how they came to be.",
    ),
    (
        "messages_stored",
        "gauge",
        "Messages in the counters of the store, by what became of them; survives restarts.",
    ),
    ("messages_undecided", "gauge", "Messages whose program has not decided."),
    ("acknowledgements_total", "counter", "Answers to senders since the start, by code."),
    ("ack_seconds", "histogram", "From the last byte of a message to its acknowledgement."),
    ("attempts_total", "counter", "Tries at a destination since the start, by what they came to."),
    ("attempt_seconds", "histogram", "How long a try at a destination took."),
    ("deliveries_waiting", "gauge", "Deliveries that are not final, by state."),
    (
        "deliveries_oldest_age_seconds",
        "gauge",
        "The age of the oldest delivery that is not final; 0 when there is none.",
    ),
    ("deliveries_sending", "gauge", "Deliveries being sent."),
    ("dead_letters", "gauge", "Dead letters that nobody has dealt with."),
    ("destination_up", "gauge", "1 when the destination is not down, held or removed."),
    ("source_up", "gauge", "1 when the source takes messages."),
    ("source_connections", "gauge", "Connections of senders."),
    (
        "source_refused_total",
        "counter",
        "Connections refused since the listener was bound, by reason.",
    ),
    ("source_junk_bytes_total", "counter", "Bytes between frames since the listener was bound."),
    ("commit_seconds", "histogram", "How long a commit of the store took."),
    (
        "commit_items_total",
        "counter",
        "Receipts, decisions and settles written since the start; divided by the number of commits, the size of a group.",
    ),
    (
        "traces_dropped_total",
        "counter",
        "Spans that the collector of traces did not take, since the start.",
    ),
    ("disk_free_bytes", "gauge", "Bytes free on the store's disk."),
    ("disk_reserve_bytes", "gauge", "Below so many free bytes sources pause."),
    ("alerts_open", "gauge", "Alerts that are not resolved, by severity."),
    ("certificate_expiry_seconds", "gauge", "Seconds until a certificate in use ends."),
    ("process_cpu_seconds_total", "counter", "Processor time of the engine."),
    ("process_resident_memory_bytes", "gauge", "Memory of the engine."),
    ("process_open_fds", "gauge", "Open files and connections of the engine."),
];

/// The last look at what waits.
#[derive(Default)]
pub(crate) struct Looked(tokio::sync::Mutex<Option<(Instant, Arc<Status>)>>);

/// Lines of text, a block for each metric.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Begins a metric; its lines follow.
    fn metric(&mut self, name: &str) {
        let known = METRICS.iter().find(|(one, ..)| *one == name);
        if let Some((_, kind, help)) = known {
            let _ = writeln!(self.0, "# HELP hilum_{name} {help}\n# TYPE hilum_{name} {kind}");
        }
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let _ = write!(self.0, "hilum_{name}");
        self.labels(labels);
        let _ = writeln!(self.0, " {value}");
    }

    fn labels(&mut self, labels: &[(&str, &str)]) {
        for (at, (name, value)) in labels.iter().enumerate() {
            let begin = if at == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{begin}{name}=\"{value}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], of: &Histogram) {
        let counts = of.counts();
        let mut sum = 0;
        for (at, count) in counts.iter().enumerate() {
            sum += count;
            let bound = BOUNDS_US.get(at).map(|us| format!("{}", *us as f64 / 1e6));
            let bound = bound.unwrap_or_else(|| "+Inf".to_owned());
            let labels = [labels, &[("le", bound.as_str())]].concat();
            self.line(&format!("{name}_bucket"), &labels, sum);
        }
        self.line(&format!("{name}_sum"), labels, of.sum_us() as f64 / 1e6);
        self.line(&format!("{name}_count"), labels, sum);
    }
}

impl Engine {
    /// What waits, not older than [`FRESH`].
    pub(crate) async fn looked(&self) -> Result<Arc<Status>, StoreError> {
        let mut looked = self.inner.looked.0.lock().await;
        if let Some((at, status)) = &*looked
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(status));
        }
        let status = Arc::new(self.status(&Scope::All).await?);
        *looked = Some((Instant::now(), Arc::clone(&status)));
        Ok(status)
    }

    /// All of it as text.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        let status = self.looked().await?;
        let mut text = Text::default();
        self.of_engine(&mut text, &status).await?;
        of_traffic(&mut text, &self.running());
        of_queues(&mut text, &status);
        of_store(&mut text, self.store().commits());
        of_process(&mut text);
        Ok(text.0)
    }

    async fn of_engine(&self, text: &mut Text, status: &Status) -> Result<(), StoreError> {
        text.metric("build_info");
        text.line("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.metric("start_time_seconds");
        text.line("start_time_seconds", &[], status.started_us as f64 / 1e6);
        text.metric("ready");
        text.line("ready", &[], u8::from(self.not_ready().is_empty()));
        let disk = *self.inner.disk.borrow();
        text.metric("disk_free_bytes");
        text.line("disk_free_bytes", &[], disk.free);
        text.metric("disk_reserve_bytes");
        text.line("disk_reserve_bytes", &[], disk.reserve);
        text.metric("traces_dropped_total");
        text.line("traces_dropped_total", &[], self.inner.shared.traces.dropped());
        text.metric("alerts_open");
        let counts = self.store().alert_counts(&Scope::All).await?;
        for severity in store::Severity::ALL {
            let open = counts.iter().filter(|(one, ..)| one == severity).map(|(.., n)| n);
            text.line("alerts_open", &[("severity", severity.as_str())], open.sum::<i64>());
        }
        text.metric("certificate_expiry_seconds");
        for one in &status.certificates {
            let left = (one.facts.not_after_us - self.now_us()) / 1_000_000;
            let channel = one.channel.as_ref().map_or("", config::Name::as_str);
            let destination = one.destination.as_ref().map_or("", config::Name::as_str);
            let labels = [
                ("channel", channel),
                ("destination", destination),
                ("what", one.facts.role.name()),
            ];
            text.line("certificate_expiry_seconds", &labels, left);
        }
        Ok(())
    }

    /// Whether the process does its work at all; else why not.
    pub fn not_alive(&self) -> Vec<String> {
        let mut why = Vec::new();
        if self.store().has_failed() {
            why.push("the disk has failed to keep what was written".to_owned());
        }
        if self.store().commits().under_way().is_some_and(|took| took > COMMIT_STUCK) {
            why.push("the store does not end a commit".to_owned());
        }
        why
    }

    /// Why messages should not be sent here now; nothing when they may.
    pub fn not_ready(&self) -> Vec<String> {
        let mut why = self.not_alive();
        let disk = *self.inner.disk.borrow();
        if disk.is_low() {
            why.push("the disk has reached its reserve: sources are paused".to_owned());
        }
        let running = self.running();
        if running.is_empty() {
            why.push("no channel runs".to_owned());
        }
        for channel in running.iter().filter(|one| one.source_settings().is_some()) {
            let flow = match channel.inlet.valve().now() {
                Flow::Read if channel.source_stats().is_some() => continue,
                Flow::Read => "stopped",
                Flow::Pause => "paused",
                Flow::Close => "closed",
            };
            why.push(format!("the source of channel `{}` is {flow}", channel.inlet.name()));
        }
        why
    }
}

/// What passes through channels.
fn of_traffic(text: &mut Text, running: &[Arc<Running>]) {
    text.metric("messages_arrived_total");
    for channel in running {
        for (origin, n) in ORIGINS.iter().zip(channel.inlet.taken().by_origin()) {
            let labels = [("channel", channel.inlet.name().as_str()), ("origin", origin.as_str())];
            text.line("messages_arrived_total", &labels, n);
        }
    }
    text.metric("acknowledgements_total");
    for channel in running {
        for (code, n) in CODES.iter().zip(channel.inlet.taken().by_code()) {
            let labels = [("channel", channel.inlet.name().as_str()), ("code", *code)];
            text.line("acknowledgements_total", &labels, n);
        }
    }
    text.metric("ack_seconds");
    for channel in running {
        let labels = [("channel", channel.inlet.name().as_str())];
        text.histogram("ack_seconds", &labels, &channel.inlet.taken().acks);
    }
    text.metric("attempts_total");
    for (channel, outbound) in outbounds(running) {
        for (outcome, n) in OUTCOMES.iter().zip(outbound.tried().by_outcome()) {
            let labels = [
                ("channel", channel.inlet.name().as_str()),
                ("destination", outbound.name.as_str()),
                ("outcome", *outcome),
            ];
            text.line("attempts_total", &labels, n);
        }
    }
    text.metric("attempt_seconds");
    for (channel, outbound) in outbounds(running) {
        let labels =
            [("channel", channel.inlet.name().as_str()), ("destination", outbound.name.as_str())];
        text.histogram("attempt_seconds", &labels, &outbound.tried().tries);
    }
}

fn outbounds(
    running: &[Arc<Running>],
) -> impl Iterator<Item = (&Arc<Running>, Arc<crate::outbound::Outbound>)> {
    running.iter().flat_map(|channel| {
        channel.destinations().into_iter().map(move |(_, outbound)| (channel, outbound))
    })
}

/// What waits, and where.
fn of_queues(text: &mut Text, status: &Status) {
    let channels = &status.channels;
    of_channels(text, channels);
    text.metric("deliveries_waiting");
    each(channels, |channel, one| {
        for (state, n) in [("queued", one.queued), ("waiting", one.waiting), ("held", one.held)] {
            text.line(
                "deliveries_waiting",
                &[channel, ("destination", one.name.as_str()), ("state", state)],
                n,
            );
        }
    });
    text.metric("deliveries_oldest_age_seconds");
    each(channels, |channel, one| {
        let age = one.oldest_us.map_or(0, |us| (status.now_us - us).max(0) / 1_000_000);
        text.line(
            "deliveries_oldest_age_seconds",
            &[channel, ("destination", one.name.as_str())],
            age,
        );
    });
    text.metric("deliveries_sending");
    each(channels, |channel, one| {
        let sending = one.live.as_ref().map_or(0, |live| live.sending);
        text.line("deliveries_sending", &[channel, ("destination", one.name.as_str())], sending);
    });
    text.metric("dead_letters");
    each(channels, |channel, one| {
        text.line("dead_letters", &[channel, ("destination", one.name.as_str())], one.dead);
    });
    text.metric("destination_up");
    each(channels, |channel, one| {
        let up = u8::from(one.state == "running");
        text.line("destination_up", &[channel, ("destination", one.name.as_str())], up);
    });
}

fn each<'a>(
    channels: &'a [ChannelStatus],
    mut tell: impl FnMut((&'static str, &'a str), &'a crate::status::DestinationStatus),
) {
    for channel in channels {
        channel.destinations.iter().for_each(|one| tell(("channel", channel.name.as_str()), one));
    }
}

fn of_channels(text: &mut Text, channels: &[ChannelStatus]) {
    text.metric("messages_stored");
    for channel in channels {
        for (disposition, n) in &channel.dispositions {
            let labels =
                [("channel", channel.name.as_str()), ("disposition", disposition.as_str())];
            text.line("messages_stored", &labels, n);
        }
    }
    text.metric("messages_undecided");
    for channel in channels {
        text.line("messages_undecided", &[("channel", channel.name.as_str())], channel.undecided);
    }
    text.metric("source_up");
    for channel in channels {
        let up = u8::from(channel.state == "running");
        text.line("source_up", &[("channel", channel.name.as_str())], up);
    }
    text.metric("source_connections");
    for channel in channels {
        text.line("source_connections", &[("channel", channel.name.as_str())], channel.peers);
    }
    text.metric("source_refused_total");
    for channel in channels {
        for (reason, n) in &channel.refusals {
            text.line(
                "source_refused_total",
                &[("channel", channel.name.as_str()), ("reason", reason)],
                n,
            );
        }
    }
    text.metric("source_junk_bytes_total");
    for channel in channels {
        text.line(
            "source_junk_bytes_total",
            &[("channel", channel.name.as_str())],
            channel.junk_bytes,
        );
    }
}

fn of_store(text: &mut Text, commits: &store::Commits) {
    text.metric("commit_seconds");
    text.histogram("commit_seconds", &[], &commits.took);
    text.metric("commit_items_total");
    text.line("commit_items_total", &[], commits.items.load(std::sync::atomic::Ordering::Relaxed));
}

/// What the kernel says about this process; nothing where it does not.
fn of_process(text: &mut Text) {
    // Ticks of the user and of the system, behind the name in brackets; there are 100 a second (proc(5), USER_HZ).
    let ticks = std::fs::read_to_string("/proc/self/stat").ok();
    let ticks = ticks.and_then(|all| {
        let mut numbers = all.rsplit_once(") ")?.1.split(' ').skip(11);
        let next = numbers.next()?.parse::<u64>().ok()?;
        Some(next + numbers.next()?.parse::<u64>().ok()?)
    });
    if let Some(ticks) = ticks {
        text.metric("process_cpu_seconds_total");
        text.line("process_cpu_seconds_total", &[], ticks as f64 / 100.0);
    }
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|all| all.split(' ').nth(1)?.parse::<u64>().ok());
    if let Some(pages) = pages {
        text.metric("process_resident_memory_bytes");
        text.line("process_resident_memory_bytes", &[], pages * PAGE_BYTES);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.metric("process_open_fds");
        text.line("process_open_fds", &[], open.count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut text = Text::default();
        text.line("x", &[("a", "b\"\n\\c"), ("d", "e")], 1);
        assert_eq!(text.0, "hilum_x{a=\"b\\\"\\n\\\\c\",d=\"e\"} 1\n");
    }

    #[test]
    fn buckets_add_up() {
        let (mut text, of) = (Text::default(), Histogram::default());
        of.note(Duration::from_micros(700));
        of.note(Duration::from_secs(100));
        text.histogram("h", &[("channel", "a")], &of);
        assert!(text.0.contains("hilum_h_bucket{channel=\"a\",le=\"0.0005\"} 0\n"), "{}", text.0);
        assert!(text.0.contains("hilum_h_bucket{channel=\"a\",le=\"0.001\"} 1\n"));
        assert!(text.0.contains("hilum_h_bucket{channel=\"a\",le=\"+Inf\"} 2\n"));
        assert!(
            text.0
                .ends_with("hilum_h_sum{channel=\"a\"} 100.0007\nhilum_h_count{channel=\"a\"} 2\n")
        );
    }
}
