//! The walk along the chain, record by record, wherever the records are read from.

use uuid::Uuid;

use super::anchor::{Note, Notes};
use super::canonical::{Json, write};
use super::chain::{Hash, genesis, leaf, link};
use super::checkpoint::Checkpoint;
use super::epoch::{Public, is_seal};
use super::record::{hex, rfc3339};
use super::report::{AnchorReport, AuditFault, AuditReport};
use super::segment::Cut;
use super::tree::Tree;

/// Acts whose records name the key that seals them and what follows.
const BEGINS: [&str; 3] = ["store.created", "audit.sealing_started", "audit.key_lost"];
/// The act whose record names the key that seals what follows.
pub(crate) const HAND_OVER: &str = "audit.epoch";

/// The act whose record says that the records before a number were taken out.
pub const TAKEN_OUT: &str = "audit.segment_archived";

/// The key of an epoch.
#[derive(Clone, Debug)]
pub(super) struct Epoch {
    pub number: i64,
    pub public: Public,
    pub first_seq: i64,
    /// Whoever has only the database cannot have made it: the store's key or a keyring kept elsewhere speaks for it.
    pub proven: bool,
    /// A record that can be trusted has named it.
    pub named: bool,
}

/// A record as it is kept.
pub(super) struct Line {
    pub seq: i64,
    pub record: Vec<u8>,
    pub seal: Option<Vec<u8>>,
    pub epoch: i64,
    /// What stands beside it in the database.
    pub beside: Option<Beside>,
}

/// The columns that are taken from the record.
pub(super) struct Beside {
    pub ts_us: i64,
    pub actor: Option<String>,
    pub action: Option<String>,
    pub channel: Option<String>,
    pub target: Option<String>,
    pub outcome: Option<String>,
    pub leaf: Vec<u8>,
    pub chain: Vec<u8>,
}

/// A place in the log up to which it was found whole.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    next: i64,
    chain: Hash,
    tree: Tree,
    epochs: Vec<Epoch>,
}

impl Place {
    /// The end of the chain there, and the tree over everything before.
    pub(super) fn cut(&self) -> (Hash, Tree) {
        (self.chain, self.tree.clone())
    }
}

/// Where the walk is, and what it has found.
pub(super) struct Walk {
    log_id: Uuid,
    pub next: i64,
    pub chain: Hash,
    tree: Tree,
    epochs: Vec<Epoch>,
    /// Records before the newest checkpoint that was compared.
    covered: i64,
    /// The walk begins behind records that were taken out, and has not met the record of that yet.
    unexplained: Option<Begun>,
    anchors: Vec<Anchored>,
    report: AuditReport,
}

/// Where the log begins, which a record in it must say too.
struct Begun {
    first: i64,
    next: i64,
    chain: String,
    root: String,
}

/// An anchor on the way: its next note is over records that have not been walked yet.
struct Anchored {
    notes: Notes,
    next: Option<Checkpoint>,
    report: AnchorReport,
}

impl Walk {
    pub(super) fn from_start(log_id: Uuid, epochs: Vec<Epoch>) -> Walk {
        let (chain, tree, report) = (genesis(log_id), Tree::default(), AuditReport::default());
        let (covered, unexplained, anchors) = (0, None, Vec::new());
        Walk { log_id, next: 0, chain, tree, epochs, covered, unexplained, anchors, report }
    }

    /// Begins behind records that were taken out. Keys from before are proven, or the walk ends at the first record that they seal.
    pub(super) fn from_cut(log_id: Uuid, cut: &Cut, mut epochs: Vec<Epoch>) -> Walk {
        for epoch in epochs.iter_mut().filter(|epoch| epoch.first_seq <= cut.next) {
            epoch.named = true;
        }
        let (chain, tree) = (cut.chain, cut.tree.clone());
        let mut walk = Walk::from_place(log_id, Place { next: cut.next, chain, tree, epochs });
        let (chain, root) = (hex(&cut.chain), hex(&cut.tree.root()));
        walk.unexplained = Some(Begun { first: cut.first, next: cut.next, chain, root });
        walk
    }

    /// Nothing in the log says that records were taken out before its first one, or the checkpoint over them is not one of the log.
    pub(super) fn missing_start(&self, note: &str) -> Option<AuditFault> {
        let start = self.unexplained.as_ref()?;
        let read = Checkpoint::read(note).filter(|read| read.is_of(self.log_id));
        let signed = read.is_some_and(|read| {
            read.size == start.next && hex(&read.root) == start.root && self.is_signed(&read)
        });
        (!signed).then_some(AuditFault::Deleted { seq: start.first })
    }

    /// The record of that has not been met.
    pub(super) fn unexplained_start(&self) -> Option<AuditFault> {
        self.unexplained.as_ref().map(|start| AuditFault::Deleted { seq: start.first })
    }

    /// Goes on where an earlier walk has ended.
    pub(super) fn from_place(log_id: Uuid, place: Place) -> Walk {
        let Place { next, chain, tree, epochs } = place;
        let report = AuditReport { first: next, ..AuditReport::default() };
        let (covered, unexplained, anchors) = (0, None, Vec::new());
        Walk { log_id, next, chain, tree, epochs, covered, unexplained, anchors, report }
    }

    /// Where it is.
    pub(super) fn place(&self) -> Place {
        let (chain, tree, epochs) = (self.chain, self.tree.clone(), self.epochs.clone());
        Place { next: self.next, chain, tree, epochs }
    }

    /// Compares what an anchor says on the way, too.
    pub(super) fn beside(&mut self, name: &str, notes: Notes) {
        let report = AnchorReport { name: name.to_owned(), ..AnchorReport::default() };
        let mut anchored = Anchored { notes, next: None, report };
        anchored.advance(self.log_id, &mut self.report.doubts);
        self.anchors.push(anchored);
    }

    /// Something that leaves the question open.
    pub(super) fn doubt(&mut self, sentence: String) {
        self.report.doubts.push(sentence);
    }

    /// Takes epochs that have begun meanwhile.
    pub(super) fn learn(&mut self, epochs: Vec<Epoch>) {
        self.epochs.extend(epochs);
    }

    pub(super) fn newest_epoch(&self) -> i64 {
        self.epochs.last().map_or(0, |epoch| epoch.number)
    }

    /// Records and the checkpoints over them, both in order, as far as they are whole.
    pub(super) fn slice(
        &mut self,
        lines: &[Line],
        checkpoints: &[(i64, String)],
    ) -> Result<(), AuditFault> {
        let mut checkpoints = checkpoints.iter().peekable();
        for line in lines {
            self.step(line)?;
            while let Some((size, note)) = checkpoints.next_if(|(size, _)| *size <= self.next) {
                self.compare_own(*size, note)?;
            }
            self.compare_anchors()?;
        }
        Ok(())
    }

    fn step(&mut self, line: &Line) -> Result<(), AuditFault> {
        let seq = self.next;
        if line.seq != seq {
            return Err(AuditFault::Deleted { seq });
        }
        let leaf = leaf(&line.record);
        if line.beside.as_ref().is_some_and(|beside| beside.leaf != leaf) {
            return Err(AuditFault::Modified { seq });
        }
        let record = read(&line.record).ok_or(AuditFault::Modified { seq })?;
        if record.get("seq") != Some(&Json::Int(seq)) {
            return Err(AuditFault::Reordered { seq });
        }
        if record.get("prev").and_then(Json::as_text) != Some(&hex(&self.chain)) {
            return Err(AuditFault::Inserted { seq });
        }
        let chain = link(&self.chain, &leaf);
        if line.beside.as_ref().is_some_and(|beside| !beside.matches(&record, &chain)) {
            return Err(AuditFault::Column { seq });
        }
        self.check_seal(line, &record, &chain)?;
        if self.unexplained.as_ref().is_some_and(|start| start.is_said_by(&record)) {
            self.unexplained = None;
        }
        self.next += 1;
        self.chain = chain;
        self.tree.push(&leaf);
        self.report.checked += 1;
        Ok(())
    }

    /// The seal is one of the key of the record's epoch, and that key was named by a record: its own first one, or the last one before.
    fn check_seal(&mut self, line: &Line, record: &Json, chain: &Hash) -> Result<(), AuditFault> {
        let seq = self.next;
        let named = record.get("after").and_then(|after| after.get("seal_key"));
        let named = named.and_then(Json::as_text);
        let action = record.get("action").and_then(Json::as_text).unwrap_or_default();
        let Some(at) = self.epochs.iter().rposition(|epoch| epoch.first_seq <= seq) else {
            let unsealed = line.seal.is_none() && line.epoch == 0;
            return if unsealed { Ok(()) } else { Err(AuditFault::Unsealed { seq }) };
        };
        if let Some(epoch) = self.epochs.get_mut(at) {
            if epoch.first_seq == seq && !epoch.named && BEGINS.contains(&action) {
                epoch.named = named == Some(&hex(&epoch.public));
                if at > 0 {
                    self.report.doubts.push(format!(
                        "from record {seq} on another key seals, for the one before was lost: nothing proves that the records follow what came before"
                    ));
                }
            }
            if !epoch.proven || !epoch.named {
                return Err(AuditFault::Key { seq });
            }
            let seal = line.seal.as_deref().unwrap_or_default();
            if line.epoch != epoch.number || !is_seal(&epoch.public, chain, seal) {
                return Err(AuditFault::Unsealed { seq });
            }
        }
        if action == HAND_OVER
            && let Some(next) = self.epochs.get_mut(at + 1).filter(|next| next.first_seq == seq + 1)
        {
            next.named = named == Some(&hex(&next.public));
        }
        Ok(())
    }

    /// Whether a key that was in use at this size has signed a checkpoint.
    fn is_signed(&self, checkpoint: &Checkpoint) -> bool {
        let ends = self.epochs.iter().skip(1).map(|epoch| epoch.first_seq);
        let mut ends = ends.chain([i64::MAX]);
        self.epochs.iter().any(|epoch| {
            let end = ends.next().unwrap_or(i64::MAX);
            epoch.named
                && (epoch.first_seq..=end).contains(&checkpoint.size)
                && checkpoint.is_signed_by(&epoch.public)
        })
    }

    fn compare_own(&mut self, size: i64, note: &str) -> Result<(), AuditFault> {
        let read =
            Checkpoint::read(note).filter(|read| read.size == size && read.is_of(self.log_id));
        let same = read.filter(|read| size == self.next && read.root == self.tree.root());
        if !same.is_some_and(|read| self.is_signed(&read)) {
            return Err(AuditFault::Forked { seq: size - 1 });
        }
        self.report.checkpoints += 1;
        self.covered = size;
        Ok(())
    }

    fn compare_anchors(&mut self) -> Result<(), AuditFault> {
        let mut anchors = std::mem::take(&mut self.anchors);
        let outcome = anchors.iter_mut().try_for_each(|anchored| self.compare_anchor(anchored));
        self.anchors = anchors;
        outcome
    }

    fn compare_anchor(&mut self, anchored: &mut Anchored) -> Result<(), AuditFault> {
        while let Some(note) = anchored.next.take_if(|note| note.size <= self.next) {
            if note.size < self.report.first {
                // An earlier walk has compared it.
            } else if !self.is_signed(&note) {
                let name = &anchored.report.name;
                self.report.doubts.push(format!(
                    "{name}: the checkpoint over {} records is not signed by a key of this log",
                    note.size
                ));
            } else if note.size == self.next && note.root != self.tree.root() {
                return Err(AuditFault::Forked { seq: note.size - 1 });
            } else if note.size == self.next {
                anchored.report.checkpoints += 1;
                anchored.report.size = note.size;
            }
            anchored.advance(self.log_id, &mut self.report.doubts);
        }
        Ok(())
    }

    /// Whether the last checkpoint is over everything that was walked.
    pub(super) fn is_covered(&self) -> bool {
        self.covered == self.next && self.next > 0
    }

    /// What an anchor says about records that are not there.
    pub(super) fn beyond(&self) -> Option<AuditFault> {
        let beyond = self
            .anchors
            .iter()
            .any(|anchored| anchored.next.as_ref().is_some_and(|note| note.size > self.next));
        beyond.then_some(AuditFault::Truncated { seq: self.next })
    }

    /// The newest key must be one of the engine's: whoever can only write to the database has made another.
    pub(super) fn foreign_key(&self, own: &[Option<Public>]) -> Option<AuditFault> {
        let last = self.epochs.last()?;
        let foreign = !own.contains(&Some(last.public)) && last.first_seq < self.next;
        foreign.then_some(AuditFault::Key { seq: last.first_seq })
    }

    /// What was found.
    pub(super) fn end(mut self, fault: Option<AuditFault>) -> AuditReport {
        let key = self.epochs.last().map(|epoch| hex(epoch.public.get(..8).unwrap_or_default()));
        self.report.anchors = self.anchors.into_iter().map(|anchored| anchored.report).collect();
        AuditReport { fault, key, size: self.tree.size(), root: self.tree.root(), ..self.report }
    }
}

impl Begun {
    fn is_said_by(&self, record: &Json) -> bool {
        let said = |name: &str| record.get("after").and_then(|after| after.get(name));
        record.get("action").and_then(Json::as_text) == Some(TAKEN_OUT)
            && said("next") == Some(&Json::Int(self.next))
            && said("chain").and_then(Json::as_text) == Some(&self.chain)
            && said("root").and_then(Json::as_text) == Some(&self.root)
    }
}

impl Anchored {
    /// Goes on to the next note of this log.
    fn advance(&mut self, log_id: Uuid, doubts: &mut Vec<String>) {
        let name = &self.report.name;
        self.next = loop {
            match self.notes.next() {
                Ok(Some(Note::Whole(note))) if note.is_of(log_id) => break Some(note),
                Ok(Some(Note::Whole(_))) => {
                    doubts.push(format!("{name}: a checkpoint of another log stands in it"));
                }
                Ok(Some(Note::Odd)) => {
                    doubts.push(format!("{name}: what stands in it cannot be read as checkpoints"));
                    break None;
                }
                Ok(None) => break None,
                Err(error) => {
                    doubts.push(format!("{name} cannot be read: {error}"));
                    break None;
                }
            }
            // One of another log is enough to say so.
            if doubts.len() > 16 {
                break None;
            }
        };
    }
}

impl Beside {
    fn matches(&self, record: &Json, chain: &Hash) -> bool {
        let at = |path: &[&str]| {
            path.iter().try_fold(record, |value, key| value.get(key)).and_then(Json::as_text)
        };
        self.chain == chain
            && at(&["ts"]) == Some(&rfc3339(self.ts_us))
            && at(&["actor", "id"]) == self.actor.as_deref()
            && at(&["action"]) == self.action.as_deref()
            && at(&["target", "channel"]) == self.channel.as_deref()
            && at(&["target", "id"]) == self.target.as_deref()
            && at(&["outcome"]) == self.outcome.as_deref()
    }
}

/// The record, when its text is the one canonical text of it.
fn read(text: &[u8]) -> Option<Json> {
    let record = Json::from_serde(&serde_json::from_slice(text).ok()?)?;
    (write(&record).as_bytes() == text).then_some(record)
}
