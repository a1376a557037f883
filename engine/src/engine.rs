//! The engine as a whole: what is started, what is stopped, in which order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use config::{Name, Paths, Server};
use connectors::syslog::SyslogSettings;
use connectors::{Flow, OpenError, Resources, Source, Trial};
use net::{PeerBook, Present, ProgramBook, Step};
use store::{Opened, Options, Recipients, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ack_ids::AckIds;
use crate::alerts::{Alerting, Pasts};
use crate::backups::Backups;
use crate::caution::Caution;
use crate::clock::Clock;
use crate::disk::{self, Disk};
use crate::inlet::Shared;
use crate::inlets::Inlets;
use crate::jobs::Jobs;
use crate::last_words::LastWords;
use crate::metrics::Looked;
use crate::outbound::Way;
use crate::posture;
use crate::recovery;
use crate::retention::Retaining;
use crate::running::Running;
use crate::site::Site;
use crate::start_error::StartError;
use crate::store_key::KeyJobs;
use crate::syslog::Sending;
use crate::traces::Traces;

/// What is worth a warning until server.toml says it.
const KEY_MOVED: &str =
    "the store key was changed: name the new one as `key` under `[store]`, and take `next_key` out";
/// How long a stop waits for deliveries that can go at once.
const DRAIN: Duration = Duration::from_secs(30);

/// What the command line decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartOptions {
    /// Apply files as they change.
    pub follow_files: bool,
    /// Run as root where the profile refuses it.
    pub allow_root: bool,
}

/// Who is asked whether somebody may send messages in.
pub struct Books {
    /// About peers, by their certificates.
    pub peers: Arc<dyn PeerBook>,
    /// About programs, by their tokens.
    pub programs: Arc<dyn ProgramBook>,
}

/// How the engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As asked.
    Stopped {
        /// Deliveries that stay queued for the next start.
        undelivered: u64,
    },
    /// A sync failed: what is on disk is unknown, so nothing more may be acknowledged.
    SyncFailed,
    /// Another engine owns a channel of this one.
    Fenced,
}

/// A running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub shared: Shared,
    pub server: Server,
    pub api_tls: Option<net::tls::Server>,
    /// Where records of the audit log go when their years are over, and who can read them there.
    pub audit_archive: Option<(PathBuf, Recipients)>,
    /// Where backups go, and who can read them there.
    pub backup_to: Option<(PathBuf, Recipients)>,
    pub backups: Backups,
    pub retaining: Retaining,
    pub key_jobs: KeyJobs,
    pub jobs: Jobs,
    /// Why they are still in it.
    audit_problem: Mutex<Option<String>>,
    pub paths: Paths,
    pub resources: Resources,
    pub clock: Clock,
    pub started_us: i64,
    pub warnings: Vec<String>,
    pub disk: watch::Receiver<Disk>,
    pub alerting: Alerting,
    /// Where the audit log and the engine's own go besides.
    pub syslog: Option<SyslogSettings>,
    pub sending: Sending,
    /// Where traces are posted.
    pub telemetry: Option<connectors::http::TracesSettings>,
    /// What waited when it was last looked at.
    pub looked: Looked,
    /// Counters as they were a while ago.
    pub pasts: Pasts,
    channels: Mutex<BTreeMap<Name, Arc<Running>>>,
    /// One change of what runs at a time.
    pub applying: tokio::sync::Mutex<()>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Inner {
    /// Why records of the audit log whose years are over are still in it.
    pub(crate) fn audit_problem(&self) -> Option<String> {
        self.audit_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_audit_problem(&self, problem: Option<String>) {
        *self.audit_problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

impl Engine {
    /// Opens the store, recovers what an earlier run left, binds every listener and starts.
    ///
    /// `books` makes the registry of peers and that of programs out of the open store, before anything listens.
    pub async fn start(
        site: Site,
        options: StartOptions,
        books: impl AsyncFnOnce(&Store) -> Result<Books, StartError>,
    ) -> Result<Engine, StartError> {
        let mut warnings = posture::check(&site, &options)?;
        let clock = Clock;
        let started_us = clock.now_us();
        let opened = open(&site, started_us).await?;
        posture::check_owner(&site.server, &opened.store).await?;
        if let Some(key) = &opened.key_made {
            tracing::warn!(
                code = "key.made",
                key,
                "a store key was made: keep a copy of it somewhere else, without it no message can be read"
            );
        }
        warnings.extend(opened.key_moved.then(|| KEY_MOVED.to_owned()));
        for warning in &warnings {
            tracing::warn!(code = "posture", "{warning}");
        }
        let (last_words, was_running) =
            LastWords::open(&site.paths.data).map_err(StartError::Data)?;
        let Books { peers, programs } = books(&opened.store).await?;
        let shared = Shared {
            last_words,
            store: opened.store.clone(),
            caution: Arc::new(Caution::after(opened.clean)),
            ack_ids: Arc::new(AckIds::since(started_us)),
            profile: site.server.profile,
            inlets: Inlets::default(),
            traces: Traces::default(),
        };
        let (disk_sender, disk) = watch::channel(first_look(&site)?);
        let folder = disk_folder(&site);
        let watcher = tokio::spawn(disk::watch(folder, site.server.disk_reserve, disk_sender));
        let engine = Engine {
            inner: Arc::new(Inner {
                shared,
                server: site.server.clone(),
                api_tls: site.api_tls.clone(),
                audit_archive: site.audit_archive.clone(),
                backup_to: site.backup_to.clone(),
                backups: Backups::default(),
                retaining: Retaining::default(),
                key_jobs: KeyJobs::default(),
                jobs: Jobs::default(),
                audit_problem: Mutex::default(),
                paths: site.paths.clone(),
                resources: Resources::default().with_peers(peers).with_programs(programs),
                clock,
                started_us,
                warnings,
                disk,
                alerting: Alerting::new(site.alert_sinks.clone()),
                syslog: site.syslog.clone(),
                telemetry: site.telemetry.clone(),
                sending: Sending::default(),
                looked: Looked::default(),
                pasts: Pasts::default(),
                channels: Mutex::default(),
                applying: tokio::sync::Mutex::default(),
                tasks: Mutex::new(vec![watcher]),
            }),
        };
        recovery::start_channels(&engine, &site, &opened, &was_running).await?;
        engine.follow(options);
        Ok(engine)
    }

    /// Begins what goes on for as long as the engine runs.
    fn follow(&self, options: StartOptions) {
        self.resume_rotation();
        self.follow_jobs();
        self.follow_disk();
        self.follow_certificates();
        self.follow_alerts();
        if options.follow_files {
            self.follow_files();
        }
    }

    pub(crate) fn channels(&self) -> MutexGuard<'_, BTreeMap<Name, Arc<Running>>> {
        self.inner.channels.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// One of the running channels.
    pub(crate) fn channel(&self, name: &Name) -> Option<Arc<Running>> {
        self.channels().get(name).cloned()
    }

    /// All of them.
    pub(crate) fn running(&self) -> Vec<Arc<Running>> {
        self.channels().values().cloned().collect()
    }

    /// The settings of the whole engine.
    pub fn server(&self) -> &config::Server {
        &self.inner.server
    }

    /// Which way deliveries of a destination go at this moment.
    pub fn way(&self, channel: &Name, destination: &Name) -> Option<Way> {
        Some(self.channel(channel)?.destination(destination)?.way())
    }

    /// Goes that way without a delivery; `message` is sent at its end, to a receiver that answers.
    pub async fn try_out(&self, way: &Way, message: Option<&Bytes>) -> Trial {
        match way {
            Way::Connector(settings) => settings.try_out(message).await,
            Way::Channel(name) => {
                let (since, state) = (Instant::now(), self.channel(name));
                let result = match state.map(|running| running.inlet.valve().now()) {
                    Some(Flow::Read) => Ok(format!("channel `{name}` takes messages over")),
                    Some(Flow::Pause) => {
                        Err(format!("channel `{name}` is paused; messages for it wait"))
                    }
                    Some(Flow::Close) | None => {
                        Err(format!("channel `{name}` does not run; messages for it wait"))
                    }
                };
                Trial { steps: vec![Step::ended("channel", since, result)], answer: None }
            }
        }
    }

    /// Where messages are kept.
    pub fn store(&self) -> &Store {
        &self.inner.shared.store
    }

    /// The time by the engine's clock, microseconds UTC.
    pub fn now_us(&self) -> i64 {
        self.inner.clock.now_us()
    }

    /// The peers that are connected now.
    pub fn attendance(&self) -> Vec<Present> {
        self.inner.resources.attendance().present()
    }

    /// Every bound listener with its channel.
    pub fn listeners(&self) -> Vec<(Name, SocketAddr)> {
        let all = self.running();
        all.iter().filter_map(|r| r.listening().map(|at| (r.inlet.name().clone(), at))).collect()
    }

    /// Ends when the engine cannot go on.
    pub async fn failed(&self) -> Ended {
        self.store().failed().await;
        Ended::SyncFailed
    }

    /// Stops accepting, finishes and answers what is in hand, sends what can go at once, closes the store.
    pub async fn stop(&self) -> Ended {
        let deadline = Instant::now() + DRAIN;
        let _applying = self.inner.applying.lock().await;
        let running = self.running();
        let mut failed = std::pin::pin!(self.store().failed());
        let orderly = async {
            for channel in &running {
                channel.inlet.valve().close();
            }
            for channel in &running {
                channel.stop_listening().await;
            }
            for channel in &running {
                channel.drain(deadline).await;
            }
        };
        tokio::select! {
            biased;
            () = &mut failed => return Ended::SyncFailed,
            () = orderly => {}
        }
        let undelivered = self.undelivered().await;
        for task in self.tasks().drain(..) {
            task.abort();
        }
        if let Err(error) = self.store().close().await {
            tracing::error!(error = %error, "the store did not close cleanly; the next start recovers");
        }
        Ended::Stopped { undelivered }
    }

    async fn undelivered(&self) -> u64 {
        match self.store().status(&store::Scope::All, self.now_us()).await {
            Ok(channels) => {
                let open = channels
                    .iter()
                    .flat_map(|c| &c.destinations)
                    .map(|d| d.queued + d.waiting + d.held);
                u64::try_from(open.sum::<i64>()).unwrap_or(0)
            }
            Err(_) => 0,
        }
    }

    pub(crate) fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.inner.tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Pauses and opens every source with the disk.
    fn follow_disk(&self) {
        let engine = self.clone();
        let mut disk = self.inner.disk.clone();
        let task = tokio::spawn(async move {
            loop {
                let low = disk.borrow_and_update().is_low();
                for channel in engine.running() {
                    channel.inlet.valve().set_disk_low(low);
                }
                if disk.changed().await.is_err() {
                    return;
                }
            }
        });
        self.tasks().push(task);
    }

    /// Opens the source of a channel and lets it work.
    pub(crate) async fn open_source(&self, running: &Running) -> Result<(), OpenError> {
        let Some(settings) = running.source_settings() else { return Ok(()) };
        if self.is_stopped(running.inlet.name()).await {
            return Ok(());
        }
        let source = Source::open(running.inlet.name(), &settings, &self.inner.resources).await?;
        running.inlet.valve().set_disk_low(self.inner.disk.borrow().is_low());
        running.take_in(source, settings);
        Ok(())
    }
}

async fn open(site: &Site, now_us: i64) -> Result<Opened, StartError> {
    let server = &site.server;
    let options = Options {
        url: &server.store_url,
        key: &server.store_key,
        next_key: server.next_store_key.as_ref(),
        data_dir: &site.paths.data,
        anchor: server.audit.anchor.as_deref(),
        node: &server.node,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(Store::open(options, now_us).await?)
}

/// The folder whose disk fills up: the store's own when it is a file.
fn disk_folder(site: &Site) -> PathBuf {
    match &site.server.store_url {
        config::StoreUrl::Sqlite(file) => file.parent().unwrap_or(&site.paths.data).to_owned(),
        config::StoreUrl::Postgres { .. } => site.paths.data.clone(),
    }
}

fn first_look(site: &Site) -> Result<Disk, StartError> {
    let disk =
        disk::look(&disk_folder(site), site.server.disk_reserve).map_err(StartError::Data)?;
    if disk.is_low() {
        disk::tell(&disk);
    }
    Ok(disk)
}
