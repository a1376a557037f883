//! Arguments of the verbs about people: signing in, users, roles, sessions, and the proof of what they did.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Called, Query, Target};

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
    Verify(Query),
    /// Show who did what, newest first
    List(ListAudit),
    /// Write records to standard output, to be kept elsewhere
    Export(ExportAudit),
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
    #[arg(long = "as", value_enum, default_value_t = ExportAs::Ndjson)]
    pub form: ExportAs,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportAs {
    /// A record a line, as it was written and hashed
    Ndjson,
    /// One JSON array
    Json,
    /// A table for spreadsheets
    Csv,
}
