//! Arguments of the verbs about the store key.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Execute, Target};

#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    pub verb: KeysVerb,
}

#[derive(Subcommand)]
pub enum KeysVerb {
    /// Show the store key in force, the data keys that it wraps, and its copies
    Status(KeysStatus),
    /// Change the store key for the one that server.toml names as `next_key`, while messages flow
    Rotate(Execute),
    /// List the data keys of a channel
    List(ListKeys),
    /// Seal anew what a data key has sealed that somebody may have, and destroy it
    Reencrypt(Reencrypt),
    /// Make a copy of the store key for those who keep it, or check one
    Escrow(EscrowKey),
}

#[derive(Args)]
pub struct KeysStatus {
    /// Also look at every sealed value: how many there are, and whether any is in clear
    #[arg(long)]
    pub rows: bool,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct ListKeys {
    /// The channel
    pub channel: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Reencrypt {
    /// The data key, by its id as `hilum keys list` shows it
    pub key: String,
    #[command(flatten)]
    pub execute: Execute,
}

#[derive(Args)]
pub struct EscrowKey {
    /// Who can open the copy: a public key as `age-keygen` shows it
    #[arg(long, value_name = "AGE1...", required_unless_present = "verify", requires_all = ["output", "reason"])]
    pub to: Vec<String>,
    /// The file of the copy; nothing is written over
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Check this copy instead: opens it, and tells the engine which key was in it
    #[arg(long, value_name = "FILE", requires = "identity", conflicts_with_all = ["to", "output"])]
    pub verify: Option<PathBuf>,
    /// The private keys that open it, as `age-keygen` has written them
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Why; the audit log keeps it
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The request to which somebody else has agreed
    #[arg(long, value_name = "ID")]
    pub approval: Option<String>,
    #[command(flatten)]
    pub target: Target,
}
