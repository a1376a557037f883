//! Counters, summed over a group before they are written.

use std::collections::BTreeMap;

use crate::state::What;

const HOUR_US: i64 = 3_600 * 1_000_000;

/// The hour that a time belongs to, in hours since 1970.
pub(crate) fn hour_of(time_us: i64) -> i64 {
    time_us.div_euclid(HOUR_US)
}

/// One row of `counters`, without its hour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Counter {
    pub channel: i64,
    /// 0 for the channel as a whole.
    pub destination: i64,
    pub what: What,
}

/// What a group adds to the counters.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<Counter, i64>);

impl Counts {
    pub(crate) fn channel(&mut self, channel: i64, what: What, n: i64) {
        *self.0.entry(Counter { channel, destination: 0, what }).or_default() += n;
    }

    pub(crate) fn destination(&mut self, channel: i64, destination: i64, what: What, n: i64) {
        *self.0.entry(Counter { channel, destination, what }).or_default() += n;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Counter, i64)> {
        self.0.iter().map(|(counter, n)| (*counter, *n)).filter(|(_, n)| *n != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_counters_are_summed() {
        let mut counts = Counts::default();
        counts.channel(1, What::ReceivedPeer, 1);
        counts.channel(1, What::ReceivedPeer, 2);
        counts.destination(1, 4, What::DeliveriesMade, 1);
        counts.channel(2, What::Failed, 1);
        counts.channel(2, What::Failed, -1);
        let all: Vec<_> = counts.iter().map(|(c, n)| (c.channel, c.destination, n)).collect();
        assert_eq!(all, [(1, 0, 3), (1, 4, 1)]);
        assert_eq!((hour_of(-1), hour_of(3_600_000_000)), (-1, 1));
    }
}
