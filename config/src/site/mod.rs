//! The site: the folder an operator keeps, and the places of its secrets. Nothing else in this crate reads files.

mod exposure;
mod files;
mod paths;
mod secrets;
mod tests;

pub use exposure::{Exposure, exposures, exposures_of};
pub use files::{Companion, SiteFile, SiteFiles};
pub use paths::Paths;
pub use secrets::{SecretError, Secrets};
pub use tests::{TestFolder, test_folders};

/// The name of this machine.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
