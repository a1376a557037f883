//! Order keys, tagged with the definition that made them.
//!
//! After `order_by` has changed, the keys of old and new deliveries say nothing about each other.
//! The first two bytes of a key name its definition, so that the lanes can see the change and let
//! the old ones end first, also after a restart (decisions.md 2).

use store::LaneKey;

/// The tag of a definition: never 0, which means "no order".
pub fn tag(order_by: &str) -> u16 {
    // FNV-1a: stable across versions and machines, which is all that is asked of it.
    let hash =
        order_by.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let folded = (hash >> 16) ^ (hash & 0xffff);
    u16::try_from(folded).unwrap_or(1).max(1)
}

/// A key that carries its definition.
pub fn tagged(tag: u16, mut key: LaneKey) -> LaneKey {
    let [high, low] = tag.to_be_bytes();
    key.0[0] = high;
    key.0[1] = low;
    key
}

/// The definition that made a key.
pub fn scheme(key: &LaneKey) -> u16 {
    u16::from_be_bytes([key.0[0], key.0[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_definition() {
        let key = LaneKey([7; 16]);
        assert_eq!(scheme(&tagged(tag("PID-3.1"), key)), tag("PID-3.1"));
        assert_ne!(tag("PID-3.1"), tag("PV1-19"));
        assert_ne!(tag(""), 0);
    }
}
