//! Why a dead letter died, in a sentence for whoever has to do something about it.

/// What a code means, as the table of codes in docs/operations.md and `hilum explain` say it.
pub fn sentence(code: &str) -> String {
    if let Ok(known) = config::codes::explain(code) {
        let title = known.page.lines().next().unwrap_or_default();
        let title = title.split_once(": ").map_or(title, |(_, title)| title);
        return format!("{title}; `hilum explain {}` says more", known.code);
    }
    let known = match code {
        "AE" | "CE" => "the receiver refuses what is in the message",
        "AR" | "CR" => "the receiver refused every try, for now or for good",
        "NAK" => "the receiver could not keep it",
        "timeout" => "the receiver gave no whole answer in time",
        "closed" => "the receiver closed the connection without a whole answer",
        "blank" => "the receiver's answer has no acknowledgement code",
        "wrong-id" => "the receiver acknowledged another message",
        "garbage" => "the receiver's answer is not HL7",
        "no-application-ack" => {
            "the receiver had it, and its application acknowledgement did not come in time"
        }
        "unframeable" => {
            "the message holds the bytes that end a frame, so it cannot be sent over MLLP"
        }
        "name-taken" => "a file of this name has other content",
        "skipped" => "a person took it out of the way of those behind it",
        "unreadable" => "its bytes in the store do not open",
        "crash" => "its program ended the process three times",
        "panic" => "a step of the channel broke off",
        "budget" => "its program needed more than 2 s",
        "key" => "what its order goes by could not be read",
        _ if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
            return format!("the web service answered {code}");
        }
        _ => return format!("it ended with `{code}`"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_code_has_a_sentence() {
        assert_eq!(sentence("404"), "the web service answered 404");
        assert!(sentence("R0110").contains("`hilum explain R0110`"), "{}", sentence("R0110"));
        assert_eq!(sentence("AE"), "the receiver refuses what is in the message");
        assert_eq!(sentence("odd"), "it ended with `odd`");
    }
}
