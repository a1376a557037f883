//! Which files have been left alone for long enough.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::inbox::{Candidate, Stamp};

/// When each file was first seen with the size and time that it has.
#[derive(Default)]
pub(super) struct Sightings(HashMap<Vec<u8>, (Stamp, Instant)>);

impl Sightings {
    /// Takes what was seen now; gives the files that were the same for `stable`, in their order, and how long until the next one will have been.
    pub(super) fn look(
        &mut self,
        candidates: Vec<Candidate>,
        stable: Duration,
        now: Instant,
    ) -> (Vec<Candidate>, Option<Duration>) {
        let mut before = std::mem::take(&mut self.0);
        let (mut due, mut next) = (Vec::new(), None);
        for candidate in candidates {
            let since = match before.remove(&candidate.name) {
                Some((stamp, since)) if stamp == candidate.stamp => since,
                Some(_) | None => now,
            };
            self.0.insert(candidate.name.clone(), (candidate.stamp, since));
            let left = stable.saturating_sub(now.duration_since(since));
            if left.is_zero() {
                due.push(candidate);
            } else {
                next = Some(next.map_or(left, |next: Duration| next.min(left)));
            }
        }
        (due, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, size: u64) -> Candidate {
        Candidate { name: name.into(), stamp: Stamp::of_size(size) }
    }

    #[test]
    fn a_file_is_due_when_it_was_the_same_for_long_enough() {
        let (mut sightings, start) = (Sightings::default(), Instant::now());
        let stable = Duration::from_secs(2);
        let mut look = |files: &[(&str, u64)], after_ms: u64| {
            let candidates = files.iter().map(|(name, size)| seen(name, *size)).collect();
            let now = start + Duration::from_millis(after_ms);
            let (due, next) = sightings.look(candidates, stable, now);
            let names: Vec<String> =
                due.into_iter().map(|c| String::from_utf8(c.name).unwrap()).collect();
            (names.join(" "), next.map(|next| next.as_millis()))
        };
        assert_eq!(look(&[("b", 1), ("a", 1)], 0), (String::new(), Some(2000)));
        assert_eq!(look(&[("b", 1), ("a", 2)], 1500), (String::new(), Some(500)), "a has grown");
        assert_eq!(look(&[("b", 1), ("a", 2), ("c", 0)], 2000), ("b".to_owned(), Some(1500)));
        assert_eq!(look(&[("a", 2), ("c", 0)], 4000), ("a c".to_owned(), None));
        assert_eq!(look(&[], 4000), (String::new(), None));
        assert_eq!(look(&[("a", 2)], 5000), (String::new(), Some(2000)), "it was gone in between");
        assert_eq!(sightings.look(vec![seen("z", 1)], Duration::ZERO, start).0.len(), 1);
    }
}
