//! Why the engine did not start.

use store::{OpenError, StoreError};

/// Nothing was received or sent; the sentence says what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store was refused or cannot be reached.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store was opened and then did not answer.
    #[error("the store failed while the engine started: {0}")]
    Store(#[from] StoreError),
    /// A source could not be opened.
    #[error("channel `{channel}`: {problem}")]
    Source {
        /// The channel.
        channel: String,
        /// What the system said.
        problem: String,
        /// The next step.
        hint: &'static str,
    },
    /// A stored revision does not compile any more: variables, secrets or the engine have changed.
    #[error("channel `{channel}`: the revision in force cannot run\n{problems}")]
    Revision {
        /// The channel.
        channel: String,
        /// What is wrong, as `hilum check` shows it.
        problems: String,
    },
    /// The posture is refused: modes of files, the user, what production asks for.
    #[error("{0}")]
    Posture(String),
    /// The data folder cannot be made.
    #[error("the data folder cannot be used: {0}")]
    Data(std::io::Error),
}

impl StartError {
    /// The process's exit code: 78 refused configuration, 3 cannot reach.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Open(error) => error.exit_code(),
            StartError::Store(_) => 3,
            StartError::Source { .. }
            | StartError::Revision { .. }
            | StartError::Posture(_)
            | StartError::Data(_) => 78,
        }
    }

    /// The next step, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StartError::Open(OpenError::Locked(_)) => {
                Some("stop the other engine first, or give this one another `--data`")
            }
            StartError::Open(OpenError::KeyMissing { .. }) => {
                Some("put the key back; without it nothing in this store can be read")
            }
            StartError::Source { hint, .. } => Some(hint),
            StartError::Open(_)
            | StartError::Store(_)
            | StartError::Revision { .. }
            | StartError::Posture(_)
            | StartError::Data(_) => None,
        }
    }
}
