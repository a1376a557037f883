//! What a source answers, as bytes.

use bytes::{Bytes, BytesMut};
use hl7::AckCode;
use jiff::Timestamp;

use super::refusal::{RETRY_AFTER_S, Refusal};

/// The type of the acknowledgements.
const HL7: &str = "application/hl7-v2";
const PLAIN: &str = "text/plain; charset=utf-8";

/// The answer to one request.
pub(super) struct Reply {
    status: u16,
    content_type: Option<&'static str>,
    body: Bytes,
    more: String,
    /// The connection ends with it.
    pub(super) close: bool,
}

impl Reply {
    /// An acknowledgement, with the status that says the same.
    ///
    /// | MSA-1 | status |
    /// |---|---|
    /// | `AA` `CA` | 200: stored |
    /// | `AE` `CE` | 422: the content is at fault, and the same bytes will not do better; 400 when they are no HL7 |
    /// | `AR` `CR` | 409: refused as things are here; 400 when it is no HL7 |
    /// | a batch of them | 200: each says what became of its message |
    pub(super) fn acknowledgement(body: Bytes, readable: bool, close: bool) -> Reply {
        let code = hl7::read_reply(&body).and_then(|reply| reply.code);
        let status = match code {
            Some(AckCode::AA | AckCode::CA) => 200,
            None if hl7::is_batch(&body) => 200,
            Some(_) | None if !readable => 400,
            Some(AckCode::AE | AckCode::CE) | None => 422,
            Some(AckCode::AR | AckCode::CR) => 409,
        };
        Reply { status, content_type: Some(HL7), body, more: String::new(), close }
    }

    /// An acknowledgement which says that nothing was stored.
    pub(super) fn unstored(body: Bytes) -> Reply {
        let more = format!("Retry-After: {RETRY_AFTER_S}\r\n");
        Reply { status: 503, content_type: Some(HL7), body, more, close: true }
    }

    /// Nothing to say: the message was stored and is not to be acknowledged.
    pub(super) fn silent(close: bool) -> Reply {
        Reply { status: 204, content_type: None, body: Bytes::new(), more: String::new(), close }
    }

    /// A refusal. Whatever may still come of the request cannot be told from the next one, so the connection ends.
    pub(super) fn refused(refusal: Refusal) -> Reply {
        let more = match refusal {
            Refusal::Unauthorized => "WWW-Authenticate: Bearer\r\n".to_owned(),
            Refusal::Method => "Allow: POST\r\n".to_owned(),
            _ if refusal.status() == 503 => format!("Retry-After: {RETRY_AFTER_S}\r\n"),
            _ => String::new(),
        };
        let body = Bytes::from(format!("{}\n", refusal.sentence()));
        Reply { status: refusal.status(), content_type: Some(PLAIN), body, more, close: true }
    }

    /// Writes it.
    pub(super) fn put(&self, out: &mut BytesMut) {
        let now = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nDate: {now}\r\nCache-Control: no-store\r\n{}",
            self.status,
            reason(self.status),
            self.more
        );
        if let Some(content_type) = self.content_type {
            let length = self.body.len();
            head += &format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n");
        }
        if self.close {
            head += "Connection: close\r\n";
        }
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
    }
}

/// The words of a status, which nothing reads.
fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: &str, readable: bool) -> u16 {
        let ack = format!("MSH|^~\\&|A|B|C|D|20260101||ACK|9|P|2.5\rMSA|{code}|1\r");
        Reply::acknowledgement(Bytes::from(ack), readable, false).status
    }

    #[test]
    fn the_status_says_what_the_acknowledgement_says() {
        let codes = ["AA", "CA", "AE", "CE", "AR", "CR", "??"];
        assert_eq!(codes.map(|code| status(code, true)), [200, 200, 422, 422, 409, 409, 422]);
        assert_eq!(["AE", "AR"].map(|code| status(code, false)), [400, 400]);
    }

    #[test]
    fn a_refusal_is_one_plain_sentence_and_ends_the_connection() {
        for refusal in Refusal::ALL {
            let mut out = BytesMut::new();
            Reply::refused(refusal).put(&mut out);
            let text = String::from_utf8(out.to_vec()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", refusal.status())), "{text}");
            assert!(head.contains("\r\nConnection: close"), "{text}");
            assert_eq!(head.contains("Retry-After: "), refusal.status() == 503, "{text}");
            assert_eq!(body, format!("{}\n", refusal.sentence()));
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
        }
    }
}
