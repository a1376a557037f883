//! What stands at the head of lanes, and taking out what waits.

use std::collections::VecDeque;

use super::{Arrival, Lanes, Ordered, Position, State};

/// A delivery that no other one is in front of.
pub struct LaneHead<'a, T> {
    /// Which one.
    pub item: &'a T,
    /// What it does.
    pub stands: Stands,
    /// Deliveries of its longest lane that are in memory, itself among them.
    pub length: usize,
}

/// What a delivery at the head of its lanes does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It goes as soon as somebody is free.
    Ready,
    /// It is being sent.
    Sending,
    /// Not before this time, in microseconds.
    Waiting(i64),
    /// A person stopped it.
    Held,
}

fn stands(state: State) -> Stands {
    match state {
        State::Queued | State::Runnable => Stands::Ready,
        State::Sending => Stands::Sending,
        State::Waiting(at) => Stands::Waiting(at),
        State::Held => Stands::Held,
    }
}

impl<T> Arrival<T> {
    fn stands(&self) -> Stands {
        match (self.held, self.not_before_us) {
            (true, _) => Stands::Held,
            (false, Some(at)) => Stands::Waiting(at),
            (false, None) => Stands::Ready,
        }
    }
}

impl<T: Ordered + Clone> Lanes<T> {
    /// Takes everything up to a number out that is not being sent; `later` too.
    pub fn remove_until(&mut self, seq: i64) -> Vec<(T, Stands)> {
        let mut removed = Vec::new();
        let (out, stay): (VecDeque<_>, VecDeque<_>) =
            self.later.drain(..).partition(|later| later.item.position().seq <= seq);
        self.later = stay;
        removed.extend(out.into_iter().map(|later| {
            let stands = later.stands();
            (later.item, stands)
        }));
        let free = self.entries.iter().filter(|(_, entry)| entry.state != State::Sending);
        let free: Vec<Position> = free
            .map(|(position, _)| *position)
            .take_while(|position| position.seq <= seq)
            .collect();
        for position in free {
            if let Some(entry) = self.take(position) {
                self.consider_heads(entry.item.keys());
                removed.push((entry.item, stands(entry.state)));
            }
        }
        self.next_scheme();
        removed
    }

    /// What a delivery in memory does.
    pub fn stands(&self, matches: impl Fn(&T) -> bool) -> Option<Stands> {
        let later = self.later.iter().find(|later| matches(&later.item)).map(Arrival::stands);
        let found = self.entries.values().find(|entry| matches(&entry.item));
        later.or(found.map(|entry| stands(entry.state)))
    }

    /// The deliveries that no other one is in front of, oldest first.
    pub fn heads(&self) -> Vec<LaneHead<'_, T>> {
        let is_head = |position: &Position, item: &T| {
            let lanes = item.keys().iter().map(|key| self.lanes.get(key));
            lanes.flatten().all(|lane| lane.queue.front() == Some(position))
        };
        let heads = self.entries.iter().filter(|(position, entry)| is_head(position, &entry.item));
        heads
            .map(|(_, entry)| {
                let lanes = entry.item.keys().iter().filter_map(|key| self.lanes.get(key));
                LaneHead {
                    item: &entry.item,
                    stands: stands(entry.state),
                    length: lanes.map(|lane| lane.queue.len()).max().unwrap_or(1),
                }
            })
            .collect()
    }

    /// Lanes with something in them.
    pub fn lanes(&self) -> usize {
        self.lanes.values().filter(|lane| !lane.queue.is_empty()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, item, lanes, started};
    use super::*;

    #[test]
    fn heads_are_those_that_nobody_is_in_front_of() {
        let mut l = lanes(&[(1, &[1]), (2, &[1]), (3, &[2]), (4, &[1, 2]), (5, &[3])]);
        assert_eq!(started(&mut l), [1, 3, 5]);
        l.retry(at(1), 50, |_| ());
        let heads: Vec<_> =
            l.heads().iter().map(|head| (head.item.0, head.stands, head.length)).collect();
        let sending = Stands::Sending;
        assert_eq!(heads, [(1, Stands::Waiting(50), 3), (3, sending, 2), (5, sending, 1)]);
        assert_eq!((l.lanes(), l.stands(|item| item.0 == 4)), (3, Some(Stands::Ready)));
    }

    #[test]
    fn what_waits_up_to_a_number_is_taken_out_and_the_rest_goes_on() {
        let mut l = lanes(&[(1, &[1]), (2, &[1]), (3, &[2])]);
        l.push(item(4, &[1]), true, None);
        l.push(item(6, &[1]), false, None);
        assert_eq!(started(&mut l), [1, 3]);
        let taken: Vec<_> =
            l.remove_until(4).into_iter().map(|(item, stands)| (item.0, stands)).collect();
        assert_eq!(taken, [(2, Stands::Ready), (4, Stands::Held)]);
        l.finish(at(1));
        assert_eq!(started(&mut l), [6]);
    }
}
