//! What is searched for by many words at once, and where a list of what was found goes on.

use std::fmt;
use std::str::FromStr;

use config::Name;
use phi::Phi;

use super::SearchField;
use crate::ids::MessageId;
use crate::read::{CursorError, MessageState, MessageSummary};
use crate::state::Origin;

/// Which messages: what fits all that is said. What is left out fits any.
#[derive(Clone, Default)]
pub struct SearchFilter {
    /// This message alone.
    pub message: Option<MessageId>,
    /// Of this channel.
    pub channel: Option<Name>,
    /// With exactly this MSH-10.
    pub control_id: Option<Phi<String>>,
    /// Channels whose messages are not in the index by their control ids: there they are looked for one by one.
    pub not_by_control_id: Vec<Name>,
    /// With these numbers of a patient, visit or order, all of them.
    pub numbers: Vec<(SearchField, Phi<String>)>,
    /// With an MSH-9 that is this, or begins with it: `ADT`, `ADT^A01`.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<MessageState>,
    /// With a delivery there.
    pub destination: Option<Name>,
    /// That came to be like this.
    pub origin: Option<Origin>,
    /// From this system.
    pub sender: Option<Sender>,
    /// Answered with this code.
    pub ack: Option<String>,
    /// With this reason code of its own.
    pub reason: Option<String>,
    /// With this error, of its own or of a delivery.
    pub error: Option<WantedError>,
    /// Received at or after this time, microseconds UTC.
    pub since_us: Option<i64>,
    /// Received before this time.
    pub until_us: Option<i64>,
}

/// A system, by MSH-3 and MSH-4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Either of them is this.
    Either(String),
    /// Both are.
    Both(String, String),
}

/// An error as the list of dead letters names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedError {
    /// Its code.
    pub code: String,
    /// The first bytes of the token of its text, when that matters.
    pub signature: Option<[u8; 4]>,
}

impl WantedError {
    /// From `code`, or `code-0a1b2c3d` as in the list of dead letters.
    pub fn parse(text: &str) -> WantedError {
        let named = text.rsplit_once('-').and_then(|(code, hex)| {
            let number = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 8)?;
            Some(WantedError { code: code.to_owned(), signature: Some(number.to_be_bytes()) })
        });
        named.unwrap_or_else(|| WantedError { code: text.to_owned(), signature: None })
    }
}

/// A part of what was found.
#[derive(Default)]
pub struct SearchPage {
    /// The newest first.
    pub rows: Vec<MessageSummary>,
    /// Where it goes on; nothing when that was all. A page may be short and go on: looking has a bound.
    pub next: Option<Place>,
    /// Messages that are not in the index of numbers yet.
    pub behind: i64,
}

/// A place in what was found: for each channel that goes on, the number of the last message looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(pub(super) Vec<(i64, i64)>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (channel, seq)) in self.0.iter().enumerate() {
            let before = if at == 0 { "c" } else { "," };
            write!(f, "{before}{channel}:{seq}")?;
        }
        Ok(())
    }
}

impl FromStr for Place {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Place, CursorError> {
        let one = |text: &str| {
            let (channel, seq) = text.split_once(':')?;
            Some((channel.parse().ok()?, seq.parse().ok()?))
        };
        let all = text.strip_prefix('c').ok_or(CursorError)?;
        all.split(',').map(one).collect::<Option<Vec<_>>>().map(Place).ok_or(CursorError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back() {
        for place in [Place(vec![(1, 12)]), Place(vec![(1, 500), (22, 7)])] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for odd in ["", "c", "c1", "s1:2", "c1:2,", "c1:x"] {
            assert!(odd.parse::<Place>().is_err(), "{odd}");
        }
    }

    #[test]
    fn an_error_is_a_code_or_the_name_of_a_group() {
        let code = |code: &str, signature| WantedError { code: code.to_owned(), signature };
        assert_eq!(WantedError::parse("refused-0a1b2c3d"), code("refused", Some([10, 27, 44, 61])));
        assert_eq!(WantedError::parse("not-found"), code("not-found", None));
    }
}
