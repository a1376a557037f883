use super::decision::AckProblem;
use crate::charset_rule::CharsetRule;
use hl7::{DelimiterFault, Limits, Peek, Unreadable, check_limits};

/// What a source lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// The versions (MSH-12.1) that are accepted; none accepts every one, and an empty MSH-12.
    pub versions: Option<Vec<String>>,
    /// Bytes that the charset does not have are refused at the door.
    pub strict_charset: bool,
    /// The charset that they are checked by.
    pub charset: CharsetRule,
    /// How many parts a message may have.
    pub limits: Limits,
}

/// Why a message is `rejected`: it is recorded, and no program sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// A stable reason code: `unreadable`, `batch`, `delimiters`, `no-control-id`, `version`, `charset`, `limits`, or that of a source, `peer-mismatch`.
    pub reason: &'static str,
    /// Sending it again as it is may help one day (AR), or will not (AE).
    pub retry: bool,
    /// What the sender is told.
    pub problem: AckProblem,
}

impl Rejection {
    /// What a source itself finds wrong with what it was sent: the same bytes will not do better (AE).
    pub fn by_source(reason: &'static str, text: impl Into<String>) -> Rejection {
        Rejection { reason, retry: false, problem: AckProblem::new(207, text) }
    }
}

impl Rejection {
    /// A message in which a peer speaks as somebody else.
    pub fn peer_mismatch() -> Rejection {
        let text = "this peer may not send as this application and facility";
        Rejection { reason: "peer-mismatch", retry: true, problem: AckProblem::new(207, text) }
    }
}

/// What is done with a message in which a peer speaks as somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerMismatch {
    /// It is rejected.
    Reject,
    /// It is taken, and said.
    Flag,
}

/// What is decided about a frame before its program runs.
pub enum Admitted {
    /// The program decides.
    Message,
    /// An answer to one of our messages; it is recorded as `filtered` and never answered.
    Acknowledgement,
    /// It is recorded as `rejected` and answered.
    Rejected(Rejection),
}

/// Decides by the header alone whether a frame is for the program.
pub fn admit(admission: &Admission, bytes: &[u8], peek: Result<&Peek, &Unreadable>) -> Admitted {
    let peek = match peek {
        Ok(peek) => peek,
        Err(unreadable) => {
            // What is no HL7 at all came to the wrong door and may find the right one; a broken header will not heal.
            let broken = bytes.trim_ascii_start().starts_with(b"MSH");
            return reject(
                "unreadable",
                !broken,
                AckProblem::new(unreadable.code, unreadable.text),
            );
        }
    };
    if peek.is_batch() {
        return reject("batch", true, AckProblem::new(207, "batch not enabled"));
    }
    if peek.is_acknowledgement() {
        return Admitted::Acknowledgement;
    }
    if let Some(fault) = peek.delimiters().fault() {
        let text = match fault {
            DelimiterFault::Missing => "encoding characters are missing",
            DelimiterFault::Repeated => "one encoding character stands for two things",
            DelimiterFault::Unusable => "an encoding character cannot be told from text",
        };
        return reject("delimiters", false, AckProblem::new(102, text).at("MSH", 2));
    }
    if peek.control_id(bytes).is_empty() {
        return reject(
            "no-control-id",
            false,
            AckProblem::new(101, "message control id is missing").at("MSH", 10),
        );
    }
    if let Some(versions) = &admission.versions {
        let sent = peek.version(bytes);
        if !versions.iter().any(|version| version.as_bytes() == sent) {
            return reject(
                "version",
                true,
                AckProblem::new(203, "version not supported").at("MSH", 12),
            );
        }
    }
    let charset = admission.charset.of(peek);
    if let Err(exceeded) = check_limits(bytes, peek.delimiters(), charset, &admission.limits) {
        return reject("limits", false, AckProblem::new(207, exceeded.to_string()));
    }
    if admission.strict_charset && charset.decode(bytes).is_err() {
        let text = format!("the message holds bytes that are not {charset}");
        return reject("charset", false, AckProblem::new(102, text).at("MSH", 18));
    }
    Admitted::Message
}

fn reject(reason: &'static str, retry: bool, problem: AckProblem) -> Admitted {
    Admitted::Rejected(Rejection { reason, retry, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(admission: &Admission, bytes: &[u8]) -> String {
        match admit(admission, bytes, hl7::peek(bytes).as_ref()) {
            Admitted::Message => "message".to_owned(),
            Admitted::Acknowledgement => "acknowledgement".to_owned(),
            Admitted::Rejected(rejection) => {
                let kind = if rejection.retry { "AR" } else { "AE" };
                format!("{} {kind} {}", rejection.reason, rejection.problem.code)
            }
        }
    }

    #[test]
    fn what_cannot_be_answered_for_is_rejected() {
        let open = Admission::default();
        for (bytes, expected) in [
            (&b"MSH|^~\\&|||||||ADT^A01|1||9.9\r"[..], "message"),
            (b"MSH|^~\\&|||||||ADT^A01|1\r", "message"),
            (b"MSH|^~\\&|||||||ADT^A01\r", "no-control-id AE 101"),
            (b"MSH|^^\\&|||||||ADT^A01|1\r", "delimiters AE 102"),
            (b"MSH||||||||ADT^A01|1\r", "delimiters AE 102"),
            (b"BHS|^~\\&|\rMSH|^~\\&|||||||ADT^A01|1\r", "batch AR 207"),
            (b"MSH|^~\\&|||||||ACK|1\rMSA|AA|7\r", "acknowledgement"),
            (b"GET / HTTP/1.1\r\n\r\n", "unreadable AR 100"),
            (b"MSH", "unreadable AE 100"),
            (b"", "unreadable AR 100"),
            (b"MSH|^~\\&|||||||ADT^A01|1\rPID|\xFF\r", "message"),
        ] {
            assert_eq!(decided(&open, bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_source_may_want_less() {
        let versions =
            Admission { versions: Some(vec!["2.5.1".to_owned()]), ..Admission::default() };
        assert_eq!(decided(&versions, b"MSH|^~\\&|||||||ADT^A01|1||2.5.1^DEU\r"), "message");
        assert_eq!(decided(&versions, b"MSH|^~\\&|||||||ADT^A01|1||2.5\r"), "version AR 203");
        assert_eq!(decided(&versions, b"MSH|^~\\&|||||||ADT^A01|1\r"), "version AR 203");
        let strict = Admission { strict_charset: true, ..Admission::default() };
        assert_eq!(decided(&strict, b"MSH|^~\\&|||||||ADT^A01|1\rPID|\xFF\r"), "charset AE 102");
        let limits =
            Admission { limits: Limits { segments: 3, repetitions: 3 }, ..Admission::default() };
        assert_eq!(decided(&limits, b"MSH|^~\\&|||||||ADT^A01|1\rA\rB\rC\rD\r"), "limits AE 207");
    }
}
