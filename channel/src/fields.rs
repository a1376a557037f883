use config::{Choice, Field, Kind};

/// A channel file, without what connectors and lanes declare beside it.
pub const CHANNEL_FIELDS: &[Field] = &[
    Field::optional("description", "What the channel is for, in one sentence.", Kind::Text)
        .examples(&["\"ADT from the EHR to the laboratory\""]),
    Field::optional("owner", "Who answers for it.", Kind::Text)
        .examples(&["\"interfaces@hospital.example\""]),
    Field::optional(
        "only",
        "The profile that it runs in; in the other it is left out.",
        Kind::Choice(ONLY),
    ),
    Field::optional(
        "search",
        "The numbers by which its messages are found; all of them when it is left out, none with `[]`.",
        Kind::List(&Kind::Choice(SEARCH)),
    )
    .examples(&["[\"mrn\", \"order\"]"]),
    Field::required("source", "Where messages come from.", Kind::Table("source")),
    Field::optional(
        "transform",
        "What happens to every message before destinations are asked.",
        Kind::Section(TRANSFORM_FIELDS),
    ),
    Field::optional(
        "destination",
        "Where messages go: one `[[destination]]` for each.",
        Kind::Tables("destination"),
    ),
];

/// `[transform]`.
pub const TRANSFORM_FIELDS: &[Field] = &[Field::optional(
    "steps",
    "What happens to every message, in order, before destinations are asked.",
    Kind::Steps,
)];

/// What a source of any kind says about reading and acknowledging.
pub const SOURCE_FIELDS: &[Field] = &[
    Field::default("ack", "When the sender is answered.", Kind::Choice(ACK), "on-receipt"),
    Field::optional("ack_destinations", "With `ack = \"on-delivery\"`: the destinations waited for, else all.", Kind::List(&Kind::Name))
        .examples(&["[\"lab\"]"]),
    Field::default("ack_deadline", "With `ack = \"on-delivery\"`: how long they are waited for.", DEADLINE, "20s"),
    Field::default(
        "ack_otherwise",
        "With `ack = \"on-delivery\"`: the answer when the deadline has passed. The message is kept and delivered either way.",
        Kind::Choice(OTHERWISE),
        "AE",
    ),
    Field::default("ack_unwanted", "The answer for a message that was filtered or that no destination wants.", Kind::Choice(UNWANTED), "AA"),
    Field::default(
        "ack_not_stored",
        "What a sender gets whose message cannot be stored, because the disk is full or the database is away.",
        Kind::Choice(NOT_STORED),
        "close",
    ),
    Field::default(
        "ack_same_id",
        "What becomes of a message whose MSH-3, MSH-4 and MSH-10 have come within 7 days with other bytes.",
        Kind::Choice(SAME_ID),
        "accept",
    ),
    Field::default("ack_mode", "Who decides about the kind of the answer.", Kind::Choice(MODE), "original"),
    Field::default("ack_version", "MSH-12 of the answer to a message without one.", Kind::Text, "2.5.1"),
    Field::default("ack_plain_type", "MSH-9 of the answer is `ACK` whatever the version.", Kind::Bool, "false"),
    Field::default("ack_whole_seconds", "MSH-7 of the answer has no fraction of a second.", Kind::Bool, "false"),
    Field::default("ack_text", "The answer says in words what is wrong.", Kind::Bool, "true"),
    Field::optional("ack_accept_text", "MSA-3 of positive answers.", Kind::Text).examples(&["\"accepted by Hilum\""]),
    Field::optional(
        "ack_header",
        "MSH-3 to MSH-6 of the answer, as HL7 text with `^` between components, where they are not the message's own in reverse.",
        Kind::Section(ACK_HEADER_FIELDS),
    )
    .examples(&["{ sending_application = \"HILUM\" }"]),
    Field::optional(
        "application_ack",
        "With `ack_mode = \"msh\"`: the destination that gets application acknowledgements as messages of their own, for senders that ask \
         for both kinds (MSH-15 and MSH-16). They say what `ack` waits for, without a deadline.",
        Kind::Name,
    )
    .examples(&["\"acks\""]),
    Field::default(
        "charset",
        "The charset that values are read and written with: `fixed NAME`, or `msh18, else NAME` for what MSH-18 says and NAME where it \
         says nothing. What a message says with a byte order mark comes before MSH-18.",
        Kind::Text,
        "msh18, else utf-8",
    )
    .examples(&["\"fixed windows-1252\"", "\"msh18, else 8859/1\""]),
    Field::default(
        "strict_charset",
        "A message with bytes that its charset does not have is rejected (AE 102). Else it fails only where a step has to read them.",
        Kind::Bool,
        "false",
    ),
    Field::optional("versions", "The versions (MSH-12.1) that are accepted; others are rejected (AR 203).", Kind::List(&Kind::Text))
        .examples(&["[\"2.3\", \"2.5.1\"]"]),
    Field::default(
        "peer_mismatch",
        "What is done with a message whose MSH-3.1 or MSH-4.1 its peer may not use. Only of peers that have proved who they are.",
        Kind::Choice(PEER_MISMATCH),
        "reject",
    ),
    Field::default(
        "lf_ends_segments",
        "In a message whose segments end with CR, a lone LF before what looks like a segment ends one too. Else it is data.",
        Kind::Bool,
        "false",
    ),
];

/// What a destination of any kind says about what it gets.
pub const DESTINATION_FIELDS: &[Field] = &[
    Field::required("name", "The name of the destination, unique in the channel.", Kind::Name).examples(&["\"lab\""]),
    Field::optional(
        "only",
        "The profile in which it gets messages; in the other none goes there.",
        Kind::Choice(ONLY),
    ),
    Field::optional("when", "The messages that it gets; all, when nothing is said.", Kind::Condition)
        .examples(&["'PV1-2 in (\"I\", \"E\")'"]),
    Field::optional("steps", "What happens to a message on its way here, and nowhere else.", Kind::Steps),
    Field::optional(
        "script",
        "A script below `channels/` that makes the body out of the message, after the steps: a text, or an object that becomes JSON.",
        Kind::Text,
    )
    .examples(&["\"oru-results/to_json.js\""]),
    Field::optional(
        "order_by",
        "Messages with the same value stay in order and the others do not wait for them. It is read after `[transform]` and before this \
         destination's steps. With several values a message waits for all of them.",
        Kind::Paths,
    )
    .examples(&["'PID-3[.5 = \"MR\"].1'", "['PID-3.1', 'MRG-1.1']"]),
];

/// The settings under `ack_header`.
const ACK_HEADER_FIELDS: &[Field] = &[
    Field::optional("sending_application", "MSH-3.", Kind::Text),
    Field::optional("sending_facility", "MSH-4.", Kind::Text),
    Field::optional("receiving_application", "MSH-5.", Kind::Text),
    Field::optional("receiving_facility", "MSH-6.", Kind::Text),
];

const SAME_ID: &[Choice] = &[
    Choice { name: "accept", doc: "It is another message; status counts it." },
    Choice { name: "reject", doc: "It is rejected and kept for people: AR 205." },
];

const DEADLINE: Kind = Kind::Duration { min: "1s", max: "5m" };

const SEARCH: &[Choice] = &[
    Choice { name: "control-id", doc: "MSH-10." },
    Choice { name: "mrn", doc: "The patient: PID-3.1, each of them." },
    Choice { name: "visit", doc: "The visit or encounter: PV1-19.1." },
    Choice { name: "order", doc: "The placer's order number: ORC-2.1, OBR-2.1." },
    Choice {
        name: "accession",
        doc: "The filler's order number or accession: ORC-3.1, OBR-3.1, OBR-18.",
    },
];

const ONLY: &[Choice] = &[
    Choice { name: "production", doc: "Not in development." },
    Choice { name: "development", doc: "Not in production." },
];

const ACK: &[Choice] = &[
    Choice {
        name: "on-receipt",
        doc: "Accepted once the message is on disk, whatever becomes of it.",
    },
    Choice {
        name: "on-accept",
        doc: "Accepted once it has passed the steps; AE when one of them failed, and then nothing is delivered.",
    },
    Choice { name: "on-delivery", doc: "Accepted once it was delivered." },
];

const PEER_MISMATCH: &[Choice] = &[
    Choice { name: "reject", doc: "It is rejected (AR 207), with the reason `peer-mismatch`." },
    Choice { name: "flag", doc: "It is taken like any other; the log and the status say so." },
];

const OTHERWISE: &[Choice] = &[
    Choice { name: "AA", doc: "Accepted." },
    Choice { name: "AE", doc: "An error; the sender may send it again." },
];

const UNWANTED: &[Choice] = &[
    Choice { name: "AA", doc: "Accepted: the sender has done its part." },
    Choice { name: "AR", doc: "Rejected: the sender should know that it sends what nobody wants." },
];

const NOT_STORED: &[Choice] = &[
    Choice {
        name: "close",
        doc: "No answer and a closed connection: every sender takes that as \"send it again later\".",
    },
    Choice {
        name: "AR",
        doc: "Rejected, which most senders take in the same way, and some as final.",
    },
];

const MODE: &[Choice] = &[
    Choice {
        name: "original",
        doc: "Every message gets one application acknowledgement: AA, AE or AR.",
    },
    Choice {
        name: "msh",
        doc: "MSH-15 and MSH-16 of the message say what the sender wants: CA, CE, CR, or nothing.",
    },
];
