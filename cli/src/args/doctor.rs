//! Arguments of `hilum doctor`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Args)]
pub struct Doctor {
    /// The site's folder
    pub site: PathBuf,
    /// The data folder (default: SITE/data)
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Print a list to tick off: [x] in order, [ ] not, [?] cannot be told
    #[arg(long, conflicts_with = "format")]
    pub checklist: bool,
    /// Root may run the engine, as with `hilum serve --allow-root`: a warning instead of a failure
    #[arg(long)]
    pub allow_root: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}
