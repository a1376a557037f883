//! The closed sets that rows hold as small numbers.
//!
//! All codes lie between 10 and 127: SQLite stores 0 and 1 in no byte and these in one, and an update that changes the size of a row
//! moves it, while one that does not overwrites it in place.

macro_rules! coded {
    ($(#[$doc:meta])* pub $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $crate::state::coded! { $(#[$doc])* $name { $($(#[$variant_doc])* $variant = $code, $text;)* } }

        impl $name {
            /// All of them, in the order of their codes.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The one with this word.
            pub fn parse(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }
    };
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The number in the row.
            pub(crate) const fn code(self) -> i64 {
                match self { $($name::$variant => $code,)* }
            }

            pub(crate) const fn from_code(code: i64) -> Option<$name> {
                match code { $($code => Some($name::$variant),)* _ => None }
            }

            /// The word that people see and type.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use coded;

coded! {
    /// What became of a message.
    pub Disposition {
        /// Not final: undecided, or a delivery is still open.
        Received = 10, "received";
        /// Every delivery was accepted.
        Delivered = 20, "delivered";
        /// Some deliveries were accepted, others ended dead or discarded.
        PartlyDelivered = 21, "partly_delivered";
        /// The program kept it from going anywhere.
        Filtered = 22, "filtered";
        /// No destination wanted it.
        Unrouted = 23, "unrouted";
        /// Refused on arrival.
        Rejected = 24, "rejected";
        /// The program failed, or no delivery was accepted and at least one is dead.
        Failed = 25, "failed";
        /// A person ended all that was left of it.
        Discarded = 26, "discarded";
    }
}

impl Disposition {
    /// Whether nothing more will happen to it by itself.
    pub fn is_final(self) -> bool {
        self != Disposition::Received
    }

    /// What a message with these final deliveries is.
    pub(crate) fn of_deliveries(delivered: i64, dead: i64, discarded: i64) -> Disposition {
        match (delivered, dead, discarded) {
            (0, 0, _) => Disposition::Discarded,
            (0, _, _) => Disposition::Failed,
            (_, 0, 0) => Disposition::Delivered,
            _ => Disposition::PartlyDelivered,
        }
    }
}

coded! {
    /// Where a delivery stands.
    pub DeliveryState {
        /// Waits for its turn in its lane.
        Queued = 10, "queued";
        /// Failed in a way that may pass; tried again at its time.
        Waiting = 11, "waiting";
        /// Stopped by a person or by a doubt; blocks its own lane until a person decides.
        Held = 12, "held";
        /// The receiver has it.
        Delivered = 20, "delivered";
        /// Given up; in the dead-letter list until replayed or discarded.
        Dead = 21, "dead";
        /// A person ended it.
        Discarded = 22, "discarded";
    }
}

impl DeliveryState {
    /// Codes from here on are final.
    pub(crate) const FINAL: i64 = 20;

    /// Whether nothing more will happen to it by itself.
    pub fn is_final(self) -> bool {
        self.code() >= DeliveryState::FINAL
    }
}

coded! {
    /// How a message came to be.
    pub Origin {
        /// A peer sent it.
        Peer = 10, "peer";
        /// A person replayed another one.
        Replay = 11, "replay";
        /// A person edited another one.
        Edit = 12, "edit";
        /// Another channel handed it on.
        Channel = 13, "channel";
        /// The engine made it: the application acknowledgement of another one.
        Acknowledgement = 14, "acknowledgement";
    }
}

coded! {
    /// What a counter counts.
    pub What {
        /// Messages that a peer sent.
        ReceivedPeer = 10, "received.peer";
        /// Messages made by replays.
        ReceivedReplay = 11, "received.replay";
        /// Messages made by edits.
        ReceivedEdit = 12, "received.edit";
        /// Messages handed on by another channel.
        ReceivedChannel = 13, "received.channel";
        /// Application acknowledgements that the engine made.
        ReceivedAcknowledgement = 16, "received.acknowledgement";
        /// Repeats that were recognised and answered from the store.
        Duplicates = 14, "duplicates";
        /// New messages whose control id had come before with another body.
        SameIdOtherBody = 15, "same_id_other_body";
        /// Messages that became `delivered`.
        Delivered = 20, "delivered";
        /// Messages that became `partly_delivered`.
        PartlyDelivered = 21, "partly_delivered";
        /// Messages that became `filtered`.
        Filtered = 22, "filtered";
        /// Messages that became `unrouted`.
        Unrouted = 23, "unrouted";
        /// Messages that became `rejected`.
        Rejected = 24, "rejected";
        /// Messages that became `failed`.
        Failed = 25, "failed";
        /// Messages that became `discarded`.
        Discarded = 26, "discarded";
        /// Messages set aside because they crash the process or cannot be read; among `failed` too.
        Quarantined = 27, "quarantined";
        /// Deliveries made.
        DeliveriesMade = 32, "deliveries.made";
        /// Tries that will be repeated.
        DeliveriesRetried = 33, "deliveries.retried";
        /// Deliveries accepted.
        DeliveriesDelivered = 42, "deliveries.delivered";
        /// Deliveries that became dead.
        DeliveriesDead = 43, "deliveries.dead";
        /// Deliveries discarded.
        DeliveriesDiscarded = 44, "deliveries.discarded";
    }
}

impl What {
    pub(crate) fn received(origin: Origin) -> What {
        match origin {
            Origin::Peer => What::ReceivedPeer,
            Origin::Replay => What::ReceivedReplay,
            Origin::Edit => What::ReceivedEdit,
            Origin::Channel => What::ReceivedChannel,
            Origin::Acknowledgement => What::ReceivedAcknowledgement,
        }
    }

    /// What a delivery counts as that a try has brought to this state.
    pub(crate) fn settled(state: DeliveryState) -> Option<What> {
        match state {
            DeliveryState::Waiting => Some(What::DeliveriesRetried),
            DeliveryState::Delivered => Some(What::DeliveriesDelivered),
            DeliveryState::Dead => Some(What::DeliveriesDead),
            DeliveryState::Queued | DeliveryState::Held | DeliveryState::Discarded => None,
        }
    }

    /// The counter of a final disposition; the codes are the same, so that SQL can count by the column itself.
    pub(crate) fn disposition(disposition: Disposition) -> Option<What> {
        match disposition {
            Disposition::Received => None,
            final_one => What::from_code(final_one.code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_takes_one_byte_in_a_row() {
        let codes = Disposition::ALL.iter().map(|d| d.code());
        let codes = codes.chain(DeliveryState::ALL.iter().map(|s| s.code()));
        let codes = codes.chain(Origin::ALL.iter().map(|o| o.code()));
        for code in codes.chain(What::ALL.iter().map(|w| w.code())) {
            assert!((10..=127).contains(&code), "{code}");
        }
    }

    #[test]
    fn a_final_disposition_and_its_counter_share_their_code_and_word() {
        for disposition in Disposition::ALL.iter().filter(|d| d.is_final()) {
            let what = What::disposition(*disposition).unwrap();
            assert_eq!((what.code(), what.as_str()), (disposition.code(), disposition.as_str()));
        }
        assert_eq!(What::disposition(Disposition::Received), None);
    }

    #[test]
    fn deliveries_decide_the_disposition() {
        let of = Disposition::of_deliveries;
        assert_eq!(of(2, 0, 0), Disposition::Delivered);
        assert_eq!(of(1, 1, 0), Disposition::PartlyDelivered);
        assert_eq!(of(1, 0, 1), Disposition::PartlyDelivered);
        assert_eq!(of(0, 1, 1), Disposition::Failed);
        assert_eq!(of(0, 0, 3), Disposition::Discarded);
    }
}
