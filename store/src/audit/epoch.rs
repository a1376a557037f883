//! Epochs: the records of each day are sealed with a key of their own, which is gone when the day is over.
//!
//! Whoever gets hold of today's key cannot make records of yesterday. The private half is in one file, sealed with the store's key; the
//! public halves are rows, and each is in a record that the key before it has sealed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::chain::Hash;
use crate::error::StoreError;
use crate::ids::ChannelId;
use crate::seal::{self, Column, DataKey, Place};
use crate::sql::{Session, row, statements, values};

/// What a seal covers besides the chain, so that it is never taken for something else.
const CONTEXT: &[u8] = b"hilum-audit-rec-v1";
const DAY_US: i64 = 86_400 * 1_000_000;

statements! {
    NEWEST = "select number, public, created_us from audit_epochs order by number desc limit 1";
    BEGIN = "insert into audit_epochs (number, public, first_seq, created_us, proof) values ($1, $2, $3, $4, $5)";
    NEXT_SEQ = "select next_seq from audit_head where one = 1";
}

/// A public half, as it stands in records.
pub(crate) type Public = [u8; 32];

/// One key and the number of its epoch.
struct Epoch {
    number: i64,
    day: i64,
    public: Public,
    pair: Ed25519KeyPair,
}

/// Why a key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The log was not sealed before.
    Sealing,
    /// The key of the epoch before is not here.
    KeyLost,
}

impl Begun {
    /// The act under which it is recorded.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Begun::Sealing => "audit.sealing_started",
            Begun::KeyLost => "audit.key_lost",
        }
    }
}

/// Seals records with the key of the epoch.
pub(crate) struct Sealer {
    files: Files,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    current: Option<Epoch>,
    /// Takes its place once its row is on disk.
    next: Option<Epoch>,
}

impl Sealer {
    /// The key of the newest epoch; when there is none, or it is not here, another one, whose row is written and whose record the caller
    /// must write next. [`Sealer::settle`] follows the commit.
    pub(crate) async fn open(
        session: &mut dyn Session,
        (data, secrets, log_id): (&Path, &DataKey, Uuid),
        now_us: i64,
    ) -> Result<(Sealer, Option<Begun>), StoreError> {
        let files = Files { folder: data.join("keys/audit"), log_id };
        let sealer = Sealer { files, keys: Mutex::default() };
        let newest = row(session, NEWEST, values![]).await?;
        let Some(newest) = newest else {
            sealer.begin(session, secrets, (1, now_us)).await?;
            return Ok((sealer, Some(Begun::Sealing)));
        };
        let (number, public, made_us) = (newest.int(0)?, newest.blob(1)?, newest.int(2)?);
        match sealer.files.find(secrets, (number, public), made_us) {
            Some(epoch) => {
                sealer.keys().current = Some(epoch);
                Ok((sealer, None))
            }
            None => {
                sealer.begin(session, secrets, (number + 1, now_us)).await?;
                Ok((sealer, Some(Begun::KeyLost)))
            }
        }
    }

    /// Makes a key for the records from the next one on.
    async fn begin(
        &self,
        session: &mut dyn Session,
        secrets: &DataKey,
        (number, now_us): (i64, i64),
    ) -> Result<(), StoreError> {
        let public = self.prepare(secrets, (number, now_us))?;
        self.put(session, secrets, (number, public), now_us).await
    }

    /// Makes a key and keeps its file beside the old one; gives its public half.
    fn prepare(
        &self,
        secrets: &DataKey,
        (number, now_us): (i64, i64),
    ) -> Result<Public, StoreError> {
        let seed = Zeroizing::new(rand::random::<[u8; 32]>());
        let epoch = epoch(&seed, number, now_us)?;
        let public = epoch.public;
        self.files.keep_next(secrets, number, &seed).map_err(|error| {
            tracing::error!(code = "audit.key", %error, "the key of the audit log cannot be kept");
            StoreError::AuditUnavailable
        })?;
        self.keys().next = Some(epoch);
        Ok(public)
    }

    /// Writes the row of an epoch that begins with the next record.
    pub(crate) async fn put(
        &self,
        session: &mut dyn Session,
        secrets: &DataKey,
        (number, public): (i64, Public),
        now_us: i64,
    ) -> Result<(), StoreError> {
        let first_seq = row(session, NEXT_SEQ, values![]).await?.map_or(Ok(0), |row| row.int(0))?;
        let proof = proof(secrets, self.files.log_id, (number, &public, first_seq, now_us))?;
        let proof = proof.finalize().into_bytes();
        let columns = values![number, &public[..], first_seq, now_us, &proof[..]];
        session.run(BEGIN, columns).await.map(drop)
    }

    /// Whether the day of the epoch is over.
    pub(crate) fn is_over(&self, now_us: i64) -> bool {
        self.keys().current.as_ref().is_some_and(|epoch| now_us.div_euclid(DAY_US) > epoch.day)
    }

    /// The key of the next epoch, made when there is none yet; gives its number and public half, for the record that the old key seals.
    ///
    /// One that was made before may be on disk already, when nobody heard of its commit: it is never replaced by another.
    pub(crate) fn prepare_next(
        &self,
        secrets: &DataKey,
        now_us: i64,
    ) -> Result<(i64, Public), StoreError> {
        let made = self.keys().next.as_ref().map(|epoch| (epoch.number, epoch.public));
        if let Some(made) = made {
            return Ok(made);
        }
        let number = self.keys().current.as_ref().map_or(1, |epoch| epoch.number + 1);
        Ok((number, self.prepare(secrets, (number, now_us))?))
    }

    /// Whether the row of an epoch is on disk.
    pub(crate) async fn has_begun(
        &self,
        session: &mut dyn Session,
        (number, public): (i64, Public),
    ) -> Result<bool, StoreError> {
        let Some(newest) = row(session, NEWEST, values![]).await? else { return Ok(false) };
        Ok(newest.int(0)? == number && newest.blob(1)? == public)
    }

    /// The new epoch is on disk: its key takes the place of the old one, which is gone.
    pub(crate) fn settle(&self) {
        let mut keys = self.keys();
        if let Some(next) = keys.next.take() {
            if let Err(error) = self.files.settle() {
                tracing::error!(code = "audit.key", %error, "the new key of the audit log is kept under its first name");
            }
            keys.current = Some(next);
        }
    }

    /// The public half of the key in use.
    pub(crate) fn public(&self) -> Option<Public> {
        self.keys().current.as_ref().map(|epoch| epoch.public)
    }

    /// The public half of the key that was made last, in use or not yet.
    pub(crate) fn newest(&self) -> Option<Public> {
        let keys = self.keys();
        keys.next.as_ref().or(keys.current.as_ref()).map(|epoch| epoch.public)
    }

    /// The seal of a record in an epoch.
    pub(super) fn seal(&self, number: i64, chain: &Hash) -> Result<Vec<u8>, StoreError> {
        self.sign(number, &sealed(chain)).map(|(_, seal)| seal)
    }

    /// The signature of an epoch's key over a text, with the public half.
    pub(super) fn sign(&self, number: i64, text: &[u8]) -> Result<(Public, Vec<u8>), StoreError> {
        let keys = self.keys();
        let epoch = [&keys.current, &keys.next]
            .into_iter()
            .flatten()
            .find(|epoch| epoch.number == number)
            .ok_or_else(|| {
                StoreError::Internal("the key of the audit log is not here".to_owned())
            })?;
        Ok((epoch.public, epoch.pair.sign(text).as_ref().to_vec()))
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What shows that a row of `audit_epochs` was written with the store's key at hand.
fn proof(
    secrets: &DataKey,
    log_id: Uuid,
    (number, public, first_seq, made_us): (i64, &[u8], i64, i64),
) -> Result<Hmac<Sha256>, StoreError> {
    let key = secrets.derive(b"audit-epoch-v1");
    let mac = Hmac::<Sha256>::new_from_slice(&*key)
        .map_err(|_| StoreError::Internal("a key has a wrong size".to_owned()))?;
    let parts = [
        log_id.as_bytes().as_slice(),
        &number.to_be_bytes(),
        &first_seq.to_be_bytes(),
        &made_us.to_be_bytes(),
        public,
    ];
    Ok(parts.iter().fold(mac, |mac, part| mac.chain_update(part)))
}

/// Whether a row of `audit_epochs` is one that this store has written.
pub(super) fn is_proven(
    secrets: &DataKey,
    log_id: Uuid,
    row: (i64, &[u8], i64, i64),
    shown: &[u8],
) -> Result<bool, StoreError> {
    Ok(proof(secrets, log_id, row)?.verify_slice(shown).is_ok())
}

/// Whether a seal is one of a key.
pub(super) fn is_seal(public: &Public, chain: &[u8], seal: &[u8]) -> bool {
    is_signature(public, &sealed(chain), seal)
}

/// Whether a signature over a text is one of a key.
pub(crate) fn is_signature(public: &Public, text: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(text, signature).is_ok()
}

fn sealed(chain: &[u8]) -> Vec<u8> {
    [CONTEXT, chain].concat()
}

fn epoch(seed: &[u8; 32], number: i64, made_us: i64) -> Result<Epoch, StoreError> {
    let odd = || StoreError::Internal("a key of the audit log is none".to_owned());
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| odd())?;
    let public = pair.public_key().as_ref().try_into().map_err(|_| odd())?;
    Ok(Epoch { number, day: made_us.div_euclid(DAY_US), public, pair })
}

/// The file with the private half, and the one that will take its place.
struct Files {
    folder: PathBuf,
    log_id: Uuid,
}

impl Files {
    fn current(&self) -> PathBuf {
        self.folder.join("epoch.key")
    }

    fn next(&self) -> PathBuf {
        self.folder.join("epoch.next")
    }

    fn place(&self, number: i64) -> Place {
        let channel = ChannelId::from_number(number);
        Place { channel, column: Column::AuditKey, row: self.log_id }
    }

    /// The key of an epoch, in whichever of the files it is.
    fn find(
        &self,
        secrets: &DataKey,
        (number, public): (i64, &[u8]),
        made_us: i64,
    ) -> Option<Epoch> {
        for (path, is_next) in [(self.current(), false), (self.next(), true)] {
            let Ok(blob) = fs::read(&path) else { continue };
            let Ok(seed) = seal::open(secrets, self.place(number), &blob) else { continue };
            let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).ok()?);
            let found = epoch(&seed, number, made_us).ok().filter(|epoch| epoch.public == public);
            if found.is_some() && is_next {
                // The engine ended between the commit and the new name.
                self.settle().ok()?;
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn keep_next(&self, secrets: &DataKey, number: i64, seed: &[u8; 32]) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let blob = seal::seal(secrets, self.place(number), seed);
        overwrite(&self.next(), &blob)?;
        File::open(&self.folder)?.sync_all()
    }

    /// The old private half is written over before its file goes.
    fn settle(&self) -> io::Result<()> {
        match fs::metadata(self.current()) {
            Ok(metadata) => {
                let zeros = vec![0; usize::try_from(metadata.len()).unwrap_or(0)];
                let mut old = OpenOptions::new().write(true).open(self.current())?;
                old.write_all(&zeros)?;
                old.sync_all()?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::rename(self.next(), self.current())?;
        File::open(&self.folder)?.sync_all()
    }
}

fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
