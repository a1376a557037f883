//! Who may come in through a listener with mutual TLS, and whether they may stay.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use config::Name;
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;

use super::failure::of_tls;
use super::server::{Clients, Server};
use super::{Session, TlsFailure};
use crate::{Knock, Nobody, PeerBook, PeerIdentity, PeerRefusal, Refusal};

/// TLS of one bound listener: its settings, its channel, and the registry of peers when it asks one.
#[derive(Clone)]
pub(crate) struct Admission {
    server: Server,
    channel: Option<Name>,
    book: Arc<dyn PeerBook>,
    built: Arc<Mutex<Option<Built>>>,
}

/// What handshakes use until something changes.
#[derive(Clone)]
struct Built {
    version: (u64, u64),
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    config: Arc<ServerConfig>,
}

/// Tells when the answer to "may they stay" may have changed.
#[derive(Clone)]
pub(crate) struct Changes {
    files: watch::Receiver<u64>,
    book: watch::Receiver<u64>,
}

impl Admission {
    pub(crate) fn new(server: Server, channel: Name, book: Arc<dyn PeerBook>) -> Admission {
        Admission { server, channel: Some(channel), book, built: Arc::default() }
    }

    /// Of a listener that is no channel's, and asks no registry.
    pub(crate) fn apart(server: Server) -> Admission {
        Admission { server, channel: None, book: Arc::new(Nobody), built: Arc::default() }
    }

    /// The channel whose listener it is.
    pub(crate) fn channel(&self) -> Option<&Name> {
        self.channel.as_ref()
    }

    /// The configuration of the next handshake, made again when files or the registry have changed.
    pub(crate) fn config(&self) -> Result<Arc<ServerConfig>, TlsFailure> {
        self.built().map(|built| built.config)
    }

    fn built(&self) -> Result<Built, TlsFailure> {
        let version = self.changes().seen();
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = built.as_ref().filter(|built| built.version == version) {
            return Ok(built.clone());
        }
        let authorities = match self.server.clients() {
            Clients::Anybody => None,
            Clients::Peers => Some(self.book.authorities()),
            Clients::OfAuthorities => Some(self.server.authorities()),
        };
        let verifier = authorities.map(|authorities| self.server.verifier(authorities));
        let verifier = verifier.transpose().map_err(TlsFailure::unusable)?;
        let config = self.server.config(verifier.clone()).map_err(TlsFailure::unusable)?;
        Ok(built.insert(Built { version, verifier, config }).clone())
    }

    /// Whether the holder of a verified certificate may come in.
    pub(crate) fn admit(
        &self,
        address: IpAddr,
        session: &Session,
    ) -> Result<Option<Arc<PeerIdentity>>, Refusal> {
        match (self.server.clients(), session.chain.first(), &self.channel) {
            (Clients::Anybody | Clients::OfAuthorities, ..) => Ok(None),
            (Clients::Peers, None, _) => Err(Refusal::Handshake("no-certificate")),
            (Clients::Peers, Some(_), None) => Err(Refusal::Peer(PeerRefusal::Unknown)),
            (Clients::Peers, Some(certificate), Some(channel)) => {
                let knock = Knock { channel, address, certificate };
                self.book.admit(&knock).map(Some).map_err(Refusal::Peer)
            }
        }
    }

    /// Whether it may stay: its chain is verified again by what is known now, and the registry is asked again.
    pub(crate) fn admit_again(
        &self,
        address: IpAddr,
        session: &Session,
    ) -> Result<Option<Arc<PeerIdentity>>, Refusal> {
        let built = self.built().map_err(|failure| Refusal::Handshake(failure.name))?;
        if let (Some(verifier), Some((own, issuers))) =
            (&built.verifier, session.chain.split_first())
        {
            verify(verifier.as_ref(), own, issuers)?;
        }
        self.admit(address, session)
    }

    pub(crate) fn asks_for_certificates(&self) -> bool {
        self.server.clients() != Clients::Anybody
    }

    /// Takes down that somebody was turned away, where those who connect must prove who they are.
    pub(crate) fn turned_away(&self, address: IpAddr, refusal: Refusal) {
        if let (true, Some(channel)) = (self.asks_for_certificates(), &self.channel) {
            self.book.turned_away(channel, address, refusal.name());
        }
    }

    pub(crate) fn changes(&self) -> Changes {
        Changes { files: self.server.changes(), book: self.book.changes() }
    }
}

fn verify(
    verifier: &dyn ClientCertVerifier,
    own: &CertificateDer<'_>,
    issuers: &[CertificateDer<'_>],
) -> Result<(), Refusal> {
    match verifier.verify_client_cert(own, issuers, UnixTime::now()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::Handshake(of_tls(&error).name)),
    }
}

impl Changes {
    fn seen(&self) -> (u64, u64) {
        (*self.files.borrow(), *self.book.borrow())
    }

    /// Waits for the next change.
    pub(crate) async fn changed(&mut self) {
        tokio::select! {
            () = moved(&mut self.files) => {}
            () = moved(&mut self.book) => {}
        }
    }
}

/// Waits until a number moves. Files or a registry that are gone change no more.
async fn moved(number: &mut watch::Receiver<u64>) {
    if number.changed().await.is_err() {
        std::future::pending().await
    }
}
