//! The admin API on a unix socket in the data folder: for the same uid on the same machine.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use auth::Session;
use axum::Router;
use axum::extract::Extension;
use store::Source;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::connections::Connections;

/// Connections at once; more wait in the kernel.
const CONNECTIONS_MAX: usize = 64;

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
        let mut connections = Connections::default();
        loop {
            let room = connections.open() < CONNECTIONS_MAX;
            tokio::select! {
                accepted = self.listener.accept(), if room => match accepted {
                    Ok((stream, _)) => {
                        if let Some(session) = recognise(&stream) {
                            let source = Source { address: None, via: "socket" };
                            let router = router.clone().layer(Extension(source)).layer(Extension(session));
                            connections.answer(stream, (), router);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = %error, "accepting on the admin socket failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                () = connections.ended() => {}
                _ = stop.changed() => break,
            }
        }
        connections.finish().await;
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
