//! Declarations that use every kind, as other crates make them.

use config::{Choice, Field, Kind, Variant};

pub const FEED: &[Field] = &[
    Field::required("description", "What the feed is for.", Kind::Text)
        .examples(&["\"ADT to the laboratory\""]),
    Field::optional("only", "The profile it runs in.", Kind::Choice(PROFILES)),
    Field::default("urgent", "Goes first.", Kind::Bool, "false"),
    Field::optional("zone", "The time zone.", Kind::Zone),
    Field::optional("tags", "Words to find it by.", Kind::List(&Kind::Name)),
    Field::required("source", "Where messages come from.", Kind::Table("source")),
    Field::optional("steps", "What is done to each message.", Kind::Steps),
    Field::optional("destination", "Where messages go.", Kind::Tables("destination")),
];

const PROFILES: &[Choice] = &[
    Choice { name: "development", doc: "Trying out." },
    Choice { name: "production", doc: "Patients' data." },
];

pub const SOURCE: &[Field] = &[
    Field::default("ack", "When the sender is answered.", Kind::Choice(ACKS), "on-receipt"),
    Field::optional("when", "Which messages are taken.", Kind::Condition),
];

const ACKS: &[Choice] = &[
    Choice { name: "on-receipt", doc: "Once it is durable." },
    Choice { name: "on-accept", doc: "Once it is routed." },
];

const MLLP: &[Field] = &[
    Field::required("listen", "Where to listen.", Kind::ListenAddress)
        .examples(&["\"127.0.0.1:2575\""]),
    Field::default(
        "max_message",
        "The largest message.",
        Kind::Size { min: "1 KiB", max: "256 MiB" },
        "16 MiB",
    ),
    Field::default("connections", "How many at once.", Kind::Integer { min: 1, max: 1024 }, "256"),
];

const FILE: &[Field] = &[Field::required("folder", "The folder.", Kind::File)];

pub const SOURCES: &[Variant] = &[
    Variant { name: "mllp", doc: "MLLP over TCP.", fields: &[MLLP] },
    Variant { name: "file", doc: "Files in a folder.", fields: &[FILE] },
];

pub const DESTINATION: &[Field] = &[
    Field::required("name", "Its name.", Kind::Name),
    Field::required("address", "Where to connect.", Kind::Address),
    Field::optional("token", "Shown to the receiver.", Kind::Secret),
    Field::optional(
        "order_by",
        "The key that keeps messages in order.",
        Kind::Any(&[Kind::Choice(ORDERS), Kind::Paths]),
    ),
    Field::optional("table", "A code table.", Kind::TableName),
    Field::optional("greeting", "The first line.", Kind::Template),
    Field::optional("match", "What the answer looks like.", Kind::Regex),
    Field::optional("note", "A remark.", Kind::Reference),
    Field::optional("field", "One place.", Kind::Path),
    Field::default(
        "timeout",
        "How long to wait.",
        Kind::Duration { min: "100ms", max: "10m" },
        "30s",
    ),
    Field::optional("retry", "When to try again.", Kind::Section(RETRY)),
    Field::optional(
        "labels",
        "Words of the writer's own.",
        Kind::Map(&Kind::Any(&[Kind::Text, Kind::Secret])),
    )
    .examples(&["{ Site = \"north\", Key = { secret = \"lab-key\" } }"]),
];

const ORDERS: &[Choice] = &[Choice { name: "none", doc: "No order." }];

const RETRY: &[Field] = &[
    Field::default("first", "The first pause.", Kind::Duration { min: "1s", max: "1h" }, "5s"),
    Field::default("max", "The longest pause.", Kind::Duration { min: "1s", max: "1d" }, "5m"),
];
