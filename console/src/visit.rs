//! One look at a page: who looks, at what, and how they want it shown.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, Uri};
use console_api::{Desk, Refusal, Session, Source};
use data_encoding::HEXLOWER;
use jiff::tz::TimeZone;
use phi::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cookie;
use crate::form::{self, Fields};
use crate::router::Console;
use crate::value::{Get, texts};

/// Who looks.
#[derive(Clone, Default)]
pub struct Me {
    /// As the audit log names them; empty when nobody is signed in.
    pub id: String,
    /// Their name.
    pub name: String,
    /// What they may do, and in which channels when not in all.
    held: BTreeMap<String, Option<Vec<String>>>,
    /// They must add a second factor first.
    pub must_enrol: bool,
    /// The session ends then at the latest, microseconds UTC.
    pub until_us: Option<i64>,
}

/// One look.
pub struct Visit {
    /// What all looks share.
    pub console: Console,
    /// The session, when somebody is signed in.
    pub session: Option<Session>,
    /// Where from.
    pub source: Source,
    /// Who.
    pub me: Me,
    /// Stands in every form, and is good for this session only.
    pub csrf: String,
    /// Whether this is a form that was sent.
    pub is_post: bool,
    /// The page again: path and query.
    pub here: String,
    /// What the form or the query says.
    pub fields: Fields,
    /// Values are covered.
    pub masked: bool,
    /// Single keys do nothing.
    pub no_keys: bool,
    /// Times are shown in UTC.
    pub utc: bool,
    /// The zone that times are shown in.
    pub zone: TimeZone,
    /// The time, microseconds UTC.
    pub now_us: i64,
    /// The browser came over TLS.
    pub tls: bool,
    /// The page that somebody came from, when it is one of ours.
    from: Option<String>,
}

/// The token that forms of a session carry.
pub fn csrf(token: &Secret<String>) -> String {
    let digest = Sha256::digest(format!("hilum form {}", token.expose_secret()));
    HEXLOWER.encode(digest.get(..16).unwrap_or_default())
}

impl Visit {
    /// Who looks, by the cookie of their browser. `is_use` is false for what asks by itself.
    pub async fn of(
        console: &Console,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        (source, is_use): (Source, bool),
        body: &[u8],
    ) -> Result<Visit, Refusal> {
        let desk = &console.desk;
        let token = cookie::session(headers);
        let session = match &token {
            Some(token) => desk.recognise(token, source, is_use).await?,
            None => None,
        };
        let switch = |name| cookie::read(headers, name) == Some("1");
        let utc = switch(cookie::UTC);
        let zone = if utc { "UTC" } else { desk.zone() };
        let mut fields = form::read(body);
        fields.extend(form::read(uri.query().unwrap_or("").as_bytes()));
        let mut visit = Visit {
            console: console.clone(),
            me: Me::default(),
            csrf: token.as_ref().filter(|_| session.is_some()).map(csrf).unwrap_or_default(),
            session,
            source,
            is_post: method == Method::POST,
            here: uri.path_and_query().map_or("/", |here| here.as_str()).to_owned(),
            fields,
            masked: switch(cookie::MASK),
            no_keys: switch(cookie::NO_KEYS),
            utc,
            zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC),
            now_us: desk.now_us(),
            tls: cookie::is_tls(headers),
            from: referrer(headers),
        };
        if visit.session.is_some() {
            visit.me = Me::read(&visit.ask("/api/v1/me", &json!({})).await?);
        }
        Ok(visit)
    }

    /// Where pages ask.
    pub fn desk(&self) -> &Desk {
        &self.console.desk
    }

    /// Asks the API as whoever looks.
    pub async fn ask(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.desk().ask(self.session.as_ref(), self.source, path, body).await
    }

    /// The same for what a page can do without: nothing when it is refused.
    pub async fn ask_if_allowed(&self, path: &str, body: &Value) -> Option<Value> {
        let name = path.split_once('?').map_or(path, |(name, _)| name);
        let allowed = self.desk().permission(name).is_none_or(|permission| self.may(permission));
        match allowed {
            true => self.ask(path, body).await.ok(),
            false => None,
        }
    }

    /// Whether they hold a permission, at least for some channels.
    pub fn may(&self, permission: &str) -> bool {
        self.me.held.contains_key(permission)
    }

    /// Whether they hold it for a channel.
    pub fn may_in(&self, permission: &str, channel: &str) -> bool {
        let held = self.me.held.get(permission);
        held.is_some_and(|channels| {
            channels.as_ref().is_none_or(|names| names.iter().any(|name| name == channel))
        })
    }

    /// What they hold, by name.
    pub fn held(&self) -> impl Iterator<Item = (&str, Option<&[String]>)> {
        self.me.held.iter().map(|(name, channels)| (name.as_str(), channels.as_deref()))
    }

    /// A field of the form or of the query; empty when there is none.
    pub fn field(&self, name: &str) -> &str {
        form::one(&self.fields, name)
    }

    /// Where "go back" leads.
    pub fn back(&self) -> &str {
        match (form::one(&self.fields, "next"), &self.from) {
            (next, _) if is_own(next) => next,
            (_, Some(from)) => from,
            _ => "/",
        }
    }
}

/// Whether an address is one of this console: a path, and nothing that a browser takes for another host.
pub fn is_own(address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && !address.contains(['\\', '\r', '\n'])
}

fn referrer(headers: &HeaderMap) -> Option<String> {
    let from = headers.get("referer")?.to_str().ok()?;
    let (_, rest) = from.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let own = headers.get("host")?.to_str().ok()?;
    Some(format!("/{path}")).filter(|path| host == own && is_own(path))
}

impl Me {
    fn read(answer: &Value) -> Me {
        let held = answer.list("permissions").iter().map(|one| {
            let channels = one.get("channels").and_then(Value::as_array);
            let channels = channels.map(|all| texts(all).into_iter().map(str::to_owned).collect());
            (one.text("permission").to_owned(), channels)
        });
        Me {
            id: answer.text("id").to_owned(),
            name: answer.text("name").to_owned(),
            held: held.collect(),
            must_enrol: answer.flag("must_enrol"),
            until_us: answer.maybe_int("until_us"),
        }
    }
}
