//! The http source: a bound address and its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use config::Name;
use net::{Acceptor, Admitted, BindError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::source_settings::ListenerSettings;
use super::stats::{ListenerStats, add};
use crate::{Flow, Intake, Peer, Resources};

/// A bound http source, not yet accepting.
pub struct Listener {
    acceptor: Acceptor,
    settings: Arc<ListenerSettings>,
    resources: Resources,
    stats: Arc<ListenerStats>,
}

impl Listener {
    /// Binds the address of the settings, for a channel.
    pub async fn bind(
        settings: ListenerSettings,
        channel: &Name,
        resources: &Resources,
    ) -> Result<Listener, BindError> {
        let acceptor = resources.bind(&settings.entrance, channel)?;
        let stats =
            Arc::new(ListenerStats { accepting: acceptor.stats(), ..ListenerStats::default() });
        Ok(Listener { acceptor, settings: Arc::new(settings), resources: resources.clone(), stats })
    }

    /// The address bound, with the port the system chose when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.acceptor.address()
    }

    /// The counters, which can be kept while the listener runs and afterwards.
    pub fn stats(&self) -> Arc<ListenerStats> {
        Arc::clone(&self.stats)
    }

    /// Accepts and serves connections until `flow` says close and the last connection has been answered and closed.
    ///
    /// Dropping the future closes everything at once.
    pub async fn run(mut self, intake: Arc<dyn Intake>, mut flow: watch::Receiver<Flow>) {
        let mut connections = JoinSet::new();
        let mut number = 0;
        loop {
            let now = *flow.borrow_and_update();
            if now == Flow::Close {
                break;
            }
            tokio::select! {
                admitted = self.acceptor.accept(), if now == Flow::Read => {
                    number += 1;
                    connections.spawn(self.connection(admitted, number, &intake, &flow));
                }
                Some(ended) = connections.join_next() => log_panic(ended),
                changed = flow.changed() => if changed.is_err() { break },
            }
        }
        // The socket closes first: a sender that connects now goes elsewhere instead of waiting.
        drop(self.acceptor);
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    }

    fn connection(
        &self,
        Admitted { stream, pass, mut standing }: Admitted,
        number: u64,
        intake: &Arc<dyn Intake>,
        flow: &watch::Receiver<Flow>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (stats, address) = (Arc::clone(&self.stats), stream.peer());
        let connection = Connection {
            peer: Peer { identity: standing.identity(), ..Peer::at(address, number) },
            stream,
            settings: Arc::clone(&self.settings),
            share: self.resources.memory.share(),
            flow: flow.clone(),
            intake: Arc::clone(intake),
            stats: Arc::clone(&self.stats),
            input: BytesMut::new(),
            closing: None,
            answered: false,
        };
        let open = Open::new(Arc::clone(&self.stats));
        async move {
            tokio::select! {
                () = connection.serve() => {}
                // Somebody who may not stay, or is another by now, gets no answer any more; the next connection is asked anew.
                changed = standing.changed() => {
                    if let Err(refusal) = changed {
                        stats.accepting.refuse(address, refusal);
                    }
                }
            }
            drop((open, pass));
        }
    }
}

/// Counts a connection while it is open, also when its task is dropped.
struct Open(Arc<ListenerStats>);

impl Open {
    fn new(stats: Arc<ListenerStats>) -> Open {
        add(&stats.connections, 1);
        Open(stats)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // The payload of a panic may quote a message.
        tracing::error!(panicked = error.is_panic(), "http.connection_failed");
    }
}
