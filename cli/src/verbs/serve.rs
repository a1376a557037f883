//! `hilum serve`: the engine, until it is told to stop.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::{AccountError, AccountRules, Accounts, Cost, Registry};
use config::Server;
use console_api::{Desk, Listener, Monitor, Service, Socket};
use engine::site::Site;
use engine::{
    Books, Clock, Ended, Engine, Spool, StartError, StartOptions, keep_audit_log, keep_backups,
    keep_index, keep_reseals, keep_retention, keep_syslog, keep_traces,
};
use store::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::args::Serve;
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// Runs the verb.
pub async fn run(args: Serve) -> Outcome {
    let spool = start_logging();
    let mut asked_to_stop = Stop::listen()?;
    let (site, diagnostics) = engine::site::check(&args.site, args.data.as_deref());
    if !diagnostics.is_empty() {
        say::talk(diagnostics.render(colour()).trim_end());
    }
    let Some(site) = site else {
        return Err(Failure::new(
            Code::Refused,
            format!("`{}` cannot be served", args.site.display()),
        )
        .hint("mend the errors above; `hilum check` shows them again"));
    };
    let options = StartOptions { follow_files: args.dev, allow_root: args.allow_root };
    let (data, server) = (site.paths.data.clone(), site.server.clone());
    let (tls, metrics_tls) = (site.api_tls.clone(), site.metrics_tls.clone());
    let (engine, registry, accounts) = start(site, options).await?;
    let keeping = [
        tokio::spawn(Arc::clone(&registry).keep()),
        tokio::spawn(keep_audit_log(engine.clone())),
        tokio::spawn(keep_backups(engine.clone())),
        tokio::spawn(keep_retention(engine.clone())),
        tokio::spawn(keep_index(engine.clone())),
        tokio::spawn(keep_reseals(engine.clone())),
        tokio::spawn(keep_syslog(engine.clone(), spool)),
        tokio::spawn(keep_traces(engine.clone())),
    ];
    let (stop, stopped) = watch::channel(false);
    let monitor = bind_monitor(&server, metrics_tls)?;
    let monitoring =
        monitor.map(|monitor| tokio::spawn(monitor.serve(engine.clone(), stopped.clone())));
    let api = serve_api(&engine, (registry, accounts), (&data, &server, tls), stopped).await?;
    ready(&engine);
    let ended = tokio::select! {
        name = asked_to_stop.asked() => {
            tracing::info!(code = "engine.stopping", signal = name, "stopping: finishing what is in hand");
            keeping.iter().for_each(JoinHandle::abort);
            engine.stop().await
        }
        ended = engine.failed() => ended,
    };
    let _ = stop.send(true);
    let _ = api.await;
    if let Some(monitoring) = monitoring {
        let _ = monitoring.await;
    }
    conclude(ended)
}

/// Starts the engine with a registry of peers and the accounts over its store.
async fn start(
    site: Site,
    options: StartOptions,
) -> Result<(Engine, Arc<Registry>, Arc<Accounts>), Failure> {
    let (data, server) = (site.paths.data.clone(), site.server.clone());
    let mut opened = None;
    let engine = Engine::start(site, options, async |store: &Store| {
        let registry = Registry::open(store.clone(), data.clone(), || Clock.now_us()).await?;
        let accounts = open_accounts(store, data, &server).await?;
        opened = Some((Arc::clone(&registry), Arc::clone(&accounts)));
        Ok(Books { peers: registry, programs: accounts })
    });
    let engine = engine.await.map_err(refused)?;
    match opened {
        Some((registry, accounts)) => Ok((engine, registry, accounts)),
        None => Err(Failure::new(Code::Undecided, "the registry of peers was not opened")),
    }
}

async fn open_accounts(
    store: &Store,
    data: PathBuf,
    server: &Server,
) -> Result<Arc<Accounts>, StartError> {
    let clock: fn() -> i64 = || Clock.now_us();
    let rules = AccountRules {
        node: server.node.clone(),
        second_factor: server.api.second_factor,
        directory: server.directory.clone(),
        approvals: server.api.approvals,
    };
    let opened = Accounts::open(store.clone(), data, rules, (clock, Cost::DEFAULT)).await;
    opened.map(Arc::new).map_err(|error| match error {
        AccountError::Invalid(sentence) => {
            StartError::Posture(format!("{sentence}; see `[directory]` in server.toml"))
        }
        AccountError::Store(error) => StartError::Store(error),
        error => StartError::Posture(error.to_string()),
    })
}

/// Answers on the socket and on the address, until told to stop.
async fn serve_api(
    engine: &Engine,
    (registry, accounts): (Arc<Registry>, Arc<Accounts>),
    (data, server, tls): (&Path, &Server, Option<net::tls::Server>),
    stopped: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, Failure> {
    let service = Service::new(engine.clone(), registry, Arc::clone(&accounts));
    let router = console_api::router(service.clone());
    let pages = console::router(Desk::new(service), router.clone());
    let socket = bind(data)?;
    let listener = Listener::bind(server.api.listen, tls).map_err(|error| {
        Failure::new(Code::Refused, format!("the admin API: {error}"))
        .hint("another engine may be there; `listen` under `[api]` in server.toml names another address")
    })?;
    let mut line = format!("console and admin API on {}", listener.url());
    if accounts.setup_token_file().is_some() {
        line.push_str(
            "; nobody can sign in yet: `hilum setup`, or the console, makes the first owner",
        );
    }
    say::talk(&line);
    Ok(tokio::spawn(async move {
        let looking = tokio::spawn(Arc::clone(&accounts).keep());
        tokio::join!(
            socket.serve(router, stopped.clone()),
            listener.serve(pages, accounts, stopped)
        );
        looking.abort();
    }))
}

/// Binds where figures are asked for, when it is anywhere.
fn bind_monitor(
    server: &Server,
    tls: Option<net::tls::Server>,
) -> Result<Option<Monitor>, Failure> {
    let Some(metrics) = &server.metrics else { return Ok(None) };
    let monitor = Monitor::bind(metrics, tls).map_err(|error| {
        Failure::new(Code::Refused, format!("metrics: {error}"))
            .hint("`listen` under `[metrics]` in server.toml names another address")
    })?;
    say::talk(&format!("metrics on {}", monitor.url()));
    Ok(Some(monitor))
}

fn bind(data: &Path) -> Result<Socket, Failure> {
    Socket::bind(data).map_err(|error| {
        Failure::new(
            Code::Refused,
            format!("cannot make the admin socket in `{}`: {error}", data.display()),
        )
    })
}

/// One line, once every listener is bound: what scripts wait for.
fn ready(engine: &Engine) {
    let listeners: Vec<String> = engine
        .listeners()
        .into_iter()
        .map(|(channel, address)| format!("{channel} on {address}"))
        .collect();
    say::talk(&format!("ready: {}", listeners.join(", ")));
}

fn refused(error: engine::StartError) -> Failure {
    let code = match error.exit_code() {
        3 => Code::Unreachable,
        _ => Code::Refused,
    };
    let failure = Failure::new(code, &error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn conclude(ended: Ended) -> Outcome {
    match ended {
        Ended::Stopped { undelivered: 0 } => Ok(()),
        Ended::Stopped { undelivered } => {
            say::talk(&format!("stopped; {undelivered} deliveries stay queued for the next start"));
            Ok(())
        }
        Ended::SyncFailed => Err(Failure::new(
            Code::Problems,
            "the disk failed to keep what was written; nothing more was acknowledged and the engine has ended",
        )
        .hint("check the disk; the next start recovers what is there")),
        Ended::Fenced => Err(Failure::new(Code::Problems, "another engine has taken over a channel of this one")),
    }
}

/// The signals that ask for an orderly end. Listened to from the very beginning, so that none ends the process half way.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Stop, Failure> {
        let signals = || {
            Ok(Stop {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        };
        signals().map_err(|error: std::io::Error| {
            Failure::new(Code::Undecided, format!("cannot listen to signals: {error}"))
        })
    }

    async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Whether to colour what goes to standard error.
pub fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal()
}

/// Logs to standard error: a line of text on a terminal, a JSON object a line elsewhere.
///
/// `HILUM_LOG` chooses what is logged there, in the form of `tracing`'s `EnvFilter`. What a syslog collector gets is chosen by
/// `[syslog]`, which is not read yet: the lines go to the queue that is given back.
fn start_logging() -> Arc<Spool> {
    let spool = Arc::new(Spool::default());
    let filter = EnvFilter::try_from_env("HILUM_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let shown = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let shown = match std::io::stderr().is_terminal() {
        true => shown.with_ansi(colour()).with_filter(filter).boxed(),
        false => shown
            .json()
            .flatten_event(true)
            .with_file(true)
            .with_line_number(true)
            .with_filter(filter)
            .boxed(),
    };
    let queued = tracing_subscriber::fmt::layer()
        .with_writer(Queue(Arc::clone(&spool)))
        .with_target(false)
        .json()
        .flatten_event(true)
        .with_file(true)
        .with_line_number(true)
        .with_filter(EnvFilter::new(LOGGED));
    tracing_subscriber::registry().with(shown).with(queued).init();
    // A panic names its place, never its words: they may quote a message.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(code = "panic", place, "a panic was caught");
    }));
    spool
}

/// What is logged when nothing else is said.
const LOGGED: &str = "info,sqlx=warn";

/// Hands each line to the queue.
struct Queue(Arc<Spool>);

/// A line on its way there.
struct Line<'a> {
    spool: &'a Spool,
    level: &'static str,
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { spool: &self.0, level: "INFO" }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Line<'a> {
        Line { spool: &self.0, level: meta.level().as_str() }
    }
}

impl Write for Line<'_> {
    /// A line comes as a whole.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.spool.write(self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
