//! Peers that speak as somebody else, on their way to the audit log: one record a minute for each, with the number of the others.

use config::Name;
use store::{Act, ActOutcome, Actor, ActorKind, Flood, Store, Target};

/// Counts them, for one channel. There are never more than the registry has peers.
pub struct Impostors(Flood<String>);

impl Default for Impostors {
    fn default() -> Impostors {
        Impostors(Flood::new(1))
    }
}

impl Impostors {
    /// Records that a peer speaks as somebody else in a message of a channel, without keeping the message waiting.
    pub fn take_down(&self, store: &Store, channel: &Name, peer: &str, now_us: i64) {
        let Some(more) = self.0.admit(peer.to_owned(), now_us) else { return };
        let act = Act {
            actor: Actor::new(ActorKind::Peer, format!("peer:{peer}")),
            action: "peer.mismatch",
            purpose: (more > 0).then(|| format!("{more} more before")),
            request: None,
            approval: None,
            now_us,
        };
        let channel = Some(channel.to_string());
        let target = Target { kind: "channel", id: channel.clone(), channel };
        let store = store.clone();
        tokio::spawn(async move {
            let outcome = ActOutcome::Denied;
            if let Err(error) = store.record(&act, target, outcome, None).await {
                tracing::error!(code = "peers.audit", %error, "a refusal could not be recorded");
            }
        });
    }
}
