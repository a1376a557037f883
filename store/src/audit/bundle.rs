//! Bundles: the log in a file, with everything that is needed to check it where there is no engine and no store.
//!
//! A bundle is a text of JSON lines: `{"bundle":1,"log":…}`, the keys, and then records and the checkpoints over them in their order.

use std::io::{self, BufRead};
use std::path::PathBuf;

use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::anchor::Notes;
use super::export::{AuditEdge, AuditKey, AuditPart, AuditStart};
use super::report::{AuditFault, AuditReport};
use super::segment::Cut;
use super::tree::Tree;
use super::walk::{Epoch, Line, Walk};

const VERSION: i64 = 1;

/// One line of a bundle.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Item {
    Head {
        bundle: i64,
        log: Uuid,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Start>,
    },
    Key {
        key: i64,
        public: String,
        first_seq: i64,
    },
    Record {
        record: String,
        seal: Option<String>,
        epoch: i64,
    },
    Checkpoint {
        checkpoint: String,
    },
}

/// Where the records begin, when that is not with the first one of the log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    first: i64,
    chain: String,
    tree: String,
}

impl Start {
    fn cut(&self) -> Option<Cut> {
        let bytes = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
        let chain = bytes(&self.chain)?.try_into().ok()?;
        let tree = Tree::read(self.first, &bytes(&self.tree)?)?;
        Some(Cut { first: 0, next: self.first, chain, tree, note: String::new() })
    }
}

/// Why a bundle says nothing.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It cannot be read.
    #[error("the bundle cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is no bundle.
    #[error("line {line} is not one of a bundle")]
    Odd {
        /// The line, from 1 on.
        line: usize,
    },
}

/// How a bundle begins.
pub fn bundle_head(edge: &AuditEdge) -> String {
    let from = edge.from.clone();
    let from = from.map(|AuditStart { first, chain, tree }| Start { first, chain, tree });
    let mut out = line(&Item::Head { bundle: VERSION, log: edge.log, from });
    for AuditKey { number, public, first_seq } in &edge.keys {
        let (key, public, first_seq) = (*number, public.clone(), *first_seq);
        out.push_str(&line(&Item::Key { key, public, first_seq }));
    }
    out
}

/// How it goes on.
pub fn bundle_part(part: &AuditPart) -> String {
    let mut notes = part.checkpoints.iter().map(|note| (size_of(note), note)).peekable();
    let mut out = String::new();
    for record in &part.records {
        let (text, seal, epoch) = (record.text.clone(), record.seal.clone(), record.epoch);
        out.push_str(&line(&Item::Record { record: text, seal, epoch }));
        while let Some((_, note)) = notes.next_if(|(size, _)| *size <= record.seq + 1) {
            out.push_str(&line(&Item::Checkpoint { checkpoint: note.clone() }));
        }
    }
    out
}

fn line(item: &Item) -> String {
    let text = serde_json::to_string(item).unwrap_or_default();
    text + "\n"
}

fn size_of(note: &str) -> i64 {
    note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(i64::MAX)
}

/// What a bundle is checked against.
#[derive(Clone, Debug, Default)]
pub struct BundleProof {
    /// The public halves of the keys, hexadecimal, as they were noted elsewhere.
    pub keyring: Option<Vec<String>>,
    /// Files with checkpoints.
    pub anchors: Vec<PathBuf>,
}

/// Checks a bundle. `told` hears how many records have been checked; the memory that this takes does not grow with the file.
///
/// # Errors
/// When the file cannot be read, or is no bundle.
pub fn verify_bundle(
    bundle: impl BufRead,
    proof: &BundleProof,
    mut told: impl FnMut(i64),
) -> Result<AuditReport, BundleError> {
    let mut lines = Lines { inner: bundle, at: 0 };
    let Some(Item::Head { bundle: VERSION, log, from }) = lines.next()? else {
        return Err(BundleError::Odd { line: 1 });
    };
    let from = from.map(|start| start.cut().ok_or(BundleError::Odd { line: 1 })).transpose()?;
    let mut epochs = Vec::new();
    let mut item = lines.next()?;
    while let Some(Item::Key { key, public, first_seq }) = item {
        let odd = BundleError::Odd { line: lines.at };
        let trusted = proof.keyring.as_ref().is_none_or(|ring| ring.contains(&public));
        let public = HEXLOWER.decode(public.as_bytes()).ok().and_then(|key| key.try_into().ok());
        let public = public.ok_or(odd)?;
        epochs.push(Epoch { number: key, public, first_seq, proven: trusted, named: false });
        item = lines.next()?;
    }
    // What the records follow is proven by the checkpoint behind them, which is over everything before them too.
    let mut walk = match &from {
        Some(cut) => Walk::from_cut(log, cut, epochs),
        None => Walk::from_start(log, epochs),
    };
    doubts(&mut walk, proof);
    let mut seq = walk.next;
    let mut due: Option<Line> = None;
    let mut notes = Vec::new();
    loop {
        // A record is checked together with the checkpoints behind it.
        if !matches!(item, Some(Item::Checkpoint { .. }))
            && let Some(line) = due.take()
        {
            if let Err(fault) = walk.slice(&[line], &std::mem::take(&mut notes)) {
                return Ok(walk.end(Some(fault)));
            }
            told(walk.next);
        }
        match item {
            Some(Item::Record { record, seal, epoch }) => {
                let seal = seal.and_then(|seal| BASE64.decode(seal.as_bytes()).ok());
                let record = record.into_bytes();
                due = Some(Line { seq, record, seal, epoch, beside: None });
                seq += 1;
            }
            Some(Item::Checkpoint { checkpoint }) => notes.push((size_of(&checkpoint), checkpoint)),
            Some(Item::Head { .. } | Item::Key { .. }) => {
                return Err(BundleError::Odd { line: lines.at });
            }
            None => break,
        }
        item = lines.next()?;
    }
    // The newest checkpoint of a bundle is over all of it: it was made for that.
    let fault = match walk.is_covered() {
        true => walk.beyond(),
        false => Some(AuditFault::Truncated { seq: walk.next }),
    };
    Ok(walk.end(fault))
}

fn doubts(walk: &mut Walk, proof: &BundleProof) {
    if proof.keyring.is_none() {
        walk.doubt(
            "no keyring was given: the keys are those that the bundle itself names".to_owned(),
        );
    }
    for path in &proof.anchors {
        let name = path.display().to_string();
        match Notes::open(path) {
            Ok(Some(notes)) => walk.beside(&name, notes),
            Ok(None) => walk.doubt(format!("{name}: there is no such file")),
            Err(error) => walk.doubt(format!("{name} cannot be read: {error}")),
        }
    }
}

/// The lines of a bundle.
struct Lines<R> {
    inner: R,
    at: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Item>, BundleError> {
        /// A record is far shorter.
        const LINE_BYTES_MAX: u64 = 16 << 20;
        self.at += 1;
        let mut line = Vec::new();
        if io::Read::take(&mut self.inner, LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        serde_json::from_slice(&line).map(Some).map_err(|_| BundleError::Odd { line: self.at })
    }
}
