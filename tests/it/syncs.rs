//! A sync that fails is final: no acknowledgement, an end with an error, a consistent restart.

use crate::parts::{long, to};
use hilum_tests::engine::Engine;
use hilum_tests::faults::{Injection, injected};
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, verbs};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

const SYNCS: &str = "fdatasync,fsync";
const END: Duration = Duration::from_secs(30);

/// A site with one lane, and the control ids that were acknowledged there.
struct Ward {
    site: Site,
    feed: SocketAddr,
    receiver: Receiver,
    acknowledged: BTreeSet<String>,
}

impl Ward {
    fn new() -> Ward {
        let receiver = Receiver::accepting();
        let site = Site::new(Store::Sqlite);
        let feed = site.feed("adt", "", &to("lab", &receiver, ""));
        Ward { site, feed, receiver, acknowledged: BTreeSet::new() }
    }

    /// Sends until a message is not accepted, at most `count`; gives the one that was not.
    fn send(&mut self, prefix: &str, count: usize) -> Option<String> {
        let mut connection = Connection::open(self.feed).ok();
        for n in 0..count {
            let id = format!("{prefix}-{n}");
            let answer = connection.as_mut().map(|c| c.exchange(&message::adt(&id, "P1")));
            if !answer.as_ref().is_some_and(|answer| answer.accepts(&id)) {
                let code = answer.map(|answer| answer.code());
                assert!(code.as_deref().is_none_or(|code| code == "closed"), "`{id}` got {code:?}");
                return Some(id);
            }
            self.acknowledged.insert(id);
        }
        None
    }

    /// Starts again without faults, sends again what was refused, and looks whether everything is there, once.
    fn recovers(&mut self, refused: Option<String>) {
        let engine = self.site.serve();
        if let Some(id) = refused {
            Connection::to(self.feed).accepted(&message::adt(&id, "P1"));
            self.acknowledged.insert(id);
        }
        let status = self.site.wait_final("adt", self.acknowledged.len() as u64);
        assert_eq!(status.channel("adt").disposition("delivered"), self.acknowledged.len() as u64);
        let arrived: BTreeSet<String> = self.receiver.control_ids().into_iter().collect();
        assert_eq!(arrived, self.acknowledged, "what was acknowledged has arrived");
        engine.stop();
    }
}

#[test]
fn a_failed_sync_is_not_acknowledged_and_ends_the_engine() {
    let mut ward = Ward::new();
    for nth in 1..=if long() { 30 } else { 5 } {
        let engine = ward.site.serve();
        let injection = Injection::into(&engine, &format!("{SYNCS}:error=EIO:when={nth}"));
        let refused = ward.send(&format!("S{nth}"), 200);
        let ended = engine.ended(END);
        drop(injection);
        assert!(ended.status.code().is_some_and(|code| code != 0), "sync {nth} failed: {ended}");
        ward.recovers(refused);
    }
}

#[test]
fn a_failed_sync_followed_by_a_kill_leaves_at_most_the_refused_message() {
    let mut ward = Ward::new();
    for round in 0..3 {
        let engine = ward.site.serve();
        let injection = Injection::into(&engine, &format!("{SYNCS}:error=EIO:when=1+"));
        let refused = ward.send(&format!("E{round}"), 50);
        assert!(refused.is_some(), "no sync worked, so nothing can be acknowledged");
        engine.kill();
        drop(injection);
        ward.recovers(refused);
    }
}

#[test]
fn a_kill_instead_of_a_sync_loses_nothing_acknowledged() {
    let mut ward = Ward::new();
    for nth in 1..=if long() { 20 } else { 4 } {
        let engine = ward.site.serve();
        let injection = Injection::into(&engine, &format!("{SYNCS}:signal=SIGKILL:when={nth}"));
        let refused = ward.send(&format!("D{nth}"), 200);
        engine.ended(END);
        drop(injection);
        ward.recovers(refused);
    }
}

#[test]
fn a_sync_that_fails_while_starting_is_refused_or_survived() {
    let mut ward = Ward::new();
    for nth in 1..=if long() { 20 } else { 6 } {
        let command =
            verbs::clean(injected(&format!("{SYNCS}:error=EIO:when={nth}"), &verbs::binary()));
        match Engine::start(command, &ward.site) {
            Err(ended) => {
                assert!(ended.status.code().is_some_and(|code| code != 0), "sync {nth}: {ended}")
            }
            Ok(engine) => {
                let refused = ward.send(&format!("B{nth}"), 3);
                if refused.is_none() {
                    engine.kill();
                } else {
                    engine.ended(END);
                }
                ward.recovers(refused);
            }
        }
    }
    ward.recovers(None);
}
