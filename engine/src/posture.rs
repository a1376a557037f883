//! Whether this machine and these files are fit to run on.

use config::site::exposures;
use config::{Profile, Server};

use store::Store;

use crate::StartOptions;
use crate::site::Site;
use crate::start_error::StartError;

/// Checks what may be checked before anything is opened; answers what status warns of.
pub fn check(site: &Site, options: &StartOptions) -> Result<Vec<String>, StartError> {
    let mut concerns: Vec<String> = match exposures(&site.paths.site) {
        Ok(found) if site.server.profile == Profile::Production => {
            found.iter().map(ToString::to_string).collect()
        }
        Ok(found) if found.is_empty() => Vec::new(),
        Ok(found) => vec![format!(
            "{} of the site's files and folders are open to other users of this machine",
            found.len()
        )],
        Err(error) => vec![format!("the modes of the site's files cannot be read: {error}")],
    };
    if rustix::process::geteuid().is_root() && !options.allow_root {
        concerns.push("the engine runs as root".to_owned());
    }
    match site.server.profile {
        Profile::Development => Ok(concerns.into_iter().chain(standing(&site.server)).collect()),
        Profile::Production if concerns.is_empty() => Ok(standing(&site.server)),
        Profile::Production => Err(refused(&concerns)),
    }
}

/// What production asks of the store: somebody who owns the system, can sign in, and has a second factor (decisions.md 7).
pub async fn check_owner(profile: Profile, store: &Store) -> Result<(), StartError> {
    if profile == Profile::Production && !store.has_safe_owner().await? {
        let missing = "nobody owns the system: start it with the profile `development`, and claim it with `hilum setup`";
        return Err(refused(&[missing.to_owned()]));
    }
    Ok(())
}

fn refused(concerns: &[String]) -> StartError {
    let concerns = concerns.join("\n  ");
    StartError::Posture(format!("the profile `production` is refused:\n  {concerns}"))
}

/// What is worth a warning as long as it stays so.
fn standing(server: &Server) -> Vec<String> {
    let mut warnings = Vec::new();
    if server.key_beside_data {
        warnings.push(
            "the store's key lies beside its data: copy `keys/store.key` to another place, and keep it out of backups".to_owned(),
        );
    }
    warnings
}
