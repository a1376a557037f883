//! One connection of a listener: it reads frames ahead, hands them on, and answers them in order.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use net::{Refusal, Standing, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::answers::{Answers, BYTES_MAX};
use super::decoder::{Decoder, Event, Lost};
use super::framing::looks_like_hllp;
use super::pace::Pace;
use super::release::{COMMITTED, NOT_COMMITTED, Release, is_commit};
use super::settings::ListenerSettings;
use super::stats::{ListenerStats, add};
use crate::batch::{self, Batches};
use crate::intake::told_when_answered;
use crate::resources::Share;
use crate::{Answer, BrokenFrame, Flow, Incoming, Intake, Peer};

/// Silence after a lone `1C` that ends a frame, where that is tolerated.
const CR_WAIT: Duration = Duration::from_millis(200);
/// A peer that does not take its answers for this long is gone.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// What a frame that has begun gets to end in when the source closes.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
/// How long, and how much, is read and dropped after the last answer: closing on unread bytes would take the answer back.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;
/// A buffer of answers larger than this is not kept.
const OUT_KEPT: usize = 64 * 1024;

/// A connection with everything it works with.
pub(super) struct Connection {
    stream: Stream,
    peer: Peer,
    standing: Standing,
    decoder: Decoder,
    batches: Batches,
    pace: Pace,
    share: Share,
    release: Release,
    answers: Answers,
    out: BytesMut,
    answered: u64,
    junk_counted: u64,
    input: Input,
    flow: Flow,
    flow_changes: watch::Receiver<Flow>,
    /// Set when the source closes: the frame that had begun by then, and until when it may end.
    closing: Option<(u64, Instant)>,
    intake: Arc<dyn Intake>,
    stats: Arc<ListenerStats>,
}

/// Whether more can come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// The peer has closed its side; it may still read answers.
    Ended,
    /// We read no more.
    Over,
}

/// What happened while waiting.
enum Turn {
    /// The peer is somebody else by now, or may not stay.
    Standing(Result<(), Refusal>),
    Due,
    Flow(Flow),
    Late,
    Memory,
    Read(io::Result<usize>),
}

/// How the work on a connection ended.
#[derive(PartialEq, Eq)]
enum End {
    /// All that was read is answered.
    Finished,
    /// The peer is to get no more answers.
    Closed,
    /// The peer cannot be reached any more.
    Gone,
}

impl Connection {
    pub(super) fn new(
        (stream, peer, standing): (Stream, Peer, Standing),
        settings: &ListenerSettings,
        share: Share,
        intake: Arc<dyn Intake>,
        flow_changes: watch::Receiver<Flow>,
        stats: Arc<ListenerStats>,
    ) -> Connection {
        Connection {
            stream,
            peer,
            standing,
            decoder: Decoder::new(settings.framing),
            batches: settings.batches,
            pace: Pace::new(settings.times, Instant::now()),
            share,
            release: settings.release,
            answers: Answers::new(settings.read_ahead_max),
            out: BytesMut::new(),
            answered: 0,
            junk_counted: 0,
            input: Input::Open,
            flow: Flow::Read,
            flow_changes,
            closing: None,
            intake,
            stats,
        }
    }

    /// Works until the peer or the source ends it.
    pub(super) async fn serve(mut self) {
        let flow = *self.flow_changes.borrow_and_update();
        self.follow(flow);
        let end = self.work().await;
        if end != End::Gone && self.input != Input::Ended && self.answered > 0 {
            self.linger().await;
        }
        if self.decoder.begun() == 0 && self.decoder.junk_bytes() == 0 {
            // A load balancer or a port scan that only looked whether somebody is there.
            tracing::debug!(peer = %self.peer.place, "mllp.probe");
        }
    }

    async fn work(&mut self) -> End {
        loop {
            self.hand_on().await;
            if self.answers.is_empty() && !self.expects_more() {
                return End::Finished;
            }
            match self.wait().await {
                Turn::Standing(Ok(())) => self.peer.identity = self.standing.identity(),
                Turn::Standing(Err(refusal)) => {
                    // What is not answered yet gets no answer: the peer may not have one any more.
                    self.stats.accepting.refuse(self.stream.peer(), refusal);
                    return End::Gone;
                }
                Turn::Due => match self.answer().await {
                    None => {}
                    Some(end) => return end,
                },
                Turn::Flow(flow) => self.follow(flow),
                Turn::Late => self.late().await,
                Turn::Memory => {}
                Turn::Read(Ok(1..)) => {}
                // A reset ends the input like a close does; what was read before it still counts.
                Turn::Read(Ok(0) | Err(_)) => self.input = Input::Ended,
            }
        }
    }

    /// Hands on what has been read, as far as answers may be outstanding.
    async fn hand_on(&mut self) {
        while self.answers.has_room() {
            let event = match self.decoder.next_event() {
                None if self.input == Input::Ended => self.decoder.end(),
                event => event,
            };
            match event {
                Some(event) => self.take(event).await,
                None => break,
            }
        }
        let junk = self.decoder.junk_bytes();
        if junk > self.junk_counted {
            self.stats.junk(junk - self.junk_counted, self.decoder.junk_tail());
            self.junk_counted = junk;
        }
        if self.decoder.is_inside() {
            self.pace.read(Instant::now, self.decoder.begun(), self.decoder.held());
        } else {
            self.share.release();
        }
    }

    async fn take(&mut self, event: Event) {
        match event {
            // The peer has our answer, or not: it sends its message again if it needs to.
            Event::Frame(body) if self.release == Release::Two && is_commit(&body) => {}
            Event::Frame(body) => {
                add(&self.stats.frames, 1);
                if looks_like_hllp(&body) {
                    tracing::warn!(peer = %self.peer.place, "mllp.looks_like_hllp");
                }
                self.hand_over(Incoming { body, peer: self.peer.clone(), batch: None });
            }
            Event::Heartbeat => add(&self.stats.heartbeats, 1),
            Event::Fragment(bytes, why) => {
                add(&self.stats.fragments, 1);
                tracing::warn!(peer = %self.peer.place, why = why.code(), bytes = bytes.len(), "mllp.fragment");
                let incoming = Incoming { body: bytes, peer: self.peer.clone(), batch: None };
                self.intake.fragment(incoming, why).await;
            }
            Event::Lost(why) => self.lose(why.code(), why.looks_like()),
        }
    }

    fn hand_over(&mut self, incoming: Incoming) {
        // The messages of a batch get their places while it is answered: nothing is read past it.
        let splits = self.batches.splits(&incoming.body);
        let held = if splits { BYTES_MAX } else { incoming.body.len() };
        if self.release == Release::One {
            let answer = batch::receive(&self.intake, incoming, self.batches);
            return self.answers.push(held, answer);
        }
        let (stored, heard) = oneshot::channel();
        let answer = if splits {
            let answer = batch::receive(&self.intake, incoming, self.batches);
            told_when_answered(answer, stored)
        } else {
            self.intake.receive_and_tell(incoming, stored)
        };
        self.answers.push_commit(Box::pin(async move {
            let commit = if heard.await.unwrap_or(false) { COMMITTED } else { NOT_COMMITTED };
            Answer::Reply(Bytes::from_static(commit))
        }));
        self.answers.push(held, answer);
    }

    fn lose(&mut self, why: &'static str, looks_like: &'static str) {
        add(&self.stats.lost, 1);
        tracing::warn!(peer = %self.peer.place, why, looks_like, junk_bytes = self.decoder.junk_bytes(), "mllp.framing_lost");
        self.input = Input::Over;
    }

    fn expects_more(&self) -> bool {
        self.input == Input::Open && (self.flow != Flow::Close || self.ends_a_frame())
    }

    /// Whether the source closes and the frame that had begun by then is still coming in.
    fn ends_a_frame(&self) -> bool {
        let begun = self.decoder.begun();
        self.decoder.is_inside() && self.closing.is_some_and(|(frame, _)| frame == begun)
    }

    fn may_read(&self) -> bool {
        self.flow != Flow::Pause && self.expects_more() && self.answers.has_room()
    }

    async fn wait(&mut self) -> Turn {
        let reading = self.may_read();
        let mut timed = false;
        if self.decoder.is_inside() {
            self.pace.reading(Instant::now, reading);
            timed = reading;
        }
        let deadline = self.deadline();
        let missing = if reading { self.missing() } else { 0 };
        let Connection { stream, decoder, answers, share, flow_changes, flow, standing, .. } = self;
        tokio::select! {
            biased;
            changed = standing.changed() => Turn::Standing(changed),
            () = poll_fn(|cx| answers.poll_oldest(cx)) => Turn::Due,
            changed = flow_changes.changed(), if *flow != Flow::Close => match changed {
                Ok(()) => Turn::Flow(*flow_changes.borrow_and_update()),
                // Nobody is left who could open it again.
                Err(_) => Turn::Flow(Flow::Close),
            },
            () = sleep_until(deadline), if timed => Turn::Late,
            () = share.take(missing), if missing > 0 => Turn::Memory,
            read = async { stream.read_buf(decoder.space()).await }, if reading && missing == 0 => Turn::Read(read),
        }
    }

    fn missing(&self) -> u32 {
        self.share.missing(self.decoder.held() + self.decoder.next_read())
    }

    fn deadline(&self) -> Instant {
        let mut deadline = self.pace.deadline();
        if self.decoder.awaits_cr() {
            deadline = deadline.min(self.pace.last() + CR_WAIT);
        }
        match self.closing {
            Some((_, until)) => deadline.min(until),
            None => deadline,
        }
    }

    fn follow(&mut self, flow: Flow) {
        self.flow = flow;
        if flow == Flow::Close {
            self.closing = Some((self.decoder.begun(), Instant::now() + CLOSE_GRACE));
        }
    }

    /// The frame that has begun did not end in time.
    async fn late(&mut self) {
        if let Some(event) = self.decoder.silence() {
            return self.take(event).await;
        }
        let why = if self.missing() > 0 { BrokenFrame::NoMemory } else { BrokenFrame::TooSlow };
        // A source that closes answers nothing it has not read whole: the peer will send that frame again.
        if self.closing.is_none()
            && let Some(event) = self.decoder.abandon(why)
        {
            self.take(event).await;
        }
        self.lose(why.code(), "");
    }

    /// Writes every answer that is due with one write.
    async fn answer(&mut self) -> Option<End> {
        let due = self.answers.take_due(&mut self.out);
        if !self.out.is_empty() {
            let writing = async {
                self.stream.write_all(&self.out).await?;
                self.stream.flush().await
            };
            match timeout(WRITE_MAX, writing).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(peer = %self.peer.place, answers = due.replies, "mllp.answer_not_taken");
                    return Some(End::Gone);
                }
            }
            self.answered += due.replies;
            add(&self.stats.answers, due.replies);
            self.out.clear();
            if self.out.capacity() > OUT_KEPT {
                self.out = BytesMut::new();
            }
        }
        due.close.then_some(End::Closed)
    }

    async fn linger(&mut self) {
        let drain = async {
            self.stream.shutdown().await?;
            let (mut scrap, mut dropped) = ([0; 4096], 0);
            while dropped < LINGER_BYTES {
                match self.stream.read(&mut scrap).await? {
                    0 => break,
                    read => dropped += read,
                }
            }
            io::Result::Ok(())
        };
        // However it ends, the connection is closed next.
        let _ = timeout(LINGER, drain).await;
    }
}

impl Lost {
    fn code(self) -> &'static str {
        match self {
            Lost::Junk => "junk",
            Lost::Foreign(_) => "foreign",
            Lost::TooLong => "too-long",
        }
    }

    fn looks_like(self) -> &'static str {
        match self {
            Lost::Foreign(name) => name,
            Lost::Junk | Lost::TooLong => "",
        }
    }
}
