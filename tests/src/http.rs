//! HTTP/1.1 as bytes on a socket: a sender that may say anything, and a receiver that may answer anything.

use crate::{ports, wait};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A request or an answer.
#[derive(Debug, Clone)]
pub struct Told {
    /// The connection it came on, counted from 0.
    pub connection: usize,
    /// The first line.
    pub line: String,
    /// The fields, in their order.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Told {
    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.as_str())
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

/// Posts a message the way most senders do.
pub fn post(path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: hilum\r\nContent-Type: application/hl7-v2\r\nContent-Length: {}\r\n{fields}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A connection to an http source.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects.
    pub fn to(address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(40))).unwrap();
        Client { stream }
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next answer; none when the other side closes, or says nothing in time.
    pub fn answer(&mut self, limit: Duration) -> Option<Told> {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        read(&mut self.stream, 0).ok()
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, request: &[u8]) -> Option<Told> {
        // A request that is refused early may not be taken whole.
        let _ = self.write(request);
        self.answer(Duration::from_secs(40))
    }

    /// How long the other side takes to close; whatever it says before is dropped.
    pub fn closes(&mut self, limit: Duration) -> Option<Duration> {
        let begun = Instant::now();
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let mut scrap = [0; 4096];
        loop {
            match self.stream.read(&mut scrap) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Ok(0) | Err(_) => return Some(begun.elapsed()),
            }
        }
    }
}

/// What a receiver does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers with this status line, fields and body.
    Say(&'static str, &'static str, Vec<u8>),
    /// Says these bytes over and over, for as long as somebody takes them.
    Endlessly(Vec<u8>, Vec<u8>),
    /// Says nothing and stays.
    Silent,
    /// Closes without an answer.
    Close,
}

/// A plain `200 OK`.
pub fn ok() -> Behaviour {
    Behaviour::Say("200 OK", "", b"taken".to_vec())
}

type Script = dyn Fn(&Told, usize) -> Behaviour + Send + Sync;

#[derive(Default)]
struct State {
    requests: Vec<Told>,
    connections: usize,
    open: Vec<TcpStream>,
    down: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    script: Box<Script>,
}

/// A web service that Hilum delivers to; it goes down when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// One with a script, asked with the request and how many came before it.
    pub fn with(script: impl Fn(&Told, usize) -> Behaviour + Send + Sync + 'static) -> Receiver {
        let address = ports::free();
        let listener =
            wait::until("the receiver's port is free", || TcpListener::bind(address).ok());
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            script: Box::new(script),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Receiver { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has come so far.
    pub fn requests(&self) -> Vec<Told> {
        self.shared.state.lock().unwrap().requests.clone()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().connections
    }

    /// Waits for the `n`th request and gives all that have come.
    pub fn wait_count(&self, n: usize) -> Vec<Told> {
        let state = self.shared.state.lock().unwrap();
        let (state, late) = self
            .shared
            .changed
            .wait_timeout_while(state, wait::PATIENCE, |state| state.requests.len() < n)
            .unwrap();
        assert!(!late.timed_out(), "only {} of {n} requests came", state.requests.len());
        state.requests.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let Ok(mut state) = self.shared.state.lock() else { return };
        state.down = true;
        for stream in &state.open {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        let _ = TcpStream::connect(self.address); // wakes `accept`
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        let mut state = shared.state.lock().unwrap();
        if state.down {
            return;
        }
        let connection = state.connections;
        state.connections += 1;
        state.open.push(stream.try_clone().unwrap());
        drop(state);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let _ = serve(&stream, connection, &shared);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

fn serve(mut stream: &TcpStream, connection: usize, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let request = read(&mut stream, connection)?;
        let mut state = shared.state.lock().unwrap();
        let before = state.requests.len();
        state.requests.push(request.clone());
        drop(state);
        shared.changed.notify_all();
        match (shared.script)(&request, before) {
            Behaviour::Say(status, fields, body) => {
                let head =
                    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), &body].concat())?;
            }
            Behaviour::Endlessly(head, rest) => {
                stream.write_all(&head)?;
                loop {
                    stream.write_all(&rest)?;
                }
            }
            Behaviour::Silent => {}
            Behaviour::Close => return Ok(()),
        }
    }
}

/// Reads a head and the body that its length announces.
fn read(stream: &mut impl Read, connection: usize) -> io::Result<Told> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let fields = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut told = Told { connection, line, fields, body: Vec::new() };
    let length = told.field("content-length").and_then(|length| length.parse().ok());
    told.body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut told.body)?;
    Ok(told)
}
