//! Whether this machine and these files are fit to run on.

use config::site::exposures;
use config::{AlertLimits, Profile, SecondFactorPolicy, Server};

use store::{Scope, Store};

use crate::StartOptions;
use crate::certificates::{Accepted, CertificateStatus};
use crate::engine::Engine;
use crate::site::Site;
use crate::start_error::StartError;

/// What protects the engine at this moment, as far as the engine itself knows.
pub struct Posture {
    /// The label of the environment.
    pub environment: String,
    /// `development` or `production`.
    pub profile: &'static str,
    /// What was looked at and accepted, in words; for whoever reaches every channel.
    pub warnings: Vec<String>,
    /// What goes without encryption.
    pub plaintext: Vec<Accepted>,
    /// The certificates in use, the next to end first.
    pub certificates: Vec<CertificateStatus>,
    /// Who must have a second factor.
    pub second_factor: SecondFactorPolicy,
    /// From when on something is an alert.
    pub limits: AlertLimits,
    /// The names of those who are told of alerts.
    pub sinks: Vec<String>,
}

impl Engine {
    /// What protects what lies within a scope.
    pub fn posture(&self, scope: &Scope) -> Posture {
        let server = &self.inner.server;
        let mut certificates = self.certificates();
        certificates.retain(|one| one.is_within(scope));
        let warnings = match scope {
            Scope::All => self.inner.warnings.clone(),
            Scope::Channels(_) => Vec::new(),
        };
        Posture {
            environment: server.environment.clone(),
            profile: server.profile.as_str(),
            warnings,
            plaintext: self.plaintext_accepted(scope),
            certificates,
            second_factor: server.api.second_factor,
            limits: server.alerts.limits,
            sinks: self.inner.alerting.sinks.iter().map(|sink| sink.name.clone()).collect(),
        }
    }
}

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

/// What production, and an admin API that others can reach, ask of the store: somebody who owns the system, can sign in, and has a second
/// factor (decisions.md 7).
pub async fn check_owner(server: &Server, store: &Store) -> Result<(), StartError> {
    let (production, open) =
        (server.profile == Profile::Production, server.api.is_open_to_others());
    if !(production || open) || store.has_safe_owner().await? {
        return Ok(());
    }
    let missing = "nobody owns the system";
    match open {
        true => Err(StartError::Posture(format!(
            "{missing}, and other machines can reach the admin API on {}: start it with `listen = \"127.0.0.1:{}\"` under `[api]` and the profile `development`, and claim it with `hilum setup`",
            server.api.listen,
            server.api.listen.port(),
        ))),
        false => Err(refused(&[format!(
            "{missing}: start it with the profile `development`, and claim it with `hilum setup`"
        )])),
    }
}

fn refused(concerns: &[String]) -> StartError {
    let concerns = concerns.join("\n  ");
    StartError::Posture(format!("the profile `production` is refused:\n  {concerns}"))
}

/// What is worth a warning as long as it stays so.
fn standing(server: &Server) -> Vec<String> {
    let mut warnings = Vec::new();
    if server.profile == Profile::Production && !server.api.approvals {
        warnings.push(
            "what needs a second person in production needs none here: `approvals = \"never\"` under `[api]`"
                .to_owned(),
        );
    }
    if server.key_beside_data {
        warnings.push(
            "the store's key lies beside its data: copy `keys/store.key` to another place, and keep it out of backups".to_owned(),
        );
    }
    warnings
}
