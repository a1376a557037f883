//! Services of the one search: words of many kinds at once.

use auth::{Permission, Permit, Session, grants};
use config::Name;
use phi::Phi;
use store::{
    ActOutcome, DeliveryId, MessageId, Scope, SearchField, SearchFilter, SearchPage, SearchPlace,
    Target,
};

use super::{Service, Why};
use crate::problem::Problem;
use crate::query::{Asked, Query};
use crate::routes::Call;

/// What was found, and how the search was understood.
pub struct Searched {
    /// What was found.
    pub page: SearchPage,
    /// What a word that stands alone was taken for.
    pub tried: Option<&'static str>,
    /// It may be a number too, which this person may not look by.
    pub not_tried: Option<&'static str>,
    /// The time that was searched.
    pub window: Window,
}

/// The time of a search, microseconds UTC; without bounds where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Received at or after.
    pub since_us: Option<i64>,
    /// Received before.
    pub until_us: Option<i64>,
}

/// One search that is made.
struct Try<'a> {
    session: &'a Session,
    scope: &'a Scope,
    after: Option<&'a SearchPlace>,
    limit: usize,
    why: &'a Why,
}

impl Service {
    /// The messages that fit every word. Numbers of patients, visits and orders need `message.search`, and are recorded by kind.
    pub async fn search(
        &self,
        call: &Call<grants::MessageMeta>,
        query: &Query,
        (after, limit): (Option<&SearchPlace>, usize),
        why: &Why,
    ) -> Result<Searched, Problem> {
        let asked = self.asked(query)?;
        let Asked { mut filter, id, alone } = asked;
        let scope = call.permit.scope();
        let place = Try { session: &call.session, scope, after, limit, why };
        let (said, is_alone) = (id.as_ref().or(alone.as_ref()), alone.is_some());
        let window = Window { since_us: filter.since_us, until_us: filter.until_us };
        let Some(said) = said else {
            let page = self.search_by(&filter, &place).await?;
            return Ok(Searched { page, tried: None, not_tried: None, window });
        };
        let mut by_id = filter.clone();
        let what = self.identify(&call.permit, said, &mut by_id).await?;
        let first = Try { after: None, limit: 1, ..place };
        let searches = call.session.permit::<grants::MessageSearch>().is_some();
        let is_number =
            is_alone && what == "control id" && searches && self.is_empty(&by_id, &first).await?;
        if !is_number {
            let page = self.search_by(&by_id, &place).await?;
            let not_tried = (is_alone && !searches && page.rows.is_empty()).then_some("mrn");
            return Ok(Searched { page, tried: Some(what), not_tried, window });
        }
        filter.numbers.push((SearchField::Mrn, said.clone()));
        let page = self.search_by(&filter, &place).await?;
        Ok(Searched { page, tried: Some("mrn"), not_tried: None, window })
    }

    /// What a search asks for, now and in the site's zone.
    pub fn asked(&self, query: &Query) -> Result<Asked, Problem> {
        let asked = query.asked(self.now_us(), &self.engine.zone());
        asked.map_err(|error| Problem::of_query(vec![error]))
    }

    /// Takes a text for the id of a message or a delivery, or else for a control id.
    async fn identify(
        &self,
        permit: &Permit<grants::MessageMeta>,
        said: &Phi<String>,
        filter: &mut SearchFilter,
    ) -> Result<&'static str, Problem> {
        let store = self.engine.store();
        let text = said.expose_phi();
        if let Ok(id) = text.parse::<DeliveryId>()
            && let Some(message) = store.message_of(permit.scope(), id).await?
        {
            filter.message = Some(message);
            return Ok("delivery");
        }
        if let Ok(id) = text.parse::<MessageId>() {
            filter.message = Some(id);
            return Ok("message");
        }
        filter.control_id = Some(said.clone());
        filter.not_by_control_id = self.engine.channels_without_control_ids();
        Ok("control id")
    }

    /// Whether nothing fits, as far as one page looks.
    async fn is_empty(&self, filter: &SearchFilter, place: &Try<'_>) -> Result<bool, Problem> {
        Ok(self.search_by(filter, place).await?.rows.is_empty())
    }

    /// Searches; by a number only whoever may, and after it was recorded.
    async fn search_by(
        &self,
        filter: &SearchFilter,
        place: &Try<'_>,
    ) -> Result<SearchPage, Problem> {
        let mut scope = place.scope.clone();
        if !filter.numbers.is_empty() {
            let permit = place.session.permit::<grants::MessageSearch>();
            let permit = permit.ok_or_else(|| Problem::denied(Permission::MessageSearch))?;
            scope = within(&scope, permit.scope());
            let act = self.act(&permit, "message.search", place.why);
            let kinds: Vec<&str> = filter.numbers.iter().map(|(kind, _)| kind.as_str()).collect();
            let target = Target {
                kind: "search",
                id: Some(kinds.join(" ")),
                channel: filter.channel.as_ref().map(Name::to_string),
            };
            self.engine.store().record(&act, target, ActOutcome::Success, None).await?;
        }
        let store = self.engine.store();
        Ok(store.search(&scope, filter, place.after, place.limit).await?)
    }
}

/// What lies in both.
fn within(one: &Scope, other: &Scope) -> Scope {
    match (one, other) {
        (Scope::All, scope) | (scope, Scope::All) => scope.clone(),
        (Scope::Channels(one), Scope::Channels(other)) => {
            Scope::Channels(one.intersection(other).cloned().collect())
        }
    }
}
