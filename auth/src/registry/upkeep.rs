//! What the registry does by itself while the engine runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use store::{Act, ActOutcome, Actor, ActorKind, Authority, AuthorityKind, Target};

use super::Registry;
use super::expiry::Announcements;
use super::refusals::Refusal;
use crate::ca::{DAY_US, LIST_DAYS};

/// How often it looks: at the files of others, at what has ended, at who was turned away.
const ROUND: Duration = Duration::from_secs(2);
/// How often it tries to read rows that could not be read after an act.
const AGAIN: Duration = Duration::from_millis(500);

/// What it remembers from one round to the next.
#[derive(Default)]
struct Memory {
    looked_us: i64,
    files: HashMap<String, Option<(SystemTime, u64)>>,
    announcements: Announcements,
}

impl Registry {
    /// Runs until it is dropped: signs our lists anew every day, follows those of others, ends what is over, tells what will end soon.
    pub async fn keep(self: Arc<Registry>) {
        let mut memory = Memory { looked_us: self.now_us(), ..Memory::default() };
        memory.files = self.files();
        loop {
            self.round(&mut memory).await;
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = self.stale.notified() => {
                    tokio::time::sleep(AGAIN).await;
                    self.follow().await;
                }
            }
        }
    }

    async fn round(&self, memory: &mut Memory) {
        let now_us = self.now_us();
        self.renew_lists(now_us).await;
        let files = self.files();
        let ended = self
            .book()
            .ends_us()
            .range(memory.looked_us + 1..=now_us.max(memory.looked_us + 1))
            .next()
            .is_some();
        if ended || files != memory.files {
            self.follow().await;
        }
        memory.files = files;
        memory.looked_us = now_us;
        for sentence in memory.announcements.due(&self.book(), now_us) {
            tracing::warn!(code = "peers.expiry", "{sentence}");
        }
        for refusal in self.refusals.take(now_us) {
            self.record(refusal).await;
        }
    }

    /// Signs those of our lists that are a day old.
    pub(super) async fn renew_lists(&self, now_us: i64) {
        let due = |one: &Authority| {
            one.kind == AuthorityKind::Own
                && one.is_in_force(now_us)
                && one
                    .crl
                    .as_ref()
                    .is_none_or(|list| list.until_us - (LIST_DAYS - 1) * DAY_US <= now_us)
        };
        let book = self.book();
        for one in book.authorities.iter().map(|one| &one.row).filter(|row| due(row)) {
            if let Err(error) = self.renew_list(&act("ca.list", now_us), one).await {
                tracing::error!(code = "peers.list", authority = %one.name, %error, "the revocation list could not be signed");
            }
        }
    }

    /// The lists of others, each as its file was last written.
    fn files(&self) -> HashMap<String, Option<(SystemTime, u64)>> {
        let book = self.book();
        let paths = book.authorities.iter().filter_map(|one| one.row.crl_path.clone());
        let looked = paths.map(|path| {
            let metadata = std::fs::metadata(&path).ok();
            let mark = metadata.and_then(|file| Some((file.modified().ok()?, file.len())));
            (path, mark)
        });
        looked.collect()
    }

    async fn record(&self, refusal: Refusal) {
        let Refusal { channel, address, why, at_us, more } = refusal;
        let mut act = act("peer.refused", at_us);
        act.actor = Actor::new(ActorKind::Peer, format!("address:{address}"));
        if more > 0 {
            act.purpose = Some(format!("{more} more within a minute"));
        }
        let channel = Some(channel.to_string());
        let target = Target { kind: "channel", id: channel.clone(), channel };
        let kept = self.store.record(&act, target, ActOutcome::Denied, Some(why.to_owned())).await;
        if let Err(error) = kept {
            tracing::error!(code = "peers.audit", %error, why, "a refusal could not be recorded");
        }
    }
}

fn act(action: &'static str, now_us: i64) -> Act {
    let actor = Actor::new(ActorKind::System, "engine");
    Act { actor, action, purpose: None, approval: None, request: None, now_us }
}
