//! The certificates that channels and the admin API use: read again when their files change, and shown with the time they have left.

use std::collections::BTreeMap;
use std::time::Duration;

use config::Name;
use net::tls::{self, CertificateFacts, EXPIRY_WARNINGS_DAYS, TlsProblem};
use store::Scope;

use crate::engine::Engine;

/// How often the files are looked at.
const FILES_EVERY: Duration = Duration::from_secs(3);

/// A certificate, an authority or a revocation list in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The channel that uses it; none when it is the admin API's.
    pub channel: Option<Name>,
    /// The destination, when it is not the source's.
    pub destination: Option<Name>,
    /// What it is, whose, and until when.
    pub facts: CertificateFacts,
    /// Whole days until it ends; negative when it has.
    pub days: i64,
}

/// A written acceptance of messages without encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The channel that goes without.
    pub channel: Name,
    /// The destination, when it is not the source.
    pub destination: Option<Name>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, UTC.
    pub until: String,
}

/// One end of encrypted connections, and whose it is.
struct Held {
    channel: Option<Name>,
    destination: Option<Name>,
    end: End,
}

enum End {
    Source(tls::Server),
    Destination(tls::Client),
}

impl CertificateStatus {
    /// Whether somebody with this scope sees it.
    pub fn is_within(&self, scope: &Scope) -> bool {
        is_within(self.channel.as_ref(), scope)
    }

    /// Where it is used: `adt`, `adt/lab`, `admin API`.
    pub fn place(&self) -> String {
        place(self.channel.as_ref(), self.destination.as_ref())
    }
}

/// What is the engine's own is for those who see every channel.
fn is_within(channel: Option<&Name>, scope: &Scope) -> bool {
    channel.map_or(*scope == Scope::All, |channel| scope.holds(channel.as_str()))
}

fn place(channel: Option<&Name>, destination: Option<&Name>) -> String {
    match (channel, destination) {
        (Some(channel), Some(destination)) => format!("{channel}/{destination}"),
        (Some(channel), None) => channel.to_string(),
        (None, _) => "admin API".to_owned(),
    }
}

impl Held {
    fn refresh(&self) {
        match &self.end {
            End::Source(server) => server.refresh(),
            End::Destination(client) => client.refresh(),
        }
    }

    fn certificates(&self) -> Vec<CertificateFacts> {
        match &self.end {
            End::Source(server) => server.certificates(),
            End::Destination(client) => client.certificates(),
        }
    }

    fn problem(&self) -> Option<TlsProblem> {
        match &self.end {
            End::Source(server) => server.problem(),
            End::Destination(client) => client.problem(),
        }
    }

    /// `channel \`adt\``, `destination \`adt/lab\``, `the admin API`.
    fn title(&self) -> String {
        let place = place(self.channel.as_ref(), self.destination.as_ref());
        match (&self.channel, &self.destination) {
            (Some(_), None) => format!("channel `{place}`"),
            (Some(_), Some(_)) => format!("destination `{place}`"),
            (None, _) => format!("the {place}"),
        }
    }
}

impl Engine {
    fn tls_ends(&self) -> Vec<Held> {
        let api = self.inner.api_tls.iter();
        let api = api.map(|server| Held {
            channel: None,
            destination: None,
            end: End::Source(server.clone()),
        });
        let mut ends: Vec<Held> = api.collect();
        for running in self.running() {
            let channel = running.inlet.name().clone();
            let source = running.source_settings();
            let entrance = source.as_ref().and_then(|source| source.entrance());
            if let Some(server) = entrance.and_then(|entrance| entrance.tls()) {
                let end = End::Source(server.clone());
                ends.push(Held { channel: Some(channel.clone()), destination: None, end });
            }
            for (plan, outbound) in running.destinations() {
                let way = outbound.way();
                if let Some(client) = way.target().and_then(|target| target.tls()) {
                    let end = End::Destination(client.clone());
                    let destination = Some(plan.name.clone());
                    ends.push(Held { channel: Some(channel.clone()), destination, end });
                }
            }
        }
        ends
    }

    /// Every certificate in use, the next to end first.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        let now_us = self.now_us();
        let mut all: Vec<CertificateStatus> = Vec::new();
        for held in self.tls_ends() {
            all.extend(held.certificates().into_iter().map(|facts| CertificateStatus {
                channel: held.channel.clone(),
                destination: held.destination.clone(),
                days: facts.days_left(now_us),
                facts,
            }));
        }
        all.sort_by_key(|one| one.facts.not_after_us);
        all
    }

    /// What somebody should know about encryption: what ends soon, what cannot be read, what goes without.
    pub(crate) fn transport_warnings(&self, scope: &Scope) -> Vec<String> {
        let now_us = self.now_us();
        let mut warnings = Vec::new();
        let ends = self.tls_ends().into_iter();
        for held in ends.filter(|held| is_within(held.channel.as_ref(), scope)) {
            let title = held.title();
            let ending = held.certificates();
            let ending = ending.iter().filter_map(|facts| tls::expiry_warning(facts, now_us));
            warnings.extend(ending.map(|warning| format!("{title}: {warning}")));
            warnings.extend(
                held.problem().map(|problem| {
                    format!("{title}: {problem}; what was read before stays in use")
                }),
            );
        }
        for Accepted { channel, destination, reason, until } in self.plaintext_accepted(scope) {
            warnings.push(match destination {
                None => format!("channel `{channel}` takes messages without encryption until {until}: {reason}"),
                Some(destination) => format!(
                    "destination `{channel}/{destination}` gets messages without encryption until {until}: {reason}"
                ),
            });
        }
        warnings
    }

    /// What goes without encryption, because somebody has written down why.
    pub fn plaintext_accepted(&self, scope: &Scope) -> Vec<Accepted> {
        let mut all = Vec::new();
        for running in self.running() {
            let (name, source) = (running.inlet.name(), running.source_settings());
            if !scope.holds(name.as_str()) {
                continue;
            }
            let accepted = |destination: Option<&Name>, said: &net::Acknowledgement| Accepted {
                channel: name.clone(),
                destination: destination.cloned(),
                reason: said.reason.clone(),
                until: said.until.to_string(),
            };
            let entrance = source.as_ref().and_then(|source| source.entrance());
            let said = entrance.and_then(|entrance| entrance.plaintext());
            all.extend(said.map(|said| accepted(None, said)));
            for (plan, outbound) in running.destinations() {
                let way = outbound.way();
                let said = way.target().and_then(|target| target.plaintext());
                all.extend(said.map(|said| accepted(Some(&plan.name), said)));
            }
        }
        all
    }

    /// Reads every file of certificates again; what has changed is used from the next handshake on.
    pub(crate) async fn refresh_certificates(&self) {
        let ends = self.tls_ends();
        // A file on a disk that hangs must not stop what serves connections.
        let reading = tokio::task::spawn_blocking(move || ends.iter().for_each(Held::refresh));
        if reading.await.is_err() {
            tracing::error!(
                code = "tls.refresh_failed",
                "the certificate files could not be looked at"
            );
        }
    }

    /// Looks at the files for as long as the engine runs, and says when something ends soon.
    pub(crate) fn follow_certificates(&self) {
        let engine = self.clone();
        let task = tokio::spawn(async move {
            let mut told = BTreeMap::new();
            loop {
                for one in engine.certificates() {
                    tell(&one, &mut told);
                }
                tokio::time::sleep(FILES_EVERY).await;
                engine.refresh_certificates().await;
            }
        });
        self.tasks().push(task);
    }
}

/// Warns when a certificate has reached the next of the days at which one is warned, once for each.
fn tell(one: &CertificateStatus, told: &mut BTreeMap<(String, i64), i64>) {
    let Some(reached) = EXPIRY_WARNINGS_DAYS.iter().rev().find(|days| one.days < **days) else {
        return;
    };
    let by_nature = one.facts.role == tls::CertificateRole::RevocationList && *reached > 1;
    let key = (format!("{} {}", one.place(), one.facts.subject), one.facts.not_after_us);
    if by_nature || told.insert(key, *reached) == Some(*reached) {
        return;
    }
    let (channel, destination) =
        (one.channel.as_ref().map(Name::as_str), one.destination.as_ref().map(Name::as_str));
    tracing::warn!(
        code = "tls.expires",
        channel,
        destination,
        what = one.facts.role.name(),
        subject = one.facts.subject,
        days = one.days,
        "a certificate ends"
    );
}
