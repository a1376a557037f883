//! Faults from outside: system calls that fail, file systems that are full.

use crate::engine::Engine;
use rustix::fs::FallocateFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// System calls of a running engine that fail or kill it, until this is dropped.
pub struct Injection {
    strace: Child,
}

impl Injection {
    /// Takes effect before this returns; `what` is strace's own words, `fdatasync:error=EIO:when=1+`.
    pub fn into(engine: &Engine, what: &str) -> Injection {
        let calls = what.split(':').next().unwrap();
        let mut strace = Command::new("strace")
            .args([
                "-f",
                "-e",
                &format!("trace={calls}"),
                "-e",
                &format!("inject={what}"),
                "-p",
                &engine.pid().to_string(),
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace is installed: run the tests with `tests/run`");
        let mut lines = BufReader::new(strace.stderr.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        assert!(
            first.contains("attached"),
            "strace cannot attach (it needs root, or ptrace_scope 0): {first}"
        );
        std::thread::spawn(move || for _ in lines {});
        Injection { strace }
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.strace);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM); // it detaches
        // Where the engine ends at the same moment, strace may wait for a thread that is gone, and for ever.
        let left =
            crate::wait::within_or(Duration::from_secs(10), || self.strace.try_wait().ok()?);
        if left.is_none() {
            let _ = self.strace.kill();
            let _ = self.strace.wait();
        }
    }
}

/// A command that runs another one and writes these system calls of it into a file, from its first moment on.
pub fn traced(calls: &str, into: &Path, program: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-o"]).arg(into).args(["-e", &format!("trace={calls}"), "--"]);
    strace.arg(program);
    strace
}

/// A command that runs another one with failing system calls from its first moment on.
pub fn injected(what: &str, program: &Path) -> Command {
    let calls = what.split(':').next().unwrap();
    let mut strace = Command::new("strace");
    strace.args([
        "-D",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={what}"),
        "--",
    ]);
    strace.arg(program);
    strace
}

/// A small file system of its own.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Mounts one of this size.
    pub fn of(mebibytes: u32) -> Disk {
        let folder = tempfile::Builder::new().prefix("hilum-it-disk.").tempdir().unwrap();
        let size = format!("size={mebibytes}m,mode=0700");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "hilum-test"])
            .arg(folder.path())
            .status();
        assert!(
            status.expect("`mount` runs").success(),
            "a test of a full disk mounts a tmpfs, which needs root"
        );
        Disk { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Bytes that are free.
    pub fn free(&self) -> u64 {
        let numbers = rustix::fs::statvfs(self.folder.path()).unwrap();
        numbers.f_bavail * numbers.f_frsize
    }

    /// Takes space until only so much is free; given back when the ballast is dropped.
    pub fn leave(&self, bytes: u64) -> Ballast {
        let path = self.folder.path().join("ballast");
        let file = File::create(&path).unwrap();
        // The engine may take space meanwhile, so what is free is asked again.
        crate::wait::until("the ballast fits", || {
            let take = self.free().saturating_sub(bytes);
            let taken = std::fs::metadata(&path).unwrap().len();
            let more = rustix::fs::fallocate(&file, FallocateFlags::empty(), taken, take.max(1));
            (take == 0 || more.is_ok()).then_some(())
        });
        Ballast { path }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

/// Space that is taken.
pub struct Ballast {
    path: PathBuf,
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Lets this process, which is every peer of the engine at once, have as many connections as it may.
pub fn many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
