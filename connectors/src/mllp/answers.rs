//! Answers on their way, in the order of the frames they belong to.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;

use super::framing::put_frame;
use crate::Answer;

/// Frames read ahead of their answers may hold this much, whatever their number.
pub(super) const BYTES_MAX: usize = 1 << 20;

type Waiting = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The queue of frames that are not answered yet.
pub(super) struct Answers {
    queue: VecDeque<Pending>,
    frames_max: usize,
    /// Commits of release 2 in the queue: they belong to frames that are counted.
    commits: usize,
    bytes: usize,
}

struct Pending {
    answer: State,
    frame_bytes: usize,
    is_commit: bool,
}

enum State {
    Waiting(Waiting),
    Ready(Answer),
}

/// What was ready when asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Replies put into the buffer.
    pub(super) replies: u64,
    /// The connection is to be closed after them.
    pub(super) close: bool,
}

impl Answers {
    pub(super) fn new(frames_max: usize) -> Answers {
        Answers { queue: VecDeque::new(), frames_max, commits: 0, bytes: 0 }
    }

    /// Whether one more frame may be read.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() - self.commits < self.frames_max && self.bytes < BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, frame_bytes: usize, answer: Waiting) {
        self.bytes += frame_bytes;
        self.queue.push_back(Pending {
            answer: State::Waiting(answer),
            frame_bytes,
            is_commit: false,
        });
    }

    /// The commit of release 2, before the answer to the same frame.
    pub(super) fn push_commit(&mut self, commit: Waiting) {
        self.commits += 1;
        self.queue.push_back(Pending {
            answer: State::Waiting(commit),
            frame_bytes: 0,
            is_commit: true,
        });
    }

    /// Lets every answer make progress; ready when the oldest is there.
    pub(super) fn poll_oldest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for pending in &mut self.queue {
            if let State::Waiting(future) = &mut pending.answer
                && let Poll::Ready(answer) = future.as_mut().poll(cx)
            {
                pending.answer = State::Ready(answer);
            }
        }
        match self.queue.front().map(|pending| &pending.answer) {
            Some(State::Ready(_)) => Poll::Ready(()),
            Some(State::Waiting(_)) | None => Poll::Pending,
        }
    }

    /// Moves all answers that are there, oldest first and without gaps, into `out`, framed.
    pub(super) fn take_due(&mut self, out: &mut BytesMut) -> Due {
        let mut replies = 0;
        while let Some(pending) = self.queue.pop_front() {
            match pending.answer {
                State::Ready(answer) => {
                    self.bytes -= pending.frame_bytes;
                    self.commits -= usize::from(pending.is_commit);
                    match answer {
                        Answer::Reply(body) | Answer::Unstored(body) => {
                            put_frame(out, &body);
                            replies += 1;
                        }
                        Answer::Silent => {}
                        Answer::Close => return Due { replies, close: true },
                    }
                }
                State::Waiting(_) => {
                    self.queue.push_front(pending);
                    break;
                }
            }
        }
        Due { replies, close: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::task::Waker;

    fn reply(text: &'static str) -> Waiting {
        Box::pin(std::future::ready(Answer::Reply(Bytes::from_static(text.as_bytes()))))
    }

    #[test]
    fn answers_leave_in_the_order_of_their_frames_and_together() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut answers = Answers::new(8);
        let (late, waiting) = tokio::sync::oneshot::channel::<Answer>();
        answers.push(1, Box::pin(async move { waiting.await.unwrap() }));
        answers.push(1, reply("two"));
        answers.push(1, Box::pin(std::future::ready(Answer::Silent)));
        answers.push(1, reply("three"));
        assert!(answers.poll_oldest(&mut cx).is_pending());
        late.send(Answer::Reply(Bytes::from_static(b"one"))).unwrap();
        assert!(answers.poll_oldest(&mut cx).is_ready());
        let mut out = BytesMut::new();
        assert_eq!(answers.take_due(&mut out), Due { replies: 3, close: false });
        assert_eq!(&out[..], b"\x0Bone\x1C\r\x0Btwo\x1C\r\x0Bthree\x1C\r");
        assert!(answers.is_empty() && answers.bytes == 0);
    }

    #[test]
    fn a_close_comes_after_the_answers_before_it() {
        let mut answers = Answers::new(8);
        answers.push(1, reply("one"));
        answers.push(1, Box::pin(std::future::ready(Answer::Close)));
        answers.push(1, reply("never"));
        let _ = answers.poll_oldest(&mut Context::from_waker(Waker::noop()));
        let mut out = BytesMut::new();
        assert_eq!(answers.take_due(&mut out), Due { replies: 1, close: true });
        assert_eq!(&out[..], b"\x0Bone\x1C\r");
    }

    #[test]
    fn reading_ahead_ends_by_number_and_by_size() {
        let mut answers = Answers::new(2);
        answers.push(1, reply("a"));
        assert!(answers.has_room());
        answers.push(1, reply("b"));
        assert!(!answers.has_room());
        let mut large = Answers::new(2);
        large.push(BYTES_MAX, reply("a"));
        assert!(!large.has_room());
    }
}
