//! A registry of its own for one test, with a clock that the test moves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use auth::ca::{KeyKind, LeafOrder, Request, pem};
use auth::{KeySource, PeerOrder, Registry};
use config::{KeySource as StoreKeySource, Name, StoreUrl};
use hilum_tests::postgres::Database;
use net::{Knock, PeerBook};
use rustls_pki_types::CertificateDer;
use store::{Act, Actor, ActorKind, Options, PeerRights, Store};

pub const DAY_US: i64 = 86_400_000_000;

/// A clock of one test.
pub struct Hands(pub AtomicI64);

impl Hands {
    pub const fn new() -> Hands {
        Hands(AtomicI64::new(0))
    }

    /// The time, which begins with that of the machine and stands still.
    pub fn now_us(&self) -> i64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_micros()).unwrap();
        match self.0.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => now,
            Err(set) => set,
        }
    }

    pub fn forward(&self, us: i64) {
        self.now_us();
        self.0.fetch_add(us, Ordering::SeqCst);
    }
}

/// Declares a clock of the test around it.
macro_rules! clock {
    () => {{
        static HANDS: $crate::home::Hands = $crate::home::Hands::new();
        fn now_us() -> i64 {
            HANDS.now_us()
        }
        (&HANDS, now_us as fn() -> i64)
    }};
}
pub(crate) use clock;

/// The store under a test.
#[derive(Clone, Copy, Debug)]
pub enum On {
    Sqlite,
    Postgres,
}

/// The clock of a test.
pub type Clock = (&'static Hands, fn() -> i64);

/// Runs each behaviour on both stores, each with a clock of its own.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::home::On::Sqlite, $crate::home::clock!()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::home::On::Postgres, $crate::home::clock!()).await;
            })*
        }
    };
}
pub(crate) use on_both;

pub struct Home {
    pub folder: tempfile::TempDir,
    pub store: Store,
    pub registry: Arc<Registry>,
    pub now_us: fn() -> i64,
    /// Dropped last, when nobody uses it any more.
    _database: Option<Database>,
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl Home {
    pub async fn new(now_us: fn() -> i64) -> Home {
        Home::on(On::Sqlite, now_us).await
    }

    pub async fn on(on: On, now_us: fn() -> i64) -> Home {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let database = match on {
            On::Sqlite => None,
            On::Postgres => Some(Database::create()),
        };
        let url = match &database {
            None => StoreUrl::Sqlite(data.join("hilum.db")),
            Some(database) => StoreUrl::Postgres { url: database.url(), password: None },
        };
        let store = open(&url, data.clone(), now_us).await;
        let registry = Registry::open(store.clone(), data, now_us).await.unwrap();
        Home { folder, store, registry, now_us, _database: database }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn act(&self, action: &'static str) -> Act {
        let actor = Actor {
            id: "user:ada".to_owned(),
            kind: ActorKind::User,
            name: None,
            auth: Some("test".to_owned()),
            session: None,
            source: None,
            emergency: None,
        };
        Act { actor, action, purpose: None, approval: None, request: None, now_us: (self.now_us)() }
    }

    /// A certificate for a client of our own root.
    pub async fn issue(&self, to: &str) -> CertificateDer<'static> {
        let request = Request::make(KeyKind::P256).unwrap().request_pem;
        let order = LeafOrder { name: name(to), server: false, client: true, names: Vec::new() };
        let signed = self.registry.issue(&self.act("ca.issue"), &order, &request).await.unwrap();
        signed.certificate.der
    }

    /// Adds a peer that may use the channel `adt` with this certificate.
    pub async fn add(&self, peer: &str, certificate: &[u8], change: impl FnOnce(&mut PeerOrder)) {
        let rights = PeerRights { channels: Some(vec![name("adt")]), ..PeerRights::default() };
        let key = KeySource::Certificate(pem("CERTIFICATE", certificate));
        let mut order = PeerOrder { name: name(peer), rights, key, pending: false };
        change(&mut order);
        self.registry.add_peer(&self.act("peer.add"), order).await.unwrap();
    }

    /// The name of the refusal, or of the peer.
    pub fn knock(
        &self,
        certificate: &CertificateDer<'static>,
        channel: &str,
        from: &str,
    ) -> String {
        let channel = name(channel);
        let knock = Knock { channel: &channel, address: from.parse().unwrap(), certificate };
        match self.registry.admit(&knock) {
            Ok(identity) => identity.name.to_string(),
            Err(refusal) => refusal.name().to_owned(),
        }
    }
}

async fn open(url: &StoreUrl, data: PathBuf, now_us: fn() -> i64) -> Store {
    let key = StoreKeySource::File(data.join("keys/store.key"));
    let options = Options {
        url,
        key: &key,
        next_key: None,
        data_dir: &data,
        anchor: None,
        node: "test",
        version: "0.0.0",
    };
    Store::open(options, now_us()).await.unwrap().store
}
