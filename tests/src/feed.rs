//! Senders that go on at a held rate, whether the engine is there or not.

use crate::message;
use crate::wire::Connection;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that share the rate: one alone waits for each of its answers.
const CONNECTIONS: u32 = 8;

/// Senders to one listener, and what it accepted of them.
pub struct Feed {
    to: SocketAddr,
    per_second: u32,
    stopped: AtomicBool,
    accepted: Mutex<Vec<String>>,
}

impl Feed {
    /// Messages to a listener, so many a second.
    pub fn new(to: SocketAddr, per_second: u32) -> Feed {
        Feed { to, per_second, stopped: AtomicBool::new(false), accepted: Mutex::default() }
    }

    /// Sends until [`Feed::stop`].
    pub fn run(&self) {
        thread::scope(|scope| {
            for name in 0..CONNECTIONS {
                scope.spawn(move || self.send_as(name));
            }
        });
    }

    /// The control ids that were accepted until now.
    pub fn accepted(&self) -> Vec<String> {
        self.accepted.lock().unwrap().clone()
    }

    /// Ends [`Feed::run`].
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn send_as(&self, name: u32) {
        let gap = Duration::from_secs(1) * CONNECTIONS / self.per_second;
        let (mut n, mut due) = (0, Instant::now());
        while !self.stopped.load(Ordering::Relaxed) {
            let Ok(mut sender) = Connection::open(self.to) else { continue };
            loop {
                // What could not be sent while the engine was away is not made up for.
                due = (due + gap).max(Instant::now());
                while let Some(left) = due.checked_duration_since(Instant::now()) {
                    thread::park_timeout(left);
                }
                let id = format!("F{name}-{n}");
                n += 1;
                if self.stopped.load(Ordering::Relaxed)
                    || sender.send(&message::adt(&id, &format!("P{name}"))).is_err()
                    || !sender.receive(Duration::from_secs(5)).accepts(&id)
                {
                    break;
                }
                self.accepted.lock().unwrap().push(id);
            }
        }
    }
}
