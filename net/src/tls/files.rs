//! The files of one end of a connection: read, checked, and read again when they change.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use config::PrivateKey;
use phi::Secret;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio::sync::watch;

use super::certificate::{CertificateFacts, CertificateRole};
use super::problem::TlsProblem;
use super::profile::Profile;

/// A revocation list of a large authority has megabytes; nothing else here is near it.
const BYTES_MAX: u64 = 16 << 20;

/// Which files there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) own: Option<(PathBuf, PrivateKey)>,
    pub(super) authorities: Option<PathBuf>,
    pub(super) revocations: Option<PathBuf>,
}

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) own: Option<Arc<CertifiedKey>>,
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) revocations: Vec<CertificateRevocationListDer<'static>>,
    pub(super) facts: Vec<CertificateFacts>,
    digest: u64,
}

/// What the files said when they were last whole, and what is wrong with them since.
#[derive(Debug)]
pub(super) struct Files {
    places: Places,
    profile: Profile,
    loaded: ArcSwap<Loaded>,
    problem: Mutex<Option<TlsProblem>>,
    changes: watch::Sender<u64>,
}

impl Files {
    pub(super) fn open(places: Places, profile: Profile) -> Result<Files, TlsProblem> {
        let loaded = ArcSwap::from_pointee(load(&places, profile)?);
        let changes = watch::Sender::new(0);
        Ok(Files { places, profile, loaded, problem: Mutex::default(), changes })
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn now(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn problem(&self) -> Option<TlsProblem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again. New ones are used from the next handshake on; while they are wrong the old ones stay.
    pub(super) fn refresh(&self) {
        let problem = match load(&self.places, self.profile) {
            Ok(new) => {
                if new.digest != self.loaded.load().digest {
                    self.loaded.store(Arc::new(new));
                    self.changes.send_modify(|version| *version += 1);
                    tracing::info!(code = "tls.reloaded", files = %self.places.names(), "certificates were read again");
                }
                None
            }
            Err(problem) => Some(problem),
        };
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = &problem
            && *known != Some(problem.clone())
        {
            tracing::warn!(code = "tls.not_reloaded", why = problem.code(), %problem, "the changed certificate files cannot be used; the old ones stay in use");
        }
        *known = problem;
    }
}

impl Places {
    fn names(&self) -> String {
        let own = self.own.iter().map(|(path, _)| path);
        let all = own.chain(&self.authorities).chain(&self.revocations);
        all.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

fn load(places: &Places, profile: Profile) -> Result<Loaded, TlsProblem> {
    let mut hasher = DefaultHasher::new();
    let mut loaded = Loaded::default();
    if let Some((path, key)) = &places.own {
        let chain = certificates("cert", path, &mut hasher)?;
        let key = private_key(key, &mut hasher)?;
        let own = CertifiedKey::from_der(chain, key, &profile.provider()).map_err(|error| {
            TlsProblem::Key { path: path.display().to_string(), reason: error.to_string() }
        })?;
        loaded.facts.extend(facts(CertificateRole::Own, own.cert.get(..1).unwrap_or_default()));
        loaded.own = Some(Arc::new(own));
    }
    if let Some(path) = &places.authorities {
        loaded.authorities = certificates("ca", path, &mut hasher)?;
        loaded.facts.extend(facts(CertificateRole::Authority, &loaded.authorities));
    }
    if let Some(path) = &places.revocations {
        let bytes = read("crl", path, false)?;
        bytes.hash(&mut hasher);
        loaded.revocations = CertificateRevocationListDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| TlsProblem::not_pem("crl", path))?;
        let facts: Vec<_> =
            loaded.revocations.iter().filter_map(CertificateFacts::of_list).collect();
        if facts.is_empty() || facts.len() != loaded.revocations.len() {
            return Err(TlsProblem::not_pem("crl", path));
        }
        loaded.facts.extend(facts);
    }
    loaded.digest = hasher.finish();
    Ok(loaded)
}

fn facts<'a>(
    role: CertificateRole,
    certificates: &'a [CertificateDer<'static>],
) -> impl Iterator<Item = CertificateFacts> + 'a {
    certificates.iter().filter_map(move |der| CertificateFacts::of(role, der))
}

fn certificates(
    field: &'static str,
    path: &Path,
    hasher: &mut DefaultHasher,
) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let bytes = read(field, path, false)?;
    bytes.hash(hasher);
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsProblem::not_pem(field, path))?;
    let readable =
        found.iter().all(|der| CertificateFacts::of(CertificateRole::Own, der).is_some());
    if found.is_empty() || !readable {
        return Err(TlsProblem::not_pem(field, path));
    }
    Ok(found)
}

fn private_key(
    key: &PrivateKey,
    hasher: &mut DefaultHasher,
) -> Result<PrivateKeyDer<'static>, TlsProblem> {
    let (bytes, shown) = match key {
        PrivateKey::File(path) => {
            (Secret::new(read("key", path, true)?), path.display().to_string())
        }
        PrivateKey::Secret(reference) => {
            let value = reference.value().map_err(TlsProblem::Secret)?;
            let bytes = Secret::new(value.expose_secret().clone().into_bytes());
            (bytes, format!("secret {}", reference.name))
        }
    };
    bytes.expose_secret().hash(hasher);
    PrivateKeyDer::from_pem_slice(bytes.expose_secret()).map_err(|_| TlsProblem::NotPem {
        field: "key",
        path: shown,
        what: "an unencrypted private key",
    })
}

/// Reads a file; one that holds a key is readable by its owner alone.
fn read(field: &'static str, path: &Path, guarded: bool) -> Result<Vec<u8>, TlsProblem> {
    let shown = path.display().to_string();
    let unreadable = |reason: std::io::Error| TlsProblem::Unreadable {
        field,
        path: shown.clone(),
        reason: reason.to_string(),
    };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    // Asked of the open file, so that what is checked is what is read.
    let facts = file.metadata().map_err(unreadable)?;
    if guarded && facts.mode() & 0o077 != 0 {
        return Err(TlsProblem::Exposed { path: shown, mode: facts.mode() & 0o7777 });
    }
    if guarded && facts.uid() != rustix::process::geteuid().as_raw() {
        return Err(TlsProblem::Foreign { path: shown });
    }
    if !facts.is_file() || facts.len() > BYTES_MAX {
        return Err(unreadable(std::io::Error::other("it is not a file of at most 16 MiB")));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
