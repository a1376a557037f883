//! Every kind of source and destination: those of the connectors, and `channel`, which stays inside the store and is no connector.

use config::{Diagnostics, Field, Kind, Name, Section, Variant};
use connectors::{DESTINATIONS, DestinationSettings, SOURCES, SourceSettings};

use ::channel::SOURCE_FIELDS;

use crate::outbound::Way;

/// The value of `type` for what stays inside.
const CHANNEL: &str = "channel";

const CHANNEL_SOURCE: Variant = Variant {
    name: CHANNEL,
    doc: "Nothing from outside: messages come from other channels only, whose destinations name this one. Every channel takes those, whatever \
          its source is.",
    fields: &[],
};

const CHANNEL_DESTINATION: Variant = Variant {
    name: CHANNEL,
    doc: "Another channel of this engine. Each message is handed over inside the store, in one transaction and exactly once.",
    fields: &[CHANNEL_FIELDS],
};

const CHANNEL_FIELDS: &[Field] = &[Field::required(
    CHANNEL,
    "The channel that gets the messages. Channels cannot hand messages round in a circle.",
    Kind::Name,
)
.examples(&["\"archive\""])];

/// Every kind of source, by the value of `type`.
pub fn sources() -> Vec<Variant> {
    SOURCES.iter().copied().chain([CHANNEL_SOURCE]).collect()
}

/// Every kind of destination, by the value of `type`.
pub fn destinations() -> Vec<Variant> {
    DESTINATIONS.iter().copied().chain([CHANNEL_DESTINATION]).collect()
}

/// What a source was told; inside that, none when messages come from other channels only.
pub(super) fn source(
    kind: &str,
    section: &Section<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<SourceSettings>> {
    if kind != CHANNEL {
        return SourceSettings::read(kind, section, diagnostics).map(Some);
    }
    let acks = SOURCE_FIELDS.iter().map(|field| field.name).filter(|name| name.starts_with("ack"));
    for key in acks.filter(|key| section.is_given(key)) {
        let title = format!("`{key}` has no meaning here");
        let error = diagnostics.error("C0320", section.span_of(key), title);
        error.label("nobody is answered").help("leave it out: another channel hands messages over");
    }
    Some(None)
}

/// Which way a destination's deliveries go.
pub(super) fn way(kind: &str, section: &Section<'_>, diagnostics: &mut Diagnostics) -> Option<Way> {
    if kind != CHANNEL {
        let settings = DestinationSettings::read(kind, section, diagnostics)?;
        return Some(Way::Connector(Box::new(settings)));
    }
    let channel = section.text(CHANNEL)?;
    Name::new(&channel.value).ok().map(Way::Channel)
}
