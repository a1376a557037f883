//! Arguments of the verbs that send again, end, hold and edit.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Query, Target};

#[derive(Args)]
pub struct Dead {
    #[command(flatten)]
    pub target: Target,
    /// Only this channel
    #[arg(long)]
    pub channel: Option<String>,
    /// Only this destination
    #[arg(long)]
    pub destination: Option<String>,
    /// The letters with this error one by one, as the groups name it; needs `--channel`
    #[arg(long, requires = "channel")]
    pub error: Option<String>,
    /// Letters
    #[arg(long, default_value_t = 100, requires = "error")]
    pub limit: u32,
    /// Continue behind this letter
    #[arg(long, value_name = "ID", requires = "error")]
    pub after: Option<String>,
}

/// Which messages or dead letters an act is for.
#[derive(Args)]
pub struct Selection {
    /// Ids of messages or deliveries
    pub ids: Vec<String>,
    /// All dead letters of this channel
    #[arg(long)]
    pub channel: Option<String>,
    /// Only of this destination
    #[arg(long)]
    pub destination: Option<String>,
    /// Only with this error, as `hilum dead` shows it
    #[arg(long)]
    pub error: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
}

#[derive(Args)]
pub struct Replay {
    #[command(flatten)]
    pub selection: Selection,
    /// Run what was received through the current revision, instead of sending the same bytes again
    #[arg(long)]
    pub raw: bool,
    /// Send to these destinations only (same bytes)
    #[arg(long, value_name = "DESTINATION")]
    pub to: Vec<String>,
    /// A word of your choice: the same word a second time does nothing
    #[arg(long)]
    pub token: Option<String>,
    /// The request to which somebody else has agreed
    #[arg(long, value_name = "ID")]
    pub approval: Option<String>,
    /// Show what would be sent, and do nothing
    #[arg(long)]
    pub preview: bool,
    #[command(flatten)]
    pub job: AsJob,
    #[command(flatten)]
    pub target: Target,
}

/// How something is done one after the other.
#[derive(Args)]
pub struct AsJob {
    /// Do it as a job, which goes on over restarts and can be paused and ended
    #[arg(long)]
    pub job: bool,
    /// Items a second of the job
    #[arg(long, default_value_t = 5, requires = "job", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// How many there are, as the preview says; needed above 100
    #[arg(long, value_name = "NUMBER")]
    pub count: Option<u64>,
}

#[derive(Args)]
pub struct Discard {
    #[command(flatten)]
    pub selection: Selection,
    /// Show what would be ended, and do nothing
    #[arg(long)]
    pub preview: bool,
    /// End everything that waits at the destination; `--count` says how much, as `hilum queue` shows it
    #[arg(long, requires_all = ["channel", "destination", "count"], conflicts_with_all = ["ids", "error", "preview", "job", "rate"])]
    pub queue: bool,
    /// With `--queue`: what came after this mark of `hilum queue` stays
    #[arg(long, requires = "queue")]
    pub mark: Option<i64>,
    #[command(flatten)]
    pub job: AsJob,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Control {
    /// CHANNEL/DESTINATION
    pub destination: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Queue {
    /// CHANNEL/DESTINATION
    pub destination: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Skip {
    /// CHANNEL/DESTINATION
    pub destination: String,
    /// The delivery that was looked at; it must still be the head (default: the oldest head that blocks a lane)
    #[arg(long, value_name = "ID")]
    pub delivery: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Source {
    #[command(subcommand)]
    pub verb: SourceVerb,
}

#[derive(Subcommand)]
pub enum SourceVerb {
    /// Stop it, over restarts: what is in hand is finished, then its port refuses
    Stop(StopSource),
    /// Start it again
    Start(StartSource),
}

#[derive(Args)]
pub struct StopSource {
    /// The channel
    pub channel: String,
    /// Why; the audit log and `hilum status` keep it
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct StartSource {
    /// The channel
    pub channel: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Edit {
    /// The message; it stays what it is
    pub id: String,
    /// The file with the new message; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// To these destinations only
    #[arg(long, value_name = "DESTINATION")]
    pub to: Vec<String>,
    /// Past the channel's steps, as it is; only with `--to`
    #[arg(long, requires = "to")]
    pub as_is: bool,
    /// A word of your choice: the same word a second time does nothing
    #[arg(long)]
    pub token: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Job {
    #[command(subcommand)]
    pub verb: JobVerb,
}

#[derive(Subcommand)]
pub enum JobVerb {
    /// List jobs, newest first
    List(Query),
    /// Show one, with what became of its items
    Show(OneJob),
    /// Stop it between two items
    Pause(OneJob),
    /// Let it go on
    Resume(OneJob),
    /// End it; what was done stays done
    Cancel(OneJob),
    /// Wait until it ends
    Wait(OneJob),
}

#[derive(Args)]
pub struct OneJob {
    /// The job
    pub id: String,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}
