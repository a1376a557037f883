//! What the sources of a network share: they let connections in while messages are taken, and end after the last of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use net::{Acceptor, Admitted};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::Flow;

/// Accepts connections and serves each in a task of its own, until `flow` says close and the last one has ended.
///
/// `serve` is given what the acceptor let in and the connection's number, from 1. Dropping the future closes everything at once.
pub(crate) async fn accept<F>(
    mut acceptor: Acceptor,
    mut flow: watch::Receiver<Flow>,
    serve: impl Fn(Admitted, u64) -> F,
    failed: impl Fn(JoinError),
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut number = 0;
    let ended = |ended: Result<(), JoinError>| {
        if let Err(error) = ended {
            failed(error);
        }
    };
    loop {
        let now = *flow.borrow_and_update();
        if now == Flow::Close {
            break;
        }
        tokio::select! {
            admitted = acceptor.accept(), if now == Flow::Read => {
                number += 1;
                connections.spawn(serve(admitted, number));
            }
            Some(one) = connections.join_next() => ended(one),
            changed = flow.changed() => if changed.is_err() { break },
        }
    }
    // The socket closes first: a peer that connects now goes elsewhere instead of waiting.
    drop(acceptor);
    while let Some(one) = connections.join_next().await {
        ended(one);
    }
}

/// Counts a connection while it is open, also when its task is dropped.
pub(crate) struct Open(Arc<AtomicU64>);

impl Open {
    pub(crate) fn new(connections: &Arc<AtomicU64>) -> Open {
        connections.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(connections))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
