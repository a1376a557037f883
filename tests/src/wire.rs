//! MLLP as a peer speaks it: frames, a connection that sends, and what it is told.

use crate::message;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a sender waits for an answer before it says so.
pub const ANSWER: Duration = Duration::from_secs(40);

/// The block of a message: start byte, bytes, end byte, CR.
pub fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(bytes.len() + 3);
    framed.push(0x0b);
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(&[0x1c, 0x0d]);
    framed
}

/// What an exchange ended in.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// An acknowledgement: its bytes.
    Ack(Vec<u8>),
    /// The peer closed without an answer.
    Closed,
    /// Nothing came in time.
    Nothing,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Ack(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
            Answer::Closed => f.write_str("closed"),
            Answer::Nothing => f.write_str("nothing"),
        }
    }
}

impl Answer {
    /// MSA-1, or what came instead.
    pub fn code(&self) -> String {
        match self {
            Answer::Ack(bytes) => message::text(bytes, "MSA", 1),
            Answer::Closed => "closed".to_owned(),
            Answer::Nothing => "nothing".to_owned(),
        }
    }

    /// Whether it says AA for this control id.
    pub fn accepts(&self, control_id: &str) -> bool {
        match self {
            Answer::Ack(bytes) => {
                message::text(bytes, "MSA", 1) == "AA"
                    && message::text(bytes, "MSA", 2) == control_id
            }
            Answer::Closed | Answer::Nothing => false,
        }
    }
}

/// A connection to a listener.
pub struct Connection {
    stream: TcpStream,
    pending: Vec<u8>,
}

impl Connection {
    /// Connects, or says why not.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(ANSWER))?;
        Ok(Connection { stream, pending: Vec::new() })
    }

    /// Connects to something that is known to listen.
    pub fn to(address: SocketAddr) -> Connection {
        Connection::open(address).expect("the listener takes connections")
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a message in its block.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(&frame(bytes))
    }

    /// The next block's content, or how it failed to come.
    pub fn receive(&mut self, limit: Duration) -> Answer {
        let end = std::time::Instant::now() + limit;
        loop {
            if let Some(bytes) = take_frame(&mut self.pending) {
                return Answer::Ack(bytes);
            }
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Answer::Nothing;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut chunk = [0_u8; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Answer::Closed,
                Ok(n) => self.pending.extend_from_slice(&chunk[..n]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Answer::Nothing;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Answer::Closed,
            }
        }
    }

    /// Sends a message and waits for its answer.
    pub fn exchange(&mut self, bytes: &[u8]) -> Answer {
        match self.send(bytes) {
            Ok(()) => self.receive(ANSWER),
            Err(_) => match self.receive(Duration::from_secs(1)) {
                answer @ Answer::Ack(_) => answer,
                Answer::Closed | Answer::Nothing => Answer::Closed,
            },
        }
    }

    /// Sends a message that must be accepted.
    pub fn accepted(&mut self, bytes: &[u8]) {
        let id = message::control_id(bytes);
        let answer = self.exchange(bytes);
        assert!(answer.accepts(&id), "`{id}` was not accepted: {answer:?}");
    }

    /// Whether the peer closes within the limit; whatever it sends before that is dropped.
    pub fn closes(&mut self, limit: Duration) -> bool {
        let end = std::time::Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            match self.receive(left) {
                Answer::Closed => return true,
                Answer::Nothing => return false,
                Answer::Ack(_) => {}
            }
        }
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection stands");
    }

    /// The own end, as the peer names it.
    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }
}

/// Takes the first whole block out of `pending`.
pub fn take_frame(pending: &mut Vec<u8>) -> Option<Vec<u8>> {
    let start = pending.iter().position(|b| *b == 0x0b)?;
    let end = start + pending[start..].windows(2).position(|w| w == [0x1c, 0x0d])?;
    let bytes = pending[start + 1..end].to_vec();
    pending.drain(..end + 2);
    Some(bytes)
}
