//! What ends by itself, and when somebody should hear of it.

use std::collections::HashMap;

use store::PeerState;

use super::Registry;
use super::book::{Book, ListState};
use crate::ca::{Certificate, DAY_US};

/// Days before an end at which it is told.
const TOLD_DAYS: [i64; 4] = [30, 14, 7, 1];
/// A revocation list is made anew more often than a certificate.
const LIST_TOLD_DAYS: i64 = 2;

/// Something that ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What, in words.
    pub what: String,
    /// When, microseconds UTC.
    pub until_us: i64,
    told_days: i64,
}

impl Expiry {
    fn sentence(&self, now_us: i64) -> String {
        match (self.until_us - now_us).div_euclid(DAY_US) {
            days if days < 0 => format!("{} has expired", self.what),
            0 => format!("{} expires within a day", self.what),
            1 => format!("{} expires in 1 day", self.what),
            days => format!("{} expires in {days} days", self.what),
        }
    }
}

impl Registry {
    /// What somebody should look at now.
    pub fn warnings(&self) -> Vec<String> {
        let (book, now_us) = (self.book(), self.now_us());
        let near = |one: &Expiry| one.until_us - now_us < one.told_days * DAY_US;
        let expiring = expiries(&book, now_us).into_iter().filter(near);
        let expiring = expiring.map(|one| one.sentence(now_us));
        let missing = book.authorities.iter().filter(|one| one.row.is_in_force(now_us));
        let missing = missing.filter_map(|one| match &one.list {
            ListState::Missing(problem) => Some(format!(
                "nothing of the authority `{}` is taken: its revocation list cannot be read ({problem})",
                one.row.name
            )),
            ListState::None | ListState::Read(_) => None,
        });
        missing.chain(expiring).collect()
    }
}

/// Everything in force that ends by itself: certificates of authorities and of peers, revocation lists of others.
fn expiries(book: &Book, now_us: i64) -> Vec<Expiry> {
    let most = TOLD_DAYS.into_iter().max().unwrap_or(0);
    let mut found = Vec::new();
    for one in book.authorities.iter().filter(|one| one.row.is_in_force(now_us)) {
        // One that was replaced ends as it should.
        if one.row.until_us.is_none() {
            let what = format!("the certificate of the authority `{}`", one.row.name);
            found.push(Expiry { what, until_us: one.certificate.until_us, told_days: most });
        }
        if let ListState::Read(list) = &one.list
            && let Some(until_us) = list.until_us
        {
            let what = format!("the revocation list of the authority `{}`", one.row.name);
            found.push(Expiry { what, until_us, told_days: LIST_TOLD_DAYS });
        }
    }
    for peer in book.peers.iter().filter(|peer| peer.state == PeerState::Active) {
        let newest = peer.keys.iter().filter(|key| key.until_us.is_none());
        for certificate in
            newest.filter_map(|key| Certificate::read(key.certificate.as_ref()?).ok())
        {
            let what = format!("the certificate of the peer `{}`", peer.name);
            found.push(Expiry { what, until_us: certificate.until_us, told_days: most });
        }
    }
    found
}

/// What has been told already.
#[derive(Default)]
pub(super) struct Announcements {
    told: HashMap<(String, i64), i64>,
}

impl Announcements {
    /// The sentences that are due now, each of them once.
    pub(super) fn due(&mut self, book: &Book, now_us: i64) -> Vec<String> {
        let all = expiries(book, now_us);
        self.told.retain(|key, _| all.iter().any(|one| key.0 == one.what && key.1 == one.until_us));
        let mut due = Vec::new();
        for one in all {
            let left = one.until_us - now_us;
            let days = TOLD_DAYS.into_iter().filter(|days| *days <= one.told_days);
            let Some(days) = days.filter(|days| left < days * DAY_US).min() else { continue };
            let before = self.told.insert((one.what.clone(), one.until_us), days);
            if before.is_none_or(|before| days < before) {
                due.push(one.sentence(now_us));
            }
        }
        due
    }
}
