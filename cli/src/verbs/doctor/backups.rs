//! Backups: whether there are any, where, and how old the newest is.

use config::Server;

use super::audit::device;
use super::check::{Check, Finding};
use super::scene::Scene;
use crate::answer::maybe;
use crate::table::{span, time};

/// An older newest backup is looked after, as the alert `backup.late` says.
const LATE_MS: i64 = 24 * 3600 * 1000;
/// After so long too much would be lost.
const TOO_LATE_MS: i64 = 2 * LATE_MS;

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check {
        id: "backup.made",
        title: "backups are made, on another disk",
        look: |scene| scene.with_server(|server| made(scene, server)),
    },
    Check {
        id: "backup.age",
        title: "the newest backup is less than a day old",
        look: |scene| scene.with_server(|server| age(scene, server)),
    },
];

fn made(scene: &Scene, server: &Server) -> Finding {
    let Some(backup) = &server.backup else {
        return Finding::grave(scene, "the engine makes none")
            .hint("say with `[backup]` in server.toml who can read them, and where they go");
    };
    let folder = backup.folder.display();
    match (device(&backup.folder), device(&scene.paths.data)) {
        (Some(there), Some(here)) if there == here => {
            Finding::warn(format!("`{folder}` is on the disk of the data: both go together"))
                .hint("name a folder of another machine with `folder` under `[backup]`")
        }
        (Some(_), Some(_)) => Finding::ok(format!("in `{folder}`")),
        _ => Finding::unknown(format!("the disk of `{folder}` cannot be told")),
    }
}

fn age(scene: &Scene, server: &Server) -> Finding {
    if server.backup.is_none() {
        return Finding::grave(scene, "there is none").hint("see backup.made");
    }
    scene.with_answer(
        |engine| &engine.backups,
        |backups| newest(maybe(backups, "newest_us"), scene.now_us),
    )
}

fn newest(newest_us: Option<i64>, now_us: i64) -> Finding {
    let hint = "the log says `backup.failed` and why; `hilum backup create` makes one now";
    let Some(at_us) = newest_us else { return Finding::fail("there is none").hint(hint) };
    let age_ms = now_us.saturating_sub(at_us) / 1000;
    let says = format!("{} old, of {}", span(age_ms), time(newest_us));
    match age_ms {
        ..LATE_MS => Finding::ok(says),
        LATE_MS..TOO_LATE_MS => Finding::warn(says).hint(hint),
        _ => Finding::fail(says).hint(hint),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::{running, scene};
    use super::*;
    use serde_json::{Value, json};

    const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn a_backup_is_judged_by_its_age() {
        const HOUR_US: i64 = 3600 * 1_000_000;
        let now_us = 1_800_000_000_000_000;
        for (hours, state) in [
            (Some(1), State::Ok),
            (Some(25), State::Warn),
            (Some(49), State::Fail),
            (None, State::Fail),
        ] {
            let newest_us = hours.map(|hours| now_us - hours * HOUR_US);
            assert_eq!(newest(newest_us, now_us).state, state, "{hours:?}");
        }
    }

    #[test]
    fn a_site_without_backups_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let production = "[server]\nprofile = \"production\"\n[store]\nkey = \"cred:store-key\"\n";
        for (backup, states) in [
            (String::new(), [State::Fail, State::Fail]),
            (format!("[backup]\nrecipients = [\"{RECIPIENT}\"]\n"), [State::Warn, State::Ok]),
            (
                format!("[backup]\nrecipients = [\"{RECIPIENT}\"]\nfolder = \"/proc/backups\"\n"),
                [State::Ok, State::Ok],
            ),
        ] {
            let scene = scene(folder.path(), &format!("{production}{backup}"));
            let backups = json!({ "newest_us": scene.now_us });
            let scene = running(scene, Value::Null, backups, Value::Null);
            let found: Vec<State> = CHECKS.iter().map(|check| (check.look)(&scene).state).collect();
            assert_eq!(found, states, "{backup}");
        }
    }
}
