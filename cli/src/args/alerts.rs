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
    #[command(visible_alias = "ack")]
    Acknowledge(HandleAlert),
    /// Say that an alert is over
    Resolve(HandleAlert),
    /// Put an alert off: it is not told again for a while, unless it becomes worse
    Snooze(SnoozeAlert),
    /// Say who is to look after an alert
    Assign(AssignAlert),
    /// List every rule by which alerts are raised
    Rules(Query),
    /// Tell one who is told of alerts that this is a test
    Test(TestSink),
    /// Times in which alerts are written down and not told
    Maintenance(Maintenance),
}

#[derive(Args)]
pub struct SnoozeAlert {
    /// The alert's id
    pub id: String,
    /// For how long
    #[arg(long, conflicts_with = "until", required_unless_present = "until")]
    pub minutes: Option<u32>,
    /// Until when, such as 2026-12-24T18:00:00+01:00
    #[arg(long, value_name = "TIME")]
    pub until: Option<jiff::Timestamp>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct AssignAlert {
    /// The alert's id
    pub id: String,
    /// The name of the account; without it, nobody any more
    #[arg(long, value_name = "NAME")]
    pub to: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct TestSink {
    /// What it is called in server.toml
    pub sink: String,
    #[command(flatten)]
    pub target: Target,
}

/// Times in which alerts are written down and not told
#[derive(Args)]
pub struct Maintenance {
    #[command(subcommand)]
    pub verb: MaintenanceVerb,
}

#[derive(Subcommand)]
pub enum MaintenanceVerb {
    /// List those of now and those to come
    List(Query),
    /// Begin one, now or later
    Add(AddMaintenance),
    /// End one before its time
    End(EndMaintenance),
}

#[derive(Args)]
pub struct AddMaintenance {
    /// How long it takes
    #[arg(long, conflicts_with = "until", required_unless_present = "until")]
    pub minutes: Option<u32>,
    /// When it ends, such as 2026-12-24T18:00:00+01:00
    #[arg(long, value_name = "TIME")]
    pub until: Option<jiff::Timestamp>,
    /// When it begins, if not now
    #[arg(long, value_name = "TIME")]
    pub from: Option<jiff::Timestamp>,
    /// Only alerts of this rule; may be given several times
    #[arg(long = "rule", value_name = "RULE")]
    pub rules: Vec<String>,
    /// Only alerts about this channel; may be given several times
    #[arg(long = "channel", value_name = "CHANNEL")]
    pub channels: Vec<String>,
    /// Only alerts about this destination of the channel
    #[arg(long, requires = "channels")]
    pub destination: Option<String>,
    /// Why, for whoever looks and for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct EndMaintenance {
    /// Its id
    pub id: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
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
