//! Arguments of `hilum ca` and `hilum peer`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Called, Target};

/// Certificates: the internal authority, and others that are trusted
#[derive(Args)]
pub struct Ca {
    #[command(subcommand)]
    pub verb: CaVerb,
}

#[derive(Subcommand)]
pub enum CaVerb {
    /// Make the root
    Init(Init),
    /// Make a key and have it certified; writes cert.pem, key.pem and ca.pem
    Issue(Issue),
    /// Replace the root; both are trusted for 7 days
    Rotate(RotateCa),
    /// Take a certificate back
    Revoke(RevokeIssued),
    /// Show a certificate, those of a name, or all that are known
    Inspect(Inspect),
    /// Trust somebody else's authority
    Trust(Trust),
    /// End the trust in an authority
    Distrust(Named),
}

#[derive(Args)]
pub struct Init {
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Issue {
    /// Whom it is for
    pub name: String,
    /// It proves who a server is
    #[arg(long)]
    pub server: bool,
    /// It proves who a client is
    #[arg(long)]
    pub client: bool,
    /// A host name or address that the server is reached by
    #[arg(long = "san", value_name = "NAME")]
    pub names: Vec<String>,
    /// The kind of the key
    #[arg(long, value_enum, default_value_t = Alg::P256)]
    pub alg: Alg,
    /// Certify the key of this request instead of making one
    #[arg(long, value_name = "FILE")]
    pub csr: Option<PathBuf>,
    /// The folder to write to (default: one of that name)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Alg {
    /// ECDSA on P-256: every TLS stack knows it
    P256,
    /// Ed25519: older systems fail on it
    Ed25519,
}

#[derive(Args)]
pub struct RotateCa {
    /// Do it; without, only what it would do is shown
    #[arg(long)]
    pub execute: bool,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct RevokeIssued {
    /// A serial number, or whom certificates were issued to
    pub which: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Inspect {
    /// A file with a certificate, or a name (default: all that are known)
    pub which: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Trust {
    /// The authority's certificate, in PEM
    pub file: PathBuf,
    /// What it is called here
    #[arg(long)]
    pub name: String,
    /// The file that its revocation list is read from, now and whenever it changes
    #[arg(long, value_name = "FILE")]
    pub crl: Option<PathBuf>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Named {
    /// Its name
    pub name: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

/// The systems that may connect over mutual TLS
#[derive(Args)]
pub struct Peer {
    #[command(subcommand)]
    pub verb: PeerVerb,
}

#[derive(Subcommand)]
pub enum PeerVerb {
    /// Add a peer by its certificate or key
    Add(AddPeer),
    /// List peers, with who is connected
    List(ListPeers),
    /// Show one peer: what it may do, its keys, its connections
    #[command(visible_alias = "status")]
    Show(ShowPeer),
    /// Change what a peer may do; what is not named stays
    Set(SetPeer),
    /// Let a pending peer in
    Activate(Called),
    /// Give a peer another key; both are taken for a while
    Rotate(RotatePeer),
    /// Let a peer never in again, and close its connections
    Revoke(Named),
}

/// Where a key is taken from.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Key {
    /// A file with its certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// The SHA-256 of its public key info, 64 hexadecimal digits
    #[arg(long, value_name = "DIGITS")]
    pub spki: Option<String>,
    /// The certificate that `hilum ca issue` made for this name last
    #[arg(long)]
    pub issued: bool,
}

/// What a peer may do.
#[derive(Args)]
pub struct Rights {
    /// A channel that it may send to
    #[arg(long = "channel", value_name = "CHANNEL")]
    pub channels: Vec<String>,
    /// It may send to every channel
    #[arg(long, conflicts_with = "channels")]
    pub every_channel: bool,
    /// A sending application (MSH-3.1) that it may use (default: any)
    #[arg(long = "application", value_name = "TEXT")]
    pub applications: Vec<String>,
    /// A sending facility (MSH-4.1) that it may use (default: any)
    #[arg(long = "facility", value_name = "TEXT")]
    pub facilities: Vec<String>,
    /// A network that it may come from, such as 10.1.0.0/16 (default: any)
    #[arg(long = "from", value_name = "NETWORK")]
    pub sources: Vec<String>,
}

#[derive(Args)]
pub struct AddPeer {
    /// Its name
    pub name: String,
    #[command(flatten)]
    pub key: Key,
    #[command(flatten)]
    pub rights: Rights,
    /// Do not let it in before `hilum peer activate`
    #[arg(long)]
    pub pending: bool,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct ListPeers {
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct ShowPeer {
    /// Its name
    pub name: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct SetPeer {
    /// Its name
    pub name: String,
    #[command(flatten)]
    pub rights: Rights,
    /// Any sending application
    #[arg(long, conflicts_with = "applications")]
    pub any_application: bool,
    /// Any sending facility
    #[arg(long, conflicts_with = "facilities")]
    pub any_facility: bool,
    /// From any network
    #[arg(long, conflicts_with = "sources")]
    pub from_anywhere: bool,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct RotatePeer {
    /// Its name
    pub name: String,
    #[command(flatten)]
    pub key: Key,
    /// Days for which the key in force is still taken, at most 7
    #[arg(long, default_value_t = 7)]
    pub overlap_days: i64,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}
