//! Looks for messages by many words at once.
//!
//! The word that fewest messages have says where to look: a number by its token, an error, a rare state by an index of what is rare,
//! a type, a sender or a destination by the blocks that have it. What is found there is compared with the other words, the newest first,
//! until a page is full or as much was looked at as one page may.

use std::collections::BTreeSet;

use config::Name;

use super::ask::{Place, SearchFilter, SearchPage, Sender};
use super::facts::{self, BLOCK};
use super::texts::{
    AT, BLOCKS, DELIVERY_REASONS, DESTINATION, FIRST_DAY, GIVEN_UP, IN_RANGE, INDEXED, LAST,
    LAST_DAY, LOOKED, NEXT_AT, OF_PLACES, OPEN, REASONS, TOKENS, UNDECIDED, UNUSUAL,
};
use super::{DAY_US, SearchField, normal};
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::read::{Known, MessageState, Reader};
use crate::scope::Scope;
use crate::sql::{Row, Statement, Value, values};
use crate::state::{DeliveryState, Disposition, Origin};
use crate::store::Store;

/// Messages that one page compares, over all channels, and at least in each.
const LOOK_MAX: i64 = 20_000;
const LOOK_MIN: i64 = 256;
/// Places that one question to an index gives at most.
const PLACES_MAX: i64 = 20_000;
/// Places that are compared with one statement.
const SLICE: usize = 500;
/// Rows of a page.
const LIMIT_MAX: usize = 1_000;
/// A clock may have been set back by so much.
const SET_BACK_US: i64 = 3_600 * 1_000_000;

/// Where to look, the newest first.
enum Piece {
    /// From the first number to before the second.
    Range(i64, i64),
    /// At these.
    Places(Vec<i64>),
}

/// Where to look in a channel.
struct Pieces {
    pieces: Vec<Piece>,
    /// The index gave no more than this far.
    cut: Option<i64>,
}

/// What was found in a channel.
struct Found {
    channel: Known,
    before: i64,
    rows: std::collections::VecDeque<Row>,
    /// Where it goes on; nothing when that was all.
    end: Option<i64>,
    given: Option<i64>,
}

/// A search in one channel.
struct Seek<'a> {
    store: &'a Store,
    filter: &'a SearchFilter,
    channel: &'a Known,
    destination: Option<i64>,
    low: i64,
    before: i64,
    look: i64,
    want: usize,
}

impl Store {
    /// The messages of a scope that fit, the newest first, from a place on.
    pub async fn search(
        &self,
        scope: &Scope,
        filter: &SearchFilter,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<SearchPage, StoreError> {
        let limit = limit.clamp(1, LIMIT_MAX);
        let mut channels = self.inner.reader.channels(scope).await?;
        if let Some(name) = &filter.channel {
            channels.retain(|channel| channel.name == *name);
            channels.first().ok_or(StoreError::NotFound("channel"))?;
        }
        if let Some(Place(places)) = after {
            channels.retain(|channel| places.iter().any(|(number, _)| *number == channel.id));
        }
        let look = (LOOK_MAX / i64::try_from(channels.len().max(1)).unwrap_or(1)).max(LOOK_MIN);
        let (mut found, mut behind) = (Vec::new(), 0);
        for channel in &channels {
            let before = after.and_then(|Place(places)| {
                places.iter().find(|(number, _)| *number == channel.id).map(|(_, seq)| *seq)
            });
            if !filter.numbers.is_empty() || filter.control_id.is_some() {
                behind += self.behind(channel).await?;
            }
            let (before, want) = (before.unwrap_or(i64::MAX), limit + 1);
            found.extend(self.seek(filter, channel, before, (look, want)).await?);
        }
        let (rows, next) = self.page(found, limit).await?;
        Ok(SearchPage { rows, next, behind })
    }

    /// About how many messages of a channel came from one time to before another.
    pub async fn count_between(
        &self,
        scope: &Scope,
        channel: &Name,
        (since_us, until_us): (i64, i64),
    ) -> Result<i64, StoreError> {
        let known = self.inner.reader.channel(scope, channel).await?;
        let first = self.first_at(&known, since_us).await?;
        Ok((self.first_at(&known, until_us).await? - first).max(0))
    }

    async fn behind(&self, channel: &Known) -> Result<i64, StoreError> {
        let reader = &self.inner.reader;
        let last = number(reader, LAST, values![channel.id]).await?;
        Ok((last - number(reader, INDEXED, values![channel.id]).await?).max(0))
    }

    async fn seek(
        &self,
        filter: &SearchFilter,
        channel: &Known,
        before: i64,
        (look, want): (i64, usize),
    ) -> Result<Option<Found>, StoreError> {
        let reader = &self.inner.reader;
        let destination = match &filter.destination {
            None => None,
            Some(name) => {
                match reader.row(DESTINATION, values![channel.id, name.as_str()]).await? {
                    Some(row) => Some(row.int(0)?),
                    None => return Ok(None),
                }
            }
        };
        let low = match filter.since_us {
            Some(since_us) => self.first_at(channel, since_us.saturating_sub(SET_BACK_US)).await?,
            None => 0,
        };
        let high = match filter.until_us {
            Some(until_us) => self.first_at(channel, until_us.saturating_add(SET_BACK_US)).await?,
            None => i64::MAX,
        };
        let (before_here, store) = (before.min(high), self);
        let seek =
            Seek { store, filter, channel, destination, low, before: before_here, look, want };
        let pieces = seek.pieces().await?;
        let (rows, end) = seek.rows(pieces).await?;
        Ok(Some(Found { channel: channel.clone(), before, rows: rows.into(), end, given: None }))
    }

    /// The number of the first message of a channel that came at or after a time; one more than the last when none has.
    async fn first_at(&self, channel: &Known, at_us: i64) -> Result<i64, StoreError> {
        let reader = &self.inner.reader;
        let first = reader.row(NEXT_AT, values![channel.id, 0]).await?;
        let mut low = first.map_or(Ok(1), |row| row.int(0))?;
        let mut high = number(reader, LAST, values![channel.id]).await? + 1;
        while low < high {
            let middle = low + (high - low) / 2;
            match reader.row(NEXT_AT, values![channel.id, middle]).await? {
                Some(row) if row.int(1)? < at_us => low = row.int(0)? + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    /// The newest of what was found in all channels.
    async fn page(
        &self,
        mut found: Vec<Found>,
        limit: usize,
    ) -> Result<(Vec<crate::read::MessageSummary>, Option<Place>), StoreError> {
        let mut rows = Vec::new();
        while rows.len() < limit {
            let newest = found.iter_mut().filter_map(|one| {
                let row = one.rows.front()?;
                Some(((row.int(3).ok()?, row.id(0).ok()?), one))
            });
            let Some((_, one)) = newest.max_by_key(|(when, _)| *when) else { break };
            let Some(row) = one.rows.pop_front() else { break };
            one.given = Some(row.int(2)?);
            rows.push(self.inner.reader.summary(&row, &one.channel.name).await?);
        }
        let goes_on = found.iter().filter_map(|one| match one.rows.is_empty() {
            false => Some((one.channel.id, one.given.unwrap_or(one.before))),
            true => one.end.map(|end| (one.channel.id, end)),
        });
        let next: Vec<(i64, i64)> = goes_on.collect();
        Ok((rows, Some(Place(next)).filter(|Place(next)| !next.is_empty())))
    }
}

impl Seek<'_> {
    fn reader(&self) -> &Reader {
        &self.store.inner.reader
    }

    /// Where to look.
    async fn pieces(&self) -> Result<Pieces, StoreError> {
        let filter = self.filter;
        let whole = |pieces| Pieces { pieces, cut: None };
        if let Some(places) = self.by_numbers().await? {
            return Ok(self.cut(Vec::new(), places));
        }
        if let Some(id) = filter.message {
            return Ok(whole(vec![Piece::Places(self.place_of(id).await?)]));
        }
        let indexed = number(self.reader(), INDEXED, values![self.channel.id]).await?;
        if let Some(id) = &filter.control_id {
            if filter.not_by_control_id.contains(&self.channel.name) {
                return Ok(whole(vec![Piece::Range(self.low, self.before)]));
            }
            let places = self.tokens(SearchField::ControlId, id.expose_phi()).await?;
            let newest = Piece::Range(self.low.max(indexed + 1), self.before);
            return Ok(self.cut(vec![newest], places));
        }
        let blocks = self.blocks().await?;
        if let Some(places) = self.rare().await? {
            let mut pieces = self.cut(Vec::new(), places);
            if let (Some(blocks), [Piece::Places(places)]) = (&blocks, pieces.pieces.as_mut_slice())
            {
                places.retain(|seq| *seq > indexed || blocks.contains(&(seq / BLOCK)));
            }
            return Ok(pieces);
        }
        Ok(whole(match blocks {
            Some(blocks) => self.ranges(&blocks, indexed),
            None => vec![Piece::Range(self.low, self.before)],
        }))
    }

    /// Where all numbers stand that are asked for, and the message too if it is.
    async fn by_numbers(&self) -> Result<Option<Vec<i64>>, StoreError> {
        let mut all: Option<Vec<i64>> = None;
        for (field, value) in &self.filter.numbers {
            let places = self.tokens(*field, value.expose_phi()).await?;
            let with: BTreeSet<i64> = places.iter().copied().collect();
            match &mut all {
                Some(all) => all.retain(|seq| with.contains(seq)),
                None => all = Some(places),
            }
        }
        if let (Some(all), Some(id)) = (&mut all, self.filter.message) {
            let place = self.place_of(id).await?;
            all.retain(|seq| place.contains(seq));
        }
        Ok(all)
    }

    async fn place_of(&self, id: MessageId) -> Result<Vec<i64>, StoreError> {
        let Some(row) = self.reader().row(AT, values![id.uuid()]).await? else {
            return Ok(Vec::new());
        };
        let is_here = row.int(0)? == self.channel.id;
        Ok(is_here.then_some(row.int(1)?).into_iter().collect())
    }

    fn cut(&self, mut pieces: Vec<Piece>, places: Vec<i64>) -> Pieces {
        let is_cut = i64::try_from(places.len()).unwrap_or(i64::MAX) >= PLACES_MAX;
        let cut = places.last().copied().filter(|_| is_cut);
        pieces.push(Piece::Places(places));
        Pieces { pieces, cut }
    }

    async fn tokens(&self, field: SearchField, value: &str) -> Result<Vec<i64>, StoreError> {
        let token = self.store.inner.tokens.search(field, &normal(value));
        let first = number(self.reader(), FIRST_DAY, values![self.channel.id]).await?;
        let day = |us: i64| us.div_euclid(DAY_US);
        let first = first.max(self.filter.since_us.map_or(0, day));
        // A message that comes at midnight may be of the next day by another clock.
        let last = self.filter.until_us.map_or(i64::MAX, day);
        let newest = self.newest_day().await?;
        let last = last.min(newest);
        if last < first {
            return Ok(Vec::new());
        }
        let token = &token[..];
        let wanted =
            values![self.channel.id, token, last, first, self.before, self.low, PLACES_MAX];
        self.places(TOKENS, wanted).await
    }

    async fn newest_day(&self) -> Result<i64, StoreError> {
        number(self.reader(), LAST_DAY, values![self.channel.id]).await
    }

    /// What has an index of its own because it is rare.
    async fn rare(&self) -> Result<Option<Vec<i64>>, StoreError> {
        let (channel, low, before) = (self.channel.id, self.low, self.before);
        let filter = self.filter;
        if let Some(error) = &filter.error {
            let wanted = || values![channel, &*error.code, before, low, PLACES_MAX];
            let of_messages = self.places(REASONS, wanted()).await?;
            let of_deliveries = self.places(DELIVERY_REASONS, wanted()).await?;
            return Ok(Some(newest_of(of_messages, of_deliveries)));
        }
        let open = |state: i64| values![channel, state, before, low, PLACES_MAX];
        match filter.state {
            Some(MessageState::Has(DeliveryState::Dead)) => {
                let wanted = values![channel, before, low, PLACES_MAX];
                return self.places(GIVEN_UP, wanted).await.map(Some);
            }
            Some(MessageState::Has(state)) if !state.is_final() => {
                return self.places(OPEN, open(state.code())).await.map(Some);
            }
            Some(MessageState::Is(Disposition::Received)) => {
                let wanted = values![channel, before, low, PLACES_MAX];
                let undecided = self.places(UNDECIDED, wanted).await?;
                return Ok(Some(newest_of(undecided, self.places(OPEN, open(0)).await?)));
            }
            Some(MessageState::Is(state)) if state != Disposition::Delivered => {
                let wanted = values![channel, state.code(), before, low, PLACES_MAX];
                return self.places(UNUSUAL, wanted).await.map(Some);
            }
            Some(MessageState::Is(_) | MessageState::Has(_)) | None => {}
        }
        let Some(reason) = &filter.reason else { return Ok(None) };
        let wanted = values![channel, &**reason, before, low, PLACES_MAX];
        self.places(REASONS, wanted).await.map(Some)
    }

    async fn places(
        &self,
        statement: Statement,
        wanted: Vec<Value>,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = self.reader().rows(statement, wanted).await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// The blocks that have everything that is asked for, when anything is.
    async fn blocks(&self) -> Result<Option<BTreeSet<i64>>, StoreError> {
        let filter = self.filter;
        let mut wanted: Vec<Vec<String>> = Vec::new();
        wanted.extend(filter.kind.as_deref().map(|kind| vec![facts::kind(kind)]));
        wanted.extend(filter.ack.as_deref().map(|code| vec![facts::ack(code)]));
        wanted.extend(filter.origin.map(|origin| vec![facts::origin(origin)]));
        match &filter.sender {
            Some(Sender::Either(text)) => {
                wanted.push(vec![facts::application(text), facts::facility(text)]);
            }
            Some(Sender::Both(application, facility)) => {
                wanted.push(vec![facts::application(application)]);
                wanted.push(vec![facts::facility(facility)]);
            }
            None => {}
        }
        let destination = self.destination.map(facts::destination);
        wanted.extend(destination.map(|fact| vec![fact, facts::UNDECIDED.to_owned()]));
        let mut all: Option<BTreeSet<i64>> = None;
        for facts in wanted {
            let mut with = BTreeSet::new();
            for fact in facts {
                with.extend(self.blocks_with(&fact).await?);
            }
            all = Some(match all {
                Some(all) => all.intersection(&with).copied().collect(),
                None => with,
            });
        }
        Ok(all)
    }

    async fn blocks_with(&self, fact: &str) -> Result<Vec<i64>, StoreError> {
        // `kind ADT` is also that of `ADT^A01`: what lies behind `^` up to the character after it.
        let (from, to) = match fact.starts_with("kind ") {
            true => (format!("{fact}^"), format!("{fact}_")),
            false => (String::new(), String::new()),
        };
        let (first, last) = (self.low / BLOCK, self.before / BLOCK);
        self.places(BLOCKS, values![self.channel.id, fact, from, to, first, last]).await
    }

    /// What is not in the index yet, then blocks; those that lie beside each other are one piece.
    fn ranges(&self, blocks: &BTreeSet<i64>, indexed: i64) -> Vec<Piece> {
        let mut ranges = vec![(indexed + 1, i64::MAX)];
        for block in blocks.iter().rev() {
            let (from, to) = (block * BLOCK, ((block + 1) * BLOCK).min(indexed + 1));
            match ranges.last_mut() {
                Some((first, _)) if *first <= to => *first = from.min(*first),
                _ => ranges.push((from, to)),
            }
        }
        let within = ranges.into_iter().map(|(from, to)| (from.max(self.low), to.min(self.before)));
        within.filter(|(from, to)| from < to).map(|(from, to)| Piece::Range(from, to)).collect()
    }

    /// The rows of pieces that fit, and where looking goes on.
    async fn rows(&self, found: Pieces) -> Result<(Vec<Row>, Option<i64>), StoreError> {
        let (mut rows, mut look) = (Vec::new(), self.look);
        for piece in found.pieces {
            let end = match piece {
                Piece::Range(from, to) => self.in_range((from, to), &mut look, &mut rows).await?,
                Piece::Places(places) => self.of_places(&places, &mut look, &mut rows).await?,
            };
            if end.is_some() {
                return Ok((rows, end));
            }
        }
        Ok((rows, found.cut))
    }

    async fn in_range(
        &self,
        (from, to): (i64, i64),
        look: &mut i64,
        rows: &mut Vec<Row>,
    ) -> Result<Option<i64>, StoreError> {
        if from >= to {
            return Ok(None);
        }
        let place = values![self.channel.id, to, from, *look];
        let mut wanted = place.clone();
        wanted.push(self.still_wanted(rows));
        wanted.extend(self.values());
        rows.extend(self.reader().rows(IN_RANGE, wanted).await?);
        if rows.len() >= self.want {
            return rows.last().map(|row| row.int(2)).transpose();
        }
        let Some(looked) = self.reader().row(LOOKED, place).await? else { return Ok(None) };
        *look -= looked.int(0)?;
        Ok(if *look <= 0 { Some(looked.int(1)?) } else { None })
    }

    async fn of_places(
        &self,
        places: &[i64],
        look: &mut i64,
        rows: &mut Vec<Row>,
    ) -> Result<Option<i64>, StoreError> {
        for slice in places.chunks(SLICE) {
            let list: Vec<String> = slice.iter().map(i64::to_string).collect();
            let mut wanted = values![self.channel.id, list.join(","), self.before, self.low];
            wanted.push(self.still_wanted(rows));
            wanted.extend(self.values());
            rows.extend(self.reader().rows(OF_PLACES, wanted).await?);
            if rows.len() >= self.want {
                return rows.last().map(|row| row.int(2)).transpose();
            }
            *look -= i64::try_from(slice.len()).unwrap_or(i64::MAX);
            if *look <= 0 && slice.last() != places.last() {
                return Ok(slice.last().copied());
            }
        }
        Ok(None)
    }

    fn still_wanted(&self, rows: &[Row]) -> Value {
        Value::from(i64::try_from(self.want - rows.len()).unwrap_or(i64::MAX))
    }

    /// What a row must be: the values from $6 on.
    fn values(&self) -> Vec<Value> {
        let filter = self.filter;
        let (is, has) = match filter.state {
            Some(MessageState::Is(disposition)) => (Some(disposition.code()), None),
            Some(MessageState::Has(state)) => (None, Some(state.code())),
            None => (None, None),
        };
        let (application, facility, either) = match &filter.sender {
            Some(Sender::Either(text)) => (Some(text.clone()), None, 1),
            Some(Sender::Both(application, facility)) => {
                (Some(application.clone()), Some(facility.clone()), 0)
            }
            None => (None, None, 0),
        };
        let error = filter.error.as_ref();
        let tokens = &self.store.inner.tokens;
        let control_id = filter.control_id.as_ref().map(|id| tokens.control_id(id.expose_phi()));
        values![
            is,
            filter.kind.clone(),
            filter.origin.map(Origin::code),
            filter.since_us,
            filter.until_us,
            has,
            self.destination,
            filter.ack.clone(),
            filter.reason.clone(),
            error.map(|error| error.code.clone()),
            error.and_then(|error| error.signature).map_or(Vec::new(), |first| first.to_vec()),
            application,
            facility,
            either,
            control_id.map_or(Vec::new(), |token| token.to_vec()),
        ]
    }
}

async fn number(
    reader: &Reader,
    statement: Statement,
    wanted: Vec<Value>,
) -> Result<i64, StoreError> {
    reader.row(statement, wanted).await?.map_or(Ok(0), |row| row.int(0))
}

/// Two lists, the newest first, as one; no further back than both were given.
fn newest_of(one: Vec<i64>, other: Vec<i64>) -> Vec<i64> {
    let full = |places: &[i64]| i64::try_from(places.len()).is_ok_and(|n| n >= PLACES_MAX);
    let bound = |places: &Vec<i64>| places.last().copied().filter(|_| full(places));
    let known = bound(&one).max(bound(&other)).unwrap_or(i64::MIN);
    let both: BTreeSet<i64> = one.into_iter().chain(other).filter(|seq| *seq >= known).collect();
    both.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lists_are_one_no_further_than_both_go() {
        assert_eq!(newest_of(vec![9, 5], vec![7, 5]), [9, 7, 5]);
        let full: Vec<i64> = (0..PLACES_MAX).rev().map(|n| n + 100).collect();
        assert_eq!(newest_of(full, vec![7]).last(), Some(&100));
    }
}
