//! What an answer says about the message it answers, by the destination's action table.

use hl7::AckCode;

use super::actions::{Action, Actions};
use super::framing::looks_like_hllp;

/// What became of a message by its answer.
pub(crate) struct Judged {
    /// The acknowledgement code, or a word for what is wrong with the answer.
    pub(crate) code: &'static str,
    /// What the destination does.
    pub(crate) action: Action,
    /// It is the answer to this message: what comes next on the connection belongs to the next one.
    pub(crate) in_step: bool,
    /// What the receiver said, or what is wrong.
    pub(crate) text: Option<String>,
}

/// Reads an answer to `sent`.
pub(crate) fn judge(sent: &[u8], answer: &[u8], actions: &Actions) -> Judged {
    let wrong = |code, action, text: &str| Judged {
        code,
        action,
        in_step: false,
        text: Some(text.to_owned()),
    };
    let Some(reply) = hl7::read_reply(answer) else {
        return match hl7::peek(answer) {
            Ok(_) => wrong("blank", actions.blank, "the answer has no MSA segment"),
            Err(_) => wrong("garbage", actions.garbage, not_hl7(answer)),
        };
    };
    let id = hl7::peek(sent).map(|peek| peek.control_id(sent).to_vec()).unwrap_or_default();
    let text =
        Some(String::from_utf8_lossy(&reply.text).into_owned()).filter(|text| !text.is_empty());
    // A receiver that could not read the message may not know its id when it refuses.
    let refused_unread =
        reply.control_id.is_empty() && reply.code.is_some_and(|code| !code.is_positive());
    let (code, action, in_step) = match reply.code {
        _ if reply.control_id != id && !refused_unread => {
            ("wrong-id", actions.wrong_id, actions.wrong_id == Action::Accept)
        }
        None => ("blank", actions.blank, actions.blank == Action::Accept),
        Some(code) => (code.as_str(), by_code(code, actions), true),
    };
    Judged { code, action, in_step, text }
}

/// How to say that an answer is no HL7.
pub(crate) fn not_hl7(answer: &[u8]) -> &'static str {
    match looks_like_hllp(answer) {
        true => "the answer is not HL7; it looks like HLLP",
        false => "the answer is not HL7",
    }
}

fn by_code(code: AckCode, actions: &Actions) -> Action {
    match code {
        AckCode::AA | AckCode::CA => Action::Accept,
        AckCode::AE | AckCode::CE => actions.error,
        AckCode::AR | AckCode::CR => actions.reject,
    }
}
