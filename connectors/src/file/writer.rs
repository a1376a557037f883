//! The file destination: every delivery is on disk before it counts as delivered.

use std::io;
use std::sync::Arc;

use phi::Phi;
use rustix::io::Errno;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::settings::{BatchLimits, Mode, Settings};
use super::{append, collect, single};
use crate::{Evidence, Outcome, Outgoing};

/// A file destination. Delivery is at least once.
pub struct Writer {
    settings: Arc<Settings>,
    /// Closes batches when their time has come, and what is open when this is dropped.
    _closer: Option<oneshot::Sender<()>>,
}

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    New,
    /// It was there already, byte for byte: an earlier try that was not recorded.
    Same,
    /// The name is taken by something else.
    Taken,
}

impl Writer {
    /// A writer; nothing is written before the first delivery.
    pub fn new(settings: Settings) -> Writer {
        let settings = Arc::new(settings);
        let closer = match settings.mode {
            Mode::File | Mode::Append => None,
            Mode::Batch(limits) => {
                let (closer, closed) = oneshot::channel();
                tokio::spawn(close_in_time(Arc::clone(&settings), limits, closed));
                Some(closer)
            }
        };
        Writer { settings, _closer: closer }
    }

    /// Writes one message. Disk work happens on a thread of its own, so that a slow disk holds nobody else up.
    pub async fn deliver(&mut self, out: &Outgoing<'_>) -> Outcome {
        let started = Instant::now();
        let name = match self.settings.mode {
            Mode::File => self.settings.name.render(out),
            Mode::Append | Mode::Batch(_) => self.settings.name.render_for_many(out),
        };
        let delivery = out.delivery_id.to_owned();
        let (settings, body, own_name) =
            (Arc::clone(&self.settings), out.body.clone(), name.clone());
        let work = tokio::task::spawn_blocking(move || match settings.mode {
            Mode::File => single::write(&settings, &own_name, &body, &delivery),
            Mode::Append => append::write(&settings, &own_name, &body),
            Mode::Batch(limits) => collect::add(&settings, limits, &own_name, &body, &delivery),
        });
        let written =
            work.await.unwrap_or_else(|_| Err(io::Error::other("the disk work was broken off")));
        let evidence = |code, answered, text: Option<String>| Evidence {
            code,
            answered,
            peer: self.settings.folder.display().to_string(),
            duration: started.elapsed(),
            response: None,
            text: text.map(Phi::new),
        };
        match written {
            Ok(Written::New) => Outcome::Accepted(evidence("written", true, Some(name))),
            Ok(Written::Same) => Outcome::Accepted(evidence("written-before", true, Some(name))),
            Ok(Written::Taken) => Outcome::Never(evidence(
                "name-taken",
                true,
                Some(format!("`{name}` exists and is something else")),
            )),
            // The folder may be back, or the disk have room, at any time: a file is never given up for that.
            Err(error) => {
                Outcome::Later(evidence(code_of(&error), false, Some(format!("`{name}`: {error}"))))
            }
        }
    }
}

/// Closes batches that are old enough, and in the end what is open: nothing may be left hidden that nobody adds to any more.
async fn close_in_time(
    settings: Arc<Settings>,
    limits: BatchLimits,
    mut closed: oneshot::Receiver<()>,
) {
    let mut trouble = String::new();
    loop {
        let ends = tokio::select! {
            () = tokio::time::sleep(limits.look_every()) => false,
            _ = &mut closed => true,
        };
        let own = Arc::clone(&settings);
        let work = tokio::task::spawn_blocking(move || collect::close_due(&own, limits, ends));
        match work.await.unwrap_or_else(|_| Err(io::Error::other("the disk work was broken off"))) {
            Ok(()) => trouble.clear(),
            Err(error) if trouble != error.to_string() => {
                trouble = error.to_string();
                tracing::warn!(folder = %settings.folder.display(), error = %error, "file.batch_not_closed");
            }
            Err(_) => {}
        }
        if ends {
            return;
        }
    }
}

fn code_of(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => "no-space",
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => "no-folder",
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => "not-allowed",
        _ => "unreachable",
    }
}
