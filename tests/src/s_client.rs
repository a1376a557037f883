//! A real TLS client that is none of ours: `openssl s_client`.

use crate::{verbs, wait, wire};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a client said after it had connected, or failed to, and closed at once.
pub fn hello(address: SocketAddr, arguments: &[&str]) -> verbs::Output {
    let mut command = client(address, arguments);
    command.stdin(Stdio::null());
    verbs::run(command)
}

/// What a client says until this limit, at which it is ended, when it types these lines.
pub fn typing(address: SocketAddr, arguments: &[&str], lines: &str, limit: Duration) -> String {
    let mut child = client(address, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).unwrap();
    let end = std::time::Instant::now() + limit;
    while std::time::Instant::now() < end && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat()
}

/// What comes back for some bytes before the other end closes, when its certificate is `localhost`'s and of the authority in `ca.pem` of
/// this folder; nothing when it is not, or when nobody was let in.
pub fn answer(folder: &Path, address: SocketAddr, more: &[&str], request: &[u8]) -> String {
    let mut child = client(address, &["-quiet", "-ign_eof", "-servername", "localhost"])
        .args(["-verify_return_error", "-verify_hostname", "localhost", "-CAfile", "ca.pem"])
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    // One that was turned away does not take it.
    let _ = child.stdin.take().unwrap().write_all(request);
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn client(address: SocketAddr, arguments: &[&str]) -> Command {
    let mut command = verbs::clean(Command::new("openssl"));
    command.args(["s_client", "-connect", &address.to_string()]).args(arguments);
    command
}

/// A connection that speaks MLLP inside TLS; it ends when it is dropped.
pub struct Secured {
    child: Child,
    read: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Secured {
    /// Connects with these arguments of `s_client`.
    pub fn open(address: SocketAddr, arguments: &[&str]) -> Secured {
        let mut child = client(address, arguments)
            .args(["-quiet", "-no_ign_eof"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let read = Arc::new(Mutex::new(Vec::new()));
        let (mut stdout, into) = (child.stdout.take().unwrap(), Arc::clone(&read));
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(1..) = stdout.read(&mut chunk).inspect(|n| {
                into.lock().unwrap().extend_from_slice(&chunk[..*n]);
            }) {}
        });
        Secured { child, read, reader: Some(reader) }
    }

    /// Sends a message in its block.
    pub fn send(&mut self, message: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(&wire::frame(message)).unwrap();
        stdin.flush().unwrap();
    }

    /// Sends a message and waits for its acknowledgement.
    pub fn exchange(&mut self, message: &[u8]) -> wire::Answer {
        self.send(message);
        let frame = wait::until_or(|| wire::take_frame(&mut self.read.lock().unwrap()));
        frame.map_or(wire::Answer::Nothing, wire::Answer::Ack)
    }

    /// What has come and was not taken.
    pub fn unread(&self) -> Vec<u8> {
        self.read.lock().unwrap().clone()
    }

    /// Waits until the other end has closed; false when it does not within the limit.
    pub fn closes(&mut self, limit: Duration) -> bool {
        let end = std::time::Instant::now() + limit;
        while std::time::Instant::now() < end {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
