//! Arguments of the verbs that find messages and look at them.

use clap::{Args, Subcommand};

use super::{Query, Target};

#[derive(Args)]
pub struct Messages {
    /// What to look for, such as `type:ADT^A01 state:dead since:2h`, or an id or number alone (docs/operations.md lists the words)
    pub query: Vec<String>,
    #[command(flatten)]
    pub target: Target,
    /// Only this channel
    #[arg(long)]
    pub channel: Option<String>,
    /// Only this disposition, or `dead`, `held`, `waiting`
    #[arg(long)]
    pub state: Option<String>,
    /// Only this type, such as ADT^A01
    #[arg(long = "type")]
    pub kind: Option<String>,
    /// Only this control id (MSH-10)
    #[arg(long)]
    pub id: Option<String>,
    /// Only received in this time, such as 2h
    #[arg(long)]
    pub since: Option<String>,
    /// Rows
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Look for what a kept search asks for; QUERY is added to it
    #[arg(long, value_name = "NAME")]
    pub view: Option<String>,
    /// Print all pages
    #[arg(long)]
    pub all: bool,
    /// Why, for the audit log, when it holds a number of a patient, visit or order
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    /// Continue behind the last page
    #[arg(long)]
    pub after: Option<String>,
}

#[derive(Args)]
pub struct Find {
    /// What the number is of: mrn, visit, order, accession or control-id
    pub by: String,
    /// The number; asked for when it is left out, so that it stands in no list of commands
    pub value: Option<String>,
    /// Only this channel
    #[arg(long)]
    pub channel: Option<String>,
    /// Only received in this time, such as 30d
    #[arg(long)]
    pub since: Option<String>,
    /// Rows
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Scan {
    /// The text, whole, without regard to the case of letters; asked for when it is left out
    pub text: Option<String>,
    /// Where and when, such as `channel:adt since:2d until:1d`
    #[arg(long)]
    pub query: Option<String>,
    /// The channel
    #[arg(long, required_unless_present = "query")]
    pub channel: Option<String>,
    /// Received in this time, such as 2d
    #[arg(long, required_unless_present = "query")]
    pub since: Option<String>,
    /// Why; the audit log keeps it
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Message {
    /// The message's id, or its control id
    pub id: String,
    #[command(flatten)]
    pub target: Target,
    /// Show the body as it was received (recorded in the audit log)
    #[arg(long)]
    pub body: bool,
    /// Show the body sent to this destination (recorded in the audit log)
    #[arg(long, value_name = "DESTINATION")]
    pub sent: Option<String>,
    /// Show what each step did (recorded in the audit log)
    #[arg(long)]
    pub steps: bool,
    /// Show every field by name, of what was received or of what went to `--of` (recorded in the audit log)
    #[arg(long, conflicts_with_all = ["body", "sent", "steps"])]
    pub fields: bool,
    /// Which fields: all that its version has, those that are there, or those with a note
    #[arg(long, value_name = "WHICH", requires = "fields", default_value = "populated")]
    pub show: String,
    /// Show it line by line, each field with its place (recorded in the audit log)
    #[arg(long, conflicts_with_all = ["body", "sent", "steps", "fields"])]
    pub raw: bool,
    /// The destination whose body `--fields` and `--raw` show (default: as it was received)
    #[arg(long, value_name = "DESTINATION")]
    pub of: Option<String>,
    /// Show where it differs from what went to a destination, or from another message (recorded in the audit log)
    #[arg(long, value_name = "DESTINATION|ID", conflicts_with_all = ["body", "sent", "steps", "fields", "raw"])]
    pub diff: Option<String>,
    /// Show what happened to it, in order
    #[arg(long, conflicts_with_all = ["body", "sent", "steps", "fields", "raw", "diff"])]
    pub timeline: bool,
    /// Show who has looked at it
    #[arg(long, conflicts_with_all = ["body", "sent", "steps", "fields", "raw", "diff", "timeline"])]
    pub looks: bool,
    /// Show what a receiver answered: the delivery and the number of the try (recorded in the audit log)
    #[arg(long, value_name = "DELIVERY:N", conflicts_with_all = ["body", "sent", "steps", "fields", "raw", "diff"])]
    pub response: Option<String>,
    /// Write the body of `--body` or `--sent` to this file, byte for byte
    #[arg(long, value_name = "FILE")]
    pub to: Option<std::path::PathBuf>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
}

/// The searches that are kept
#[derive(Args)]
pub struct Views {
    #[command(subcommand)]
    pub verb: ViewsVerb,
}

#[derive(Subcommand)]
pub enum ViewsVerb {
    /// List those that one keeps, and those that others share
    List(Query),
    /// Keep a search
    Add(AddView),
    /// Change one that one keeps
    Set(SetView),
    /// Forget one that one keeps
    Remove(RemoveView),
}

#[derive(Args)]
pub struct AddView {
    /// What it is called
    pub name: String,
    /// What it asks for, such as `channel:adt state:dead`
    pub query: String,
    /// The columns that are shown, in order
    #[arg(long, value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Others see it too; it may hold no number of a patient then
    #[arg(long)]
    pub shared: bool,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct SetView {
    /// Its id, as `hilum views list` shows it
    pub id: String,
    #[command(flatten)]
    pub view: AddView,
}

#[derive(Args)]
pub struct RemoveView {
    /// Its id, as `hilum views list` shows it
    pub id: String,
    #[command(flatten)]
    pub target: Target,
}
