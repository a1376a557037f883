//! Arguments of the verbs about alerts and what protects the engine.

use clap::{Args, Subcommand, ValueEnum};

use super::{Query, Target};

/// What protects the engine
#[derive(Args)]
pub struct Security {
    #[command(subcommand)]
    pub verb: SecurityVerb,
}

#[derive(Subcommand)]
pub enum SecurityVerb {
    /// Show what protects the engine, and what does not
    Status(Query),
}

/// What somebody should look at
#[derive(Args)]
pub struct Alert {
    #[command(subcommand)]
    pub verb: AlertVerb,
}

#[derive(Subcommand)]
pub enum AlertVerb {
    /// List alerts, newest first
    List(ListAlerts),
    /// Say that you look after an alert
    Acknowledge(HandleAlert),
    /// Say that an alert is over
    Resolve(HandleAlert),
}

#[derive(Args)]
pub struct ListAlerts {
    /// Only in this state
    #[arg(long, value_enum, default_value_t = State::Open)]
    pub state: State,
    /// Alerts at most
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// Only from before the alert with this id
    #[arg(long, value_name = "ID")]
    pub before: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Nobody has said that they look
    Open,
    /// Somebody looks after it
    Acknowledged,
    /// It is over
    Resolved,
    /// All of them
    All,
}

#[derive(Args)]
pub struct HandleAlert {
    /// The alert's id
    pub id: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}
