//! Reading a backup: whether it is whole, what is in it, and the files beside the store.

use std::io::{self, BufRead};
use std::path::{Component, Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};

use super::frame::{Begin, Decoder, End, Frame, Head, Sum};
use super::make::{CONTEXT, FORM};
use crate::audit::is_signature;
use crate::copy::{Cell, Tally};

/// Why a backup says nothing.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableBackup {
    /// It cannot be read, or is none.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not whole.
    #[error("the backup is not whole: {0}")]
    Broken(&'static str),
    /// A newer program has made it.
    #[error("the backup has form {0}, this program knows form {FORM}: use the newer program")]
    Newer(i64),
}

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupHead {
    /// When it was made, microseconds UTC.
    pub at_us: i64,
    /// By which engine.
    pub node: String,
    /// The id of the store key that opens what is sealed in it.
    pub kek: String,
    /// The schema of its store.
    pub schema: i64,
}

/// A backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// What it says of itself.
    pub head: BackupHead,
    /// Its tables, with their rows.
    pub tables: Vec<(String, i64)>,
    /// All rows.
    pub rows: i64,
    /// Files beside the store.
    pub files: Vec<String>,
    /// Records of the audit log.
    pub audit: i64,
    /// The key that has signed it, hexadecimal.
    pub key: String,
}

/// Files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted(pub Vec<PathBuf>);

/// What comes out of a backup, in its order.
pub(super) enum Part {
    File(String, Vec<u8>),
    Table(Begin),
    Rows(Vec<Vec<Cell>>),
}

/// A walk through a backup, which is whole when it ends well.
pub(super) struct Walk<R> {
    decoder: Decoder<R>,
    head: Head,
    files: Vec<String>,
    sums: Vec<Sum>,
    tally: Option<(String, Tally)>,
}

impl<R: BufRead> Walk<R> {
    pub(super) fn begin(reader: R) -> Result<Walk<R>, UnreadableBackup> {
        let mut decoder = Decoder::new(reader);
        let Some(Frame::Head(head)) = decoder.next()? else {
            return Err(UnreadableBackup::Broken("it does not say what it is"));
        };
        if head.backup != FORM {
            return Err(UnreadableBackup::Newer(head.backup));
        }
        Ok(Walk { decoder, head, files: Vec::new(), sums: Vec::new(), tally: None })
    }

    pub(super) fn head(&self) -> BackupHead {
        let Head { at_us, node, kek, schema, .. } = &self.head;
        BackupHead { at_us: *at_us, node: node.clone(), kek: kek.clone(), schema: *schema }
    }

    /// The next part; nothing when the end has come and everything adds up.
    pub(super) fn next(&mut self) -> Result<Result<Part, BackupSummary>, UnreadableBackup> {
        let broken = |why| Err(UnreadableBackup::Broken(why));
        match self.decoder.next()? {
            Some(Frame::File(name, bytes)) => {
                self.files.push(name.clone());
                Ok(Ok(Part::File(name, bytes)))
            }
            Some(Frame::Table(begin)) => {
                self.settle();
                self.tally = Some((begin.table.clone(), Tally::default()));
                Ok(Ok(Part::Table(begin)))
            }
            Some(Frame::Rows(rows)) => {
                let Some((_, tally)) = &mut self.tally else {
                    return broken("rows are of no table");
                };
                rows.iter().for_each(|row| tally.add(row));
                Ok(Ok(Part::Rows(rows)))
            }
            Some(Frame::End(end)) => self.end(end).map(Err),
            Some(Frame::Head(_) | Frame::Signed(_)) => broken("its parts are out of order"),
            None => broken("its end is missing"),
        }
    }

    fn settle(&mut self) {
        if let Some((table, tally)) = self.tally.take() {
            self.sums.push(Sum { table, rows: tally.rows, sum: tally.sum });
        }
    }

    fn end(&mut self, end: End) -> Result<BackupSummary, UnreadableBackup> {
        let broken = |why| Err(UnreadableBackup::Broken(why));
        self.settle();
        if end.tables != self.sums || end.files != self.files.len() as i64 {
            return broken("its rows are not those that were written");
        }
        let Some(Frame::Signed(signed)) = self.decoder.next()? else {
            return broken("its signature is missing");
        };
        let text = [CONTEXT, &self.decoder.digest_before()].concat();
        let public = HEXLOWER.decode(signed.key.as_bytes()).ok();
        let public: Option<[u8; 32]> = public.and_then(|key| key.try_into().ok());
        let signature = BASE64.decode(signed.signature.as_bytes()).unwrap_or_default();
        if !public.is_some_and(|public| is_signature(&public, &text, &signature)) {
            return broken("its signature is of something else");
        }
        if self.decoder.next()?.is_some() {
            return broken("something stands behind its end");
        }
        Ok(BackupSummary {
            head: self.head(),
            rows: end.tables.iter().map(|table| table.rows).sum(),
            tables: end.tables.into_iter().map(|table| (table.table, table.rows)).collect(),
            files: std::mem::take(&mut self.files),
            audit: end.audit,
            key: signed.key,
        })
    }
}

/// Reads a backup to its end. `told` hears how many rows have been read; the memory that this takes does not grow with the file.
///
/// # Errors
/// When it is not whole, to the last byte.
pub fn check_backup(
    reader: impl BufRead,
    mut told: impl FnMut(i64),
) -> Result<BackupSummary, UnreadableBackup> {
    let mut walk = Walk::begin(reader)?;
    let mut rows = 0;
    loop {
        match walk.next()? {
            Ok(Part::Rows(more)) => {
                rows += more.len() as i64;
                told(rows);
            }
            Ok(_) => {}
            Err(summary) => return Ok(summary),
        }
    }
}

/// Writes the site's files of a backup into a folder, over nothing that is there.
///
/// # Errors
/// When the backup is not whole, which is only known at its end: then what was written is removed.
pub fn extract_backup(reader: impl BufRead, folder: &Path) -> Result<Extracted, UnreadableBackup> {
    let mut walk = Walk::begin(reader)?;
    let mut written = Vec::new();
    let outcome = (|| loop {
        match walk.next()? {
            Ok(Part::File(name, bytes)) => {
                let Some(name) = name.strip_prefix("site/") else { continue };
                let path = folder.join(inside(name)?);
                put(&path, &bytes)?;
                written.push(path);
            }
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
    })();
    match outcome {
        Ok(()) => Ok(Extracted(written)),
        Err(error) => {
            for path in written {
                let _gone = std::fs::remove_file(path);
            }
            Err(error)
        }
    }
}

/// A name that leads to no other folder.
fn inside(name: &str) -> Result<&Path, UnreadableBackup> {
    let path = Path::new(name);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    match path.components().all(plain) && !name.is_empty() {
        true => Ok(path),
        false => Err(UnreadableBackup::Broken("a file in it has a name that leads elsewhere")),
    }
}

/// Writes a file for its owner alone; one that is there stays, and is an error.
pub(super) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|error| {
        io::Error::new(error.kind(), format!("`{}`: {}", path.display(), error.kind()))
    })?;
    file.write_all(bytes)?;
    file.sync_all()
}
