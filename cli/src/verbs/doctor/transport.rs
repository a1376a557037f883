//! Connections: what goes without encryption, and certificates that end.

use engine::Clock;
use engine::site::Site;
use net::Acknowledgement;
use net::tls::{CertificateFacts, CertificateRole, EXPIRY_WARNINGS_DAYS, expiry_warning};

use super::check::{Check, Finding};
use super::scene::Scene;

/// With less than so many days left a certificate is renewed at once: partners may need days to trust a new one.
const NOW_DAYS: i64 = EXPIRY_WARNINGS_DAYS[2];

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check {
        id: "transport.plaintext",
        title: "nothing goes to or comes from other machines without encryption",
        look: |scene| with_site(scene, plaintext),
    },
    Check {
        id: "transport.certificates",
        title: "no certificate, authority or revocation list ends soon",
        look: |scene| with_site(scene, certificates),
    },
];

fn with_site(scene: &Scene, look: impl FnOnce(&Site) -> Finding) -> Finding {
    match &scene.site {
        Some(site) => look(site),
        None => scene.with_server(|_| Finding::unknown("the channels cannot be read")),
    }
}

fn plaintext(site: &Site) -> Finding {
    let mut accepted = Vec::new();
    let mut note = |place: String, said: Option<&Acknowledgement>| {
        accepted
            .extend(said.map(|said| format!("`{place}` until {}: {}", said.until, said.reason)));
    };
    for (name, plan) in &site.channels {
        let entrance = plan.source.as_ref().and_then(|source| source.entrance());
        note(name.to_string(), entrance.and_then(|entrance| entrance.plaintext()));
        for destination in &plan.destinations {
            let target = destination.settings.way.target();
            let place = format!("{name}/{}", destination.name);
            note(place, target.and_then(|target| target.plaintext()));
        }
    }
    match accepted.is_empty() {
        true => Finding::ok("nothing does"),
        false => Finding::warn(accepted.join("; "))
            .hint("agree on TLS with these partners before the day comes: then their messages are refused"),
    }
}

/// Every certificate that the site's files name, and where it is used.
fn in_use(site: &Site) -> Vec<(String, CertificateFacts)> {
    let mut all = Vec::new();
    let mut note = |place: String, found: Option<Vec<CertificateFacts>>| {
        all.extend(found.into_iter().flatten().map(|facts| (place.clone(), facts)));
    };
    note("admin API".to_owned(), site.api_tls.as_ref().map(|tls| tls.certificates()));
    for (name, plan) in &site.channels {
        let entrance = plan.source.as_ref().and_then(|source| source.entrance());
        let server = entrance.and_then(|entrance| entrance.tls());
        note(name.to_string(), server.map(|tls| tls.certificates()));
        for destination in &plan.destinations {
            let client = destination.settings.way.target().and_then(|target| target.tls());
            note(format!("{name}/{}", destination.name), client.map(|tls| tls.certificates()));
        }
    }
    all.sort_by_key(|(_, facts)| facts.not_after_us);
    all
}

fn certificates(site: &Site) -> Finding {
    judge(&in_use(site), Clock.now_us())
}

fn judge(all: &[(String, CertificateFacts)], now_us: i64) -> Finding {
    let (mut now, mut soon) = (Vec::new(), Vec::new());
    for (place, facts) in all {
        let Some(warning) = expiry_warning(facts, now_us) else { continue };
        // A revocation list lives for a week by nature: only one that has ended stops connections.
        let days = match facts.role {
            CertificateRole::RevocationList => 0,
            CertificateRole::Own | CertificateRole::Authority => NOW_DAYS,
        };
        let urgent = facts.days_left(now_us) < days || facts.not_before_us > now_us;
        let list = if urgent { &mut now } else { &mut soon };
        list.push(format!("`{place}`: {warning}"));
    }
    let hint = "renew the file: what is written over it is used from the next connection on";
    match (now.is_empty(), soon.is_empty()) {
        (true, true) if all.is_empty() => Finding::ok("none is in use"),
        (true, true) => Finding::ok(format!(
            "{} in use, none ends within {} days",
            all.len(),
            EXPIRY_WARNINGS_DAYS[0]
        )),
        (true, false) => Finding::warn(soon.join("; ")).hint(hint),
        (false, _) => Finding::fail([now, soon].concat().join("; ")).hint(hint),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn what_ends_is_judged_by_the_days_it_has() {
        use CertificateRole::{Authority, Own, RevocationList};
        const DAY_US: i64 = 24 * 3600 * 1_000_000;
        let now_us = 1_800_000_000_000_000;
        let facts = |role, from, days: i64| CertificateFacts {
            role,
            subject: "CN=a".into(),
            not_before_us: now_us + from * DAY_US,
            not_after_us: now_us + days * DAY_US + 1,
        };
        for (role, from, days, state) in [
            (Own, -1, 31, State::Ok),
            (Own, -1, 29, State::Warn),
            (Authority, -1, 7, State::Warn),
            (Own, -1, 6, State::Fail),
            (Own, -1, -1, State::Fail),
            (Own, 1, 90, State::Fail),
            (RevocationList, -1, 5, State::Ok),
            (RevocationList, -1, 0, State::Warn),
            (RevocationList, -1, -1, State::Fail),
        ] {
            let found = judge(&[("adt".into(), facts(role, from, days))], now_us);
            assert_eq!(found.state, state, "{role:?} {days}: {found:?}");
        }
        assert_eq!(judge(&[], now_us).state, State::Ok);
    }
}
