//! A running engine: started, watched, stopped or killed.

use crate::site::Site;
use crate::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How an engine ended, with all it said.
pub struct Ended {
    /// The process's status.
    pub status: ExitStatus,
    /// What it wrote to stderr.
    pub said: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.status, self.said)
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Default)]
struct Said {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

/// A running engine; it is killed when it is dropped.
pub struct Engine {
    child: Child,
    said: Arc<Said>,
    readers: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts `hilum serve` on a site and waits for its `ready` line.
    pub fn start(hilum: Command, site: &Site) -> Result<Engine, Ended> {
        Engine::start_with(hilum, site, &[])
    }

    /// The same, with more arguments.
    pub fn start_with(hilum: Command, site: &Site, more: &[&str]) -> Result<Engine, Ended> {
        let engine = Engine::spawn_with(hilum, site, more);
        if engine.wait_said(wait::PATIENCE, |line| line.starts_with("ready")) {
            return Ok(engine);
        }
        Err(engine.ended(Duration::from_secs(10)))
    }

    /// Starts it and waits for nothing.
    pub fn spawn(hilum: Command, site: &Site) -> Engine {
        Engine::spawn_with(hilum, site, &[])
    }

    fn spawn_with(mut hilum: Command, site: &Site, more: &[&str]) -> Engine {
        hilum.arg("serve").arg(site.folder()).arg("--data").arg(site.data()).args(more);
        let mut child =
            hilum.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let said = Arc::new(Said::default());
        let stderr = listen(child.stderr.take().unwrap(), Arc::clone(&said), true);
        let stdout = listen(child.stdout.take().unwrap(), Arc::clone(&said), false);
        Engine { child, said, readers: vec![stderr, stdout] }
    }

    /// The process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Everything it has written so far.
    pub fn said(&self) -> String {
        self.said.lines.lock().unwrap().0.join("\n")
    }

    /// Waits for a line; false when the engine ended or the limit passed first.
    pub fn wait_said(&self, limit: Duration, mut wanted: impl FnMut(&str) -> bool) -> bool {
        let mut seen = 0;
        let end = Instant::now() + limit;
        let mut lines = self.said.lines.lock().unwrap();
        loop {
            while seen < lines.0.len() {
                seen += 1;
                if wanted(&lines.0[seen - 1]) {
                    return true;
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if lines.1 || left.is_zero() {
                return false;
            }
            lines = self.said.changed.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.ended(Duration::from_secs(30))
    }

    /// Sends a signal without waiting for anything.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).expect("the engine runs");
    }

    /// Asks it to stop and waits until it has; a graceful stop exits with 0.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        let ended = self.ended(Duration::from_secs(45));
        assert_eq!(ended.status.code(), Some(0), "a graceful stop exits with 0: {ended}");
        ended
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self, limit: Duration) -> Ended {
        let status = wait::within(limit, "the engine ends", || self.child.try_wait().unwrap());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Ended { status, said: self.said() }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line =
            status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line about memory");
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "the engine said:\n{}",
                self.said.lines.lock().map(|lines| lines.0.join("\n")).unwrap_or_default()
            );
        }
    }
}

fn listen(from: impl Read + Send + 'static, said: Arc<Said>, main: bool) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            said.lines.lock().unwrap().0.push(String::from_utf8_lossy(&line).into_owned());
            said.changed.notify_all();
        }
        said.lines.lock().unwrap().1 |= main;
        said.changed.notify_all();
    })
}
