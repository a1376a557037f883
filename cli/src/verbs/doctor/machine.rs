//! What the machine does with memory, and whether its clock can be trusted.

use std::fs;
use std::path::Path;

use super::block::{Cover, of_device, of_path, plain};
use super::check::{Check, Finding};
use super::scene::Scene;

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check { id: "machine.swap", title: "memory is not written to a disk in clear", look: swap },
    Check { id: "machine.clock", title: "the clock follows a source of time", look: clock },
];

fn swap(scene: &Scene) -> Finding {
    let text = match fs::read_to_string(scene.machine.join("proc/swaps")) {
        Ok(text) => text,
        Err(error) => return Finding::unknown(format!("`/proc/swaps`: {error}")),
    };
    let mut unknown = None;
    // The first line is the heading (proc_swaps(5)).
    for line in text.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (Some(place), Some(kind)) = (words.next(), words.next()) else { continue };
        let place = plain(place);
        match cover(&scene.machine, &place, kind) {
            Cover::Encrypted => {}
            Cover::Plain(_) => {
                return Finding::warn(format!(
                    "`{}` takes memory that is not needed at the moment, messages in it too, and is not encrypted",
                    place.display()
                ))
                .hint("`swapoff -a` and take it out of `/etc/fstab`, or encrypt it; `MemorySwapMax=0` in the unit keeps the engine out of it");
            }
            Cover::Unknown(why) => unknown = Some(why),
        }
    }
    match unknown {
        Some(why) => Finding::unknown(format!("swap: {why}")),
        None if text.lines().count() > 1 => {
            Finding::ok("what is swapped is encrypted or stays in memory")
        }
        None => Finding::ok("nothing is swapped"),
    }
}

fn cover(machine: &Path, place: &Path, kind: &str) -> Cover {
    if kind != "partition" {
        return of_path(machine, place);
    }
    let known =
        place.strip_prefix("/").ok().and_then(|rest| fs::canonicalize(machine.join(rest)).ok());
    let known = known.as_deref().unwrap_or(place);
    match known.file_name().map(|name| name.to_string_lossy()) {
        // It is compressed memory, and no disk.
        Some(name) if name.starts_with("zram") => Cover::Encrypted,
        Some(name) => of_device(machine, &name),
        None => Cover::Unknown(format!("nothing is known of `{}`", place.display())),
    }
}

/// What systemd-timesyncd says; of other programs there is no common sign in a file.
fn clock(scene: &Scene) -> Finding {
    let folder = scene.machine.join("run/systemd/timesync");
    if folder.join("synchronized").exists() {
        return Finding::ok("it has been set by a time server since the machine started");
    }
    match folder.exists() {
        true => Finding::warn("no time server has set it since the machine started")
            .hint("`timedatectl timesync-status` says why; the audit log and second factors need the right time"),
        false => Finding::unknown("systemd-timesyncd does not run")
            .hint("`timedatectl`, or `chronyc tracking`, says whether another program sets it"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::super::scene::example::{machine, scene};
    use super::*;

    const HEADING: &str = "Filename\tType\tSize\tUsed\tPriority\n";

    #[test]
    fn swap_in_clear_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), "");
        assert_eq!(swap(&scene).state, State::Unknown);
        let disk = |name: &str, uuid: &str| {
            machine(folder.path(), &format!("sys/class/block/{name}/size"), "1");
            machine(folder.path(), &format!("sys/class/block/{name}/dm/uuid"), uuid);
        };
        disk("sda3", "");
        disk("dm-2", "CRYPT-PLAIN-swap\n");
        for (lines, state) in [
            ("", State::Ok),
            ("/dev/dm-2 partition 1 0 -2\n", State::Ok),
            ("/dev/zram0 partition 1 0 -2\n", State::Ok),
            ("/dev/dm-2 partition 1 0 -2\n/dev/sda3 partition 1 0 -3\n", State::Warn),
            ("/dev/sdz9 partition 1 0 -2\n", State::Unknown),
        ] {
            machine(folder.path(), "proc/swaps", &format!("{HEADING}{lines}"));
            assert_eq!(swap(&scene).state, state, "{lines}");
        }
    }

    #[test]
    fn a_file_to_swap_to_lies_on_a_disk() {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), "");
        machine(folder.path(), "proc/swaps", &format!("{HEADING}/swap\\040file file 1 0 -2\n"));
        machine(folder.path(), "proc/self/mountinfo", "1 0 0:1 / / rw - ext4 /dev/sda2 rw\n");
        machine(folder.path(), "dev/sda2", "");
        machine(folder.path(), "sys/class/block/sda2/size", "1");
        let found = swap(&scene);
        assert!(found.state == State::Warn && found.says.contains("/swap file"), "{found:?}");
    }

    #[test]
    fn a_clock_that_nobody_sets_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let scene = scene(folder.path(), "");
        assert_eq!(clock(&scene).state, State::Unknown);
        machine(folder.path(), "run/systemd/timesync/other", "");
        assert_eq!(clock(&scene).state, State::Warn);
        machine(folder.path(), "run/systemd/timesync/synchronized", "");
        assert_eq!(clock(&scene).state, State::Ok);
    }
}
