//! What a search asks the store for.

use std::ops::Range;

use config::Name;
use jiff::tz::TimeZone;
use phi::Phi;
use store::{
    DeliveryState, Disposition, MessageState, Origin, SearchField, SearchFilter, Sender,
    WantedError,
};

use super::moment::Moment;
use super::word::Word;
use super::{Query, QueryError, Said};

/// A longer value is no number of anything.
const VALUE_MAX: usize = 256;
/// The time that is searched when none is said.
const DAY_US: i64 = 86_400 * 1_000_000;

/// What is asked for. Ids and what stands alone are resolved by whoever asks.
pub struct Asked {
    /// The other words; with the time that is searched.
    pub filter: SearchFilter,
    /// An id, or a control id.
    pub id: Option<Phi<String>>,
    /// What stands alone: an id, a control id or the number of a patient.
    pub alone: Option<Phi<String>>,
}

/// What contradicts itself, is said twice, or cannot be meant.
pub(super) fn problems(said: &[Said]) -> Vec<QueryError> {
    let mut errors = Vec::new();
    for (index, one) in said.iter().enumerate() {
        if said.iter().take(index).any(|before| before.word == one.word) {
            errors.push(match one.word {
                Some(word) => QueryError::new(format!("`{}:` is said twice", word.name()), &one.at)
                    .hint("a search is for what fits every word"),
                None => QueryError::new("two words stand alone", &one.at)
                    .hint("one id or number stands alone; with blanks in it, in quotes"),
            });
        }
        errors.extend(value_problem(one));
    }
    let at = |word: Option<Word>| said.iter().find(|one| one.word == word);
    if let (Some(_), Some(alone)) = (at(Some(Word::Id)), at(None)) {
        let text = "an id and a word that stands alone are both said";
        errors.push(QueryError::new(text, &alone.at));
    }
    errors.extend(times_problem(at(Some(Word::Since)), at(Some(Word::Until))));
    errors
}

fn times_problem(since: Option<&Said>, until: Option<&Said>) -> Option<QueryError> {
    let (since, until) = (since?, until?);
    let moment = |said: &Said| Moment::parse(said.value.expose_phi());
    let is_before = match (moment(since)?, moment(until)?) {
        (Moment::Ago(since), Moment::Ago(until)) => until >= since,
        (Moment::Ago(_), _) | (_, Moment::Ago(_)) => false,
        (one, other) => {
            let zone = TimeZone::UTC;
            other.at_us(0, &zone, true)? <= one.at_us(0, &zone, false)?
        }
    };
    is_before.then(|| QueryError::new("`until:` lies before `since:`", &until.at))
}

fn value_problem(said: &Said) -> Option<QueryError> {
    let value = said.value.expose_phi().as_str();
    let too_long = |at: &Range<usize>| {
        (value.len() > VALUE_MAX)
            .then(|| QueryError::new(format!("a value has at most {VALUE_MAX} bytes"), at))
    };
    let word = said.word.filter(|_| value.len() <= VALUE_MAX);
    let Some(word) = word else { return too_long(&said.at) };
    let (fits, known): (bool, Vec<&str>) = match word {
        Word::State => (MessageState::parse(value).is_some(), states()),
        Word::Origin => (
            Origin::parse(value).is_some(),
            Origin::ALL.iter().map(|origin| origin.as_str()).collect(),
        ),
        Word::Channel | Word::Destination => (Name::new(value).is_ok(), Vec::new()),
        Word::Type => (kind(value).is_some(), Vec::new()),
        Word::Ack => (value.chars().all(|c| c.is_ascii_alphabetic()), Vec::new()),
        Word::Since | Word::Until => (Moment::parse(value).is_some(), Vec::new()),
        Word::Id
        | Word::Mrn
        | Word::Visit
        | Word::Order
        | Word::Accession
        | Word::From
        | Word::Error
        | Word::Reason => (true, Vec::new()),
    };
    if fits {
        return None;
    }
    let error = QueryError::new(word.takes(), &said.at);
    Some(match config::nearest(value, known) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error.hint(format!("such as `{}`", word.decl().example)),
    })
}

fn states() -> Vec<&'static str> {
    let of_deliveries = [DeliveryState::Dead, DeliveryState::Held, DeliveryState::Waiting];
    let of_deliveries = of_deliveries.into_iter().map(DeliveryState::as_str);
    Disposition::ALL.iter().map(|one| one.as_str()).chain(of_deliveries).collect()
}

/// What MSH-9 begins with; none where a star stands elsewhere than at the end.
fn kind(value: &str) -> Option<&str> {
    let kind = value.strip_suffix("^*").unwrap_or(value);
    Some(kind).filter(|kind| !kind.is_empty() && !kind.contains('*'))
}

impl Query {
    /// What it asks for at a time, in the site's zone; nothing when a time cannot be reckoned with.
    pub fn asked(&self, now_us: i64, zone: &TimeZone) -> Result<Asked, QueryError> {
        let mut asked = Asked { filter: SearchFilter::default(), id: None, alone: None };
        for said in &self.said {
            asked.take(said, now_us, zone)?;
        }
        let filter = &mut asked.filter;
        let is_exact = asked.id.is_some() || asked.alone.is_some() || !filter.numbers.is_empty();
        if filter.since_us.is_none() && filter.until_us.is_none() && !is_exact {
            filter.since_us = Some(now_us.saturating_sub(DAY_US));
        }
        Ok(asked)
    }
}

impl Asked {
    fn take(&mut self, said: &Said, now_us: i64, zone: &TimeZone) -> Result<(), QueryError> {
        let filter = &mut self.filter;
        let value = said.value.expose_phi().as_str();
        let Some(word) = said.word else {
            self.alone = Some(said.value.clone());
            return Ok(());
        };
        let time = |ended: bool| {
            let moment = Moment::parse(value).and_then(|moment| moment.at_us(now_us, zone, ended));
            moment.map(Some).ok_or_else(|| QueryError::new(word.takes(), &said.at))
        };
        let text = || Some(value.to_owned());
        match word {
            Word::Id => self.id = Some(said.value.clone()),
            Word::Mrn => filter.numbers.push((SearchField::Mrn, said.value.clone())),
            Word::Visit => filter.numbers.push((SearchField::Visit, said.value.clone())),
            Word::Order => filter.numbers.push((SearchField::Order, said.value.clone())),
            Word::Accession => filter.numbers.push((SearchField::Accession, said.value.clone())),
            Word::State => filter.state = MessageState::parse(value),
            Word::Type => filter.kind = kind(value).map(str::to_owned),
            Word::Channel => filter.channel = Name::new(value).ok(),
            Word::Destination => filter.destination = Name::new(value).ok(),
            Word::From => {
                filter.sender = Some(match value.split_once('/') {
                    Some((one, other)) => Sender::Both(one.to_owned(), other.to_owned()),
                    None => Sender::Either(value.to_owned()),
                });
            }
            Word::Origin => filter.origin = Origin::parse(value),
            Word::Ack => filter.ack = Some(value.to_ascii_uppercase()),
            Word::Error => filter.error = Some(WantedError::parse(value)),
            Word::Reason => filter.reason = text(),
            Word::Since => filter.since_us = time(false)?,
            Word::Until => filter.until_us = time(true)?,
        }
        Ok(())
    }
}
