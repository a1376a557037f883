//! Arguments of the verbs about backups.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;

#[derive(Args)]
pub struct Backup {
    #[command(subcommand)]
    pub verb: BackupVerb,
}

#[derive(Subcommand)]
pub enum BackupVerb {
    /// Have the engine make one now, where server.toml says
    Create(CreateBackup),
    /// Check that one is whole; with a site, also put it back into a folder of its own and open it
    Verify(VerifyBackup),
    /// Take the site's files out of one, into a folder
    Extract(ExtractBackup),
}

#[derive(Args)]
pub struct CreateBackup {
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct VerifyBackup {
    /// The backup
    pub file: PathBuf,
    /// The private keys that open it, as `age-keygen` has written them
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// The site whose store key opens what is sealed in it
    #[arg(long)]
    pub site: Option<PathBuf>,
    /// The data folder (default: SITE/data)
    #[arg(long, requires = "site")]
    pub data: Option<PathBuf>,
}

#[derive(Args)]
pub struct ExtractBackup {
    /// The backup
    pub file: PathBuf,
    /// The private keys that open it, as `age-keygen` has written them
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// The folder; nothing in it is written over
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
}

#[derive(Args)]
pub struct Restore {
    /// The backup
    pub file: PathBuf,
    /// The private keys that open it, as `age-keygen` has written them
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// The site: its store must be empty, and its store key in its place
    #[arg(long)]
    pub site: PathBuf,
    /// The data folder (default: SITE/data)
    #[arg(long)]
    pub data: Option<PathBuf>,
}
