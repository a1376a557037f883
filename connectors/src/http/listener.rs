//! The http source: a bound address and its connections.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use config::Name;
use net::{Acceptor, Admitted, BindError};
use tokio::sync::watch;

use super::connection::Connection;
use super::source_settings::ListenerSettings;
use super::stats::ListenerStats;
use crate::accepting::{self, Open};
use crate::{Flow, Intake, Peer, Resources};

/// A bound http source, not yet accepting.
pub struct Listener {
    acceptor: Acceptor,
    channel: Name,
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
        let (channel, settings) = (channel.clone(), Arc::new(settings));
        Ok(Listener { acceptor, channel, settings, resources: resources.clone(), stats })
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
    pub async fn run(self, intake: Arc<dyn Intake>, flow: watch::Receiver<Flow>) {
        let Listener { acceptor, channel, settings, resources, stats } = self;
        let connections =
            Connections { channel, settings, resources, stats, intake, flow: flow.clone() };
        let serve = |admitted, number| connections.serve(admitted, number);
        accepting::accept(acceptor, flow, serve, |error| {
            // The payload of a panic may quote a message.
            tracing::error!(panicked = error.is_panic(), "http.connection_failed");
        })
        .await;
    }
}

/// What the connections of a listener share.
struct Connections {
    channel: Name,
    settings: Arc<ListenerSettings>,
    resources: Resources,
    stats: Arc<ListenerStats>,
    intake: Arc<dyn Intake>,
    flow: watch::Receiver<Flow>,
}

impl Connections {
    fn serve(
        &self,
        Admitted { stream, pass, mut standing }: Admitted,
        number: u64,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (stats, address) = (Arc::clone(&self.stats), stream.peer());
        let connection = Connection {
            peer: Peer { identity: standing.identity(), ..Peer::at(address, number) },
            stream,
            channel: self.channel.clone(),
            programs: Arc::clone(&self.resources.programs),
            settings: Arc::clone(&self.settings),
            share: self.resources.memory.share(),
            flow: self.flow.clone(),
            intake: Arc::clone(&self.intake),
            stats: Arc::clone(&self.stats),
            input: BytesMut::new(),
            closing: None,
            answered: false,
        };
        let open = Open::new(&self.stats.connections);
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
