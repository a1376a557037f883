//! Arguments of the verbs about retention.

use clap::{Args, Subcommand};

use super::{Execute, Query, Target};

#[derive(Args)]
pub struct Retention {
    #[command(subcommand)]
    pub verb: RetentionVerb,
}

#[derive(Subcommand)]
pub enum RetentionVerb {
    /// Show how long messages stay, what of them is over now, and legal holds
    Status(Query),
    /// Take out what is over, by itself or when more is over than leaves by itself
    Run(Execute),
    /// Put shorter periods into force, as server.toml asks for them
    Shorten(Execute),
    /// Say that nothing may leave, of one channel or at all
    Hold(Hold),
    /// Lift a legal hold
    Lift(Lift),
}

#[derive(Args)]
pub struct Hold {
    /// The channel; without one nothing leaves the store, and nothing the audit log
    #[arg(long)]
    pub channel: Option<String>,
    /// Why, such as the number of the case; the audit log keeps it
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Lift {
    /// The hold, by its id
    pub id: String,
    /// Why; the audit log keeps it
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}
