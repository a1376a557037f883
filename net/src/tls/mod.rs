//! TLS, built in one place for both sides: the same profiles, the same checks, the same files.
//!
//! The cryptography is given to every configuration explicitly. No session is ever resumed: a resumed session is not asked
//! for its certificate again, so one that was revoked meanwhile would still be served. There is no early data.

mod certificate;
mod client;
mod clients;
mod failure;
mod files;
mod pin;
mod problem;
mod profile;
mod server;
mod session;

pub use certificate::{CertificateFacts, CertificateRole, spki_sha256};
pub use client::{CLIENT_FIELDS, Client};
pub(crate) use clients::{Admission, Changes};
pub use failure::TlsFailure;
pub use pin::Pin;
pub use problem::TlsProblem;
pub use profile::Profile;
pub use server::{Clients, SERVER_FIELDS, Server, can_verify};
pub use session::Session;

use certificate::day;
use config::{Diagnostics, Section};

/// How a connection's application protocol is agreed on; MLLP has none.
pub type Alpn = &'static [&'static [u8]];

/// Days before its end at which a certificate is worth a warning.
pub const EXPIRY_WARNINGS_DAYS: [i64; 4] = [30, 14, 7, 1];

/// Reports files that cannot be used, at the setting that names them.
fn report(problem: &TlsProblem, section: &Section<'_>, diags: &mut Diagnostics) {
    let diagnostic =
        diags.error(problem.code(), section.span_of(problem.field()), problem.to_string());
    if let Some(help) = problem.help() {
        diagnostic.help(help);
    }
}

/// Warns of certificates and lists that have ended or end soon.
fn warn_of_expiry(files: &files::Files, section: &Section<'_>, diags: &mut Diagnostics) {
    for facts in &files.now().facts {
        let field = match facts.role {
            CertificateRole::Own => "cert",
            CertificateRole::Authority => "ca",
            CertificateRole::RevocationList => "crl",
        };
        if let Some(warning) = expiry_warning(facts, now_us()) {
            diags.warning("C0432", section.span_of(field), warning);
        }
    }
}

/// What to say about the end of a certificate's time; nothing while it is far away.
pub fn expiry_warning(facts: &CertificateFacts, now_us: i64) -> Option<String> {
    let (what, subject) = (facts.role.name(), &facts.subject);
    if facts.not_before_us > now_us {
        return Some(format!(
            "the {what} of `{subject}` is not valid before {}",
            day(facts.not_before_us)
        ));
    }
    match facts.days_left(now_us) {
        ..0 => Some(format!("the {what} of `{subject}` expired on {}", day(facts.not_after_us))),
        // A revocation list lives for a week by nature.
        days if facts.role == CertificateRole::RevocationList && days >= 1 => None,
        days if days < EXPIRY_WARNINGS_DAYS[0] => {
            let left = match days {
                0 => "less than a day".to_owned(),
                1 => "1 day".to_owned(),
                days => format!("{days} days"),
            };
            Some(format!(
                "the {what} of `{subject}` expires on {}, in {left}",
                day(facts.not_after_us)
            ))
        }
        _ => None,
    }
}

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
