//! Keeps the index by which messages are found: reads what has come, and notes the numbers that stand in it.

use std::sync::LazyLock;
use std::time::Duration;

use channel::Channel;
use config::Name;
use hl7::Path;
use jiff::tz::TimeZone;
use phi::Phi;
use store::{Lease, SearchField, StoreError, Unindexed, Values};

use crate::engine::Engine;
use crate::running::Running;

/// How often new messages are looked for.
const ROUND: Duration = Duration::from_millis(500);
/// While there are many, the writer has so much of the time for everybody else.
const PAUSES: u32 = 2;

/// Where each kind of number stands.
static PLACES: LazyLock<Vec<(SearchField, Vec<Path>)>> = LazyLock::new(|| {
    let paths = |texts: &[&str]| texts.iter().filter_map(|text| Path::parse(text).ok()).collect();
    vec![
        (SearchField::ControlId, paths(&["MSH-10"])),
        (SearchField::Mrn, paths(&["PID[*]-3[*].1"])),
        (SearchField::Visit, paths(&["PV1[*]-19.1"])),
        (SearchField::Order, paths(&["ORC[*]-2.1", "OBR[*]-2.1"])),
        (SearchField::Accession, paths(&["ORC[*]-3.1", "OBR[*]-3.1", "OBR[*]-18"])),
    ]
});

/// Keeps the index until it is dropped.
pub async fn keep_index(engine: Engine) {
    loop {
        for running in engine.running() {
            if let Err(error) = index(&engine, &running).await {
                tracing::warn!(code = "search.index", channel = %running.inlet.name(), %error, "messages are not found by their numbers yet; trying again");
            }
        }
        tokio::time::sleep(ROUND).await;
    }
}

impl Engine {
    /// The channels whose messages are not in the index by their control ids.
    pub fn channels_without_control_ids(&self) -> Vec<Name> {
        let by_control_id = SearchField::ControlId.as_str();
        let running = self.running();
        let without =
            running.iter().filter(|one| !one.inlet.plan().channel.is_searched_by(by_control_id));
        without.map(|one| one.inlet.name().clone()).collect()
    }

    /// The site's time zone.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.inner.server.zone).unwrap_or(TimeZone::UTC)
    }
}

async fn index(engine: &Engine, running: &Running) -> Result<(), StoreError> {
    let lease: &Lease = running.inlet.lease();
    loop {
        let begun = std::time::Instant::now();
        let next = engine.store().unindexed(lease).await?;
        if next.is_empty() {
            return Ok(());
        }
        let plan = running.inlet.plan();
        let found: Vec<Values> =
            next.into_iter().map(|message| values_of(&plan.channel, message)).collect();
        engine.store().index(lease, found).await?;
        tokio::time::sleep(begun.elapsed() * PAUSES).await;
    }
}

/// The numbers in a message, each kind that the channel is searched by.
fn values_of(channel: &Channel, message: Unindexed) -> Values {
    let Unindexed { seq, received_us, body, facts } = message;
    let mut values = Vec::new();
    if let Some(body) = body {
        let message = channel.message(body.expose_phi().to_vec());
        for (field, paths) in
            PLACES.iter().filter(|(field, _)| channel.is_searched_by(field.as_str()))
        {
            for path in paths {
                // What the charset does not have cannot be asked for either.
                let texts = message.text_all(path).unwrap_or_default();
                let texts = texts.into_iter().filter(|text| !text.is_empty() && text != "\"\"");
                values.extend(texts.map(|text| (*field, Phi::new(text.into_owned()))));
            }
        }
    }
    Values { seq, received_us, values, facts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_places() {
        assert_eq!(PLACES.len(), SearchField::ALL.len());
        assert_eq!(PLACES.iter().map(|(_, paths)| paths.len()).sum::<usize>(), 8);
    }
}
