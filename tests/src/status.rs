//! What `hilum status --format json` says, typed.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The whole status.
#[derive(Clone)]
pub struct Status {
    channels: BTreeMap<String, Channel>,
    /// As it came, for whoever has to find out why a test failed.
    json: Value,
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.json)
    }
}

/// One channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Messages received, resends not counted.
    pub received: u64,
    /// Recognised resends.
    pub duplicates: u64,
    /// How many messages have each disposition; `received` is what is not final.
    pub dispositions: BTreeMap<String, u64>,
    /// Its destinations by name.
    pub destinations: BTreeMap<String, Destination>,
}

/// One destination.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Waiting for their turn.
    pub queued: u64,
    /// Waiting for their next attempt.
    pub waiting: u64,
    /// Held by a person.
    pub held: u64,
    /// Delivered.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
}

impl Status {
    /// What somebody should look at.
    pub fn warnings(&self) -> String {
        self.json["warnings"].to_string()
    }

    /// Reads it, and checks what must always hold.
    pub fn read(json: &Value) -> Status {
        assert!(json["environment"].is_string(), "no environment: {json}");
        let channels = json["channels"].as_array().expect("a list of channels");
        Status {
            channels: channels.iter().map(|c| (name(c), Channel::read(c))).collect(),
            json: json.clone(),
        }
    }

    /// One channel, which must be there.
    pub fn channel(&self, name: &str) -> &Channel {
        self.channels
            .get(name)
            .unwrap_or_else(|| panic!("no channel `{name}`: {:?}", self.channels.keys()))
    }

    /// The channels' names.
    pub fn names(&self) -> Vec<&str> {
        self.channels.keys().map(String::as_str).collect()
    }
}

impl Channel {
    fn read(json: &Value) -> Channel {
        let dispositions = json["dispositions"].as_object().expect("dispositions");
        let destinations = json["destinations"].as_array().expect("destinations");
        let channel = Channel {
            received: number(json, "received"),
            duplicates: number(json, "duplicates"),
            dispositions: dispositions
                .iter()
                .map(|(k, v)| (k.clone(), v.as_u64().expect("a number")))
                .collect(),
            destinations: destinations.iter().map(|d| (name(d), Destination::read(d))).collect(),
        };
        let sum: u64 = channel.dispositions.values().sum();
        assert_eq!(sum, channel.received, "the dispositions add up to what was received: {json}");
        channel
    }

    /// How many messages have this disposition.
    pub fn disposition(&self, name: &str) -> u64 {
        self.dispositions.get(name).copied().unwrap_or_default()
    }

    /// How many messages are not final.
    pub fn open(&self) -> u64 {
        self.disposition("received")
    }

    /// One destination, which must be there.
    pub fn destination(&self, name: &str) -> &Destination {
        self.destinations
            .get(name)
            .unwrap_or_else(|| panic!("no destination `{name}`: {:?}", self.destinations.keys()))
    }
}

impl Destination {
    fn read(json: &Value) -> Destination {
        assert!(json.get("oldest_age_ms").is_some(), "no `oldest_age_ms`: {json}");
        Destination {
            queued: number(json, "queued"),
            waiting: number(json, "waiting"),
            held: number(json, "held"),
            delivered: number(json, "delivered"),
            dead: number(json, "dead"),
        }
    }
}

fn name(json: &Value) -> String {
    json["name"].as_str().expect("a name").to_owned()
}

fn number(json: &Value, key: &str) -> u64 {
    json[key].as_u64().unwrap_or_else(|| panic!("no number `{key}`: {json}"))
}
