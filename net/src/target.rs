//! Where a destination may connect to: the settings that every destination in a network has.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use config::{Address, Diagnostics, Directory, Field, Kind, Network, Section, Span};

use crate::Acknowledgement;
use crate::acknowledgement::PLAINTEXT_OUT;
use crate::address::{Forbidden, forbidden, is_written_loopback};
use crate::protection::Protection;
use crate::tls::{Alpn, CLIENT_FIELDS, Client, TlsProblem};

/// The settings of every destination in a network, beside its address.
pub const TARGET_FIELDS: &[Field] = &[
    Field::optional("tls", "Encrypts the connection, and says who is trusted to be the receiver.", Kind::Section(CLIENT_FIELDS))
        .examples(&["{ ca = \"certs/lab-ca.pem\" }"]),
    Field::optional(
        "plaintext",
        "Sends without encryption to another machine, for a reason and a time. Shown in the status as long as it holds.",
        Kind::Section(PLAINTEXT_OUT),
    )
    .examples(&["{ reason = \"analyser without TLS\", until = 2099-06-30 }"]),
    Field::optional(
        "to",
        "The networks in which all addresses of the receiver must lie; nothing is sent when its name leads elsewhere.",
        Kind::List(&Kind::Network),
    )
    .examples(&["[\"10.2.0.0/16\"]"]),
];

/// A receiver that the checked configuration names, with everything that is demanded of the way to it.
///
/// The dialer takes nothing else, and only [`Target::read`] makes one, so a message cannot choose where it goes:
///
/// ```compile_fail,E0308
/// async fn dial(dialer: net::Dialer) { let _ = dialer.connect("10.1.2.3:2575").await; }
/// ```
/// ```compile_fail,E0451
/// fn make(address: config::Address) -> net::Target { net::Target { address, ..panic!() } }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    address: Address,
    protection: Protection<Client>,
    to: Vec<Network>,
}

/// An address that no message may go to, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is refused: {}", .why.text())]
pub struct NotAllowed {
    /// The address.
    pub address: SocketAddr,
    /// What speaks against it.
    pub why: Forbidden,
}

impl Target {
    /// Takes the settings from a section read by [`TARGET_FIELDS`]; what is wrong with them is reported.
    ///
    /// `address` is what the section says in its own way, at `written`; `alpn` is what the protocol agrees on.
    pub fn read(
        section: &Section<'_>,
        (address, written): (&Address, Span),
        alpn: Alpn,
        diags: &mut Diagnostics,
    ) -> Option<Target> {
        let to = section.networks("to");
        if section.is_given("to") && to.is_empty() {
            diags.error("C0108", section.span_of("to"), "`to` names nobody").label("an empty list");
            return None;
        }
        let protection = Protection::read(
            section,
            diags,
            |tls, diags| Client::read(tls, address, alpn, diags),
            is_written_loopback(&address.host),
            |diags| refuse(address, written, diags),
        )?;
        let target = Target { address: address.clone(), protection, to };
        if let Ok(ip) = address.host.parse::<IpAddr>()
            && let Err(refused) = target.check(SocketAddr::new(ip, address.port))
        {
            diags.error("C0423", written, refused.to_string());
            return None;
        }
        Some(target)
    }

    /// A server of the directory that the settings name.
    ///
    /// # Errors
    /// When the files of its TLS cannot be used.
    pub fn of_directory(directory: &Directory, server: &Address) -> Result<Target, TlsProblem> {
        let client = Client::of_directory(directory, server)?;
        Ok(Target { address: server.clone(), protection: Protection::Tls(client), to: Vec::new() })
    }

    /// The host and port.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its TLS.
    pub fn tls(&self) -> Option<&Client> {
        self.protection.tls()
    }

    /// The acceptance of messages without encryption.
    pub fn plaintext(&self) -> Option<&Acknowledgement> {
        self.protection.plaintext()
    }

    /// Whether a connection made earlier may still be used: its acceptance may have ended meanwhile.
    pub fn still_holds(&self) -> bool {
        self.plaintext().is_none_or(|acknowledgement| !acknowledgement.has_ended())
    }

    /// Whether an address that its name leads to may be connected to.
    pub(crate) fn check(&self, address: SocketAddr) -> Result<(), NotAllowed> {
        let refused = |why| Err(NotAllowed { address, why });
        let ip = address.ip();
        let inside = is_written_loopback(&self.address.host);
        match forbidden(ip) {
            Some(Forbidden::Loopback) if inside && ip.is_loopback() => {}
            Some(why) => return refused(why),
            None if inside => return refused(Forbidden::NotLoopback),
            None => {}
        }
        match self.to.is_empty() || self.to.iter().any(|network| network.contains(ip)) {
            true => Ok(()),
            false => refused(Forbidden::OutsideTo),
        }
    }
}

/// An address that may be another machine, with nothing said about protection.
fn refuse(address: &Address, written: Span, diags: &mut Diagnostics) {
    diags
                .error("C0411", written, format!("`{address}` would get messages without encryption"))
                .label("not surely this machine")
                .help("add `tls = { ca = \"...\" }`, with the authority of the receiver's certificate")
                .help("where the receiver cannot encrypt: `plaintext = { reason = \"...\", until = 2027-06-30 }`");
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address, f)
    }
}
