//! Bytes in, frames out: the framing rules and nothing else.
//!
//! The decoder never waits, never looks at a clock and never fails; what it gives out depends on the bytes only, not on
//! how they were cut into reads.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr2, memchr3};

use super::framing::{CR, END, LF, Opening, START, header, is_blank, opening};
use super::junk::Junk;
use crate::BrokenFrame;

/// Room for one read when nothing is known yet; a frame that has begun asks for as much as it has.
const READ_MIN: usize = 8 * 1024;
const READ_MAX: usize = 1024 * 1024;

/// What to accept beyond the standard, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The longest body, in bytes.
    pub frame_bytes_max: usize,
    /// A message without a start byte is a frame.
    pub tolerate_missing_start: bool,
    /// `1C` ends a frame when silence, the end or a new frame follows.
    pub tolerate_missing_cr: bool,
    /// `1C 0A` ends a frame.
    pub tolerate_lf_end: bool,
}

impl Default for Framing {
    fn default() -> Framing {
        Framing {
            frame_bytes_max: 16 << 20,
            tolerate_missing_start: false,
            tolerate_missing_cr: false,
            tolerate_lf_end: false,
        }
    }
}

/// What the bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole frame: its body, as received.
    Frame(Bytes),
    /// A frame with nothing in it, which some peers send to keep a connection alive.
    Heartbeat,
    /// What was not a whole frame.
    Fragment(Bytes, BrokenFrame),
    /// The framing is lost; nothing comes after this.
    Lost(Lost),
}

/// Why nothing more can be read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Too many bytes came without a start byte.
    Junk,
    /// The peer speaks this protocol instead.
    Foreign(&'static str),
    /// The frame outgrew the limit; its first bytes were the fragment before.
    TooLong,
}

/// An incremental decoder of one connection's bytes.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    buffer: BytesMut,
    state: State,
    /// Bytes at the front of the buffer that hold nothing to decide about.
    scanned: usize,
    junk: Junk,
    begun: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between frames, where a line begins: a message without its start byte may begin here.
    LineStart,
    /// Between frames, inside something that means nothing.
    Noise,
    /// Inside a frame; the buffer begins with its body.
    Inside { started: bool },
    /// To be told why, once.
    Losing(Lost),
    /// Nothing more.
    Lost,
}

impl Decoder {
    /// A decoder at the beginning of a connection.
    pub fn new(framing: Framing) -> Decoder {
        Decoder {
            framing,
            buffer: BytesMut::new(),
            state: State::LineStart,
            scanned: 0,
            junk: Junk::default(),
            begun: 0,
        }
    }

    /// Where to read into, with room for one read.
    pub fn space(&mut self) -> &mut BytesMut {
        self.buffer.reserve(self.next_read());
        &mut self.buffer
    }

    /// How much the next read may add: what has come in sets it, so that a promise of size costs the peer as much as us.
    pub fn next_read(&self) -> usize {
        self.buffer.len().clamp(READ_MIN, READ_MAX)
    }

    /// Bytes held that have not been given out.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_inside(&self) -> bool {
        matches!(self.state, State::Inside { .. })
    }

    /// How many frames have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether only the carriage return of a frame's end is missing, which silence may stand for.
    pub fn awaits_cr(&self) -> bool {
        self.framing.tolerate_missing_cr && self.is_inside() && self.buffer.last() == Some(&END)
    }

    /// Bytes of junk since the connection began.
    pub fn junk_bytes(&self) -> u64 {
        self.junk.total()
    }

    /// The last bytes of junk. They may be part of a message.
    pub fn junk_tail(&self) -> &[u8] {
        self.junk.tail()
    }

    /// The next thing the bytes hold, or `None` when more bytes are needed.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            match self.state {
                State::LineStart => self.begin_line()?,
                State::Noise => self.skip_noise()?,
                State::Inside { started } => return self.find_end(started),
                State::Losing(why) => {
                    self.state = State::Lost;
                    return Some(Event::Lost(why));
                }
                State::Lost => return None,
            }
        }
    }

    /// The peer has closed: what is left, if it means anything. To be called when `next_event` has nothing more.
    pub fn end(&mut self) -> Option<Event> {
        if self.awaits_cr() {
            return self.silence();
        }
        match self.state {
            State::Inside { .. } => self.abandon(BrokenFrame::Cut),
            State::LineStart | State::Noise => {
                self.drop_junk(self.buffer.len());
                None
            }
            State::Losing(_) | State::Lost => None,
        }
    }

    /// Nothing came after a lone `1C` for a while: that was the end, if the framing tolerates it.
    pub fn silence(&mut self) -> Option<Event> {
        match self.state {
            State::Inside { started } if self.awaits_cr() => {
                let at = self.buffer.len() - 1;
                Some(self.take_frame(at, 1, started))
            }
            _ => None,
        }
    }

    /// Gives up the frame that has begun; its bytes are a fragment.
    pub fn abandon(&mut self, why: BrokenFrame) -> Option<Event> {
        if !self.is_inside() {
            return None;
        }
        let at = self.buffer.len();
        self.take_fragment(at, 0, why)
    }

    /// Between frames at the beginning of a line. `None` = more bytes are needed.
    fn begin_line(&mut self) -> Option<()> {
        let blank = self.buffer.iter().take_while(|byte| is_blank(**byte)).count();
        if blank > 0 {
            self.drop_junk(blank);
            return Some(());
        }
        match *self.buffer.first()? {
            START => {
                self.buffer.advance(1);
                self.begin_frame(true);
            }
            _ => match opening(&self.buffer) {
                Opening::Header => self.begin_frame(false),
                Opening::Foreign(name) => self.state = State::Losing(Lost::Foreign(name)),
                Opening::Other => self.state = State::Noise,
                Opening::Undecided => return None,
            },
        }
        Some(())
    }

    fn skip_noise(&mut self) -> Option<()> {
        if self.buffer.is_empty() {
            return None;
        }
        match memchr3(START, CR, LF, &self.buffer) {
            Some(at) => {
                self.state = State::LineStart;
                self.drop_junk(at);
            }
            None => self.drop_junk(self.buffer.len()),
        }
        Some(())
    }

    fn begin_frame(&mut self, started: bool) {
        self.junk.end_run();
        self.state = State::Inside { started };
        self.scanned = 0;
        self.begun += 1;
    }

    fn drop_junk(&mut self, len: usize) {
        let bytes = self.buffer.split_to(len);
        if !self.junk.add(&bytes) {
            self.state = State::Losing(Lost::Junk);
        }
    }

    fn find_end(&mut self, started: bool) -> Option<Event> {
        loop {
            let rest = self.buffer.get(self.scanned..).unwrap_or_default();
            let found = memchr2(END, START, rest).map(|at| self.scanned + at);
            self.scanned = found.unwrap_or(self.buffer.len());
            if self.scanned > self.framing.frame_bytes_max {
                return Some(self.take_too_long());
            }
            let at = found?;
            match self.judge(at) {
                Mark::End(tail) => return Some(self.take_frame(at, tail, started)),
                Mark::Restart => match self.take_fragment(at, 1, BrokenFrame::Restarted) {
                    Some(event) => {
                        self.begin_frame(true);
                        return Some(event);
                    }
                    None => self.begin_frame(true),
                },
                Mark::Data => self.scanned = at + 1,
                Mark::Undecided => return None,
            }
        }
    }

    /// What the start or end byte at `at` inside a frame means.
    fn judge(&self, at: usize) -> Mark {
        let after = self.buffer.get(at + 1..).unwrap_or_default();
        let is_start = self.buffer.get(at) == Some(&START);
        match (is_start, after) {
            (true, _) => match header(after) {
                Opening::Header => Mark::Restart,
                Opening::Undecided => Mark::Undecided,
                Opening::Other | Opening::Foreign(_) => Mark::Data,
            },
            (false, []) => Mark::Undecided,
            (false, [CR, ..]) => Mark::End(2),
            (false, [LF, ..]) if self.framing.tolerate_lf_end => Mark::End(2),
            (false, [START, next @ ..]) if self.framing.tolerate_missing_cr => match header(next) {
                Opening::Header => Mark::End(1),
                Opening::Undecided => Mark::Undecided,
                Opening::Other | Opening::Foreign(_) => Mark::Data,
            },
            (false, _) => Mark::Data,
        }
    }

    fn take(&mut self, at: usize, tail: usize) -> Bytes {
        let body = self.buffer.split_to(at).freeze();
        self.buffer.advance(tail);
        self.state = State::LineStart;
        self.scanned = 0;
        body
    }

    fn take_frame(&mut self, at: usize, tail: usize, started: bool) -> Event {
        let body = self.take(at, tail);
        if body.iter().all(|byte| is_blank(*byte)) {
            Event::Heartbeat
        } else if started || self.framing.tolerate_missing_start {
            Event::Frame(body)
        } else {
            Event::Fragment(body, BrokenFrame::NoStart)
        }
    }

    /// A start byte with nothing after it is junk, not a fragment.
    fn take_fragment(&mut self, at: usize, tail: usize, why: BrokenFrame) -> Option<Event> {
        let body = self.take(at, tail);
        if body.iter().all(|byte| is_blank(*byte)) {
            self.junk.add(&[START]);
            self.junk.add(&body);
            return None;
        }
        Some(Event::Fragment(body, why))
    }

    fn take_too_long(&mut self) -> Event {
        let body = self.take(self.framing.frame_bytes_max, 0);
        // The rest is dropped with the connection: reading on would only find the middle of the same frame.
        self.buffer = BytesMut::new();
        self.state = State::Losing(Lost::TooLong);
        Event::Fragment(body, BrokenFrame::TooLong)
    }
}

/// What a start or end byte inside a frame turned out to be.
enum Mark {
    /// The end, this many bytes long.
    End(usize),
    /// The start of another frame.
    Restart,
    /// A byte of the body.
    Data,
    /// The next bytes will tell.
    Undecided,
}
