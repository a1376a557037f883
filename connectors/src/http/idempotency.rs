//! The key by which a receiver knows a request that it has had before.

use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::{Outgoing, Template};

/// What most receivers take.
const KEY_MAX: usize = 255;

/// The key of a delivery: the same for every try of it, also after a crash.
///
/// A template whose fields are all empty gives the delivery's own id: two messages with one key would be one message to the
/// receiver, and the second would be lost.
pub(super) fn key(template: &Template, out: &Outgoing<'_>) -> Option<HeaderValue> {
    let mut text = match template.says_something(out) {
        true => template.fill(out),
        false => out.delivery_id.to_owned(),
    };
    if out.part > 1 && !template.tells_parts_apart() {
        text.push_str(&format!("-{}", out.part));
    }
    let plain = |c: char| c.is_ascii_graphic() && c != '%';
    let mut key = String::new();
    for c in text.chars() {
        match plain(c) {
            true => key.push(c),
            false => {
                let mut bytes = [0; 4];
                let bytes = c.encode_utf8(&mut bytes).bytes();
                key.extend(bytes.map(|byte| format!("%{byte:02X}")));
            }
        }
    }
    if key.len() > KEY_MAX {
        key = Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    }
    HeaderValue::from_str(&key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn render(template: &str, part: u32) -> String {
        let body = Bytes::from_static(
            b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|MSG 1%|P|2.5\rPID|1||4711^^^X\rNTE|1||\xE9\r",
        );
        let out = Outgoing {
            body: &body,
            message_id: "m1",
            delivery_id: "d1",
            part,
            attempt: 7,
            received_us: 0,
        };
        let key = key(&Template::parse(template).unwrap(), &out).unwrap();
        key.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_key_is_visible_ascii_and_never_shared_by_accident() {
        assert_eq!(render("{MSH-10}/{PID-3.1}", 1), "MSG%201%25/4711");
        assert_eq!(render("{NTE-3}", 1), "%C3%A9");
        assert_eq!(render("{MSH-10}", 3), "MSG%201%25-3");
        assert_eq!(render("{id}-{part}", 3), "m1-3");
        assert_eq!(render("{delivery}", 3), "d1");
        assert_eq!(render("{PV1-19}", 1), "d1", "an empty key would make two messages one");
        assert_eq!(render("key-{PV1-19}{ZZZ-1}", 1), "d1");
        assert_eq!(render("{PV1-19}{PID-3.1}", 1), "4711");
        let long = render(&"{PID-3.1}".repeat(100), 1);
        assert_eq!(long.len(), 64);
        assert_ne!(long, render(&"{PID-3.1}".repeat(101), 1));
    }
}
