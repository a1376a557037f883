//! The process of the engine.

use std::fs;
use std::path::Path;

use super::check::{Check, Finding};
use super::scene::{Scene, User};

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check { id: "process.user", title: "the engine does not run as root", look: user },
    Check {
        id: "process.cores",
        title: "a crash of the engine leaves no copy of its memory",
        look: cores,
    },
];

fn user(scene: &Scene) -> Finding {
    let (says, uid) = match scene.user {
        User::Engine(uid) => (format!("it runs as user {uid}"), uid),
        User::Owner(uid) => {
            (format!("nobody is seen to run it; the data belongs to user {uid}"), uid)
        }
        User::Asking(_) => {
            return Finding::unknown("there is no data folder to see it by")
                .hint("start the engine and look again, as the user that runs it");
        }
    };
    match (uid, scene.allow_root) {
        (0, true) => Finding::warn(format!("{says}, which is root")),
        (0, false) => Finding::grave(scene, format!("{says}, which is root"))
            .hint("make a user for it, such as `hilum`, and give the data to that user"),
        _ => Finding::ok(says),
    }
}

fn cores(scene: &Scene) -> Finding {
    let pid = match &scene.engine {
        Ok(engine) => engine.pid,
        Err(not_asked) => return not_asked.finding(),
    };
    let limit = pid.and_then(|pid| core_limit(&scene.machine, pid));
    match limit.as_deref() {
        None => Finding::unknown("the limits of the engine's process cannot be read")
            .hint("look again as the user that runs the engine, or as root"),
        Some("0") => Finding::ok("its core files have a limit of 0"),
        Some(limit) => Finding::grave(
            scene,
            format!(
                "a crash would write its memory, with messages in it, to a file (limit {limit})"
            ),
        )
        .hint("`LimitCORE=0` in its unit, or `ulimit -c 0` where it is started"),
    }
}

/// The limit of a process for core files, as `/proc` words it (proc_pid_limits(5)).
fn core_limit(machine: &Path, pid: i32) -> Option<String> {
    let limits = fs::read_to_string(machine.join(format!("proc/{pid}/limits"))).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
    line.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::{machine, running, scene};
    use super::*;
    use serde_json::Value;

    const PRODUCTION: &str =
        "[server]\nprofile = \"production\"\n[store]\nkey = \"cred:store-key\"\n";

    #[test]
    fn root_is_no_user_for_an_engine() {
        let folder = tempfile::tempdir().unwrap();
        for (server, uid, allow_root, state) in [
            (PRODUCTION, 0, false, State::Fail),
            (PRODUCTION, 0, true, State::Warn),
            (PRODUCTION, 998, false, State::Ok),
            ("", 0, false, State::Warn),
        ] {
            let scene =
                Scene { allow_root, user: User::Engine(uid), ..scene(folder.path(), server) };
            assert_eq!(user(&scene).state, state, "{uid} {server}");
        }
        let unseen = Scene { user: User::Asking(998), ..scene(folder.path(), PRODUCTION) };
        assert_eq!(user(&unseen).state, State::Unknown);
    }

    #[test]
    fn the_limit_of_core_files_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = || scene(folder.path(), PRODUCTION);
        assert_eq!(cores(&quiet()).state, State::Unknown, "nothing runs");
        let scene = running(quiet(), Value::Null, Value::Null, Value::Null);
        assert_eq!(cores(&scene).state, State::Unknown, "nothing is seen of the process");
        for (soft, state) in [("0", State::Ok), ("unlimited", State::Fail), ("4096", State::Fail)] {
            let text = format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max stack size            8388608              unlimited            bytes     \n\
                 Max core file size        {soft}               unlimited            bytes     \n"
            );
            machine(folder.path(), "proc/4711/limits", &text);
            assert_eq!(cores(&scene).state, state, "{soft}");
        }
    }
}
