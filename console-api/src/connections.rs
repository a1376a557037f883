//! The open connections of the admin API, whichever way they came in.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// A header that is not whole after this long ends the connection; so does a connection that asks nothing more.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes and fields of a header.
const HEADER_BYTES_MAX: usize = 16 << 10;
const HEADER_FIELDS_MAX: usize = 64;
/// A connection ends after this long whatever it does: its requests have ended by then, and who follows a stream of events comes again.
const LIFE: Duration = Duration::from_secs(600);
/// How long connections are still answered when the engine stops.
const LINGER: Duration = Duration::from_secs(2);

/// The connections of one way in.
#[derive(Default)]
pub(crate) struct Connections(JoinSet<()>);

impl Connections {
    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.0.len()
    }

    /// Answers what comes on a stream; `pass` is its place under the limits, and is given back when it ends.
    pub(crate) fn answer<S, P>(&mut self, stream: S, pass: P, router: Router)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        P: Send + 'static,
    {
        self.0.spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(HEADER_BYTES_MAX)
                .max_headers(HEADER_FIELDS_MAX)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
            if let Ok(Err(error)) = tokio::time::timeout(LIFE, served).await {
                tracing::debug!(error = %error, "an admin connection ended early");
            }
            drop(pass);
        });
    }

    /// Waits until one has ended; for ever when there is none.
    pub(crate) async fn ended(&mut self) {
        match self.0.is_empty() {
            true => std::future::pending().await,
            false => drop(self.0.join_next().await),
        }
    }

    /// Lets what is in hand be answered.
    pub(crate) async fn finish(mut self) {
        let rest = async { while self.0.join_next().await.is_some() {} };
        // What takes longer is cut off with the process.
        let _cut = tokio::time::timeout(LINGER, rest).await;
    }
}
