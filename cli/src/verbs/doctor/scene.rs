//! What the checks look at: the site as its files say, this machine, and the engine when one runs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Paths, Server, Severity};
use engine::Clock;
use engine::site::Site;
use serde_json::Value;
use tokio::net::UnixStream;

use super::check::Finding;
use crate::api::Api;
use crate::args::doctor::Doctor;

/// An engine that does not answer within this time is not waited for.
const ANSWER: Duration = Duration::from_secs(10);

/// All that is looked at.
pub struct Scene {
    /// Where the site and its data are.
    pub paths: Paths,
    /// The site; none when its settings are wrong.
    pub site: Option<Site>,
    /// Errors in its files.
    pub errors: usize,
    /// Warnings about them.
    pub warnings: usize,
    /// The user that runs the engine, or would.
    pub user: User,
    /// The engine that runs on the data folder.
    pub engine: Result<Running, NotAsked>,
    /// Root may run the engine.
    pub allow_root: bool,
    /// Where `/proc`, `/sys` and `/run` begin.
    pub machine: PathBuf,
    /// Now, microseconds UTC.
    pub now_us: i64,
}

/// A user, and how they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The running engine's.
    Engine(u32),
    /// Who owns the data folder: an engine has run as them.
    Owner(u32),
    /// Whoever asks: no engine has run here.
    Asking(u32),
}

impl User {
    /// The number.
    pub fn uid(self) -> u32 {
        match self {
            User::Engine(uid) | User::Owner(uid) | User::Asking(uid) => uid,
        }
    }
}

/// What a running engine says; each part can be refused by itself.
pub struct Running {
    /// Its process, when it can be seen from here.
    pub pid: Option<i32>,
    uid: u32,
    /// `GET /api/v1/security/status`.
    pub security: Result<Value, String>,
    /// `GET /api/v1/backups`.
    pub backups: Result<Value, String>,
    /// `GET /api/v1/users`.
    pub users: Result<Value, String>,
    /// `GET /api/v1/keys`.
    pub keys: Result<Value, String>,
    /// `GET /api/v1/retention`.
    pub retention: Result<Value, String>,
}

/// Why no engine was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// None runs on this data folder.
    NotRunning,
    /// There is a socket that this user may not open.
    Refused(String),
}

impl Scene {
    /// Reads the site and asks the engine.
    pub async fn of(args: &Doctor) -> Scene {
        let paths = Paths::new(&args.site, args.data.clone());
        let engine = Running::ask(&paths.data).await;
        let (site, diagnostics) = engine::site::check(&args.site, args.data.as_deref());
        let count = |severity| {
            diagnostics.sorted().into_iter().filter(|one| one.severity() == severity).count()
        };
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let user = user(&paths.data, &engine);
        Scene {
            paths,
            site,
            errors,
            warnings,
            user,
            engine,
            allow_root: args.allow_root,
            machine: PathBuf::from("/"),
            now_us: Clock.now_us(),
        }
    }

    /// The settings of the engine, when they can be read.
    pub fn server(&self) -> Option<&Server> {
        self.site.as_ref().map(|site| &site.server)
    }

    /// Looks at the settings, when there are any.
    pub fn with_server(&self, look: impl FnOnce(&Server) -> Finding) -> Finding {
        match self.server() {
            Some(server) => look(server),
            None => Finding::unknown("the site's settings cannot be read")
                .hint("`hilum check` shows what is wrong with them"),
        }
    }

    /// Looks at something that only a running engine knows.
    pub fn with_answer(
        &self,
        part: fn(&Running) -> &Result<Value, String>,
        look: impl FnOnce(&Value) -> Finding,
    ) -> Finding {
        match self.engine.as_ref().map(part) {
            Ok(Ok(answer)) => look(answer),
            Ok(Err(why)) => Finding::unknown(format!("the engine did not say: {why}"))
                .hint("look again as the user that runs the engine"),
            Err(not_asked) => not_asked.finding(),
        }
    }

    /// The nearest folder on the way to a path that is there.
    pub fn existing(path: &Path) -> PathBuf {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let found = absolute.ancestors().find_map(|part| fs::canonicalize(part).ok());
        found.unwrap_or(absolute)
    }
}

impl NotAsked {
    /// What becomes of a check that needed it.
    pub fn finding(&self) -> Finding {
        match self {
            NotAsked::NotRunning => Finding::unknown("no engine runs on the data folder")
                .hint("start the engine and look again"),
            NotAsked::Refused(why) => {
                Finding::unknown(format!("the engine's socket cannot be opened: {why}"))
                    .hint("look again as the user that runs the engine")
            }
        }
    }
}

impl Running {
    /// Asks the engine of a data folder over its socket.
    async fn ask(data: &Path) -> Result<Running, NotAsked> {
        let socket = data.join("hilum.sock");
        let stream = UnixStream::connect(&socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => NotAsked::NotRunning,
            kind => NotAsked::Refused(kind.to_string()),
        })?;
        // The kernel says who listens, on either store; the number in the lock file may be an old one.
        let peer = stream.peer_cred().map_err(|error| NotAsked::Refused(error.to_string()))?;
        drop(stream);
        let api = Api::Socket(socket);
        Ok(Running {
            pid: peer.pid().filter(|pid| *pid > 0),
            uid: peer.uid(),
            security: get(&api, "/api/v1/security/status").await,
            backups: get(&api, "/api/v1/backups").await,
            users: get(&api, "/api/v1/users").await,
            keys: get(&api, "/api/v1/keys").await,
            retention: get(&api, "/api/v1/retention").await,
        })
    }
}

async fn get(api: &Api, path: &str) -> Result<Value, String> {
    match tokio::time::timeout(ANSWER, api.get(path)).await {
        Ok(answer) => answer.map_err(|failure| failure.sentence),
        Err(_) => Err(format!("no answer within {} s", ANSWER.as_secs())),
    }
}

fn user(data: &Path, engine: &Result<Running, NotAsked>) -> User {
    match (engine, fs::metadata(data)) {
        (Ok(engine), _) => User::Engine(engine.uid),
        (Err(_), Ok(facts)) => User::Owner(facts.uid()),
        (Err(_), Err(_)) => User::Asking(rustix::process::geteuid().as_raw()),
    }
}

#[cfg(test)]
pub mod example {
    use super::*;

    /// A site of these settings in a folder, on a machine of these files, without an engine.
    pub fn scene(folder: &Path, server: &str) -> Scene {
        fs::create_dir_all(folder.join("site/channels")).unwrap();
        fs::write(folder.join("site/server.toml"), server).unwrap();
        let paths = Paths::new(folder.join("site"), None);
        let (site, diagnostics) = engine::site::check(&paths.site, None);
        Scene {
            site,
            errors: diagnostics.error_count(),
            warnings: 0,
            user: User::Owner(rustix::process::geteuid().as_raw()),
            engine: Err(NotAsked::NotRunning),
            allow_root: false,
            machine: folder.join("machine"),
            now_us: 1_800_000_000_000_000,
            paths,
        }
    }

    /// The same, with an engine that answers.
    pub fn running(scene: Scene, security: Value, backups: Value, users: Value) -> Scene {
        let (uid, pid) = (scene.user.uid(), Some(4711));
        let (security, backups, users) = (Ok(security), Ok(backups), Ok(users));
        let (keys, retention) = (Ok(Value::Null), Ok(Value::Null));
        let running = Running { pid, uid, security, backups, users, keys, retention };
        Scene { engine: Ok(running), ..scene }
    }

    /// Writes a file of the machine.
    pub fn machine(folder: &Path, path: &str, text: &str) {
        let path = folder.join("machine").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
