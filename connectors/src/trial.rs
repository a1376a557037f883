//! Trying a destination without a delivery: the way to it step by step, and one message if asked for.

use std::path::Path;

use bytes::Bytes;
use net::{Dialer, Step};
use phi::Phi;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Destination, DestinationSettings, Outcome, Outgoing, file};

/// What came of a trial.
pub struct Trial {
    /// The steps, as far as it got.
    pub steps: Vec<Step>,
    /// What the receiver answered to the message.
    pub answer: Option<Phi<Bytes>>,
}

impl Trial {
    /// Whether every step went well.
    pub fn is_ok(&self) -> bool {
        self.steps.iter().all(|step| step.ok)
    }
}

impl DestinationSettings {
    /// Goes the way of a delivery; `message` is sent at its end, to a destination that answers.
    pub async fn try_out(&self, message: Option<&Bytes>) -> Trial {
        let (target, connect_timeout) = match self {
            DestinationSettings::Mllp(settings) => (&settings.target, settings.connect_timeout),
            DestinationSettings::Http(settings) => (&settings.target, settings.connect_timeout),
            DestinationSettings::File(settings) => return try_folder(settings).await,
        };
        let (steps, stream) = Dialer::new(connect_timeout).probe(target).await;
        let mut trial = Trial { steps, answer: None };
        if let (Some(_), Some(message)) = (stream, message) {
            self.send(message, &mut trial).await;
        }
        trial
    }

    /// Sends a message as a delivery would, over a connection of its own.
    async fn send(&self, message: &Bytes, trial: &mut Trial) {
        let since = Instant::now();
        let id = Uuid::new_v4().to_string();
        let out = Outgoing {
            body: message,
            message_id: &id,
            delivery_id: &id,
            part: 1,
            attempt: 1,
            received_us: 0,
        };
        let outcome = Destination::new(self.clone()).deliver(&out).await;
        let code = outcome.evidence().code;
        let result = match &outcome {
            Outcome::Accepted(_) | Outcome::Committed(_) => Ok(format!("accepted: {code}")),
            Outcome::Later(_) | Outcome::Never(_) => Err(format!("not accepted: {code}")),
        };
        trial.steps.push(Step::ended("message", since, result));
        trial.answer = outcome.into_evidence().response;
    }
}

async fn try_folder(settings: &file::Settings) -> Trial {
    let since = Instant::now();
    let (folder, ours) = (settings.folder.clone(), settings.makes_folder);
    let writing = tokio::task::spawn_blocking(move || write_and_remove(&folder, ours)).await;
    let result = writing.unwrap_or_else(|_| Err("the folder could not be tried".to_owned()));
    Trial { steps: vec![Step::ended("folder", since, result)], answer: None }
}

fn write_and_remove(folder: &Path, ours: bool) -> Result<String, String> {
    let shown = folder.display();
    if ours && !folder.exists() {
        return Ok(format!("`{shown}` is made with the first message"));
    }
    let file = folder.join(format!(".hilum-{}", Uuid::new_v4()));
    std::fs::File::create_new(&file)
        .map_err(|error| format!("cannot write to `{shown}`: {error}"))?;
    std::fs::remove_file(&file)
        .map_err(|error| format!("cannot remove from `{shown}`: {error}"))?;
    Ok(format!("`{shown}` can be written to"))
}
