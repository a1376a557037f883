//! The command line: verbs, their arguments and the words of their help.

pub mod accounts;
pub mod acts;
pub mod alerts;
pub mod backups;
pub mod bench;
pub mod doctor;
pub mod keys;
pub mod messages;
pub mod registry;
pub mod retention;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// HL7 v2 integration engine with a transactional message store.
#[derive(Parser)]
#[command(name = "hilum", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 ok, 1 problems found, 2 cannot decide, 3 cannot reach, 64 usage, 78 refused configuration."
)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Run the engine on a site
    Serve(Serve),
    /// Check a site and show all its problems
    Check(Check),
    /// Look at the machine, the site's files and the running engine: what protects messages, and what does not
    Doctor(doctor::Doctor),
    /// Print the JSON schema of channel files, or of server.toml, for editors
    Schema(Schema),
    /// Explain an error code
    Explain(Explain),
    /// Send HL7 files over MLLP and print each acknowledgement
    Send(Send),
    /// Receive HL7 over MLLP and answer as asked
    Listen(Listen),
    /// Show a message as a tree of segments and fields
    View(View),
    /// Make a site to begin with: one channel, its code table and a test
    Init(bench::Init),
    /// Turn the channels of another engine into files of a site
    Import(bench::Import),
    /// Tidy channel files, comments kept
    Fmt(bench::Fmt),
    /// Run the tests beside the channels of a site
    Test(bench::Test),
    /// Run a message through a channel, step by step; nothing is stored or sent
    Run(bench::Run),
    /// Copy messages without the people in them: invented names, numbers and dates in their places
    Deidentify(Deidentify),
    /// Show channels, destinations and what became of their messages
    Status(Query),
    /// Show the same while it changes, the sick first; in a pipe it is one look
    Top(Query),
    /// List messages, newest first
    Messages(messages::Messages),
    /// Find messages by a number of a patient, visit or order (recorded in the audit log)
    Find(messages::Find),
    /// Look for a text in the bodies of a channel's messages (recorded in the audit log)
    Scan(messages::Scan),
    /// Show one message: its trace from bytes to disposition
    Message(messages::Message),
    /// The searches that are kept
    Views(messages::Views),
    /// List dead letters by destination and error, or those of one error
    Dead(acts::Dead),
    /// Send messages or dead letters again
    Replay(acts::Replay),
    /// End deliveries without sending them
    Discard(acts::Discard),
    /// Stop sending to a destination; its messages queue
    Hold(acts::Control),
    /// Send to a held destination again
    Resume(acts::Control),
    /// Try everything that waits at a destination now
    Retry(acts::Control),
    /// Show what waits at a destination, and what blocks it
    Queue(acts::Queue),
    /// Make the head of a blocked lane a dead letter, so that the lane goes on
    Skip(acts::Skip),
    /// Stop a channel's source, and start it again
    Source(acts::Source),
    /// Make a new message out of one that came, with other bytes (recorded in the audit log)
    Edit(acts::Edit),
    /// Long replays and discards: how far they are, and what became of each item
    Job(acts::Job),
    /// Go the way to a destination step by step, and send it a message if asked
    TestConnection(TestConnection),
    /// Make a test of a channel out of a message that came, without the people in it
    MakeTest(bench::MakeTest),
    /// Show what another environment would make of a site
    Promote(bench::Promote),
    /// Show what the site's files would change, by part
    Diff(bench::Diff),
    /// Put the site's files into force
    Apply(bench::Apply),
    /// List the revisions of a channel, newest first
    Revisions(bench::Revisions),
    /// Put an earlier revision of a channel into force again
    Revert(bench::Revert),
    /// Certificates: the internal authority, and others that are trusted
    Ca(registry::Ca),
    /// The systems that may connect over mutual TLS
    Peer(registry::Peer),
    /// Make the first owner, who can then sign in and add others
    Setup(accounts::Setup),
    /// Sign in to the admin API; the token is kept in a file
    Login(accounts::Login),
    /// End the session
    Logout(Query),
    /// Show who is signed in, and what they may do
    Whoami(Query),
    /// Change your password
    Password(Query),
    /// Add a second factor to your account
    SecondFactor(Query),
    /// The people who may sign in
    User(accounts::User),
    /// The roles: what they may do, and those of the site's own
    Role(accounts::Role),
    /// The sessions of people who have signed in
    Session(accounts::Session),
    /// The tokens of programs that ask the admin API
    Token(accounts::Token),
    /// The audit log
    Audit(accounts::Audit),
    Approval(accounts::Approval),
    #[command(name = "breakglass")]
    BreakGlass(accounts::BreakGlass),
    /// What protects the engine
    Security(alerts::Security),
    /// What somebody should look at
    Alert(alerts::Alert),
    /// The store as a whole, while no engine has it open
    Store(Store),
    /// How long messages stay, what is over, and what must stay
    Retention(retention::Retention),
    /// The store key, its change, and copies of it
    Keys(keys::Keys),
    /// Backups of the store
    Backup(backups::Backup),
    /// Put a backup back into an empty place
    Restore(backups::Restore),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Args)]
pub struct Store {
    #[command(subcommand)]
    pub verb: StoreVerb,
}

#[derive(Subcommand)]
pub enum StoreVerb {
    /// Copy it into an empty place, such as an empty database of PostgreSQL, and compare the two
    Copy(CopyStore),
}

#[derive(Args)]
pub struct CopyStore {
    /// The store, such as sqlite:data/hilum.db
    pub from: String,
    /// The empty place, such as postgres://hilum@127.0.0.1/hilum
    pub to: String,
    /// The site's folder, to which files are relative (default: this folder)
    #[arg(long)]
    pub site: Option<PathBuf>,
    /// The data folder (default: SITE/data)
    #[arg(long)]
    pub data: Option<PathBuf>,
}

#[derive(Args)]
pub struct Serve {
    /// The site's folder
    pub site: PathBuf,
    /// The folder of the store, its key and the socket (default: SITE/data)
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Apply files as they change, without asking (for authoring, never for production)
    #[arg(long)]
    pub dev: bool,
    /// Run as root in production
    #[arg(long)]
    pub allow_root: bool,
}

#[derive(Args)]
pub struct Check {
    /// The site's folder
    pub site: PathBuf,
    /// The data folder, for secrets in it (default: SITE/data)
    #[arg(long)]
    pub data: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Args)]
pub struct Schema {
    #[arg(value_enum, default_value_t = SchemaOf::Channel)]
    pub of: SchemaOf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// A channel file
    Channel,
    /// server.toml
    Server,
}

#[derive(Args)]
pub struct Explain {
    /// A code such as C0207
    pub code: String,
}

#[derive(Args)]
pub struct Send {
    /// Where to send, such as 127.0.0.1:2575
    pub address: String,
    /// Files and folders of messages; `-` reads standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Connections at once
    #[arg(long, default_value_t = 1)]
    pub connections: usize,
    /// Messages in all; the files are repeated with a control id of their own each (default: every file once, as it is)
    #[arg(long)]
    pub count: Option<u64>,
    /// Messages a second over all connections (default: as fast as they are answered)
    #[arg(long)]
    pub rate: Option<f64>,
    /// Seconds to wait for an acknowledgement
    #[arg(long, default_value_t = 30)]
    pub timeout: u64,
    /// Send each file as one, a batch with its headers (default: the messages of a file one by one)
    #[arg(long)]
    pub whole: bool,
    /// Print figures only
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub tls: SendTls,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What both ends say of themselves with TLS.
#[derive(Args)]
pub struct OwnCertificate {
    /// The own certificate, in PEM form
    #[arg(long, requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its private key, in PEM form and of mode 0600
    #[arg(long, requires = "cert")]
    pub key: Option<PathBuf>,
    /// What may be agreed on: modern, compat or pq-only
    #[arg(long, requires = "tls")]
    pub profile: Option<String>,
}

/// TLS of a sender.
#[derive(Args)]
pub struct SendTls {
    /// Encrypt, and trust the receivers of `--ca`
    #[arg(long, requires = "ca")]
    pub tls: bool,
    /// The authorities that the receiver's certificate must come from, in PEM form
    #[arg(long, requires = "tls")]
    pub ca: Option<PathBuf>,
    /// The name in the receiver's certificate (default: the host of the address)
    #[arg(long, requires = "tls")]
    pub server_name: Option<String>,
    #[command(flatten)]
    pub own: OwnCertificate,
}

/// TLS of a receiver.
#[derive(Args)]
pub struct ListenTls {
    /// Encrypt, with the certificate of `--cert`
    #[arg(long, requires = "cert")]
    pub tls: bool,
    /// Let in only those with a certificate of these authorities, in PEM form
    #[arg(long, requires = "tls")]
    pub ca: Option<PathBuf>,
    #[command(flatten)]
    pub own: OwnCertificate,
}

#[derive(Args)]
pub struct Listen {
    /// Where to listen, such as 127.0.0.1:2576
    pub address: SocketAddr,
    /// The code of the acknowledgements
    #[arg(long, default_value = "AA")]
    pub ack: String,
    /// Milliseconds to wait before answering
    #[arg(long, default_value_t = 0)]
    pub delay: u64,
    /// Answer every n-th message with `--nak-code`
    #[arg(long)]
    pub nak_every: Option<u64>,
    /// The code for every n-th message
    #[arg(long, default_value = "AE")]
    pub nak_code: String,
    /// Keep what arrives: one file a message in this folder
    #[arg(long)]
    pub save: Option<PathBuf>,
    /// Print a count once a second instead of every message
    #[arg(long)]
    pub quiet: bool,
    /// End after this many messages
    #[arg(long)]
    pub count: Option<u64>,
    #[command(flatten)]
    pub tls: ListenTls,
}

#[derive(Args)]
pub struct View {
    /// A file with a message, several, or a batch; `-` reads standard input
    pub file: PathBuf,
    /// Show only what this path selects, such as PID-3
    #[arg(long)]
    pub path: Option<String>,
}

/// What becomes of free text in a copy.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FreeText {
    /// The same few words for every line
    Replace,
    /// The text without known values, dates, numbers and addresses; names that are in no field stay
    Scrub,
}

#[derive(Args)]
pub struct Deidentify {
    /// Files and folders of messages; `-` reads standard input
    #[arg(required_unless_present = "message")]
    pub files: Vec<PathBuf>,
    /// A folder for the copies, 0001.hl7 and so on in the order of the input (default: standard output)
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// A file that says for some paths what becomes of them
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// The key of what is invented, so that copies of several runs fit together: env:NAME, file:PATH or cred:NAME (default: a new one that is kept nowhere)
    #[arg(long, value_name = "SOURCE")]
    pub key: Option<String>,
    /// What becomes of free text
    #[arg(long, value_enum, default_value_t = FreeText::Replace)]
    pub text: FreeText,
    /// Copy this message of the store as it was received (recorded in the audit log)
    #[arg(long, value_name = "ID")]
    pub message: Vec<String>,
    #[command(flatten)]
    pub target: Target,
}

/// How to reach the engine.
#[derive(Args, Clone)]
pub struct Reach {
    /// The engine's data folder
    #[arg(long, conflicts_with = "site")]
    pub data: Option<PathBuf>,
    /// The site's folder (its `data` folder is used)
    #[arg(long)]
    pub site: Option<PathBuf>,
    /// Ask the API there as whoever has signed in, such as http://127.0.0.1:8480 or https://hilum.hospital.example:8480 (default: HILUM_API;
    /// without, the socket in the data folder)
    #[arg(long, conflicts_with_all = ["data", "site"])]
    pub api: Option<String>,
    /// The authorities that the certificate of an https API must come from, in PEM form (default: HILUM_CA)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "site"])]
    pub api_ca: Option<PathBuf>,
    /// The file with the token of the session (default: hilum/token in the configuration folder of the user)
    #[arg(long)]
    pub token_file: Option<PathBuf>,
}

/// How to reach the engine, and how its answer is shown.
#[derive(Args)]
pub struct Target {
    #[command(flatten)]
    pub reach: Reach,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Something or somebody that an act is done to.
#[derive(Args)]
pub struct Called {
    /// The name
    pub name: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Query {
    #[command(flatten)]
    pub target: Target,
}

/// An act that is only shown unless somebody says why it is to be done.
#[derive(Args)]
pub struct Execute {
    /// Do it; otherwise it is only shown what would be done
    #[arg(long, requires = "reason")]
    pub execute: bool,
    /// Why; the audit log keeps it
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The request to which somebody else has agreed
    #[arg(long, value_name = "ID")]
    pub approval: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct TestConnection {
    /// The channel
    pub channel: String,
    /// The destination
    pub destination: String,
    /// Send the message in this file and show the answer; choose one that does no harm
    #[arg(long, value_name = "FILE")]
    pub message: Option<PathBuf>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}
