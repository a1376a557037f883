//! What a person has typed, as a message: whether it can be one, and where it cannot.

use crate::problem::Problem;

/// The bytes of a message that was typed line by line, in the character set that it names.
pub fn from_text(text: &str) -> Result<Vec<u8>, Problem> {
    let mut lines = text.replace("\r\n", "\r").replace('\n', "\r");
    if !lines.ends_with('\r') {
        lines.push('\r');
    }
    let Ok(peek) = hl7::peek(lines.as_bytes()) else { return Ok(lines.into_bytes()) };
    match peek.charset().encode(&lines) {
        Ok(bytes) => Ok(bytes.into_owned()),
        Err(_) => Err(Problem::invalid(format!(
            "a character of the message is not in `{}`, the character set of its MSH-18",
            peek.charset().name()
        ))
        .hint("name another character set in MSH-18, such as `UNICODE UTF-8`")),
    }
}

/// Refuses what is no message, and says where. No value is quoted.
pub fn check(body: &[u8]) -> Result<(), Problem> {
    if let Err(error) = hl7::peek(body) {
        return Err(Problem::invalid(format!("line 1: {}", error.text))
            .hint("a message begins with `MSH`, its separators and its header, as `hilum view` shows them"));
    }
    let lines = body.split(|byte| matches!(byte, b'\r' | b'\n'));
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
        let named = line.get(..3).is_some_and(|name| {
            name[0].is_ascii_uppercase()
                && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        });
        let separated = line.get(3).is_none_or(|byte| Some(byte) == body.get(3));
        if !named || !separated {
            return Err(Problem::invalid(format!(
                "line {number} does not begin with the name of a segment and the separator"
            ))
            .hint(
                "each line begins like `PID|`; a line break inside of a field is written `\\.br\\`",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\nPID|1||8001\n";

    #[test]
    fn what_is_typed_line_by_line_is_a_message() {
        let bytes = from_text(GOOD).unwrap();
        assert!(bytes.ends_with(b"PID|1||8001\r") && !bytes.contains(&b'\n'));
        check(&bytes).unwrap();
    }

    #[test]
    fn what_is_none_is_refused_with_its_place_and_without_a_value() {
        let bytes = from_text(&format!("{GOOD}DOE JANE\n")).unwrap();
        let problem = check(&bytes).unwrap_err();
        assert!(problem.title.starts_with("line 3 "), "{}", problem.title);
        assert!(!problem.title.contains("DOE") && problem.hint.is_some());
        let problem = check(b"PID|1\r").unwrap_err();
        assert!(problem.title.starts_with("line 1"), "{}", problem.title);
        let latin = GOOD.replace("|P|2.5", "|P|2.5||||||8859/1").replace("8001", "Ł");
        assert!(from_text(&latin).unwrap_err().title.contains("MSH-18"));
    }
}
