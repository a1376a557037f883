//! The JSON schemas of a site's files, joined from everybody's declarations.

use ::channel::{CHANNEL_FIELDS, DESTINATION_FIELDS, SOURCE_FIELDS, steps_schema};
use config::SERVER_FIELDS;
use config::schema::{Schema, Variables, object, tagged};
use connectors::http::TRACES_FIELDS;
use connectors::syslog::SYSLOG_FIELDS;
use net::TARGET_FIELDS;
use serde_json::Value;

use super::{destinations, sources};
use crate::alerts::{SINK_FIELDS, SINKS};
use crate::retry::LANE_FIELDS;

/// The schema of a channel file.
pub fn channel_schema() -> Value {
    Schema::new("Hilum channel", &[CHANNEL_FIELDS], Variables::Refused)
        .define("steps", steps_schema())
        .define("source", tagged("type", &sources(), &[SOURCE_FIELDS], Variables::Allowed))
        .define(
            "destination",
            tagged("type", &destinations(), &[DESTINATION_FIELDS, LANE_FIELDS], Variables::Allowed),
        )
        .into_json()
}

/// The schema of `server.toml`.
pub fn server_schema() -> Value {
    Schema::new("Hilum server", &[SERVER_FIELDS], Variables::Refused)
        .define("sink", tagged("type", &SINKS, &[SINK_FIELDS], Variables::Refused))
        .define("telemetry", object(&[TRACES_FIELDS, TARGET_FIELDS], Variables::Refused))
        .define("syslog", object(&[SYSLOG_FIELDS, TARGET_FIELDS], Variables::Refused))
        .into_json()
}
