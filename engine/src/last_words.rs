//! What the process was doing when it ended: the messages whose programs were running.
//!
//! A slot for each channel in a small file that is written before a program starts behind an acknowledgement, and cleared after it.
//! The operating system keeps what was written when the process is killed, and nothing is synced: after a power failure no message
//! is to blame. So a message is counted only when the process ended inside its program (decisions.md 3), not when it merely was
//! next in line.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use store::MessageId;

const SLOT: usize = 16;
const SLOTS: usize = 4_096;

/// The file of slots.
#[derive(Clone)]
pub struct LastWords {
    file: Arc<File>,
}

/// The slot of one channel.
pub struct Slot {
    file: Arc<File>,
    offset: u64,
}

impl LastWords {
    /// Reads who was running when the last process ended, and begins anew.
    pub fn open(data: &Path) -> io::Result<(LastWords, Vec<MessageId>)> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(data.join("running"))?;
        let mut bytes = vec![0; SLOT * SLOTS];
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, u64::try_from(read).unwrap_or(u64::MAX))? {
                0 => break,
                n => read += n,
            }
        }
        let ids = bytes.chunks_exact(SLOT).filter_map(|slot| <[u8; SLOT]>::try_from(slot).ok());
        let running = ids.filter(|id| *id != [0; SLOT]).map(MessageId::from_bytes).collect();
        file.set_len(0)?;
        Ok((LastWords { file: Arc::new(file) }, running))
    }

    /// The slot of a channel, by its place among the channels that were started.
    pub fn slot(&self, channel: i64) -> Slot {
        let place = u64::try_from(channel).unwrap_or(0) % (SLOTS as u64);
        Slot { file: Arc::clone(&self.file), offset: place * (SLOT as u64) }
    }
}

impl Slot {
    /// Runs something that may end the process, under the name of a message.
    pub fn during<T>(&self, message: MessageId, run: impl FnOnce() -> T) -> T {
        self.write(message.as_bytes());
        let result = run();
        self.write(&[0; SLOT]);
        result
    }

    fn write(&self, id: &[u8; SLOT]) {
        if let Err(error) = self.file.write_all_at(id, self.offset) {
            tracing::warn!(error = %error, "what runs cannot be noted: a message that ends the process would not be counted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_running_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (words, before) = LastWords::open(folder.path()).unwrap();
        assert!(before.is_empty());
        let (done, running) = (MessageId::new(), MessageId::new());
        words.slot(1).during(done, || ());
        words.slot(2).during(running, || {
            // The process ends here.
            let (_, found) = LastWords::open(folder.path()).unwrap();
            assert_eq!(found, [running]);
        });
    }
}
