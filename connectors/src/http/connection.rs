//! One connection of an http source: a request is read, handed on and answered before the next one is looked at.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use config::Name;
use net::{ProgramBook, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::body::Body;
use super::head::Head;
use super::refusal::Refusal;
use super::reply::Reply;
use super::source_settings::{ListenerSettings, Proof};
use super::stats::{ListenerStats, add};
use super::token;
use crate::batch::receive;
use crate::resources::Share;
use crate::{Answer, BrokenFrame, Flow, Incoming, Intake, Peer};

/// What a head gets to come in, from its first byte.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// After this long the rate of a body counts too.
const RATE_GRACE: Duration = Duration::from_secs(5);
/// The slowest rate of a body, in bytes a second.
const RATE_MIN: usize = 1024;
/// A sender that does not take its answer for this long is gone.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// What a request that has begun gets to end in when the source closes.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
/// How long a refused sender may go on before the connection is cut under it, and how much of that is read: closing on unread bytes
/// at once would take the answer back.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 32 * 1024;
/// How much is read at once, and so what a sender can have us hold of requests that are not its turn.
const READ: usize = 16 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A connection with everything it works with.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    pub(super) channel: Name,
    pub(super) programs: Arc<dyn ProgramBook>,
    pub(super) settings: Arc<ListenerSettings>,
    pub(super) share: Share,
    pub(super) flow: watch::Receiver<Flow>,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) stats: Arc<ListenerStats>,
    /// Read and not yet used.
    pub(super) input: BytesMut,
    /// Set when the source closes: until when a request that has begun may end.
    pub(super) closing: Option<Instant>,
    /// Something was answered, which must not be taken back by closing on unread bytes.
    pub(super) answered: bool,
}

/// What came of waiting for more.
enum Read {
    More,
    Ended,
    Late,
    /// The memory for unfinished messages did not become free in time.
    NoMemory,
    /// The source closes, and nothing has begun.
    Closing,
}

/// What came of waiting for a request.
enum Next {
    Head(Head),
    Refused(Refusal),
    /// Nobody wants anything any more.
    Nothing,
}

impl Connection {
    /// Answers requests until the sender, a refusal or the source ends it.
    pub(super) async fn serve(mut self) {
        loop {
            let reply = match self.head().await {
                Next::Nothing if self.answered && self.closing.is_some() => {
                    return self.linger().await;
                }
                Next::Nothing => return,
                Next::Refused(refusal) => self.refuse(refusal),
                Next::Head(head) => match self.request(&head).await {
                    Ok(reply) => reply,
                    Err(refusal) => self.refuse(refusal),
                },
            };
            self.share.release();
            let close = reply.close;
            if self.write(&reply).await.is_err() {
                tracing::warn!(peer = %self.peer.place, "http.answer_not_taken");
                return;
            }
            self.answered = true;
            if close {
                return self.linger().await;
            }
        }
    }

    /// The next head. Before its first byte the sender has its idle time, then the time of a head.
    async fn head(&mut self) -> Next {
        let mut deadline = Instant::now() + self.settings.idle;
        let mut begun = false;
        loop {
            // An empty line before a request is the end of somebody's last one.
            if self.input.starts_with(b"\r\n") {
                let _ = self.input.split_to(2);
            }
            if !begun && !self.input.is_empty() {
                (begun, deadline) = (true, Instant::now() + HEAD_TIME);
            }
            match Head::end(&self.input) {
                Err(refusal) => return Next::Refused(refusal),
                Ok(Some(end)) => {
                    let bytes = self.input.split_to(end);
                    return Head::read(&bytes).map_or_else(Next::Refused, Next::Head);
                }
                Ok(None) => {}
            }
            match self.read(&mut deadline, begun, 0).await {
                Read::More => {}
                Read::Late if begun => return Next::Refused(Refusal::HeadTooSlow),
                Read::NoMemory => return Next::Refused(Refusal::NoMemory),
                // A port scan, a load balancer's look, or a sender that has gone in the middle of a word.
                Read::Ended | Read::Late | Read::Closing => return Next::Nothing,
            }
        }
    }

    /// One request from its head to its answer.
    async fn request(&mut self, head: &Head) -> Result<Reply, Refusal> {
        self.admit(head).await?;
        let mut body = Body::new(head.length, self.settings.message_bytes_max)?;
        if head.awaits_continue && self.input.is_empty() {
            self.put(CONTINUE).await.map_err(|_| Refusal::Cut)?;
        }
        if let Err(refusal) = self.fill(&mut body).await {
            self.keep_fragment(body, refusal).await;
            return Err(refusal);
        }
        let body = body.into_bytes().freeze();
        if body.is_empty() {
            return Err(Refusal::Empty);
        }
        add(&self.stats.messages, 1);
        let readable = hl7::peek(&body).is_ok();
        let incoming = Incoming { body, peer: self.peer.clone(), batch: None };
        let answer = receive(&self.intake, incoming, self.settings.batches);
        let close = head.close || *self.flow.borrow() == Flow::Close;
        match timeout(self.settings.answer_max, answer).await {
            Ok(Answer::Reply(ack)) => Ok(Reply::acknowledgement(ack, readable, close)),
            Ok(Answer::Unstored(ack)) => Ok(Reply::unstored(ack)),
            Ok(Answer::Silent) => Ok(Reply::silent(close)),
            Ok(Answer::Close) => Err(Refusal::NotStored),
            Err(_) => Err(Refusal::Late),
        }
    }

    /// Whether the request is for us and from somebody who may send, before a byte of its body is read.
    async fn admit(&mut self, head: &Head) -> Result<(), Refusal> {
        if head.path != self.settings.path {
            return Err(Refusal::Path);
        }
        if head.method != "POST" {
            return Err(Refusal::Method);
        }
        // A browser says so itself; no other sender does. Without this, any page could post to a source on its reader's machine.
        if head.has("origin") || head.has("sec-fetch-site") {
            return Err(Refusal::WebPage);
        }
        match &self.settings.proof {
            Proof::None => {}
            Proof::Token(token) => token::check(token, head)?,
            Proof::Program => {
                let from = self.stream.peer();
                let asked = token::program(&*self.programs, head, (&self.channel, from)).await?;
                self.peer.place = format!("{asked} {from}").into();
            }
        }
        match head.only("content-encoding") {
            Some(coding) if coding.eq_ignore_ascii_case(b"identity") => {}
            Some(_) => return Err(Refusal::Encoded),
            None if head.has("content-encoding") => return Err(Refusal::Encoded),
            None => {}
        }
        match head.only("content-type") {
            Some(value) if is_hl7(value) => Ok(()),
            Some(_) | None => Err(Refusal::ContentType),
        }
    }

    /// Reads a body to its end.
    async fn fill(&mut self, body: &mut Body) -> Result<(), Refusal> {
        let begun = Instant::now();
        let mut held = Duration::ZERO;
        loop {
            if body.take(&mut self.input)? {
                return Ok(());
            }
            let rate = RATE_GRACE.max(Duration::from_secs((body.len() / RATE_MIN) as u64));
            let limit = begun + held + self.settings.body_time.min(rate);
            let mut deadline = limit;
            let read = self.read(&mut deadline, true, body.len() + READ).await;
            held += deadline - limit;
            match read {
                Read::More => {}
                Read::Ended => return Err(Refusal::Cut),
                Read::Late | Read::Closing => return Err(Refusal::TooSlow),
                Read::NoMemory => return Err(Refusal::NoMemory),
            }
        }
    }

    /// What there is of a body that did not come whole is kept for people, as far as anything is.
    async fn keep_fragment(&mut self, body: Body, refusal: Refusal) {
        let why = match refusal {
            Refusal::Cut => BrokenFrame::Cut,
            Refusal::TooSlow => BrokenFrame::TooSlow,
            Refusal::TooLong => BrokenFrame::TooLong,
            Refusal::NoMemory => BrokenFrame::NoMemory,
            _ => return,
        };
        // A source that closes keeps nothing it has not read whole: the sender will send it again.
        if body.len() > 0 && self.closing.is_none() {
            let body = body.into_bytes().freeze();
            let incoming = Incoming { body, peer: self.peer.clone(), batch: None };
            self.intake.fragment(incoming, why).await;
        }
    }

    /// Reads more, within the source's flow; the deadline stands still while we are the ones who do not read.
    async fn read(&mut self, deadline: &mut Instant, begun: bool, held: usize) -> Read {
        loop {
            let flow = *self.flow.borrow_and_update();
            let asked = Instant::now();
            if flow == Flow::Close {
                let until = *self.closing.get_or_insert(asked + CLOSE_GRACE);
                if !begun {
                    return Read::Closing;
                }
                *deadline = (*deadline).min(until);
            }
            let missing = self.share.missing(held);
            tokio::select! {
                biased;
                changed = self.flow.changed(), if flow != Flow::Close => {
                    if flow == Flow::Pause {
                        *deadline += asked.elapsed();
                    }
                    if changed.is_err() {
                        // Nobody is left who could open it again.
                        return Read::Closing;
                    }
                }
                () = sleep_until(*deadline), if flow != Flow::Pause => {
                    return if missing > 0 { Read::NoMemory } else { Read::Late };
                }
                () = self.share.take(missing), if missing > 0 && flow != Flow::Pause => {}
                read = read_some(&mut self.stream, &mut self.input), if missing == 0 && flow != Flow::Pause => {
                    // A reset ends the input like a close does.
                    return if matches!(read, Ok(1..)) { Read::More } else { Read::Ended };
                }
            }
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        let before = self.stats.refuse(refusal);
        // A flood must not flood the log too: the count tells the rest.
        if before == 0 || before.is_power_of_two() {
            tracing::warn!(peer = %self.peer.place, status = refusal.status(), why = refusal.name(), refused = before + 1, "http.refused");
        }
        Reply::refused(refusal)
    }

    async fn write(&mut self, reply: &Reply) -> io::Result<()> {
        let mut out = BytesMut::new();
        reply.put(&mut out);
        self.put(&out).await
    }

    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let putting = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(WRITE_TIME, putting).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Lets the sender take its last answer before the connection goes.
    async fn linger(&mut self) {
        let until = Instant::now() + LINGER;
        let drain = async {
            self.stream.shutdown().await?;
            let mut left = LINGER_BYTES;
            let mut scrap = [0; 4096];
            while left > 0 {
                match self.stream.read(&mut scrap).await? {
                    0 => return io::Result::Ok(()),
                    read => left = left.saturating_sub(read),
                }
            }
            sleep(LINGER).await;
            Ok(())
        };
        // However it ends, the connection is closed next.
        let _ = timeout_at(until, drain).await;
    }
}

async fn read_some(stream: &mut Stream, input: &mut BytesMut) -> io::Result<usize> {
    input.reserve(READ);
    stream.take(READ as u64).read_buf(input).await
}

/// Whether a content type is one of those that carry ER7; its parameters are the message's own business (MSH-18).
fn is_hl7(value: &[u8]) -> bool {
    let name = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let types: [&[u8]; 3] = [b"application/hl7-v2", b"x-application/hl7-v2+er7", b"text/plain"];
    types.iter().any(|known| name.eq_ignore_ascii_case(known))
}
