//! What benches need that nobody else may have.

use uuid::Uuid;

use crate::ids::ChannelId;
use crate::seal::{self, Column, DataKey, Place};

/// A data key and a place to seal for.
#[doc(hidden)]
pub struct Sealing {
    key: DataKey,
    place: Place,
}

impl Sealing {
    /// A key of its own.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Sealing {
        let place =
            Place { channel: ChannelId::from_number(1), column: Column::Body, row: Uuid::now_v7() };
        Sealing { key: DataKey::random(), place }
    }

    /// Compresses and seals.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        seal::seal(&self.key, self.place, plain)
    }

    /// Opens and restores; nothing when it does not open.
    pub fn open(&self, blob: &[u8]) -> Option<Vec<u8>> {
        seal::open(&self.key, self.place, blob).ok()
    }
}

/// A synthetic ADT or ORU of about this size, different for every number.
#[doc(hidden)]
pub fn body(bytes: usize, n: u64) -> Vec<u8> {
    let mut mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        mixed ^= mixed << 13;
        mixed ^= mixed >> 7;
        mixed ^= mixed << 17;
        mixed % 1_000_000
    };
    let mut text = format!(
        "MSH|^~\\&|HIS|WEST|LAB|EAST|20260101120000||ADT^A01^ADT_A01|MSG{n:017}|P|2.5.1\rEVN|A01|20260101120000\r\
         PID|1||{}^^^WEST^MR||DOE{}^JANE{}^Q||19{:02}0{}1{}|F|||{} MAIN ST^^SPRINGFIELD^IL^62{:03}||(217)555-{:04}\r\
         PV1|1|I|{}^{}^{}||||{}^PHYSICIAN{}^A|||MED||||||||{}|||||||||||||||||||||||||20260101\r",
        next(),
        next(),
        next(),
        next() % 100,
        next() % 10,
        next() % 10,
        next(),
        next() % 1000,
        next() % 10_000,
        next() % 20,
        next() % 99,
        next() % 4,
        next(),
        next(),
        next()
    );
    let mut n = 1;
    while text.len() + 60 < bytes {
        let line = format!(
            "OBX|{n}|NM|{}-{}^GLUCOSE^LN||{}.{}|mg/dL|70-110|N|||F\r",
            next(),
            next() % 10,
            next() % 400,
            next() % 10
        );
        text.push_str(&line);
        n += 1;
    }
    text.into_bytes()
}
