//! Trying a destination without a delivery: the way to it step by step, and one message if asked for.

use std::path::Path;

use bytes::Bytes;
use net::{Dialer, Step};
use phi::Phi;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::mllp::{Client, SenderSettings};
use crate::{DestinationSettings, file};

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
        match self {
            DestinationSettings::Mllp(settings) => try_mllp(settings, message).await,
            DestinationSettings::File(settings) => try_folder(settings).await,
        }
    }
}

async fn try_mllp(settings: &SenderSettings, message: Option<&Bytes>) -> Trial {
    let dialer = Dialer::new(settings.connect_timeout);
    let (mut steps, stream) = dialer.probe(&settings.target).await;
    let (Some(stream), Some(message)) = (stream, message) else {
        return Trial { steps, answer: None };
    };
    let since = Instant::now();
    let mut client = Client::over(stream);
    let exchange = async {
        client.send(message).await.map_err(|error| error.to_string())?;
        client.answer().await.map_err(|none| none.text().to_owned())
    };
    let answer = match timeout(settings.timeout, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {}", config::show_duration(settings.timeout))),
    };
    let result = answer.as_ref().map_err(Clone::clone).and_then(|answer| judged(answer));
    steps.push(Step::ended("message", since, result));
    Trial { steps, answer: answer.ok().map(Phi::new) }
}

/// What an answer says, without its words: those may quote the message.
fn judged(answer: &[u8]) -> Result<String, String> {
    match hl7::read_reply(answer).and_then(|reply| reply.code) {
        Some(code) if code.is_positive() => Ok(format!("answered {}", code.as_str())),
        Some(code) => Err(format!("answered {}", code.as_str())),
        None => Err("the answer is no acknowledgement".to_owned()),
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
