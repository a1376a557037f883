//! The file source: takes files out of a folder, hands their messages on in order, and moves them when everything is on disk.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::inbox::{Candidate, Contents, Inbox, Unfit};
use super::reading::{Ended, Reading};
use super::sightings::Sightings;
use super::source_settings::SourceSettings;
use super::source_stats::{SourceStats, add};
use super::watch::FolderWatch;
use crate::resources::FrameMemory;
use crate::{Flow, Intake, Peer, Resources};

/// Files taken before the folder is looked through again, so that one that comes first in order need not wait for thousands.
const ROUND_MAX: usize = 1_000;
/// At least so long between two looks, however much the system has to tell.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// How often, and how long without a word, another source is waited for.
const KEPT_OUT_PAUSE: Duration = Duration::from_millis(50);
const KEPT_OUT_MAX: Duration = Duration::from_secs(10);
/// Entries that were left alone and are remembered, so that each is told once.
const TOLD_MAX: usize = 10_000;
/// What a file in hand gets to end in when the source closes.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// A folder that is read, not yet at work.
pub struct FolderSource {
    settings: Arc<SourceSettings>,
    memory: FrameMemory,
    stats: Arc<SourceStats>,
}

/// What a round has come to.
enum Round {
    /// There may be more at once.
    Worked,
    /// Nothing can be done before this time has passed.
    Idle(Duration),
    /// The source closes.
    Closed,
}

/// What has become of a claimed file.
#[derive(PartialEq, Eq)]
enum Taken {
    /// It is where it belongs.
    Ended,
    /// It was not what it seemed, and went back.
    Left,
    /// The source closed before; it stays claimed.
    Closed,
}

impl FolderSource {
    /// Looks whether the folders are there, and makes those that are ours to make.
    pub async fn open(settings: SourceSettings, resources: &Resources) -> io::Result<FolderSource> {
        let settings = Arc::new(settings);
        let opening = Arc::clone(&settings);
        blocking(move || Inbox::open(&opening)).await?;
        Ok(FolderSource { settings, memory: resources.files.clone(), stats: Arc::default() })
    }

    /// The counters.
    pub fn stats(&self) -> Arc<SourceStats> {
        Arc::clone(&self.stats)
    }

    /// Takes files until `flow` says close.
    pub async fn run(self, intake: Arc<dyn Intake>, flow: watch::Receiver<Flow>) {
        let mut worker = Worker {
            watch: None,
            settings: self.settings,
            memory: self.memory,
            stats: self.stats,
            steer: Steer { flow, closing: None },
            intake,
            sightings: Sightings::default(),
            told: HashSet::new(),
            number: 0,
        };
        worker.run().await;
    }
}

/// Whether the source may go on.
pub(super) struct Steer {
    flow: watch::Receiver<Flow>,
    closing: Option<Instant>,
}

impl Steer {
    /// Waits while the source is paused; false when it is over. What is in hand may go on for a moment after the source was closed.
    pub(super) async fn may_go_on(&mut self, in_hand: bool) -> bool {
        loop {
            let now = match self.flow.has_changed() {
                Ok(_) => *self.flow.borrow_and_update(),
                // Nobody is left who could open it again.
                Err(_) => Flow::Close,
            };
            match now {
                Flow::Read => return true,
                Flow::Pause => {}
                Flow::Close => {
                    let until = *self.closing.get_or_insert_with(|| Instant::now() + CLOSE_GRACE);
                    return in_hand && Instant::now() < until;
                }
            }
            // An error is seen at the next turn.
            let _ = self.flow.changed().await;
        }
    }

    /// Waits for so long, or less when the source is told something else.
    pub(super) async fn pause(&mut self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            _ = self.flow.changed() => {}
        }
    }
}

struct Worker {
    settings: Arc<SourceSettings>,
    memory: FrameMemory,
    stats: Arc<SourceStats>,
    steer: Steer,
    intake: Arc<dyn Intake>,
    watch: Option<FolderWatch>,
    sightings: Sightings,
    told: HashSet<(Vec<u8>, Unfit)>,
    number: u64,
}

impl Worker {
    async fn run(&mut self) {
        let mut inbox = None;
        let mut trouble = String::new();
        let mut kept_out: Option<Instant> = None;
        while self.steer.may_go_on(false).await {
            let round = match self.inbox(&mut inbox).await {
                Ok(Some(open)) => self.round(&open).await,
                Ok(None) => {
                    // The source before this one may still have a file in hand.
                    let since = *kept_out.get_or_insert_with(Instant::now);
                    if since.elapsed() < KEPT_OUT_MAX {
                        self.steer.pause(KEPT_OUT_PAUSE).await;
                        continue;
                    }
                    Err(io::Error::other("another source reads this folder"))
                }
                Err(error) => Err(error),
            };
            match round {
                Ok(Round::Worked) => (trouble, kept_out) = (String::new(), None),
                Ok(Round::Idle(wait)) => {
                    (trouble, kept_out) = (String::new(), None);
                    self.wait(wait).await;
                }
                Ok(Round::Closed) => return,
                Err(error) => {
                    // It may be back at any time; it is told once.
                    inbox = None;
                    let now = error.to_string();
                    if trouble != now {
                        tracing::warn!(folder = %self.settings.folder.path.display(), error = %now, "file.folder_unusable");
                        trouble = now;
                    }
                    self.steer.pause(self.settings.every.min(Duration::from_secs(1))).await;
                }
            }
        }
    }

    /// The open folders, opened again when the path leads to another folder by now; none while another source has them.
    async fn inbox(&mut self, open: &mut Option<Arc<Inbox>>) -> io::Result<Option<Arc<Inbox>>> {
        if let Some(inbox) = open {
            let current = Arc::clone(inbox);
            if blocking(move || Ok(current.is_current())).await? {
                return Ok(Some(Arc::clone(inbox)));
            }
            *open = None;
        }
        let settings = Arc::clone(&self.settings);
        let opened = blocking(move || {
            let inbox = Inbox::open(&settings)?;
            Ok(inbox.lock()?.then(|| Arc::new(inbox)))
        });
        *open = opened.await?;
        if open.is_some() {
            self.watch = Some(FolderWatch::of(&self.settings.folder.path));
        }
        Ok(open.clone())
    }

    async fn round(&mut self, inbox: &Arc<Inbox>) -> io::Result<Round> {
        let look = Arc::clone(inbox);
        let claimed = blocking(move || look.claimed()).await?;
        self.tell(claimed.unfit);
        for candidate in claimed.candidates {
            if self.take(inbox, candidate).await? == Taken::Closed {
                return Ok(Round::Closed);
            }
        }
        let look = Arc::clone(inbox);
        let found = blocking(move || look.look()).await?;
        self.tell(found.unfit);
        let (due, next) =
            self.sightings.look(found.candidates, self.settings.stable, Instant::now());
        if due.is_empty() {
            return Ok(Round::Idle(next.unwrap_or(self.settings.every).min(self.settings.every)));
        }
        let mut worked = false;
        for candidate in due.into_iter().take(ROUND_MAX) {
            if !self.steer.may_go_on(false).await {
                return Ok(Round::Closed);
            }
            let (claim, one) = (Arc::clone(inbox), candidate.clone());
            match blocking(move || claim.claim(&one)).await? {
                None => continue,
                Some(Err(unfit)) => self.tell(vec![(candidate.name, unfit)]),
                Some(Ok(())) => match self.take(inbox, candidate).await? {
                    Taken::Ended => worked = true,
                    Taken::Left => {}
                    Taken::Closed => return Ok(Round::Closed),
                },
            }
        }
        Ok(if worked { Round::Worked } else { Round::Idle(self.settings.every) })
    }

    /// Takes a claimed file to its end.
    async fn take(&mut self, inbox: &Arc<Inbox>, candidate: Candidate) -> io::Result<Taken> {
        let mut share = self.memory.share();
        let size = usize::try_from(candidate.stamp.size()).unwrap_or(usize::MAX);
        loop {
            let missing = share.missing(size);
            if missing == 0 {
                break;
            }
            tokio::select! {
                () = share.take(missing) => {}
                _ = self.steer.flow.changed() => {
                    if !self.steer.may_go_on(false).await {
                        return Ok(Taken::Closed);
                    }
                }
            }
        }
        let (reader, one) = (Arc::clone(inbox), candidate.clone());
        let contents = match blocking(move || reader.read(&one)).await? {
            Ok(contents) => contents,
            Err(unfit) => {
                self.tell(vec![(candidate.name, unfit)]);
                return Ok(Taken::Left);
            }
        };
        self.number += 1;
        let _in_hand = InHand::new(&self.stats);
        let ended = match contents {
            Contents::TooLarge => Ended::failed("too-large", "the file is larger than `max_file`"),
            Contents::NotAllowed => {
                Ended::failed("not-allowed", "the engine may not read the file")
            }
            Contents::Read(bytes) => {
                let peer = Peer {
                    place: shown(&candidate.name).into(),
                    connection: self.number,
                    identity: None,
                };
                let acks = {
                    let (inbox, name) = (Arc::clone(inbox), candidate.name.clone());
                    blocking(move || inbox.begin_acks(&name)).await?
                };
                let reading = Reading::new(peer, bytes, acks);
                match reading.run(self.intake.as_ref(), &mut self.steer).await? {
                    Some(ended) => ended,
                    None => return Ok(Taken::Closed),
                }
            }
        };
        Ok(self.end(inbox, candidate.name, ended).await)
    }

    /// Moves a file that needs no more reading. Only that is tried again when it does not work.
    async fn end(&mut self, inbox: &Arc<Inbox>, name: Vec<u8>, ended: Ended) -> Taken {
        match &ended {
            Ended::Done => add(&self.stats.done),
            Ended::Failed { code, .. } => {
                add(&self.stats.failed);
                tracing::warn!(file = %shown(&name), code, "file.refused");
            }
        }
        let (ended, mut told) = (Arc::new(ended), false);
        let mut folders = Arc::clone(inbox);
        loop {
            let (open, name, how) = (Arc::clone(&folders), name.clone(), Arc::clone(&ended));
            let moved = blocking(move || match how.as_ref() {
                Ended::Done => open.finish(&name),
                Ended::Failed { code, sentence } => open.fail(&name, code, sentence),
            });
            let Err(error) = moved.await else { return Taken::Ended };
            if !told {
                tracing::warn!(folder = %self.settings.folder.path.display(), error = %error, "file.not_moved");
                told = true;
            }
            self.steer.pause(Duration::from_secs(1)).await;
            if !self.steer.may_go_on(false).await {
                return Taken::Closed;
            }
            // A folder may have been taken away and be there again.
            let settings = Arc::clone(&self.settings);
            if let Ok(again) = blocking(move || Inbox::open(&settings)).await {
                folders = Arc::new(again);
            }
        }
    }

    /// Says once of each entry that it is left alone, and counts it.
    fn tell(&mut self, unfit: Vec<(Vec<u8>, Unfit)>) {
        for (name, why) in unfit {
            if self.told.len() >= TOLD_MAX {
                return;
            }
            let file = shown(&name);
            if self.told.insert((name, why)) {
                add(&self.stats.skipped);
                tracing::warn!(file, why = why.text(), "file.skipped");
            }
        }
    }

    async fn wait(&mut self, time: Duration) {
        let Worker { steer, watch, .. } = self;
        let changed = async {
            match watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep(time.max(LOOK_PAUSE)) => {}
            _ = steer.flow.changed() => {}
            () = changed => sleep(LOOK_PAUSE).await,
        }
    }
}

/// Counts a file while it is in hand, also when its task is dropped.
struct InHand(Arc<SourceStats>);

impl InHand {
    fn new(stats: &Arc<SourceStats>) -> InHand {
        add(&stats.reading);
        InHand(Arc::clone(stats))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The name of a file as it can be shown and recorded.
fn shown(name: &[u8]) -> String {
    let hidden = |c: &char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    String::from_utf8_lossy(name).chars().filter(|c| !hidden(c)).take(128).collect()
}

/// Disk work happens on a thread of its own, so that a slow disk holds nobody else up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(io::Error::other("the disk work was broken off")))
}
