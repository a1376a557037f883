//! The answer to a batch: a batch of acknowledgements.

use super::{BatchWriter, PartKind};
use crate::reply::read_reply;

/// Builds the batch that answers a batch, along with its parts: a header for each header, one acknowledgement for each message, and
/// trailers that count them. It can be written out as it grows.
pub struct BatchReply {
    faults_only: bool,
    now: String,
    control_id: String,
    file: Option<BatchWriter>,
    batch: Option<BatchWriter>,
    batches: u64,
}

impl BatchReply {
    /// `faults_only` leaves positive acknowledgements out, so that an empty batch says that everything was accepted. `control_id` is
    /// unique, of letters and digits only, and at most 16 of them.
    pub fn new(faults_only: bool, now: &str, control_id: &str) -> BatchReply {
        BatchReply {
            faults_only,
            now: now.to_owned(),
            control_id: control_id.to_owned(),
            file: None,
            batch: None,
            batches: 0,
        }
    }

    /// Comes to the next part of what is answered.
    pub fn part(&mut self, kind: PartKind, bytes: &[u8], out: &mut Vec<u8>) {
        match kind {
            PartKind::FileHeader => {
                self.end(out);
                let file = BatchWriter::replying_to(bytes, &self.now, &self.control_id);
                file.file_header(out);
                self.file = Some(file);
            }
            PartKind::BatchHeader => {
                self.end_batch(out);
                self.begin_batch(bytes, out);
            }
            PartKind::Message if self.batch.is_none() => self.begin_batch(bytes, out),
            PartKind::BatchTrailer => self.end_batch(out),
            PartKind::FileTrailer => self.end(out),
            PartKind::Message | PartKind::Blank | PartKind::Foreign => {}
        }
    }

    /// The acknowledgement of the message that was come to last.
    pub fn answer(&mut self, acknowledgement: &[u8], out: &mut Vec<u8>) {
        let code = read_reply(acknowledgement).and_then(|reply| reply.code);
        let is_positive = code.is_some_and(|code| code.is_positive());
        if let Some(batch) = &mut self.batch
            && !(self.faults_only && is_positive)
        {
            batch.message(acknowledgement, out);
        }
    }

    /// Closes what is open.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.end_batch(out);
        if let Some(file) = self.file.take() {
            file.file_trailer(out);
        }
    }

    fn begin_batch(&mut self, header: &[u8], out: &mut Vec<u8>) {
        self.batches += 1;
        let control_id = match self.batches {
            1 => self.control_id.clone(),
            n => format!("{}X{n}", self.control_id),
        };
        let mut batch = BatchWriter::replying_to(header, &self.now, &control_id);
        batch.batch_header(out);
        if let Some(file) = &mut self.file {
            file.add_batch();
        }
        self.batch = Some(batch);
    }

    fn end_batch(&mut self, out: &mut Vec<u8>) {
        if let Some(batch) = self.batch.take() {
            batch.batch_trailer(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::parts;

    fn reply(bytes: &[u8], faults_only: bool) -> String {
        let mut reply = BatchReply::new(faults_only, "2026", "R1");
        let mut out = Vec::new();
        for part in parts(bytes) {
            let part_bytes = &bytes[part.range];
            reply.part(part.kind, part_bytes, &mut out);
            if part.kind == PartKind::Message {
                let code = if part_bytes.ends_with(b"bad\r") { "AE" } else { "AA" };
                reply.answer(format!("MSH|^~\\&|\rMSA|{code}|1\r").as_bytes(), &mut out);
            }
        }
        reply.end(&mut out);
        String::from_utf8(out).unwrap().replace('\r', "\n")
    }

    const FILE: &[u8] = b"FHS|^~\\&|A|B|C|D|||||F1\rBHS$%!?@$A$B$$D$$$$$B1\rMSH|1|good\rMSH|2|bad\rBTS$2\rBHS|^~\\&|\rBTS\rFTS|2\r";

    #[test]
    fn each_message_gets_its_acknowledgement_and_each_header_its_own() {
        let expected = "FHS|^~\\&|C|D|A|B|2026||||R1|F1\nBHS$%!?@$$D$A$B$2026$$$$R1$B1\nMSH|^~\\&|\nMSA|AA|1\n\
            MSH|^~\\&|\nMSA|AE|1\nBTS$2\nBHS|^~\\&|||||2026||||R1X2\nBTS|0\nFTS|2\n";
        assert_eq!(reply(FILE, false), expected);
    }

    #[test]
    fn only_faults_may_be_told() {
        assert!(reply(FILE, true).contains("R1$B1\nMSH|^~\\&|\nMSA|AE|1\nBTS$1\n"));
        let row = b"MSH|^~\\&|A|B|C|D\rMSH|^~\\&|A\r";
        assert_eq!(reply(row, true), "BHS|^~\\&|C|D|A|B|2026||||R1\nBTS|0\n");
    }
}
