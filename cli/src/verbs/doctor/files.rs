//! Who may read and change the files of a site, its data and its keys.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use config::site::exposures_of;
use config::{KeySource, Server};

use super::check::{Check, Finding};
use super::scene::Scene;

/// Findings that are written out; of more, only the number is said.
const SHOWN: usize = 3;

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check {
        id: "files.site",
        title: "only the engine's user can read and change the site's files",
        look: site,
    },
    Check {
        id: "files.data",
        title: "only the engine's user can enter the data folder",
        look: data,
    },
    Check {
        id: "files.secrets",
        title: "only the engine's user can read the secrets",
        look: secrets,
    },
    Check {
        id: "key.source",
        title: "only the engine's user can get at the store's key",
        look: |scene| scene.with_server(|server| key(scene, &server.store_key)),
    },
    Check {
        id: "key.place",
        title: "the store's key lies apart from its data",
        look: |scene| scene.with_server(place),
    },
];

fn site(scene: &Scene) -> Finding {
    let exposed = match exposures_of(&scene.paths.site, scene.user.uid()) {
        Ok(exposed) => exposed,
        Err(error) => return Finding::unknown(format!("they cannot be looked at: {error}")),
    };
    if exposed.is_empty() {
        return Finding::ok("they are closed to others");
    }
    let folder = scene.paths.site.display();
    let all: Vec<String> = exposed.iter().map(ToString::to_string).collect();
    Finding::grave(scene, some(&all))
        .hint(format!("`chown -R {} {folder}` and `chmod -R go= {folder}`", scene.user.uid()))
}

/// The first few of several findings.
fn some(all: &[String]) -> String {
    let shown: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
    match all.len() - shown.len() {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// What is wrong with the owner or mode of something that is nobody else's.
fn exposed(path: &Path, facts: &Metadata, uid: u32) -> Option<String> {
    let shown = path.display();
    if facts.uid() != uid {
        return Some(format!("`{shown}` belongs to user {} and not to user {uid}", facts.uid()));
    }
    let mode = facts.mode() & 0o7777;
    (mode & 0o077 != 0).then(|| format!("`{shown}` has mode {mode:04o}: others can get at it"))
}

fn data(scene: &Scene) -> Finding {
    let folder = &scene.paths.data;
    match fs::metadata(folder) {
        Ok(facts) => match exposed(folder, &facts, scene.user.uid()) {
            None => Finding::ok("it is closed to others"),
            Some(why) => Finding::fail(why).hint(format!("`chmod 700 {}`", folder.display())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::unknown("there is none: the first start makes it")
        }
        Err(error) => Finding::unknown(format!("it cannot be looked at: {error}")),
    }
}

fn secrets(scene: &Scene) -> Finding {
    let folder = scene.paths.data.join("secrets");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::ok("there are none in the data folder");
        }
        Err(error) => return Finding::unknown(format!("they cannot be looked at: {error}")),
    };
    let mut wrong = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        match fs::metadata(&path) {
            Ok(facts) => wrong.extend(exposed(&path, &facts, scene.user.uid())),
            Err(error) => return Finding::unknown(format!("`{}`: {error}", path.display())),
        }
    }
    wrong.sort();
    match wrong.is_empty() {
        true => Finding::ok("they are closed to others"),
        false => Finding::fail(some(&wrong)).hint(format!("`chmod -R go= {}`", folder.display())),
    }
}

fn key(scene: &Scene, source: &KeySource) -> Finding {
    match source {
        KeySource::File(path) => key_file(scene, path),
        KeySource::Credential(name) => {
            Finding::ok(format!("the service manager hands it over as `{name}`"))
        }
        KeySource::Environment(name) => Finding::warn(format!(
            "it is in the environment variable `{name}`, where whoever sees the service's settings may read it"
        ))
        .hint("use `cred:` or `file:` for `key` under `[store]`"),
        KeySource::Command(words) => match words.first() {
            Some(program) => key_program(Path::new(program), scene.user.uid()),
            None => Finding::unknown("no program is named"),
        },
    }
}

fn key_file(scene: &Scene, path: &Path) -> Finding {
    let uid = scene.user.uid();
    let wrong = |path: &Path| fs::metadata(path).map(|facts| exposed(path, &facts, uid));
    let folder = path.parent().unwrap_or(path);
    match (wrong(path), wrong(folder)) {
        (Ok(None), Ok(None)) => Finding::ok(format!("`{}` is closed to others", path.display())),
        (Ok(Some(why)), _) => Finding::fail(why).hint(format!(
            "`chmod 600 {}`; if others may have read it, look after who has a copy of the store",
            path.display()
        )),
        (_, Ok(Some(why))) => Finding::fail(why).hint(format!("`chmod 700 {}`", folder.display())),
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {
            match scene.paths.data.join("hilum.db").exists() {
                true => Finding::fail(format!("`{}` is not there", path.display()))
                    .hint("put the copy of it back: without it no message can be read"),
                false => Finding::unknown("there is none: the first start makes it"),
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            Finding::unknown(format!("`{}` cannot be looked at: {error}", path.display()))
        }
    }
}

/// Who may change the program that prints the key can have the key.
fn key_program(path: &Path, uid: u32) -> Finding {
    let shown = path.display();
    let facts = match fs::metadata(path) {
        Ok(facts) => facts,
        Err(error) => return Finding::fail(format!("`{shown}`, which prints it: {error}")),
    };
    let (owner, mode) = (facts.uid(), facts.mode() & 0o7777);
    if ![0, uid].contains(&owner) || mode & 0o022 != 0 {
        return Finding::fail(format!(
            "`{shown}`, which prints it, can be changed by others: user {owner}, mode {mode:04o}"
        ))
        .hint(format!("`chown root {shown}` and `chmod go-w {shown}`"));
    }
    Finding::ok(format!("`{shown}` prints it, and others cannot change that program"))
}

fn place(server: &Server) -> Finding {
    match server.key_beside_data {
        false => Finding::ok("it is elsewhere"),
        true => Finding::warn("it lies in the data folder: whoever copies the data copies its key")
            .hint("stop the engine, move the key, and name its place with `key` under `[store]`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::scene;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_can_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), "");
        for path in ["site", "site/channels", "site/server.toml"] {
            mode(&folder.path().join(path), 0o700);
        }
        let path = |path: &str| scene.paths.data.join(path);
        assert_eq!(data(&scene).state, State::Unknown, "there is none");
        for part in ["keys", "secrets"] {
            fs::create_dir_all(path(part)).unwrap();
            mode(&path(part), 0o700);
        }
        mode(&path(""), 0o700);
        for part in ["keys/store.key", "secrets/a", "secrets/b"] {
            fs::write(path(part), "x").unwrap();
            mode(&path(part), 0o600);
        }
        type Look = fn(&Scene) -> Finding;
        let looks: [(&str, Look, State, &str); 6] = [
            ("site/channels", site, State::Warn, "site/channels"),
            ("site/server.toml", site, State::Warn, "site/server.toml"),
            ("site/data", data, State::Fail, "site/data"),
            ("site/data/secrets/b", secrets, State::Fail, "secrets/b"),
            ("site/data/keys/store.key", scene_key, State::Fail, "store.key"),
            ("site/data/keys", scene_key, State::Fail, "data/keys"),
        ];
        for (part, look, state, names) in looks {
            assert_eq!(look(&scene).state, State::Ok, "{part}");
            mode(&folder.path().join(part), 0o755);
            let found = look(&scene);
            assert!(found.state == state && found.says.contains(names), "{part}: {found:?}");
            assert!(found.hint.is_some(), "{part}");
            mode(&folder.path().join(part), 0o700);
        }
    }

    fn scene_key(scene: &Scene) -> Finding {
        key_file(scene, &scene.paths.data.join("keys/store.key"))
    }

    #[test]
    fn a_key_that_is_gone_is_missed_where_there_is_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), "");
        fs::create_dir_all(&scene.paths.data).unwrap();
        assert_eq!(scene_key(&scene).state, State::Unknown);
        fs::write(scene.paths.data.join("hilum.db"), "").unwrap();
        assert_eq!(scene_key(&scene).state, State::Fail);
    }

    #[test]
    fn a_program_that_others_can_change_is_no_place_for_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("unwrap");
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(key_program(&program, uid).state, State::Fail, "it is not there");
        fs::write(&program, "").unwrap();
        for (bits, state) in [(0o755, State::Ok), (0o775, State::Fail), (0o757, State::Fail)] {
            mode(&program, bits);
            assert_eq!(key_program(&program, uid).state, state, "{bits:o}");
        }
    }

    #[test]
    fn of_many_findings_a_few_are_written_out() {
        let all: Vec<String> = (1..=5).map(|n| n.to_string()).collect();
        assert_eq!(some(&all), "1; 2; 3; and 2 more");
        assert_eq!(some(&all[..2]), "1; 2");
    }
}
