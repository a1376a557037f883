//! A kept connection to a receiver, in HTTP/1.1 or HTTP/2, and one exchange over it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::Stream;
use tokio::task::AbortHandle;

use super::line::Line;

/// The most that is kept of an answer.
const ANSWER_BYTES_MAX: usize = 10 << 20;
/// The longest head of an answer, and its most fields.
const HEAD_BYTES_MAX: usize = 64 << 10;
const FIELDS_MAX: usize = 100;

type Body = Full<Bytes>;

/// What drives an HTTP/1.1 connection while somebody waits on it.
type Driver = http1::Connection<TokioIo<Line>, Body>;

/// A connection that requests go over, one at a time.
pub(super) enum Link {
    /// HTTP/1.1. Nobody reads it between two exchanges, so that what then waits on it was not asked for.
    One {
        line: Line,
        sender: http1::SendRequest<Body>,
        /// None once it has ended; only dropping it tells the sender so.
        connection: Option<Pin<Box<Driver>>>,
    },
    /// HTTP/2, which answers questions about its own state at any time.
    Two { sender: http2::SendRequest<Body>, _task: Driven },
}

/// What there is of an answer; it stays when the exchange is broken off.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) body: BytesMut,
    /// The body was longer than what is kept.
    pub(super) cut: bool,
}

/// The task of a connection; it ends with its owner.
pub(super) struct Driven(AbortHandle);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Begins HTTP over a connection; `two` when both sides have agreed on HTTP/2.
    pub(super) async fn over(stream: Stream, two: bool) -> hyper::Result<Link> {
        if two {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_header_list_size(HEAD_BYTES_MAX as u32);
            let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
            // How it ends is said by the next request.
            let task = tokio::spawn(async move { drop(connection.await) });
            return Ok(Link::Two { sender, _task: Driven(task.abort_handle()) });
        }
        let line = Line::new(stream);
        let mut builder = http1::Builder::new();
        builder.max_headers(FIELDS_MAX).max_header_size(HEAD_BYTES_MAX);
        let (sender, connection) = builder.handshake(TokioIo::new(line.clone())).await?;
        Ok(Link::One { line, sender, connection: Some(Box::pin(connection)) })
    }

    /// Whether requests are written for HTTP/2.
    pub(super) fn is_two(&self) -> bool {
        matches!(self, Link::Two { .. })
    }

    /// Whether another request may go over it.
    pub(super) fn is_quiet(&self) -> bool {
        match self {
            Link::One { line, sender, connection } => {
                connection.is_some() && sender.is_ready() && line.is_quiet()
            }
            Link::Two { sender, .. } => sender.is_ready(),
        }
    }

    /// Sends a request and reads its answer into `answer`.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Body>,
        answer: &mut Answer,
    ) -> hyper::Result<()> {
        match self {
            Link::One { sender, connection, .. } => {
                let response = sender.send_request(request);
                let work = async {
                    read(response.await?, answer).await?;
                    if !answer.cut {
                        // Whether there is a next one is no matter of this one.
                        let _ = sender.ready().await;
                    }
                    Ok(())
                };
                drive(connection, work).await
            }
            Link::Two { sender, .. } => {
                sender.ready().await?;
                read(sender.send_request(request).await?, answer).await
            }
        }
    }
}

/// Lets a connection work for as long as there is work on it.
async fn drive<C>(
    connection: &mut Option<Pin<Box<C>>>,
    work: impl Future<Output = hyper::Result<()>>,
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut work = pin!(work);
    poll_fn(|cx| {
        let end = match connection {
            Some(open) => open.as_mut().poll(cx),
            None => Poll::Pending,
        };
        if end.is_ready() {
            *connection = None;
        }
        match (work.as_mut().poll(cx), end) {
            (Poll::Ready(done), _) => Poll::Ready(done),
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Pending, Poll::Ready(Ok(())) | Poll::Pending) => Poll::Pending,
        }
    })
    .await
}

async fn read(response: Response<Incoming>, answer: &mut Answer) -> hyper::Result<()> {
    answer.status = Some(response.status().as_u16());
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = ANSWER_BYTES_MAX - answer.body.len();
        answer.body.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            answer.cut = true;
            return Ok(());
        }
    }
    Ok(())
}
