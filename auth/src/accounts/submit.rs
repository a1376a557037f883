//! Programs that send messages in: their tokens, as a source asks for them.

use std::net::SocketAddr;

use config::Name;
use net::{MaySend, ProgramBook, Unavailable};
use phi::Secret;
use store::Source;

use super::{AccountError, Accounts};
use crate::permission::grants::MessageSubmit;

impl ProgramBook for Accounts {
    fn may_send<'a>(
        &'a self,
        token: &'a Secret<String>,
        channel: &'a Name,
        from: SocketAddr,
    ) -> MaySend<'a> {
        Box::pin(async move {
            self.sender(token, channel, from).await.map_err(|error| {
                tracing::error!(code = "token.lookup", %error, "a token could not be looked up");
                Unavailable
            })
        })
    }
}

impl Accounts {
    /// The program of a token that may send messages to a channel. A session of a person may not: people do not send messages.
    async fn sender(
        &self,
        token: &Secret<String>,
        channel: &Name,
        from: SocketAddr,
    ) -> Result<Option<String>, AccountError> {
        let source = Source { address: Some(from), via: "http" };
        let session = self.recognise(token, source).await?;
        let Some(session) = session.filter(|session| session.program.is_some()) else {
            return Ok(None);
        };
        let permit = session.permit::<MessageSubmit>();
        if permit.is_some_and(|permit| permit.scope().holds(channel.as_str())) {
            return Ok(Some(session.actor.id));
        }
        if let Some(known) = self.store.service_token(&session.program.unwrap_or_default()).await? {
            self.token_refused(&known, source, "channel").await?;
        }
        Ok(None)
    }
}
