//! Files that leave the engine: compressed, and readable only by the holders of some keys (age, <https://age-encryption.org/v1>).
//!
//! Such a file has its name only when it is whole, on disk and read back. Until then it is `NAME.part`, which goes when something fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use age::x25519::{Identity, Recipient};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pieces that wait for the disk.
const WAITING_MAX: usize = 8;
/// zstd's own default: text of this kind becomes a tenth of its size.
const LEVEL: i32 = 3;

/// Whoever may read a file, by their public keys.
#[derive(Clone)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Reads public keys of the form `age1...`.
    ///
    /// # Errors
    /// The first text that is none.
    pub fn parse(keys: &[String]) -> Result<Recipients, String> {
        let key = |text: &String| text.parse::<Recipient>().map_err(|_| text.clone());
        keys.iter().map(key).collect::<Result<_, _>>().map(Recipients)
    }
}

impl Recipients {
    /// The public keys, as they were written.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} recipients", self.0.len())
    }
}

/// A file that is being written, by a thread of its own.
pub(crate) struct Writing {
    pieces: mpsc::Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<Written>>,
}

/// A file that is on disk under its first name. It goes when this is dropped before [`Written::keep`].
pub(crate) struct Written {
    path: PathBuf,
    part: Part,
    /// Can read it too, so that it can be read back; never leaves the process.
    reader: Identity,
    sha256: [u8; 32],
}

/// The file under its first name.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // One that has its right name by now is not there any more.
        let _gone = fs::remove_file(&self.0);
    }
}

impl Writing {
    /// Begins a file, whose folder is made when it is missing; one of this name must not be there yet.
    pub(crate) fn begin(path: PathBuf, recipients: Recipients) -> Writing {
        let (pieces, coming) = mpsc::channel(WAITING_MAX);
        let thread = tokio::task::spawn_blocking(move || write(path, &recipients, coming));
        Writing { pieces, thread }
    }

    /// Adds bytes; what fails is said by [`Writing::end`].
    pub(crate) async fn put(&self, bytes: Vec<u8>) {
        let _failed = self.pieces.send(bytes).await;
    }

    /// Waits until everything is on disk.
    pub(crate) async fn end(self) -> io::Result<Written> {
        drop(self.pieces);
        self.thread.await.map_err(io::Error::other)?
    }
}

impl Written {
    /// What is in it, read back from the disk.
    pub(crate) fn read(&self) -> io::Result<impl BufRead + use<>> {
        read(&self.part.0, &self.reader)
    }

    /// SHA-256 of the file.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Gives the file its name, for good.
    pub(crate) fn keep(self) -> io::Result<()> {
        fs::hard_link(&self.part.0, &self.path)?;
        sync_folder(&self.path)
    }
}

fn write(
    path: PathBuf,
    recipients: &Recipients,
    mut coming: mpsc::Receiver<Vec<u8>>,
) -> io::Result<Written> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    if path.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already"));
    }
    let part = Part(beside(&path));
    let file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part.0)?;
    let reader = Identity::generate();
    let own = reader.to_public();
    let all = recipients.0.iter().chain([&own]).map(|one| one as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(all).map_err(io::Error::other)?;
    let hashing = Hashing { inner: BufWriter::new(file), hash: Sha256::new() };
    let mut packed = zstd::Encoder::new(encryptor.wrap_output(hashing)?, LEVEL)?;
    while let Some(bytes) = coming.blocking_recv() {
        packed.write_all(&bytes)?;
    }
    let Hashing { inner, hash } = packed.finish()?.finish()?;
    inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    sync_folder(&path)?;
    Ok(Written { path, part, reader, sha256: hash.finalize().into() })
}

/// Opens a file for the holder of a key.
fn read(path: &Path, key: &dyn age::Identity) -> io::Result<impl BufRead + use<>> {
    let decryptor = age::Decryptor::new_buffered(BufReader::new(File::open(path)?))
        .map_err(io::Error::other)?;
    let opened = decryptor.decrypt(std::iter::once(key)).map_err(io::Error::other)?;
    Ok(BufReader::new(zstd::Decoder::new(opened)?))
}

/// Opens an archive with the private keys in a file, as `age-keygen` writes it.
///
/// # Errors
/// When either file cannot be read, or none of the keys opens the archive.
pub fn read_archive(path: &Path, keys: &Path) -> io::Result<impl BufRead + use<>> {
    Ok(BufReader::new(zstd::Decoder::new(unseal(path, keys)?)?))
}

/// Opens what is sealed in a file with the private keys in another.
pub(crate) fn unseal(path: &Path, keys: &Path) -> io::Result<impl BufRead + use<>> {
    let text = fs::read_to_string(keys)?;
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<Identity> =
        lines.map(str::parse).collect::<Result<_, &str>>().map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("`{}`: {error}", keys.display()))
        })?;
    let decryptor = age::Decryptor::new_buffered(BufReader::new(File::open(path)?))
        .map_err(io::Error::other)?;
    let all = all.iter().map(|key| key as &dyn age::Identity);
    Ok(BufReader::new(decryptor.decrypt(all).map_err(io::Error::other)?))
}

/// Seals something small, and opens it again before it is given out.
pub(crate) fn seal_to(recipients: &Recipients, plain: &[u8]) -> io::Result<Vec<u8>> {
    let reader = Identity::generate();
    let own = reader.to_public();
    let all = recipients.0.iter().chain([&own]).map(|one| one as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(all).map_err(io::Error::other)?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(plain)?;
    writer.finish()?;
    let decryptor = age::Decryptor::new_buffered(&sealed[..]).map_err(io::Error::other)?;
    let mut again = zeroize::Zeroizing::new(Vec::new());
    let own = std::iter::once(&reader as &dyn age::Identity);
    let mut opened = decryptor.decrypt(own).map_err(io::Error::other)?;
    io::Read::read_to_end(&mut opened, &mut again)?;
    if again[..] != *plain {
        return Err(io::Error::other("something else was sealed"));
    }
    Ok(sealed)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Hashes what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    async fn written(path: &Path, to: &Identity, text: &str) -> io::Result<Written> {
        let key = to.to_public().to_string();
        let writing = Writing::begin(path.to_owned(), Recipients::parse(&[key]).unwrap());
        writing.put(text.as_bytes().to_vec()).await;
        writing.end().await
    }

    fn all(mut reader: impl Read) -> String {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    fn key_file(folder: &Path, key: &Identity) -> PathBuf {
        use age::secrecy::ExposeSecret;
        let path = folder.join("key.txt");
        fs::write(&path, format!("# created\n{}\n", key.to_string().expose_secret())).unwrap();
        path
    }

    #[tokio::test]
    async fn its_holders_read_it_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/one.zst.age");
        let (holder, stranger) = (Identity::generate(), Identity::generate());
        let file = written(&path, &holder, "CANARY in it").await.unwrap();
        assert_eq!(all(file.read().unwrap()), "CANARY in it");
        let (sha256, part) = (file.sha256(), beside(&path));
        file.keep().unwrap();
        assert!(!part.exists());
        let bytes = fs::read(&path).unwrap();
        assert_eq!(<[u8; 32]>::from(Sha256::digest(&bytes)), sha256);
        assert!(!bytes.windows(6).any(|six| six == b"CANARY"));
        let key = key_file(folder.path(), &holder);
        assert_eq!(all(read_archive(&path, &key).unwrap()), "CANARY in it");
        let other = key_file(&folder.path().join("deep"), &stranger);
        assert!(read_archive(&path, &other).is_err());
        assert!(written(&path, &holder, "again").await.is_err(), "never written over");
        assert!(Recipients::parse(&["age1nonsense".to_owned()]).is_err());
    }

    #[tokio::test]
    async fn one_that_is_not_kept_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one");
        drop(written(&path, &Identity::generate(), "text").await.unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
