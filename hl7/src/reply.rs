//! Reading what a receiver answered.

use crate::{
    ack::AckCode,
    message::{Message, ParseOptions},
    path::{Path, SegmentName},
};

/// The acknowledgement in an answer. Query replies carry one too, so the message type does not matter.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// MSA-1, when it is a code of table 0008.
    pub code: Option<AckCode>,
    /// MSA-1 as it was sent.
    pub code_text: Vec<u8>,
    /// MSA-2 as it was sent: to be compared byte for byte with the MSH-10 that was sent.
    pub control_id: Vec<u8>,
    /// MSA-3, or the first text that an ERR has; as sent, and perhaps with patient data in it.
    pub text: Vec<u8>,
    /// The first error code of MSA-6 or ERR, when there is one.
    pub error_code: Vec<u8>,
    /// MSA-4, the expected sequence number.
    pub expected_sequence: Vec<u8>,
}

/// Reads an answer; `None` when it is no HL7 message or has no MSA.
pub fn read_reply(bytes: &[u8]) -> Option<Reply> {
    crate::header::read(bytes)?;
    let message = Message::parse(bytes, &ParseOptions { lf_ends_segments: true });
    let field = |segment: &str, field: u16, component: Option<u16>, subcomponent: Option<u16>| {
        let segment = SegmentName::new(segment)?;
        let path =
            Path { field: Some(field), component, subcomponent, ..Path::of_segment(segment) };
        let value = if component.is_none() { message.raw_field(&path) } else { message.raw(&path) };
        value.filter(|value| !value.is_empty()).map(<[u8]>::to_vec)
    };
    if message.count("MSA") == 0 {
        return None;
    }
    let code_text = field("MSA", 1, None, None).unwrap_or_default();
    let text = field("MSA", 3, None, None)
        .or_else(|| field("ERR", 8, None, None))
        .or_else(|| field("ERR", 7, None, None))
        .or_else(|| field("ERR", 3, Some(2), None))
        .or_else(|| field("ERR", 1, Some(4), Some(2)));
    let error_code = field("ERR", 3, Some(1), None)
        .or_else(|| field("MSA", 6, Some(1), None))
        .or_else(|| field("ERR", 1, Some(4), Some(1)));
    Some(Reply {
        code: AckCode::from_bytes(&code_text),
        code_text,
        control_id: field("MSA", 2, None, None).unwrap_or_default(),
        text: text.unwrap_or_default(),
        error_code: error_code.unwrap_or_default(),
        expected_sequence: field("MSA", 4, None, None).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whatever_its_type() {
        let reply = read_reply(
            b"MSH|^~\\&|||||||RSP^K22|9|P|2.5\rMSA|AE|7\\T\\1|no\rERR||PID^1^3|101^x^HL70357|E\r",
        )
        .unwrap();
        assert_eq!(reply.code, Some(AckCode::AE));
        assert_eq!(reply.control_id, b"7\\T\\1");
        assert_eq!((reply.text.as_slice(), reply.error_code.as_slice()), (&b"no"[..], &b"101"[..]));
        let old =
            read_reply(b"MSH|^~\\&|||||||ACK|9|P|2.3\rMSA|ZZ|\rERR|PID^1^3^101&missing\r").unwrap();
        assert_eq!((old.code, old.control_id.as_slice()), (None, &b""[..]));
        assert_eq!(
            (old.text.as_slice(), old.error_code.as_slice()),
            (&b"missing"[..], &b"101"[..])
        );
    }

    #[test]
    fn what_has_no_msa_is_no_answer() {
        assert!(read_reply(b"MSH|^~\\&|||||||ADT^A01|9|P|2.3\rPID|MSA|\r").is_none());
        assert!(read_reply(b"OK").is_none());
        assert!(read_reply(b"").is_none());
    }
}
