//! The JSON schemas of a site's files, joined from everybody's declarations.

use ::channel::{CHANNEL_FIELDS, DESTINATION_FIELDS, SOURCE_FIELDS, steps_schema};
use config::SERVER_FIELDS;
use config::schema::{Schema, Variables, tagged};
use connectors::{DESTINATIONS, SOURCES};
use serde_json::Value;

use crate::retry::LANE_FIELDS;

/// The schema of a channel file.
pub fn channel_schema() -> Value {
    Schema::new("Hilum channel", &[CHANNEL_FIELDS], Variables::Refused)
        .define("steps", steps_schema())
        .define("source", tagged("type", SOURCES, &[SOURCE_FIELDS], Variables::Allowed))
        .define(
            "destination",
            tagged("type", DESTINATIONS, &[DESTINATION_FIELDS, LANE_FIELDS], Variables::Allowed),
        )
        .into_json()
}

/// The schema of `server.toml`.
pub fn server_schema() -> Value {
    config::schema("Hilum server", &[SERVER_FIELDS])
}
