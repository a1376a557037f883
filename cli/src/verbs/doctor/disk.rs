//! The disks under the store: encrypted, and with space left.

use std::path::PathBuf;

use config::{Server, StoreUrl};
use engine::look_at_disk;

use super::block::{Cover, of_path};
use super::check::{Check, Finding};
use super::scene::Scene;

/// With less than this times the reserve free, somebody should look for space.
const RESERVES_FREE: u64 = 2;

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check { id: "disk.encrypted", title: "the disk under the data is encrypted", look: encrypted },
    Check {
        id: "disk.free",
        title: "the disk has space for the store to grow",
        look: |scene| scene.with_server(|server| free(scene, server)),
    },
];

/// The folder of the data, and that of the store when it is another one.
fn folders(scene: &Scene) -> Vec<PathBuf> {
    let mut folders = vec![Scene::existing(&scene.paths.data)];
    if let Some(StoreUrl::Sqlite(file)) = scene.server().map(|server| &server.store_url) {
        let folder = Scene::existing(file.parent().unwrap_or(file));
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

fn encrypted(scene: &Scene) -> Finding {
    for folder in folders(scene) {
        match of_path(&scene.machine, &folder) {
            Cover::Encrypted => {}
            Cover::Plain(device) => {
                return Finding::warn(format!(
                    "`{}` lies on `{device}`, which this system does not encrypt: bodies are sealed, names of systems and times are not",
                    folder.display()
                ))
                .hint("put it on an encrypted volume (LUKS), unless the disk or its host encrypts by itself");
            }
            Cover::Unknown(why) => {
                return Finding::unknown(why).hint("ask whoever provides the disk");
            }
        }
    }
    Finding::ok("by dm-crypt")
}

fn free(scene: &Scene, server: &Server) -> Finding {
    let folders = folders(scene);
    let Some(folder) = folders.last() else { return Finding::unknown("there is no folder") };
    let disk = match look_at_disk(folder, server.disk_reserve) {
        Ok(disk) => disk,
        Err(error) => return Finding::unknown(format!("`{}`: {error}", folder.display())),
    };
    let says = format!("{} MiB free, reserve {} MiB", disk.free >> 20, disk.reserve >> 20);
    let hint = "make space on the disk of the store, or give it a larger one";
    if disk.is_low() {
        return Finding::fail(format!("{says}: no messages are taken")).hint(hint);
    }
    match disk.free < disk.reserve.saturating_mul(RESERVES_FREE) {
        true => Finding::warn(format!("{says}: it is nearly reached")).hint(hint),
        false => Finding::ok(says),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::{machine, scene};
    use super::*;

    #[test]
    fn a_reserve_that_is_not_there_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for (reserve, state) in [("1 MiB", State::Ok), ("1024 GiB", State::Fail)] {
            let scene = scene(folder.path(), &format!("[limits]\ndisk_reserve = \"{reserve}\"\n"));
            let found = scene.with_server(|server| free(&scene, server));
            assert_eq!(found.state, state, "{found:?}");
        }
    }

    #[test]
    fn the_disk_of_the_data_is_judged() {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), "");
        assert_eq!(encrypted(&scene).state, State::Unknown, "nothing is mounted");
        machine(folder.path(), "proc/self/mountinfo", "1 0 8:2 / / rw - ext4 /dev/sda2 rw\n");
        assert_eq!(encrypted(&scene).state, State::Unknown, "no such device");
        machine(folder.path(), "dev/sda2", "");
        machine(folder.path(), "sys/class/block/sda2/size", "1");
        assert_eq!(encrypted(&scene).state, State::Warn);
        machine(folder.path(), "sys/class/block/sda2/dm/uuid", "CRYPT-LUKS2-1\n");
        assert_eq!(encrypted(&scene).state, State::Ok);
    }
}
