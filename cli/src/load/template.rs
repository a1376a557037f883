//! A message that can be sent many times, each time with its own control id.

/// The bytes of a message, and where MSH-10 stands in them.
pub struct Template {
    bytes: Vec<u8>,
    control_id: Option<std::ops::Range<usize>>,
}

impl Template {
    /// Looks for the control id; a message whose header cannot be read is only sent as it is.
    pub fn new(bytes: &[u8]) -> Template {
        let control_id = hl7::peek(bytes).ok().and_then(|peek| {
            let id = peek.control_id(bytes);
            let start = (id.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
            (!id.is_empty() && start + id.len() <= bytes.len()).then(|| start..start + id.len())
        });
        Template { bytes: bytes.to_vec(), control_id }
    }

    /// The message as it is.
    pub fn as_is(&self) -> &[u8] {
        &self.bytes
    }

    /// The control id as it is.
    pub fn control_id(&self) -> &[u8] {
        self.control_id.clone().and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// The message with another control id.
    pub fn with_control_id(&self, id: &str, out: &mut Vec<u8>) {
        out.clear();
        match &self.control_id {
            Some(range) => {
                out.extend_from_slice(self.bytes.get(..range.start).unwrap_or_default());
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(self.bytes.get(range.end..).unwrap_or_default());
            }
            None => out.extend_from_slice(&self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_control_id_changes() {
        let template = Template::new(b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|M1|P|2.5\rPID|1\r");
        let mut out = Vec::new();
        template.with_control_id("X-77", &mut out);
        assert_eq!(out, b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|X-77|P|2.5\rPID|1\r");
        assert_eq!(template.control_id(), b"M1");
    }

    #[test]
    fn what_has_no_header_is_sent_as_it_is() {
        let template = Template::new(b"nonsense");
        let mut out = Vec::new();
        template.with_control_id("X", &mut out);
        assert_eq!(out, b"nonsense");
    }
}
