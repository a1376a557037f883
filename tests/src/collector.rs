//! A syslog collector over TLS: OpenSSL as the other end, which writes down what it is sent.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::certificates::Issued;
use crate::wait;

/// A collector. It is killed when it is dropped.
pub struct Collector {
    at: SocketAddr,
    child: Child,
    heard: Arc<Mutex<Vec<u8>>>,
}

/// An entry of RFC 5424.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Facility and severity.
    pub priority: u16,
    /// When.
    pub time: String,
    /// The name of the engine.
    pub host: String,
    /// What kind of entry.
    pub id: String,
    /// The structured data.
    pub data: String,
    /// What it says.
    pub text: String,
}

impl Entry {
    /// What tells it from all others of its kind.
    pub fn place(&self) -> &str {
        self.data.split('"').nth(1).unwrap()
    }
}

impl Collector {
    /// Listens there, with this certificate, and asks every sender for one of this authority.
    pub fn listen(at: SocketAddr, own: &Issued, authority: &Path) -> Collector {
        let mut child = Command::new("openssl")
            .args(["s_server", "-quiet", "-tls1_3", "-verify_return_error", "-Verify", "2"])
            .args(["-accept", &at.to_string(), "-CAfile"])
            .arg(authority)
            .arg("-cert")
            .arg(&own.cert)
            .arg("-key")
            .arg(&own.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (told, mut stdout) = (Arc::clone(&heard), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                told.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Collector { at, child, heard }
    }

    /// The whole entries so far, over all connections.
    pub fn entries(&self) -> Vec<Entry> {
        let heard = self.heard.lock().unwrap().clone();
        let (mut rest, mut entries) = (&heard[..], Vec::new());
        while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
            let count = std::str::from_utf8(&rest[..blank]).unwrap();
            let count: usize =
                count.parse().unwrap_or_else(|_| panic!("`{count}` counts no octets"));
            let Some(entry) = rest.get(blank + 1..blank + 1 + count) else { break };
            entries.push(read(std::str::from_utf8(entry).unwrap()));
            rest = &rest[blank + 1 + count..];
        }
        entries
    }

    /// Waits until the entries are as they should be.
    pub fn wait(&self, what: &str, mut there: impl FnMut(&[Entry]) -> bool) -> Vec<Entry> {
        wait::until(what, || Some(self.entries()).filter(|entries| there(entries)))
    }

    /// Stops reading, so that what is sent stays in the machine's hands; never seen again when it is killed now.
    pub fn stops_reading(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    }

    /// Bytes that were sent to it and that it has not read.
    pub fn unread(&self) -> usize {
        let own = format!("0100007F:{:04X}", self.at.port());
        let sockets = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let connected = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<&str>>());
        let connected = connected.filter(|fields| fields[1] == own && fields[3] == "01");
        let unread = connected.map(|fields| fields[4].split_once(':').unwrap().1.to_owned());
        unread.map(|digits| usize::from_str_radix(&digits, 16).unwrap()).sum()
    }

    /// Everything that it was sent.
    pub fn bytes(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(entry: &str) -> Entry {
    let mut fields = entry.splitn(7, ' ');
    let mut field = || fields.next().unwrap_or_else(|| panic!("{entry}")).to_owned();
    let (priority, time, host, name, process, id, rest) =
        (field(), field(), field(), field(), field(), field(), field());
    assert_eq!((name.as_str(), process.as_str()), ("hilum", "-"), "{entry}");
    let priority = priority.strip_prefix('<').and_then(|rest| rest.strip_suffix(">1"));
    let (data, text) = rest.split_once("] ").unwrap_or_else(|| panic!("{entry}"));
    let priority = priority.unwrap_or_else(|| panic!("{entry}")).parse().unwrap();
    Entry { priority, time, host, id, data: data.to_owned(), text: text.to_owned() }
}
