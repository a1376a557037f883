//! The registry of peers at work: a book in memory that every handshake reads, loaded from the store at the start and after each act.

mod authorities;
mod book;
mod expiry;
mod files;
mod peers;
mod refusals;
mod upkeep;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use config::Name;
use net::{Authorities, Knock, PeerBook, PeerIdentity, PeerRefusal};
use store::{Store, StoreError};
use tokio::sync::{Notify, watch};

pub use authorities::{Rotation, Signed};
pub use book::{Book, ListState, Trusted};
pub use expiry::Expiry;
pub use peers::{KeySource, OVERLAP_DAYS_MAX, PeerOrder};

use crate::ca::CaError;
use refusals::Refusals;

/// The registry of one engine.
pub struct Registry {
    store: Store,
    data: PathBuf,
    now_us: fn() -> i64,
    book: ArcSwap<Book>,
    changes: watch::Sender<u64>,
    /// One act at a time: each reads the book that the one before has left.
    acting: tokio::sync::Mutex<()>,
    /// The book is older than the store: it could not be read after an act.
    stale: Notify,
    refusals: Refusals,
}

/// Why an act on the registry was not done.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// What was given cannot be meant.
    #[error("{0}")]
    Invalid(String),
    /// What was named is not there.
    #[error("there is no such {0}")]
    Absent(&'static str),
    /// Not in this state.
    #[error("{0}")]
    Refused(String),
    /// A certificate, request or list is not as it should be.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// A file of the registry cannot be written or read.
    #[error("`{path}` cannot be kept: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registry {
    /// Reads the registry. `now_us` is the engine's clock.
    pub async fn open(
        store: Store,
        data: PathBuf,
        now_us: fn() -> i64,
    ) -> Result<Arc<Registry>, StoreError> {
        let registry = Registry {
            store,
            data,
            now_us,
            book: ArcSwap::default(),
            changes: watch::channel(0).0,
            acting: tokio::sync::Mutex::default(),
            stale: Notify::new(),
            refusals: Refusals::default(),
        };
        registry.load().await?;
        // An engine that was stopped for long comes back with a list that nobody would take.
        registry.renew_lists(now_us()).await;
        Ok(Arc::new(registry))
    }

    /// What it says now.
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// The time by the engine's clock, microseconds UTC.
    pub fn now_us(&self) -> i64 {
        (self.now_us)()
    }

    /// Reads the rows again, and tells every listener.
    async fn load(&self) -> Result<(), StoreError> {
        let rows = self.store.authorities().await?;
        let authorities = rows.into_iter().filter_map(files::read_authority).collect();
        let (peers, issued) = (self.store.peers().await?, self.store.issued().await?);
        self.book.store(Arc::new(Book::new(peers, authorities, issued)));
        self.changes.send_modify(|n| *n += 1);
        files::publish(&self.data, &self.book(), self.now_us());
        Ok(())
    }

    /// After an act: what is on disk becomes what is asked. The act is done, so a store that cannot be read now is read later.
    async fn follow(&self) {
        if let Err(error) = self.load().await {
            tracing::error!(code = "peers.stale", %error, "the registry of peers could not be read after a change; trying again");
            self.stale.notify_one();
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let book = self.book();
        f.debug_struct("Registry")
            .field("peers", &book.peers.len())
            .field("authorities", &book.authorities.len())
            .finish_non_exhaustive()
    }
}

impl PeerBook for Registry {
    fn authorities(&self) -> Authorities {
        self.book.load().authorities(self.now_us())
    }

    fn admit(&self, knock: &Knock<'_>) -> Result<Arc<PeerIdentity>, PeerRefusal> {
        self.book.load().admit(knock, self.now_us())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn turned_away(&self, channel: &Name, address: IpAddr, why: &'static str) {
        self.refusals.add(channel, address, why, self.now_us());
    }
}
