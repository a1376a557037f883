//! Files of the registry: revocation lists of others, which are read, and what partners need of ours, which is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use store::{Authority, AuthorityKind};

use super::RegistryError;
use super::book::{Book, ListState, Trusted};
use crate::ca::{Certificate, Revocations, pem};

/// A revocation list of somebody else is at most this long.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// Reads what belongs to an authority. A row whose certificate does not read is no authority.
pub(super) fn read_authority(row: Authority) -> Option<Trusted> {
    let certificate = match Certificate::read(&row.certificate) {
        Ok(certificate) => certificate,
        Err(error) => {
            tracing::error!(code = "peers.authority", authority = %row.name, %error, "an authority is left out");
            return None;
        }
    };
    let list = match (&row.crl, &row.crl_path) {
        (Some(own), _) => match Revocations::read(&own.der) {
            Ok(list) => ListState::Read(list),
            Err(error) => ListState::Missing(error.to_string()),
        },
        (None, Some(path)) => match read_list(Path::new(path), &certificate) {
            Ok(list) => ListState::Read(list),
            Err(problem) => ListState::Missing(format!("`{path}`: {problem}")),
        },
        (None, None) => ListState::None,
    };
    if let ListState::Missing(problem) = &list {
        tracing::error!(code = "peers.list", authority = %row.name, problem, "nothing of this authority is taken until its revocation list can be read");
    }
    Some(Trusted { row, certificate, list })
}

/// Reads a revocation list, which must be that of its authority.
pub(super) fn read_list(path: &Path, authority: &Certificate) -> Result<Revocations, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.kind().to_string())?;
    file.take(LIST_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| error.kind().to_string())?;
    let list = Revocations::from_file(&bytes).map_err(|error| error.to_string())?;
    if list.issuer_der != authority.subject_der {
        return Err("it is the list of another authority".to_owned());
    }
    let (roots, revocations) = (vec![authority.der.clone()], vec![list.der.clone()]);
    net::tls::can_verify(net::Authorities { roots, revocations, unlisted: true })?;
    Ok(list)
}

/// Writes `ca/ca.pem` and `ca/crl.pem` for partners: our roots in force with their lists.
pub(super) fn publish(data: &Path, book: &Book, now_us: i64) {
    let own = book.authorities.iter().filter(|one| one.row.kind == AuthorityKind::Own);
    let own: Vec<&Trusted> = own.filter(|one| one.is_in_force(now_us)).collect();
    if own.is_empty() {
        return;
    }
    let roots = own.iter().map(|one| pem("CERTIFICATE", &one.certificate.der));
    let lists = own.iter().filter_map(|one| one.row.crl.as_ref());
    let texts = [
        ("ca.pem", roots.collect::<String>()),
        ("crl.pem", lists.map(|list| pem("X509 CRL", &list.der)).collect()),
    ];
    for (name, text) in texts {
        let path = data.join("ca").join(name);
        if fs::read(&path).is_ok_and(|now| now == text.as_bytes()) {
            continue;
        }
        if let Err(error) = replace(&path, text.as_bytes()) {
            tracing::error!(code = "peers.file", path = %path.display(), %error, "a file for partners could not be written");
        }
    }
}

/// Keeps the sealed key of a root in a file of its own, and gives what the file then holds.
pub(super) fn keep_sealed(
    data: &Path,
    name: &str,
    sealed: &[u8],
) -> Result<Vec<u8>, RegistryError> {
    let path: PathBuf = data.join("ca").join(format!("{name}.key.sealed"));
    let kept = replace(&path, sealed).and_then(|()| fs::read(&path));
    kept.map_err(|error| RegistryError::File { path, problem: error.kind().to_string() })
}

/// Puts a file in place as a whole or not at all: 0600, synced, and its folder with it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let partial = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    File::open(folder)?.sync_all()
}
