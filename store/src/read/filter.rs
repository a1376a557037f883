//! What a list of messages is asked for.

use std::fmt;
use std::str::FromStr;

use config::Name;

use crate::error::StoreError;
use crate::ids::MessageId;
use crate::scope::Scope;
use crate::sql::{statements, values};
use crate::state::{DeliveryState, Disposition, Origin};

use super::Reader;

statements! {
    CHANNELS = "select id, name from channels order by name";
}

/// Which messages; everything left out is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Of this channel.
    pub channel: Option<Name>,
    /// In this state.
    pub state: Option<MessageState>,
    /// With this MSH-9.
    pub kind: Option<String>,
    /// With exactly this MSH-10.
    pub control_id: Option<String>,
    /// That came to be like this.
    pub origin: Option<Origin>,
    /// With this reason code, of the message or of one of its deliveries.
    pub code: Option<String>,
    /// Received at or after this time, microseconds UTC.
    pub since_us: Option<i64>,
    /// Received before this time.
    pub until_us: Option<i64>,
}

/// What `state:` may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// The message is this.
    Is(Disposition),
    /// It has a delivery in this state; a dead one counts until it is replayed.
    Has(DeliveryState),
}

impl MessageState {
    /// A disposition, or `dead`, `held`, `waiting`.
    pub fn parse(text: &str) -> Option<MessageState> {
        match DeliveryState::parse(text) {
            Some(state @ (DeliveryState::Dead | DeliveryState::Held | DeliveryState::Waiting)) => {
                Some(MessageState::Has(state))
            }
            _ => Disposition::parse(text).map(MessageState::Is),
        }
    }
}

/// Where a list goes on, and how much of it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// After this place; from the newest when absent.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

/// A place in a list of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// In the list of one channel: the number of the last message seen.
    Seq(i64),
    /// In a list over channels: the last message seen.
    Id(MessageId),
}

/// A text that is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in a list is taken from the list before, as it stands there")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cursor::Seq(seq) => write!(f, "s{seq}"),
            Cursor::Id(id) => id.fmt(f),
        }
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        match text.strip_prefix('s') {
            Some(seq) => seq.parse().map(Cursor::Seq).map_err(|_| CursorError),
            None => text.parse().map(Cursor::Id).map_err(|_| CursorError),
        }
    }
}

/// A channel as reads know it.
#[derive(Clone)]
pub(crate) struct Known {
    pub id: i64,
    pub name: Name,
}

impl Reader {
    /// The channels inside a scope.
    pub(crate) async fn channels(&self, scope: &Scope) -> Result<Vec<Known>, StoreError> {
        let mut known = Vec::new();
        for row in self.rows(CHANNELS, values![]).await? {
            let name = row.text(1)?;
            if scope.holds(name) {
                let name =
                    Name::new(name).map_err(|error| StoreError::Internal(error.to_string()))?;
                known.push(Known { id: row.int(0)?, name });
            }
        }
        Ok(known)
    }

    /// One channel inside a scope.
    pub(crate) async fn channel(&self, scope: &Scope, name: &Name) -> Result<Known, StoreError> {
        let known = self.channels(scope).await?;
        known
            .into_iter()
            .find(|channel| channel.name == *name)
            .ok_or(StoreError::NotFound("channel"))
    }
}

/// Numbers of channels as one value: `,1,2,`.
pub(crate) fn channel_list(channels: &[Known]) -> String {
    channels.iter().fold(",".to_owned(), |list, channel| format!("{list}{},", channel.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back() {
        for place in [Cursor::Seq(12), Cursor::Id(MessageId::new())] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert!("x".parse::<Cursor>().is_err() && "".parse::<Cursor>().is_err());
    }

    #[test]
    fn a_state_is_a_disposition_or_that_of_a_delivery() {
        assert_eq!(MessageState::parse("failed"), Some(MessageState::Is(Disposition::Failed)));
        assert_eq!(MessageState::parse("dead"), Some(MessageState::Has(DeliveryState::Dead)));
        assert_eq!(
            MessageState::parse("delivered"),
            Some(MessageState::Is(Disposition::Delivered))
        );
        assert_eq!(MessageState::parse("queued"), None);
    }
}
