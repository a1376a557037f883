//! A source at work.

use std::net::SocketAddr;
use std::sync::Arc;

use config::Name;
use net::BindError;
use tokio::sync::watch;

use crate::{Flow, Intake, Resources, SourceSettings, file, http, mllp};

/// One way in, opened and not yet working.
///
/// Opening is apart from running, so that a new configuration can open everything before it replaces anything.
pub enum Source {
    /// A bound MLLP listener.
    Mllp(mllp::Listener),
    /// A bound http listener.
    Http(http::Listener),
    /// A folder.
    File(file::FolderSource),
}

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A folder of it is not there, or cannot be used.
    #[error("{0}")]
    Folder(std::io::Error),
}

impl OpenError {
    /// The next step.
    pub fn hint(&self) -> &'static str {
        match self {
            OpenError::Bind(_) => "another program may hold this address",
            OpenError::Folder(_) => {
                "make the folder, or mount it; a folder under `data/` is made by itself"
            }
        }
    }
}

/// The counters of a source, which stay readable while it works and afterwards.
#[derive(Clone)]
pub enum SourceStats {
    /// Of an MLLP listener.
    Mllp(Arc<mllp::ListenerStats>),
    /// Of an http listener.
    Http(Arc<http::ListenerStats>),
    /// Of a folder.
    File(Arc<file::SourceStats>),
}

/// What every kind of source counts, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceCounts {
    /// Connections that peers hold, or files in hand, now.
    pub peers: u64,
    /// Connections or files refused since the source was opened.
    pub refused: u64,
    /// The same by reason.
    pub refusals: Vec<(&'static str, u64)>,
    /// Bytes between frames since then.
    pub junk_bytes: u64,
}

impl Source {
    /// Binds or opens what the settings name, for a channel.
    pub async fn open(
        channel: &Name,
        settings: &SourceSettings,
        resources: &Resources,
    ) -> Result<Source, OpenError> {
        match settings {
            SourceSettings::Mllp(settings) => {
                let listener = mllp::Listener::bind(settings.clone(), channel, resources).await?;
                Ok(Source::Mllp(listener))
            }
            SourceSettings::Http(settings) => {
                let listener = http::Listener::bind(settings.clone(), channel, resources).await?;
                Ok(Source::Http(listener))
            }
            SourceSettings::File(settings) => {
                let opened = file::FolderSource::open(settings.clone(), resources).await;
                opened.map(Source::File).map_err(OpenError::Folder)
            }
        }
    }

    /// The address bound, with the port the system chose when port 0 was asked for; none of a source that listens nowhere.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Source::Mllp(listener) => Some(listener.address()),
            Source::Http(listener) => Some(listener.address()),
            Source::File(_) => None,
        }
    }

    /// The counters.
    pub fn stats(&self) -> SourceStats {
        match self {
            Source::Mllp(listener) => SourceStats::Mllp(listener.stats()),
            Source::Http(listener) => SourceStats::Http(listener.stats()),
            Source::File(folder) => SourceStats::File(folder.stats()),
        }
    }

    /// Takes messages in until `flow` says close and everything in hand is answered. Dropping the future ends it at once.
    pub async fn run(self, intake: Arc<dyn Intake>, flow: watch::Receiver<Flow>) {
        match self {
            Source::Mllp(listener) => listener.run(intake, flow).await,
            Source::Http(listener) => listener.run(intake, flow).await,
            Source::File(folder) => folder.run(intake, flow).await,
        }
    }
}

impl SourceStats {
    /// The counters now.
    pub fn counts(&self) -> SourceCounts {
        match self {
            SourceStats::Mllp(stats) => {
                let counts = stats.counts();
                SourceCounts {
                    peers: counts.connections,
                    refused: counts.refused,
                    refusals: stats.refusals(),
                    junk_bytes: counts.junk_bytes,
                }
            }
            SourceStats::Http(stats) => {
                let counts = stats.counts();
                SourceCounts {
                    peers: counts.connections,
                    refused: counts.refused + counts.requests_refused,
                    refusals: stats.refusals(),
                    junk_bytes: 0,
                }
            }
            SourceStats::File(stats) => {
                let counts = stats.counts();
                SourceCounts {
                    peers: counts.reading,
                    refused: counts.failed + counts.skipped,
                    refusals: [("skipped", counts.skipped), ("errors", counts.failed)]
                        .into_iter()
                        .filter(|(_, n)| *n > 0)
                        .collect(),
                    junk_bytes: 0,
                }
            }
        }
    }
}
