//! The site's settings as a whole.

use config::{Profile, Server};

use super::check::{Check, Finding};
use super::scene::Scene;

/// Years that records of what was done stay (45 CFR 164.316(b)(2)(i)); fewer need an acknowledgement.
const AUDIT_YEARS: u16 = 6;

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check { id: "site.sound", title: "the site's files have no errors", look: sound },
    Check {
        id: "site.profile",
        title: "the profile is the one for patients' data",
        look: |scene| scene.with_server(profile),
    },
    Check {
        id: "site.risks",
        title: "no risk was accepted",
        look: |scene| scene.with_server(risks),
    },
];

fn sound(scene: &Scene) -> Finding {
    let hint = format!("`hilum check {}` shows them", scene.paths.site.display());
    match (scene.errors, scene.warnings) {
        (0, 0) => Finding::ok("no errors and no warnings"),
        (0, warnings) => Finding::warn(format!("no errors; {warnings} to look at")).hint(hint),
        (errors, _) => Finding::fail(format!("{errors} with errors")).hint(hint),
    }
}

fn profile(server: &Server) -> Finding {
    match server.profile {
        Profile::Production => Finding::ok("`production`"),
        Profile::Development => Finding::warn("`development`: what production refuses is allowed")
            .hint("for patients' data write `profile = \"production\"` under `[server]`"),
    }
}

fn risks(server: &Server) -> Finding {
    let mut accepted = Vec::new();
    if server.profile == Profile::Production && server.key_beside_data {
        accepted.push("the store's key lies beside its data");
    }
    if server.audit.keep_years < AUDIT_YEARS {
        accepted.push("records of the audit log stay for less than six years");
    }
    match accepted.is_empty() {
        true => Finding::ok("none"),
        false => Finding::warn(accepted.join("; ")).hint(
            "look at `acknowledge` under `[server]` again, and whether its reasons still hold",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::scene;
    use super::*;

    #[test]
    fn settings_are_judged_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let states = |server: &str| {
            let scene = scene(folder.path(), server);
            let all: Vec<State> = CHECKS.iter().map(|check| (check.look)(&scene).state).collect();
            all
        };
        let away = "[store]\nkey = \"cred:store-key\"\n";
        let production = "[server]\nprofile = \"production\"\n";
        let (ok, warn) = (State::Ok, State::Warn);
        assert_eq!(states(""), [ok, warn, ok]);
        assert_eq!(states(&format!("{production}{away}")), [ok, ok, ok]);
        let accepted = format!("{production}acknowledge = [\"key-beside-data\"]\n");
        assert_eq!(states(&accepted), [ok, ok, warn]);
        let short =
            format!("{production}acknowledge = [\"short-audit\"]\n[audit]\nkeep_years = 2\n{away}");
        assert_eq!(states(&short), [ok, ok, warn]);
        assert_eq!(states(production), [State::Fail, State::Unknown, State::Unknown]);
    }
}
