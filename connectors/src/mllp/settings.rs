//! The settings of an MLLP source.

use std::net::SocketAddr;
use std::time::Duration;

use config::{Diagnostics, Field, Kind, Section};
use net::Entrance;

use super::decoder::Framing;
use super::pace::FrameTimes;
use super::release::{Release, release_field};
use crate::batch::{BATCH_FIELD, Batches};

/// The settings an MLLP source has beside those of every source and of every listener.
pub const SOURCE_FIELDS: &[Field] = &[
    Field::default(
        "max_message",
        "The longest message. A longer frame is kept as a fragment, not answered, and the connection is closed.",
        Kind::Size { min: "1 KiB", max: "256 MiB" },
        "16 MiB",
    ),
    Field::default(
        "read_ahead",
        "Frames of one connection that are read before the answer to the first is sent.",
        Kind::Integer { min: 1, max: 1024 },
        "32",
    ),
    BATCH_FIELD,
    Field::default(
        "frame_silence",
        "How long a frame that has begun may go without a byte. There is no limit before its start byte.",
        Kind::Duration { min: "1s", max: "10m" },
        "30s",
    ),
    Field::default(
        "frame_time",
        "How long a frame may take in all.",
        Kind::Duration { min: "1s", max: "1h" },
        "120s",
    ),
    Field::default(
        "tolerate_missing_start",
        "Take a message without its start byte (`0B`) as a frame.",
        Kind::Bool,
        "false",
    ),
    Field::default(
        "tolerate_missing_cr",
        "Take `1C` without the carriage return as the end of a frame when 200 ms of silence, the end of the connection or a new frame follows.",
        Kind::Bool,
        "false",
    ),
    release_field(
        "The release of MLLP. With 2 each message is committed by a block of its own (`06`, or `15` when it could not be stored) before its answer.",
    ),
    Field::default("tolerate_lf_end", "Take `1C 0A` as the end of a frame.", Kind::Bool, "false"),
];

/// What an MLLP source was told; two that are equal need no new socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where to listen, and who may connect.
    pub entrance: Entrance,
    /// What is a frame.
    pub framing: Framing,
    /// How fast a frame must come in.
    pub times: FrameTimes,
    /// Frames read ahead of their answers.
    pub read_ahead_max: usize,
    /// What is done with batches.
    pub batches: Batches,
    /// Whether messages are committed before they are answered.
    pub release: Release,
}

impl ListenerSettings {
    /// The defaults, on this address of this machine.
    pub fn new(listen: SocketAddr) -> ListenerSettings {
        ListenerSettings {
            entrance: Entrance::inside(listen),
            framing: Framing::default(),
            times: FrameTimes::default(),
            read_ahead_max: 32,
            batches: Batches::default(),
            release: Release::One,
        }
    }

    /// Takes the settings from a section read by [`SOURCE_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<ListenerSettings> {
        let entrance = Entrance::read(section, &[], diags)?;
        let defaults = ListenerSettings::new(entrance.listen);
        let flag = |name| section.bool(name).unwrap_or(false);
        let time = |name, default: Duration| section.duration(name).unwrap_or(default);
        let frame_bytes_max =
            section.size("max_message").and_then(|bytes| usize::try_from(bytes).ok());
        Some(ListenerSettings {
            entrance,
            framing: Framing {
                frame_bytes_max: frame_bytes_max.unwrap_or(defaults.framing.frame_bytes_max),
                tolerate_missing_start: flag("tolerate_missing_start"),
                tolerate_missing_cr: flag("tolerate_missing_cr"),
                tolerate_lf_end: flag("tolerate_lf_end"),
            },
            times: FrameTimes {
                silence: time("frame_silence", defaults.times.silence),
                whole: time("frame_time", defaults.times.whole),
            },
            read_ahead_max: section
                .integer("read_ahead")
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(defaults.read_ahead_max),
            batches: Batches::read(section),
            release: Release::read(section),
        })
    }
}
