//! A connection to one server: the engine's own dialer and TLS on the outside, the library's LDAP inside, and a limit on what is read.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream as StdUnixStream;

use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, StdStream,
    ldap_escape,
};
use net::{Dialer, Stream, Target};
use phi::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::ONE;
use super::ber::{self, Answer, MESSAGE_MAX};
use super::entry::{Found, Person, plain_dn, sid, values};

/// A server says no more than this on one connection.
const BYTES_MAX: usize = 8 << 20;
/// Groups of one person, nested ones too, and how deep they lie at most.
const GROUPS_MAX: usize = 2_000;
const DEPTH_MAX: usize = 32;
/// Groups that are asked about at once, and answered at once.
const AT_ONCE: usize = 50;
const PAGE: i32 = 500;

/// A number that RFC 4511 gives to outcomes.
const INVALID_CREDENTIALS: u32 = 49;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const NO_SUCH_OBJECT: u32 = 32;

/// An open connection.
pub(super) struct Link {
    ldap: Ldap,
    tasks: Vec<JoinHandle<()>>,
}

/// Whether a server took a bind.
pub(super) enum Bound {
    Yes,
    /// With the number that an Active Directory gives as the reason, or that of RFC 4511.
    No(String),
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Link {
    pub(super) async fn open(dialer: &Dialer, target: &Target) -> Result<Link, String> {
        let stream = dialer.connect(target).await.map_err(|error| error.to_string())?;
        let pair = || {
            let (inside, outside) = StdUnixStream::pair()?;
            outside.set_nonblocking(true)?;
            Ok((inside, UnixStream::from_std(outside)?))
        };
        let (inside, outside) = pair().map_err(|error: std::io::Error| error.to_string())?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(inside));
        let opened = LdapConnAsync::with_settings(settings, "ldapi://directory").await;
        let (driver, ldap) = opened.map_err(|error| words(&error))?;
        let driving = tokio::spawn(async move {
            let _ = driver.drive().await;
        });
        Ok(Link { ldap, tasks: vec![tokio::spawn(carry(stream, outside)), driving] })
    }

    pub(super) async fn bind(
        &mut self,
        dn: &str,
        password: &Secret<String>,
    ) -> Result<Bound, String> {
        let done = self.ldap.with_timeout(ONE).simple_bind(dn, password.expose_secret()).await;
        let done = done.map_err(|error| words(&error))?;
        Ok(match done.rc {
            0 => Bound::Yes,
            INVALID_CREDENTIALS => Bound::No(reason(&done.text).unwrap_or_else(|| "49".to_owned())),
            code => Bound::No(code.to_string()),
        })
    }

    /// The one person that a filter finds. Referrals to other servers are not followed.
    pub(super) async fn find(
        &mut self,
        settings: &config::Directory,
        filter: &str,
    ) -> Result<Found, String> {
        let attributes = [settings.id.as_str(), "sAMAccountName", "uid"];
        let options = SearchOptions::new().sizelimit(2);
        let search = self.ldap.with_search_options(options).with_timeout(ONE);
        let found = search.search(&settings.base, Scope::Subtree, filter, attributes).await;
        let ldap3::SearchResult(entries, outcome) = found.map_err(|error| words(&error))?;
        let entries = entries.into_iter().filter(|entry| !entry.is_ref());
        let mut entries = entries.map(SearchEntry::construct);
        match (outcome.rc, entries.next(), entries.next()) {
            (0, None, _) | (NO_SUCH_OBJECT, ..) => Ok(Found::None),
            (0, Some(one), None) => {
                let odd = || format!("an entry has no `{}` or no name", settings.id);
                Person::of(&one, settings).map(Found::One).ok_or_else(odd)
            }
            (0 | SIZE_LIMIT_EXCEEDED, ..) => Ok(Found::Several),
            (code, ..) => Err(format!("a search ended with {code}")),
        }
    }

    /// The SIDs of all groups that somebody is in, nested ones and the primary one too, as an Active Directory computes them.
    pub(super) async fn token_groups(&mut self, dn: &str) -> Result<BTreeSet<String>, String> {
        let search = self.ldap.with_timeout(ONE);
        let found = search.search(dn, Scope::Base, "(objectClass=*)", ["tokenGroups"]).await;
        let ldap3::SearchResult(entries, outcome) = found.map_err(|error| words(&error))?;
        if outcome.rc != 0 {
            return Err(format!("the groups of somebody cannot be read ({})", outcome.rc));
        }
        let entries = entries.into_iter().filter(|entry| !entry.is_ref());
        let groups =
            entries.map(SearchEntry::construct).flat_map(|one| values(&one, "tokenGroups"));
        Ok(groups.filter_map(|bytes| sid(&bytes)).take(GROUPS_MAX).collect())
    }

    /// The DNs of all groups that somebody is in, step by step: the groups that have them as a member, the groups that have those, and so on.
    pub(super) async fn nested_groups(
        &mut self,
        base: &str,
        dn: &str,
    ) -> Result<BTreeSet<String>, String> {
        let mut groups = BTreeSet::new();
        let mut members = vec![dn.to_owned()];
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for some in members.chunks(AT_ONCE) {
                for group in self.groups_of(base, some).await? {
                    if groups.len() < GROUPS_MAX && groups.insert(plain_dn(&group)) {
                        next.push(group);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            members = next;
        }
        Ok(groups)
    }

    async fn groups_of(&mut self, base: &str, members: &[String]) -> Result<Vec<String>, String> {
        let members = members.iter().map(|dn| format!("(member={})", ldap_escape(dn.as_str())));
        let filter = format!("(|{})", members.collect::<String>());
        let adapters: Vec<Box<dyn Adapter<'_, &str, [&str; 1]>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE))];
        let search = self.ldap.with_timeout(ONE);
        let begun =
            search.streaming_search_with(adapters, base, Scope::Subtree, &filter, ["1.1"]).await;
        let mut stream = begun.map_err(|error| words(&error))?;
        let mut found = Vec::new();
        while let Some(entry) = stream.next().await.map_err(|error| words(&error))? {
            found.push(SearchEntry::construct(entry).dn);
            if found.len() >= GROUPS_MAX {
                break;
            }
        }
        Ok(found)
    }
}

/// Carries bytes between the server and the library, until one of them ends, the server says too much, or what it says is no LDAP.
async fn carry(stream: Stream, inside: UnixStream) {
    let (from_server, to_server) = tokio::io::split(stream);
    let (from_inside, to_inside) = inside.into_split();
    tokio::select! {
        () = bring(from_server, to_inside) => {}
        () = pass(from_inside, to_server) => {}
    }
}

/// What the server says, message by message. The library trusts what it reads: it recurses as deep as that is nested.
async fn bring(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut left = BYTES_MAX;
    while let Some(message) = read_message(&mut from).await {
        let Some(rest) = left.checked_sub(message.len()) else { return };
        left = rest;
        match ber::answer(&message) {
            Some(Answer::Bind | Answer::Entry | Answer::Done) => {}
            // Nobody goes where the server points to.
            Some(Answer::Reference | Answer::Intermediate) => continue,
            Some(Answer::Extended) | None => return,
        }
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Reads one message and not a byte more; nothing when there is none, or it is none.
async fn read_message(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(64);
    let length = loop {
        match ber::head(&message) {
            Ok(Some((ber::SEQUENCE, start, length))) if length <= MESSAGE_MAX => {
                break start + length;
            }
            Ok(Some(_)) | Err(()) => return None,
            Ok(None) => message.push(from.read_u8().await.ok()?),
        }
    };
    let missing = u64::try_from(length.saturating_sub(message.len())).unwrap_or(0);
    // The buffer grows with what comes, not with what was announced.
    from.take(missing).read_to_end(&mut message).await.ok()?;
    (message.len() == length).then_some(message)
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..read) else { return };
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

/// What an Active Directory says in its own words: `... comment: AcceptSecurityContext error, data 52e, v4563`.
fn reason(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("data ")?;
    let code: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (3..=4).contains(&code.len()).then_some(code)
}

/// An error of the library without what it may quote.
fn words(error: &LdapError) -> String {
    match error {
        LdapError::Timeout { .. } => "no answer in time".to_owned(),
        LdapError::Io { source } => format!("the connection ended: {}", source.kind()),
        LdapError::LdapResult { result } => format!("it refused with {}", result.rc),
        _ => "the connection ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_an_active_directory_is_found() {
        let text = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 533, v4563";
        assert_eq!(reason(text).as_deref(), Some("533"));
        for text in ["", "data ", "data zzz", "data 52e52e52e"] {
            assert_eq!(reason(text), None, "{text}");
        }
    }
}
