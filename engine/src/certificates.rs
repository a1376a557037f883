//! The certificates that channels use: read again when their files change, and shown with the time they have left.

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
    /// The channel that uses it.
    pub channel: Name,
    /// The destination, when it is not the source's.
    pub destination: Option<Name>,
    /// What it is, whose, and until when.
    pub facts: CertificateFacts,
    /// Whole days until it ends; negative when it has.
    pub days: i64,
}

/// One end of encrypted connections, and whose it is.
struct Held {
    channel: Name,
    destination: Option<Name>,
    end: End,
}

enum End {
    Source(tls::Server),
    Destination(tls::Client),
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

    /// `channel \`adt\``, `destination \`adt/lab\``.
    fn title(&self) -> String {
        match &self.destination {
            None => format!("channel `{}`", self.channel),
            Some(destination) => format!("destination `{}/{destination}`", self.channel),
        }
    }
}

impl Engine {
    fn tls_ends(&self) -> Vec<Held> {
        let mut ends = Vec::new();
        for running in self.running() {
            let channel = running.inlet.name().clone();
            let source = running.source_settings();
            let entrance = source.as_ref().and_then(|source| source.entrance());
            if let Some(server) = entrance.and_then(|entrance| entrance.tls()) {
                let end = End::Source(server.clone());
                ends.push(Held { channel: channel.clone(), destination: None, end });
            }
            for (plan, outbound) in running.destinations() {
                let way = outbound.way();
                if let Some(client) = way.target().and_then(|target| target.tls()) {
                    let end = End::Destination(client.clone());
                    let destination = Some(plan.name.clone());
                    ends.push(Held { channel: channel.clone(), destination, end });
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
        for held in ends.filter(|held| scope.holds(held.channel.as_str())) {
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
        for running in self.running() {
            if !scope.holds(running.inlet.name().as_str()) {
                continue;
            }
            let (name, source) = (running.inlet.name(), running.source_settings());
            let entrance = source.as_ref().and_then(|source| source.entrance());
            if let Some(accepted) = entrance.and_then(|entrance| entrance.plaintext()) {
                warnings.push(format!(
                    "channel `{name}` takes messages without encryption until {}: {}",
                    accepted.until, accepted.reason
                ));
            }
            for (plan, outbound) in running.destinations() {
                let way = outbound.way();
                if let Some(accepted) = way.target().and_then(|target| target.plaintext()) {
                    warnings.push(format!(
                        "destination `{name}/{}` gets messages without encryption until {}: {}",
                        plan.name, accepted.until, accepted.reason
                    ));
                }
            }
        }
        warnings
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
    let key = (
        format!("{} {:?} {}", one.channel, one.destination, one.facts.subject),
        one.facts.not_after_us,
    );
    if by_nature || told.insert(key, *reached) == Some(*reached) {
        return;
    }
    let destination = one.destination.as_ref().map(Name::as_str);
    tracing::warn!(code = "tls.expires", channel = %one.channel, destination, what = one.facts.role.name(), subject = one.facts.subject, days = one.days, "a certificate ends");
}
