//! The admin API on a unix socket in the data folder: for the same uid on the same machine.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auth::Session;
use axum::Router;
use axum::extract::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A client that has not sent its header after this long is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at once; more wait in the kernel.
const CONNECTIONS_MAX: usize = 64;
/// Connections that are still answered when the engine stops.
const LINGER: Duration = Duration::from_secs(2);

/// The bound socket. Dropping it removes the file.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Binds `hilum.sock` in the data folder with mode 0600.
    ///
    /// The caller holds the store's lock, so a socket file that is still there belongs to an
    /// engine that ended without removing it.
    pub fn bind(data: &Path) -> io::Result<Socket> {
        let path = data.join("hilum.sock");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Bound under another name and renamed, so that it never exists with an open mode.
        let fresh = data.join(format!(".hilum.sock.{}", std::process::id()));
        let listener = UnixListener::bind(&fresh)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&fresh, &path)?;
        Ok(Socket { listener, path })
    }

    /// Answers until told to stop.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let room = connections.len() < CONNECTIONS_MAX;
            tokio::select! {
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((stream, _)) => {
                        if let Some(session) = recognise(&stream) {
                            connections.spawn(answer(stream, router.clone().layer(Extension(session))));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = %error, "accepting on the admin socket failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                _ = stop.changed() => break,
            }
        }
        let _ = tokio::time::timeout(LINGER, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Nothing can be done about a file that does not go; the next start removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Who is at the other end; nobody unless the kernel says that it is our own uid.
fn recognise(stream: &UnixStream) -> Option<Session> {
    let own = rustix::process::geteuid().as_raw();
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own => Some(Session::of_same_uid(peer.uid())),
        Ok(peer) => {
            tracing::warn!(
                code = "authz.denied",
                uid = peer.uid(),
                "another uid tried the admin socket"
            );
            None
        }
        Err(error) => {
            tracing::warn!(error = %error, "the admin socket's peer is unknown");
            None
        }
    }
}

async fn answer(stream: UnixStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(error = %error, "an admin connection ended early");
    }
}
