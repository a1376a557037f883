//! Programs that may send messages in by tokens of their own: asked here, kept elsewhere.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;

use config::Name;
use phi::Secret;

/// A question to a [`ProgramBook`] on its way.
pub type MaySend<'a> =
    Pin<Box<dyn Future<Output = Result<Option<String>, Unavailable>> + Send + 'a>>;

/// Who knows the tokens of programs.
pub trait ProgramBook: fmt::Debug + Send + Sync + 'static {
    /// The name of the program whose token may send messages to a channel from an address; nothing when it may not.
    ///
    /// MaySend at every request, so that a token that was taken back is refused from then on.
    fn may_send<'a>(
        &'a self,
        token: &'a Secret<String>,
        channel: &'a Name,
        from: SocketAddr,
    ) -> MaySend<'a>;
}

/// The tokens cannot be looked up at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tokens of programs cannot be looked up")]
pub struct Unavailable;

impl ProgramBook for crate::Nobody {
    fn may_send<'a>(&'a self, _: &'a Secret<String>, _: &'a Name, _: SocketAddr) -> MaySend<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
