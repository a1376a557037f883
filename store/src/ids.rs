//! The names of rows.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 hexadecimal digits, with or without `-`")]
pub struct IdError;

macro_rules! row_id {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        ///
        /// UUIDv7, made in the process before anything is sealed, so that it can be part of what the seal covers, and so that rows
        /// written after each other lie beside each other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, later in order than every one made before in this process.
            #[allow(clippy::new_without_default)]
            pub fn new() -> $name {
                $name(Uuid::now_v7())
            }

            /// The id with these bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> $name {
                $name(Uuid::from_bytes(bytes))
            }

            /// Its sixteen bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// As a UUID.
            pub fn uuid(self) -> Uuid {
                self.0
            }

            pub(crate) fn from_uuid(uuid: Uuid) -> $name {
                $name(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<$name, IdError> {
                Uuid::try_parse(text).map($name).map_err(|_| IdError)
            }
        }
    };
}

row_id!(MessageId, "A message: what was received once.");
row_id!(DeliveryId, "A delivery: one message part for one destination.");
row_id!(AuthorityId, "An authority whose certificates prove who a peer is.");
row_id!(UserId, "A person who signs in.");
row_id!(AlertId, "Something that somebody should look at.");
row_id!(MaintenanceId, "A time in which alerts are not told.");

impl MessageId {
    /// The message that another channel gets when a delivery is handed to it: always the same for the same delivery.
    pub fn of_hop(delivery: DeliveryId) -> MessageId {
        let digest =
            Sha256::new().chain_update(b"hop").chain_update(delivery.as_bytes()).finalize();
        let mut bytes = *delivery.as_bytes();
        // The time stays, so that the id sorts among those of its day; version and variant are written again below.
        bytes[6..].copy_from_slice(&digest[..10]);
        MessageId(
            uuid::Builder::from_bytes(bytes)
                .with_version(uuid::Version::SortRand)
                .with_variant(uuid::Variant::RFC4122)
                .into_uuid(),
        )
    }
}

macro_rules! number_id {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The row's number in the store.
            pub fn number(self) -> i64 {
                self.0
            }

            pub(crate) fn from_number(number: i64) -> $name {
                $name(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(ChannelId, "A channel's row.");
number_id!(DestinationId, "A destination's row, over all channels.");
number_id!(RevisionId, "A stored revision of a channel.");

impl RevisionId {
    /// The revision with this number, as a person named it.
    pub fn new(number: i64) -> RevisionId {
        RevisionId(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_show_and_keep_their_order() {
        let (first, second) = (MessageId::new(), MessageId::new());
        assert!(first < second);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(first.to_string().replace('-', "").parse(), Ok(first));
        assert_eq!("12".parse::<MessageId>(), Err(IdError));
    }

    #[test]
    fn a_delivery_is_handed_on_under_one_id() {
        let (one, two) = (DeliveryId::new(), DeliveryId::new());
        let [first, again, other] = [one, one, two].map(MessageId::of_hop);
        assert!(first == again && first != other && first.as_bytes() != one.as_bytes());
        assert_eq!(first.as_bytes()[..6], one.as_bytes()[..6], "the time is kept");
        assert_eq!(first.uuid().get_version(), Some(uuid::Version::SortRand));
    }
}
