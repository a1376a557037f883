//! A file that holds several messages.

use hl7::batch::{PartKind, parts};

/// The messages of a file, without the headers and trailers of batches. Bytes that hold no message at all stay whole.
pub fn messages(bytes: &[u8]) -> Vec<&[u8]> {
    let found: Vec<&[u8]> = parts(bytes)
        .filter(|part| part.kind == PartKind::Message)
        .filter_map(|part| bytes.get(part.range))
        .collect();
    let is_batch =
        parts(bytes).any(|part| matches!(part.kind, PartKind::FileHeader | PartKind::BatchHeader));
    match found.is_empty() && !is_batch && !bytes.trim_ascii().is_empty() {
        true => vec![bytes],
        false => found,
    }
}

#[cfg(test)]
mod tests {
    use super::messages;

    #[test]
    fn messages_are_cut_apart_and_headers_left_out() {
        let row = b"MSH|^~\\&|A\rPID|MSH|x\rMSH|^~\\&|B\r\nMSH|^~\\&|C";
        assert_eq!(messages(row).concat(), row);
        assert_eq!(messages(row).len(), 3);
        let batch = b"FHS|^~\\&|A\rBHS|^~\\&|A\rMSH|^~\\&|A\rMSH|^~\\&|B\rBTS|2\rFTS|1\r";
        assert_eq!(messages(batch), [b"MSH|^~\\&|A\r", b"MSH|^~\\&|B\r"]);
        assert!(messages(b"BHS|^~\\&|A\rBTS|0\r").is_empty());
    }

    #[test]
    fn what_is_no_message_stays_whole() {
        for file in [&b"nonsense\rPID|"[..], b"PK\x03\x04"] {
            assert_eq!(messages(file), [file]);
        }
        assert!(messages(b"").is_empty() && messages(b"\r\n").is_empty());
    }
}
