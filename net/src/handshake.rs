//! Agreeing on keys, within a time limit, on both sides.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::records::Records;
use crate::tls::{Admission, Client, TlsFailure};
use crate::{Attendance, Refusal, Standing, Stream};

/// What either end gets to finish a handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// The listener's side: the stream and who is at its other end.
pub(crate) async fn accept(
    tcp: TcpStream,
    peer: SocketAddr,
    admission: Admission,
    attendance: &Attendance,
) -> Result<(Stream, Standing), Refusal> {
    let refused = |failure: TlsFailure| {
        tracing::debug!(%peer, reason = failure.name, %failure, "net.handshake_failed");
        Refusal::Handshake(failure.name)
    };
    let config = admission.config().map_err(refused)?;
    let handshake = TlsAcceptor::from(config).accept(Records::new(tcp));
    let stream = match timeout(HANDSHAKE_MAX, handshake).await {
        Ok(Ok(tls)) => Stream::accepted(tls, peer),
        Ok(Err(error)) => return Err(refused(TlsFailure::of(&error))),
        Err(_) => return Err(refused(TlsFailure::timeout())),
    };
    let session = stream.session().ok_or(Refusal::Handshake("tls-error"))?;
    let standing = Standing::of(admission, peer, session, attendance)?;
    Ok((stream, standing))
}

/// The destination's side. What does not answer in TLS is no receiver: there is no way back to plain text.
pub(crate) async fn connect(
    tcp: TcpStream,
    peer: SocketAddr,
    client: &Client,
) -> Result<Stream, TlsFailure> {
    let config = client.config().map_err(TlsFailure::unusable)?;
    let handshake = TlsConnector::from(config).connect(client.name(), Records::new(tcp));
    match timeout(HANDSHAKE_MAX, handshake).await {
        Ok(Ok(tls)) => Ok(Stream::dialled(tls, peer)),
        Ok(Err(error)) => Err(TlsFailure::of(&error)),
        Err(_) => Err(TlsFailure::timeout()),
    }
}
