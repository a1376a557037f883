//! Whether what lies on a disk is encrypted there, as far as this system knows of it: layers of dm-crypt under a file system.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Layers of devices that are followed, such as a volume on a RAID on partitions.
const LAYERS_MAX: usize = 8;

/// How something lies on its disks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Encrypted by this system.
    Encrypted,
    /// On this device without encryption by this system; the device itself may encrypt.
    Plain(String),
    /// It cannot be told, and why.
    Unknown(String),
}

/// A line of `mountinfo` (proc_pid_mountinfo(5)).
struct Mount {
    device: String,
    point: PathBuf,
    kind: String,
    source: String,
}

/// How a folder or file lies on its disks. `machine` is where `/proc`, `/sys` and `/dev` begin.
pub fn of_path(machine: &Path, path: &Path) -> Cover {
    let text = match fs::read_to_string(machine.join("proc/self/mountinfo")) {
        Ok(text) => text,
        Err(error) => return Cover::Unknown(format!("the mounts cannot be read: {error}")),
    };
    // Of two mounts on one place the later one is seen.
    let mounts = text.lines().filter_map(Mount::read);
    let over = mounts.filter(|mount| path.starts_with(&mount.point));
    let Some(mount) = over.max_by_key(|mount| mount.point.components().count()) else {
        return Cover::Unknown(format!("nothing is mounted at `{}`", path.display()));
    };
    if mount.kind == "ecryptfs" {
        return Cover::Encrypted;
    }
    let numbered = fs::canonicalize(machine.join("sys/dev/block").join(&mount.device)).ok();
    let named = || {
        let source = mount.source.strip_prefix('/').filter(|source| source.starts_with("dev/"))?;
        fs::canonicalize(machine.join(source)).ok()
    };
    let device = numbered.or_else(named);
    match device.as_deref().and_then(Path::file_name) {
        Some(name) => of_device(machine, &name.to_string_lossy()),
        None => Cover::Unknown(format!(
            "it lies on a file system of the kind `{}`, whose disks are not seen from here",
            mount.kind
        )),
    }
}

/// How a block device, such as `sda2` or `dm-0`, lies on its disks.
pub fn of_device(machine: &Path, name: &str) -> Cover {
    layer(machine, name, LAYERS_MAX)
}

fn layer(machine: &Path, name: &str, layers: usize) -> Cover {
    let device = machine.join("sys/class/block").join(name);
    if layers == 0 || !device.exists() {
        return Cover::Unknown(format!("nothing is known of the device `{name}`"));
    }
    let uuid = fs::read_to_string(device.join("dm/uuid")).unwrap_or_default();
    if uuid.starts_with("CRYPT-") {
        return Cover::Encrypted;
    }
    if name.starts_with("loop") {
        return Cover::Unknown(format!("`{name}` is a file as a disk"));
    }
    let below = fs::read_dir(device.join("slaves")).into_iter().flatten().flatten();
    let below: Vec<Cover> = below
        .map(|entry| layer(machine, &entry.file_name().to_string_lossy(), layers - 1))
        .collect();
    let first = |wanted: fn(&Cover) -> bool| below.iter().find(|cover| wanted(cover)).cloned();
    first(|cover| matches!(cover, Cover::Plain(_)))
        .or_else(|| first(|cover| matches!(cover, Cover::Unknown(_))))
        .or_else(|| below.first().cloned())
        .unwrap_or_else(|| Cover::Plain(name.to_owned()))
}

impl Mount {
    fn read(line: &str) -> Option<Mount> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(2);
        let (device, _root, point) = (before.next()?, before.next()?, before.next()?);
        let mut after = after.split(' ');
        let (kind, source) = (after.next()?, after.next()?);
        Some(Mount {
            device: device.to_owned(),
            point: plain(point),
            kind: kind.to_owned(),
            source: source.to_owned(),
        })
    }
}

/// A path as the kernel prints it: blanks and the like are `\` and three octal digits.
pub fn plain(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(|_| *byte == b'\\') {
            Some(code) => {
                bytes.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const MOUNTS: &str = "\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/root rw
23 22 253:1 / /var/lib/with\\040blank rw - ext4 /dev/mapper/data rw
24 22 0:45 / /srv rw - btrfs /dev/sdb1 rw
25 22 0:46 / /nfs rw - nfs4 server:/export rw
26 22 253:3 / /mirror rw - xfs /dev/mapper/half rw
27 22 0:47 / /over rw - ext4 /dev/gone rw
28 22 253:1 / /over rw - ext4 /dev/mapper/data rw
29 22 7:0 / /image rw - ext4 /dev/loop0 rw
";

    /// A machine with a volume on a RAID on LUKS, a mirror of which one half is plain, and plain disks.
    fn machine() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let device = |name: &str, number: &str, uuid: &str, below: &[&str]| {
            fs::create_dir_all(at(&format!("sys/class/block/{name}/slaves"))).unwrap();
            fs::create_dir_all(at("sys/dev/block")).unwrap();
            symlink(at(&format!("sys/class/block/{name}")), at(&format!("sys/dev/block/{number}")))
                .unwrap();
            if !uuid.is_empty() {
                fs::create_dir_all(at(&format!("sys/class/block/{name}/dm"))).unwrap();
                fs::write(at(&format!("sys/class/block/{name}/dm/uuid")), uuid).unwrap();
            }
            for one in below {
                fs::write(at(&format!("sys/class/block/{name}/slaves/{one}")), "").unwrap();
            }
        };
        device("sda2", "8:2", "", &[]);
        device("sdb1", "8:17", "", &[]);
        device("dm-0", "253:0", "CRYPT-LUKS2-8f3c-data\n", &["sdb1"]);
        device("md0", "9:0", "", &["dm-0"]);
        device("dm-1", "253:1", "LVM-Zz0\n", &["md0"]);
        device("dm-3", "253:3", "LVM-Zz1\n", &["dm-0", "sda2"]);
        device("loop0", "7:0", "", &[]);
        fs::create_dir_all(at("proc/self")).unwrap();
        fs::create_dir_all(at("dev")).unwrap();
        fs::write(at("dev/sdb1"), "").unwrap();
        fs::write(at("proc/self/mountinfo"), MOUNTS).unwrap();
        folder
    }

    #[test]
    fn encryption_is_found_under_the_layers() {
        let machine = machine();
        let of = |path: &str| of_path(machine.path(), Path::new(path));
        assert_eq!(of("/etc/hilum"), Cover::Plain("sda2".into()));
        assert_eq!(of("/var/lib/with blank/data"), Cover::Encrypted);
        assert_eq!(of("/var/lib/without"), Cover::Plain("sda2".into()));
        assert_eq!(of("/srv/data"), Cover::Plain("sdb1".into()), "btrfs has no number of its own");
        assert_eq!(of("/mirror"), Cover::Plain("sda2".into()), "half of it is plain");
        assert_eq!(of("/over/data"), Cover::Encrypted, "the later mount is seen");
        for path in ["/nfs/data", "/image/data"] {
            assert!(matches!(of(path), Cover::Unknown(_)), "{path}: {:?}", of(path));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(of_path(empty.path(), Path::new("/")), Cover::Unknown(_)));
        assert!(matches!(of_device(empty.path(), "sda"), Cover::Unknown(_)));
    }

    #[test]
    fn paths_of_the_kernel_are_read() {
        for (text, path) in [
            ("/a\\040b\\134c", "/a b\\c"),
            ("/plain", "/plain"),
            ("/end\\04", "/end\\04"),
            ("/\\777", "/\\777"),
        ] {
            assert_eq!(plain(text), Path::new(path), "{text}");
        }
    }
}
