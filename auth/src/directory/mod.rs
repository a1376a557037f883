//! People of a directory (security.md 2.8): recognised by a bind of their own, known by an id that stays when they are renamed, and allowed
//! what their groups give. Everything else about them is as for people with accounts here.

mod ber;
mod entry;
mod link;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use config::{DirectoryKind, Name};
use ldap3::ldap_escape;
use net::tls::TlsProblem;
use net::{Dialer, Target};
use phi::Secret;
use store::Granted;
use tokio::time::{Instant, timeout};

use entry::{Found, bytes_in_filter, grants};
use link::{Bound, Link};

/// A connection is made within this, each operation answered, and each server done with somebody; and all of them together.
const ONE: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(12);
/// A server that did not answer is not asked again for so long.
const DOWN: Duration = Duration::from_secs(60);
/// No password is longer.
const PASSWORD_BYTES_MAX: usize = 256;

/// A directory, and which of its servers answer.
pub(crate) struct Directory {
    settings: config::Directory,
    dialer: Dialer,
    servers: Vec<Server>,
}

struct Server {
    target: Target,
    /// Not asked before then.
    down: Mutex<Option<Instant>>,
}

/// Somebody of the directory, as it knows them now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What stays the same when they are renamed, hexadecimal.
    pub subject: String,
    /// What they are called there.
    pub name: String,
    /// What their groups give; nobody without any gets in.
    pub grants: Vec<Granted>,
}

/// What a directory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is this one.
    Known(Entry),
    /// Nobody, for a reason that goes into the audit log and nowhere else.
    Nobody(String),
}

/// None of the servers could be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no server of the directory answers: {0}")]
pub(crate) struct Unavailable(pub String);

/// Who is asked about.
#[derive(Clone)]
enum Asked {
    Login { name: String, password: Secret<String> },
    Subject(String),
}

impl Directory {
    pub(crate) fn new(settings: config::Directory) -> Result<Directory, TlsProblem> {
        let server = |address| {
            let target = Target::of_directory(&settings, address)?;
            Ok(Server { target, down: Mutex::default() })
        };
        let servers = settings.servers.iter().map(server).collect::<Result<_, TlsProblem>>()?;
        Ok(Directory { dialer: Dialer::new(ONE), servers, settings })
    }

    /// Whether a group gives a role.
    pub(crate) fn gives(&self, role: &Name) -> bool {
        self.settings.grants.iter().any(|grant| grant.role == *role)
    }

    /// Whom a name and a password belong to. What nobody can have as a password is refused before anybody is asked: a bind without one
    /// succeeds as nobody (RFC 4513, 5.1.2).
    pub(crate) async fn recognise(
        &self,
        name: &str,
        password: &Secret<String>,
    ) -> Result<Answer, Unavailable> {
        let shown = password.expose_secret();
        if shown.is_empty() || shown.len() > PASSWORD_BYTES_MAX || shown.contains('\0') {
            return Ok(Answer::Nobody("password".to_owned()));
        }
        let asked = Asked::Login { name: name.to_owned(), password: password.clone() };
        self.ask(asked).await
    }

    /// Somebody by what stays the same.
    pub(crate) async fn look_up(&self, subject: &str) -> Result<Answer, Unavailable> {
        self.ask(Asked::Subject(subject.to_owned())).await
    }

    /// Asks the first server that answers.
    async fn ask(&self, asked: Asked) -> Result<Answer, Unavailable> {
        let until = Instant::now() + ALL;
        let mut why = "each was found down less than a minute ago".to_owned();
        for server in &self.servers {
            if server.is_down() {
                continue;
            }
            let limit = ONE.min(until.saturating_duration_since(Instant::now()));
            // In a task of its own: what a server sends may be such that the library gives up on it with a panic.
            let way = (self.dialer.clone(), server.target.clone());
            let mut talking = tokio::spawn(talk(way, self.settings.clone(), asked.clone()));
            let outcome = timeout(limit, &mut talking).await;
            talking.abort();
            why = match outcome {
                Ok(Ok(Ok(answer))) => return Ok(answer),
                Ok(Ok(Err(error))) => error,
                Ok(Err(_)) => "what it sends cannot be read".to_owned(),
                Err(_) => format!("no answer within {} s", limit.as_secs()),
            };
            let name = server.target.to_string();
            tracing::warn!(
                code = "directory.down",
                server = name,
                why,
                "a server of the directory cannot be asked; it is left alone for a minute"
            );
            server.mark_down();
        }
        Err(Unavailable(why))
    }
}

impl Server {
    fn is_down(&self) -> bool {
        let down = *self.down.lock().unwrap_or_else(PoisonError::into_inner);
        down.is_some_and(|until| Instant::now() < until)
    }

    fn mark_down(&self) {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + DOWN);
    }
}

/// The talk with one server.
async fn talk(
    (dialer, target): (Dialer, Target),
    settings: config::Directory,
    asked: Asked,
) -> Result<Answer, String> {
    if let Some(tls) = target.tls() {
        tls.refresh();
    }
    let mut link = Link::open(&dialer, &target).await?;
    let own = settings.password.value().map_err(|error| error.to_string())?;
    if let Bound::No(code) = link.bind(&settings.bind, &own).await? {
        return Err(format!("the engine's own account is refused ({code})"));
    }
    let found = match link.find(&settings, &filter(&settings, &asked)).await? {
        Found::One(found) => found,
        Found::None => return Ok(Answer::Nobody("unknown".to_owned())),
        Found::Several => return Ok(Answer::Nobody("ambiguous".to_owned())),
    };
    if let Asked::Login { password, .. } = &asked {
        let mut other = Link::open(&dialer, &target).await?;
        if let Bound::No(code) = other.bind(&found.dn, password).await? {
            return Ok(Answer::Nobody(format!("password:{code}")));
        }
    }
    let groups = match settings.kind {
        DirectoryKind::ActiveDirectory => link.token_groups(&found.dn).await?,
        DirectoryKind::Ldap => link.nested_groups(&settings.base, &found.dn).await?,
    };
    match grants(&settings, &groups) {
        grants if grants.is_empty() => Ok(Answer::Nobody("groups".to_owned())),
        grants => Ok(Answer::Known(Entry { subject: found.subject, name: found.name, grants })),
    }
}

/// The filter that finds one person. Whatever was typed stays a value in it.
fn filter(settings: &config::Directory, asked: &Asked) -> String {
    let who = match (asked, settings.kind) {
        (Asked::Login { name, .. }, DirectoryKind::ActiveDirectory) => {
            let name = ldap_escape(name.as_str());
            format!("(|(sAMAccountName={name})(userPrincipalName={name}))")
        }
        (Asked::Login { name, .. }, DirectoryKind::Ldap) => {
            format!("(uid={})", ldap_escape(name.as_str()))
        }
        (Asked::Subject(subject), _) => {
            format!("({}={})", settings.id, bytes_in_filter(subject))
        }
    };
    match settings.kind {
        // Not a computer, and not disabled: bit 2 of userAccountControl, by the rule LDAP_MATCHING_RULE_BIT_AND.
        DirectoryKind::ActiveDirectory => format!(
            "(&(objectClass=user)(!(objectClass=computer))(!(userAccountControl:1.2.840.113556.1.4.803:=2)){who})"
        ),
        DirectoryKind::Ldap => format!("(&(objectClass=person){who})"),
    }
}
