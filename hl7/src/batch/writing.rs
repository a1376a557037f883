//! Headers and trailers around messages.

use crate::{
    Charset,
    delimiters::{DelimiterFault, Delimiters},
    escape::escape,
    peek::peek,
};

/// Writes what stands around the messages of a batch, and counts them. Segments end with CR.
pub struct BatchWriter {
    delimiters: Delimiters,
    encoding: Vec<u8>,
    /// Fields 3 to 6 of the headers, as they are written.
    parties: [Vec<u8>; 4],
    now: String,
    control_id: String,
    reference: Vec<u8>,
    messages: u64,
    batches: u64,
}

impl BatchWriter {
    /// With the delimiters and the sender and receiver of a message. `now` is HL7 text; `control_id` is unique, of letters and digits
    /// only, and at most 20 of them.
    pub fn of(message: &[u8], now: &str, control_id: &str) -> BatchWriter {
        let mut writer = BatchWriter {
            delimiters: Delimiters::STANDARD,
            encoding: b"^~\\&".to_vec(),
            parties: Default::default(),
            now: now.to_owned(),
            control_id: control_id.to_owned(),
            reference: Vec::new(),
            messages: 0,
            batches: 0,
        };
        // A header whose delimiters cannot carry values is written around with the usual ones.
        let usable = peek(message).ok().filter(|peek| {
            let delimiters = peek.delimiters();
            !delimiters.field().is_empty() && delimiters.fault() != Some(DelimiterFault::Unusable)
        });
        if let Some(peek) = usable {
            writer.delimiters = *peek.delimiters();
            writer.encoding = peek.field(message, 2).to_vec();
            writer.parties = [3, 4, 5, 6].map(|field| peek.field(message, field).to_vec());
            if peek.is_batch() {
                writer.reference = peek.control_id(message).to_vec();
            }
        }
        writer
    }

    /// The way back: the receiver of `header` answers its sender, and names the batch that it answers.
    pub fn replying_to(header: &[u8], now: &str, control_id: &str) -> BatchWriter {
        let mut writer = BatchWriter::of(header, now, control_id);
        writer.parties.rotate_left(2);
        writer
    }

    /// FHS.
    pub fn file_header(&self, out: &mut Vec<u8>) {
        self.header(b"FHS", out);
    }

    /// BHS; the messages after it are counted from none.
    pub fn batch_header(&mut self, out: &mut Vec<u8>) {
        self.messages = 0;
        self.batches += 1;
        self.header(b"BHS", out);
    }

    /// A message, whose last segment gets a terminator when it has none.
    pub fn message(&mut self, message: &[u8], out: &mut Vec<u8>) {
        self.messages += 1;
        out.extend_from_slice(message);
        if !message.ends_with(b"\r") && !message.ends_with(b"\n") {
            out.push(b'\r');
        }
    }

    /// BTS, with the number of messages since the header.
    pub fn batch_trailer(&self, out: &mut Vec<u8>) {
        self.trailer(b"BTS", self.messages, out);
    }

    /// FTS, with the number of batches.
    pub fn file_trailer(&self, out: &mut Vec<u8>) {
        self.trailer(b"FTS", self.batches, out);
    }

    /// Counts a batch that another writer has written into the same file.
    pub(super) fn add_batch(&mut self) {
        self.batches += 1;
    }

    fn header(&self, name: &[u8], out: &mut Vec<u8>) {
        let separator = self.delimiters.field();
        let text = |text: &str| escape(text, &self.delimiters, Charset::Utf8).unwrap_or_default();
        let [from, from_place, to, to_place] = &self.parties;
        let fields: [&[u8]; 11] = [
            &self.encoding,
            from,
            from_place,
            to,
            to_place,
            &text(&self.now),
            b"",
            b"",
            b"",
            &text(&self.control_id),
            &self.reference,
        ];
        out.extend_from_slice(name);
        let used = fields.len() - usize::from(self.reference.is_empty());
        for field in &fields[..used] {
            out.extend_from_slice(separator);
            out.extend_from_slice(field);
        }
        out.push(b'\r');
    }

    fn trailer(&self, name: &[u8], count: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(name);
        out.extend_from_slice(self.delimiters.field());
        out.extend_from_slice(count.to_string().as_bytes());
        out.push(b'\r');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Holding, count};

    #[test]
    fn what_is_written_counts_right_and_speaks_as_the_message() {
        let message = b"MSH#*~\\&#PAS#NORTH#LAB#MAIN#2026##ADT*A01#7#P#2.5";
        let mut writer = BatchWriter::of(message, "20261122003025+0000", "B1");
        let mut out = Vec::new();
        writer.file_header(&mut out);
        writer.batch_header(&mut out);
        writer.message(message, &mut out);
        writer.message(b"MSH|^~\\&|\n", &mut out);
        writer.batch_trailer(&mut out);
        writer.file_trailer(&mut out);
        let expected = b"FHS#*~\\&#PAS#NORTH#LAB#MAIN#20261122003025+0000####B1\r\
            BHS#*~\\&#PAS#NORTH#LAB#MAIN#20261122003025+0000####B1\r\
            MSH#*~\\&#PAS#NORTH#LAB#MAIN#2026##ADT*A01#7#P#2.5\rMSH|^~\\&|\nBTS#2\rFTS#1\r";
        assert_eq!(out, expected, "{}", String::from_utf8_lossy(&out));
        assert_eq!(count(&out), Ok(Holding { messages: 2, batches: 1, is_batch: true }));
    }

    #[test]
    fn a_message_that_cannot_be_spoken_to_gets_the_usual_delimiters() {
        let mut out = Vec::new();
        BatchWriter::of(b"MSHA^~\\&A", "2026", "B1").batch_header(&mut out);
        assert_eq!(out, b"BHS|^~\\&|||||2026||||B1\r");
    }
}
