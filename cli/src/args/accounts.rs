//! Arguments of the verbs about people: signing in, users, roles, sessions, and the proof of what they did.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Called, Query, Reach, Target};

#[derive(Args)]
pub struct Setup {
    /// The first owner's name
    pub name: String,
    /// The file with the setup token (default: the one in the engine's data folder)
    #[arg(long, value_name = "FILE")]
    pub setup_token: Option<PathBuf>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Login {
    /// Your name
    pub name: String,
    /// Prove again who you are, for what needs a sign-in of the last five minutes
    #[arg(long)]
    pub step_up: bool,
    #[command(flatten)]
    pub target: Target,
}

/// The people who may sign in
#[derive(Args)]
pub struct User {
    #[command(subcommand)]
    pub verb: UserVerb,
}

#[derive(Subcommand)]
pub enum UserVerb {
    /// List everybody
    List(Query),
    /// Add somebody; their first password is asked for
    Add(UserRoles),
    /// Replace what somebody may do
    Grant(UserRoles),
    /// Let somebody not sign in any more; their sessions end
    Disable(Called),
    /// Let somebody sign in again
    Enable(Called),
    /// Let somebody try again who has guessed too often
    Unlock(Called),
    /// Take somebody's second factor away, for a device that is lost
    ResetSecondFactor(Called),
    /// Give somebody another password; it is asked for
    ResetPassword(Called),
}

#[derive(Args)]
pub struct UserRoles {
    /// Their name
    pub name: String,
    #[command(flatten)]
    pub roles: Roles,
    /// The request to which somebody else has agreed
    #[arg(long, value_name = "ID")]
    pub approval: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Roles {
    /// A role, for every channel, or for some: `operator` or `operator:adt,lab`
    #[arg(long = "role", value_name = "ROLE[:CHANNELS]")]
    pub roles: Vec<String>,
}

/// What people and programs may do
#[derive(Args)]
pub struct Role {
    #[command(subcommand)]
    pub verb: RoleVerb,
}

#[derive(Subcommand)]
pub enum RoleVerb {
    /// List the roles and what they may do
    List(Query),
    /// Make a role of some permissions, each of which you hold yourself
    Add(MadeRole),
    /// Change a role that was made here; the sessions of those who have it end
    Set(MadeRole),
    /// Remove a role that nobody has
    Remove(Called),
}

#[derive(Args)]
pub struct MadeRole {
    /// Its name
    pub name: String,
    /// What it may do, such as monitor.read; once for each
    #[arg(long = "permission", value_name = "PERMISSION", required = true)]
    pub permissions: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// The request to which somebody else has agreed
    #[arg(long, value_name = "ID")]
    pub approval: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// The sessions of people who have signed in
#[derive(Args)]
pub struct Session {
    #[command(subcommand)]
    pub verb: SessionVerb,
}

#[derive(Subcommand)]
pub enum SessionVerb {
    /// List your own
    Own(Query),
    /// List those of everybody
    List(Query),
    /// End one
    End(EndSession),
}

#[derive(Args)]
pub struct EndSession {
    /// The digits that name it
    pub id: String,
    /// It is somebody else's
    #[arg(long)]
    pub other: bool,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// The tokens of programs that ask the admin API
#[derive(Args)]
pub struct Token {
    #[command(subcommand)]
    pub verb: TokenVerb,
}

#[derive(Subcommand)]
pub enum TokenVerb {
    /// List those in force
    List(Query),
    /// Make one; it is printed once
    Add(AddToken),
    /// Make another in its place; the old one is taken for a day more
    Rotate(Called),
    /// Take those of a program back, at once
    Revoke(Called),
}

#[derive(Args)]
pub struct AddToken {
    /// The program's name
    pub name: String,
    #[command(flatten)]
    pub roles: Roles,
    /// A network that it comes from
    #[arg(long = "from", value_name = "CIDR", default_value = "127.0.0.0/8")]
    pub networks: Vec<String>,
    /// For how long, such as 24h; at most 90 days
    #[arg(long = "for", value_name = "TIME", default_value = "24h")]
    pub lifetime: String,
    /// The request to which somebody else has agreed
    #[arg(long, value_name = "ID")]
    pub approval: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// The audit log
#[derive(Args)]
pub struct Audit {
    #[command(subcommand)]
    pub verb: AuditVerb,
}

#[derive(Subcommand)]
pub enum AuditVerb {
    /// Check that every record is there and as it was written: 0 whole, 1 not, 2 cannot decide
    Verify(VerifyAudit),
    /// Show the public keys that seal the log, to be kept elsewhere
    Keyring(Query),
    /// Show who did what, newest first
    List(ListAudit),
    /// Write records to standard output, to be kept elsewhere
    Export(ExportAudit),
    /// Show which records have been in the log for so many years as they stay, or take them out of it
    Archive(ArchiveAudit),
}

#[derive(Args)]
pub struct ArchiveAudit {
    /// Take them out, month by month, each into a file that is read back and checked first
    #[arg(long, requires = "reason")]
    pub execute: bool,
    /// Why; the audit log keeps it
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct VerifyAudit {
    /// Check a bundle, without an engine: what `hilum audit export --format bundle` has written
    #[arg(long, value_name = "FILE", conflicts_with = "capsules")]
    pub bundle: Option<PathBuf>,
    /// Check the chain of a file of capsules, without an engine
    #[arg(long, value_name = "FILE")]
    pub capsules: Option<PathBuf>,
    /// The keys that may have sealed the bundle: what `hilum audit keyring` has shown
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub keyring: Option<PathBuf>,
    /// The private keys with which an archive is opened, as `age-keygen` has written them: the bundle is then one that `hilum audit archive`
    /// or the engine itself has written
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub identity: Option<PathBuf>,
    /// A file of checkpoints with which the bundle must agree
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub anchor: Vec<PathBuf>,
    #[command(flatten)]
    pub target: Target,
}

/// Which records.
#[derive(Args)]
pub struct Records {
    /// Only by this actor, such as user:ID or os:1000
    #[arg(long)]
    pub actor: Option<String>,
    /// Only this act, such as message.body.read
    #[arg(long)]
    pub action: Option<String>,
    /// Only about the thing with this id
    #[arg(long)]
    pub about: Option<String>,
    /// Only in this time, such as 24h
    #[arg(long)]
    pub since: Option<String>,
}

#[derive(Args)]
pub struct ListAudit {
    #[command(flatten)]
    pub records: Records,
    /// Records at most
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct ExportAudit {
    #[command(flatten)]
    pub records: Records,
    /// How they are written
    #[arg(id = "form", long = "format", alias = "as", value_enum, default_value_t = ExportAs::Ndjson)]
    pub form: ExportAs,
    /// Also write a signed manifest: which records, how many, and the SHA-256 of what went to standard output
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    #[command(flatten)]
    pub reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportAs {
    /// A record a line, as it was written and hashed
    Ndjson,
    /// One JSON array
    Json,
    /// A table for spreadsheets
    Csv,
    /// Capsules of the Capsule Protocol, a line each, chained by SHA3-256
    Capsule,
    /// The whole log with its seals and checkpoints, for `hilum audit verify --bundle`
    Bundle,
}

/// What one person wants to do and another must agree to
#[derive(Args)]
pub struct Approval {
    #[command(subcommand)]
    pub verb: ApprovalVerb,
}

#[derive(Subcommand)]
pub enum ApprovalVerb {
    /// List what was asked for, newest first
    List(Query),
    /// Agree to what somebody else has asked for
    Approve(Decide),
    /// Do not agree
    Refuse(Decide),
}

#[derive(Args)]
pub struct Decide {
    /// The id of the request or of the emergency
    pub id: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

/// Sealed envelopes for an emergency: whoever opens one is an owner for an hour, and everybody hears of it
#[derive(Args)]
pub struct BreakGlass {
    #[command(subcommand)]
    pub verb: BreakGlassVerb,
}

#[derive(Subcommand)]
pub enum BreakGlassVerb {
    /// Make passphrases for envelopes, shown once; those made before open nothing any more
    Seal(Seal),
    /// Open an envelope: its words are asked for
    Open(OpenEnvelope),
    /// List emergencies, newest first
    List(Query),
    /// Show what was done in an emergency
    Report(Decide),
    /// Say that you have looked at what was done in an emergency
    Review(Decide),
}

#[derive(Args)]
pub struct Seal {
    /// How many envelopes
    #[arg(long, default_value_t = 2)]
    pub count: usize,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct OpenEnvelope {
    /// Who you are
    pub name: String,
    /// Why, in 20 letters at least, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    /// The number of a ticket elsewhere
    #[arg(long)]
    pub ticket: Option<String>,
    #[command(flatten)]
    pub target: Target,
}
