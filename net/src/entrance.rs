//! The settings that every listener has: where, who, how many, and how the bytes are protected.

use std::net::SocketAddr;

use config::{Diagnostics, Field, Kind, Network, Section};

use crate::acknowledgement::PLAINTEXT_IN;
use crate::protection::Protection;
use crate::tls::{Alpn, SERVER_FIELDS, Server};
use crate::{Acknowledgement, is_loopback};

/// The settings of every listener.
pub const ENTRANCE_FIELDS: &[Field] = &[
    Field::required(
        "listen",
        "The address and port to listen on. An address that other machines can reach needs `tls`, or `plaintext` with its reason and end.",
        Kind::ListenAddress,
    )
    .examples(&["\"127.0.0.1:2575\""]),
    Field::optional("tls", "Encrypts the connections, and says whether those who connect must prove who they are.", Kind::Section(SERVER_FIELDS))
        .examples(&["{ cert = \"certs/adt.pem\", key = \"certs/adt.key\", client = \"peers\" }"]),
    Field::optional(
        "plaintext",
        "Accepts connections without encryption from other machines, for a reason and a time. Shown in the status as long as it holds.",
        Kind::Section(PLAINTEXT_IN),
    )
    .examples(&["{ reason = \"analyser without TLS\", until = 2099-06-30, from = [\"10.1.0.0/16\"] }"]),
    Field::optional(
        "allow",
        "The networks or addresses that may connect. Everybody else is closed before a byte is read.",
        Kind::List(&Kind::Network),
    )
    .examples(&["[\"10.0.0.0/8\", \"192.0.2.7\"]"]),
    Field::default(
        "max_connections",
        "Connections at once; more are closed at once and counted.",
        Kind::Integer { min: 1, max: 512 },
        "256",
    ),
    Field::default(
        "max_connections_per_address",
        "Connections at once from one address. Programs on this machine share an address and are not held to it.",
        Kind::Integer { min: 1, max: 512 },
        "32",
    ),
];

/// What a listener was told; two that are equal need no new socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one address that is not this machine.
    pub connections_per_address_max: usize,
    protection: Protection<Server>,
    allow: Vec<Network>,
}

impl Entrance {
    /// The defaults, on an address of this machine; binding any other is refused.
    pub fn inside(listen: SocketAddr) -> Entrance {
        Entrance {
            listen,
            connections_max: 256,
            connections_per_address_max: 32,
            protection: Protection::Inside,
            allow: Vec::new(),
        }
    }

    /// The defaults, with TLS when there is one.
    pub(crate) fn apart(listen: SocketAddr, tls: Option<Server>) -> Entrance {
        let protection = tls.map_or(Protection::Inside, Protection::Tls);
        Entrance { protection, ..Entrance::inside(listen) }
    }

    /// Takes the settings from a section read by [`ENTRANCE_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, alpn: Alpn, diags: &mut Diagnostics) -> Option<Entrance> {
        let listen = section.listen("listen")?;
        let protection = Protection::read(
            section,
            diags,
            |tls, diags| Server::read(tls, alpn, diags),
            is_loopback(listen.ip()),
            |diags| refuse(section, listen, diags),
        )?;
        let count = |name, default| {
            section.integer(name).and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
        };
        let allow = section.networks("allow");
        if section.is_given("allow") && allow.is_empty() {
            diags
                .error("C0108", section.span_of("allow"), "`allow` lets nobody in")
                .label("an empty list");
            return None;
        }
        let defaults = Entrance::inside(listen);
        Some(Entrance {
            connections_max: count("max_connections", defaults.connections_max),
            connections_per_address_max: count(
                "max_connections_per_address",
                defaults.connections_per_address_max,
            ),
            protection,
            allow,
            ..defaults
        })
    }

    /// Its TLS.
    pub fn tls(&self) -> Option<&Server> {
        self.protection.tls()
    }

    /// The acceptance of connections without encryption.
    pub fn plaintext(&self) -> Option<&Acknowledgement> {
        self.protection.plaintext()
    }

    /// Whether somebody at this address may connect at all.
    pub(crate) fn lets_in(&self, address: std::net::IpAddr) -> bool {
        let among = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        (self.allow.is_empty() || among(&self.allow))
            && (is_loopback(address)
                || self.plaintext().is_none_or(|acknowledgement| among(&acknowledgement.from)))
    }
}

/// An address that other machines can reach, with nothing said about protection.
fn refuse(section: &Section<'_>, listen: SocketAddr, diags: &mut Diagnostics) {
    diags
                .error(
                    "C0411",
                    section.span_of("listen"),
                    format!("`{listen}` can be reached from other machines without encryption"),
                )
                .label("not an address of this machine alone")
                .help(format!("write `127.0.0.1:{}`, or add `tls = {{ cert = \"...\", key = \"...\" }}`", listen.port()))
                .help("where the other system cannot encrypt: `plaintext = { reason = \"...\", until = 2027-06-30, from = [\"10.1.0.0/16\"] }`");
}
