//! Arguments of the verbs with which a channel is written: tests, trial runs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Format, Target};

#[derive(Args)]
pub struct Test {
    /// The site's folder
    #[arg(default_value = ".")]
    pub site: PathBuf,
    /// Only these channels
    #[arg(value_name = "CHANNEL")]
    pub channels: Vec<String>,
    /// Only tests whose names hold this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Write what comes out into the tests that fail: what is expected from now on
    #[arg(long)]
    pub accept: bool,
    /// Go on: run again when a file of the site changes
    #[arg(long, conflicts_with = "accept")]
    pub watch: bool,
    /// How to say what came of them
    #[arg(long, value_enum, default_value_t = TestFormat::Text)]
    pub format: TestFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// For build servers: JUnit's XML
    Junit,
}

#[derive(Args)]
pub struct Run {
    /// The channel
    pub channel: String,
    /// A file with HL7 messages; `-` for standard input
    pub file: PathBuf,
    /// The site's folder
    #[arg(long, default_value = ".")]
    pub site: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Args)]
pub struct Diff {
    /// Only these channels (default: all that differ)
    pub channels: Vec<String>,
    /// Run so many of the last messages through what runs and through the files, and list what would differ
    #[arg(long, value_name = "COUNT")]
    pub replay: Option<usize>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Revisions {
    /// The channel
    pub channel: String,
    /// How many
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Revert {
    /// The channel
    pub channel: String,
    /// The number of the revision, or the beginning of its hash (default: the last that was another one)
    pub revision: Option<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Apply {
    /// Only these channels (default: all that differ)
    pub channels: Vec<String>,
    /// Why, for the audit log
    #[arg(short = 'm', long)]
    pub reason: String,
    /// Show what would change, and do nothing
    #[arg(long)]
    pub preview: bool,
    /// The beginning of the hash of the revision that you expect to run; nothing is applied when it is another one by now
    #[arg(long, value_name = "CHANNEL=HASH")]
    pub expect: Vec<String>,
    /// The request to which somebody else has agreed, where new scripts need that
    #[arg(long, value_name = "ID")]
    pub approval: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Init {
    /// The folder of the new site
    pub site: PathBuf,
}

#[derive(Args)]
pub struct Fmt {
    /// Sites, folders or channel files
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Change nothing; exit with 1 when something is not tidy
    #[arg(long)]
    pub check: bool,
}

#[derive(Args)]
pub struct Promote {
    /// The site's folder
    #[arg(default_value = ".")]
    pub site: PathBuf,
    /// The environment to look at: `vars/NAME.toml`
    #[arg(long, value_name = "NAME")]
    pub to: String,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Args)]
pub struct MakeTest {
    /// The message's id, or its control id (looking at it is recorded in the audit log)
    pub message: String,
    /// The name of the test
    pub name: String,
    /// The folder of the site that gets the test
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub into: PathBuf,
    /// Rules for fields that the site treats in its own way, as for `hilum deidentify`
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// The key of replacements that stay the same from test to test, as for `hilum deidentify`
    #[arg(long, value_name = "SOURCE")]
    pub key: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Import {
    #[command(subcommand)]
    pub from: ImportFrom,
}

#[derive(Subcommand)]
pub enum ImportFrom {
    /// Channels of Mirth Connect or Open Integration Engine, as they are exported (XML)
    Mirth(Mirth),
}

#[derive(Args)]
pub struct Mirth {
    /// An export: a channel, several, a group, or a whole server configuration
    pub file: PathBuf,
    /// The folder of the site; no file in it is written over
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Show the notes about what came over as it was, too
    #[arg(long)]
    pub all: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
