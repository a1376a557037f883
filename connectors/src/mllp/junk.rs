//! What stands between frames and is no message.

/// A run of junk longer than this means that the peer speaks something else.
const RUN_MAX: usize = 64 * 1024;
/// What is kept for people who look for the cause.
const TAIL_MAX: usize = 64;

/// Counts junk and keeps its last bytes.
#[derive(Debug, Default)]
pub(super) struct Junk {
    total: u64,
    run: usize,
    tail: Vec<u8>,
}

impl Junk {
    /// Takes as much of `bytes` as the run may still hold; false when that was not all, which ends the connection.
    pub(super) fn add(&mut self, bytes: &[u8]) -> bool {
        let room = RUN_MAX - self.run;
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.total += taken.len() as u64;
        self.run += taken.len();
        let newest = taken.get(taken.len().saturating_sub(TAIL_MAX)..).unwrap_or_default();
        let keep = TAIL_MAX - newest.len();
        self.tail.drain(..self.tail.len().saturating_sub(keep));
        self.tail.extend_from_slice(newest);
        taken.len() == bytes.len()
    }

    /// A frame has begun: the next junk is another run.
    pub(super) fn end_run(&mut self) {
        self.run = 0;
    }

    /// Bytes of junk since the connection began.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The last bytes of junk.
    pub(super) fn tail(&self) -> &[u8] {
        &self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_64_bytes_are_kept_however_they_come_in() {
        let bytes: Vec<u8> = (0..=255).collect();
        for size in [1, 7, 64, 65, 256] {
            let mut junk = Junk::default();
            assert!(bytes.chunks(size).all(|chunk| junk.add(chunk)));
            assert_eq!((junk.total(), junk.tail()), (256, &bytes[192..]));
        }
    }

    #[test]
    fn a_run_is_limited_and_runs_are_counted_apart() {
        let mut junk = Junk::default();
        assert!(junk.add(&vec![b'x'; RUN_MAX]));
        junk.end_run();
        assert!(junk.add(&vec![b'x'; RUN_MAX - 1]));
        assert!(!junk.add(b"xx"));
        assert_eq!(junk.total(), 2 * RUN_MAX as u64);
    }
}
