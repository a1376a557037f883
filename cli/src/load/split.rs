//! A file that holds several messages one after the other.

/// Cuts at each line that begins a message with the first one's field separator. A batch (FHS, BHS) and anything that does not begin
/// with a message stay whole.
pub fn messages(bytes: &[u8]) -> Vec<&[u8]> {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    let Some(separator) =
        bytes.get(start..).and_then(|rest| rest.strip_prefix(b"MSH")).and_then(|rest| rest.first())
    else {
        return if bytes.is_empty() { Vec::new() } else { vec![bytes] };
    };
    let head = [b'M', b'S', b'H', *separator];
    let mut cuts = vec![0];
    let lines =
        bytes.iter().enumerate().filter(|(_, b)| matches!(b, b'\r' | b'\n')).map(|(at, _)| at + 1);
    cuts.extend(
        lines.filter(|at| {
            *at > start && bytes.get(*at..).is_some_and(|rest| rest.starts_with(&head))
        }),
    );
    let ends = cuts.iter().skip(1).copied().chain([bytes.len()]);
    cuts.iter().zip(ends).filter_map(|(from, to)| bytes.get(*from..to)).collect()
}

#[cfg(test)]
mod tests {
    use super::messages;

    #[test]
    fn messages_are_cut_apart_and_nothing_is_lost() {
        let file = b"MSH|^~\\&|A\rPID|MSH|x\rMSH|^~\\&|B\r\nMSH|^~\\&|C";
        let cut = messages(file);
        assert_eq!(cut.len(), 3);
        assert_eq!(cut.concat(), file);
        assert!(cut.iter().all(|message| message.starts_with(b"MSH|")));
    }

    #[test]
    fn what_is_no_row_of_messages_stays_whole() {
        for file in [&b"BHS|^~\\&\rMSH|^~\\&\r"[..], b"nonsense\rMSH|", b"MSH"] {
            assert_eq!(messages(file), [file]);
        }
        assert!(messages(b"").is_empty());
    }
}
