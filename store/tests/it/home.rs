//! A store of its own for one test, and short words for what tests do with it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use config::{KeySource, Name, StoreUrl};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};
use store::{
    Attempt, Decision, DeliveryBody, DeliveryId, DestinationId, Disposition, Header, Lease,
    MessageId, NewDelivery, OpenError, Opened, Options, Origin, Receipt, Received, RevisionId,
    Settle, Settled, Store, StoreError, Wait,
};

pub const HOUR_US: i64 = 3_600_000_000;
pub const DAY_US: i64 = 24 * HOUR_US;

/// A time that moves on with every look.
pub fn now_us() -> i64 {
    static NOW: AtomicI64 = AtomicI64::new(1_790_000_000_000_000);
    NOW.fetch_add(1_000, Ordering::Relaxed)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The folder and database of one test.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub url: StoreUrl,
    database: Option<(String, String)>,
}

impl Home {
    pub fn sqlite() -> Home {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(folder.path().join("data/hilum.db"));
        Home { folder, url, database: None }
    }

    pub async fn postgres() -> Home {
        let server = std::env::var("HILUM_TEST_PG_URL")
            .expect("set HILUM_TEST_PG_URL to a PostgreSQL superuser's URL; `tests/run` starts a server and does so");
        let database = format!("hilum_{}", uuid_like());
        let mut admin = PgConnection::connect(&server).await.unwrap();
        admin.execute(AssertSqlSafe(format!("create database {database}"))).await.unwrap();
        let base = server.rsplit_once('/').unwrap().0;
        let url = StoreUrl::Postgres { url: format!("{base}/{database}"), password: None };
        Home { folder: tempfile::tempdir().unwrap(), url, database: Some((server, database)) }
    }

    pub fn is_postgres(&self) -> bool {
        self.database.is_some()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn key_file(&self) -> PathBuf {
        self.data().join("keys/store.key")
    }

    pub async fn try_open(&self) -> Result<Opened, OpenError> {
        let key = KeySource::File(self.key_file());
        let data = self.data();
        let options = Options {
            url: &self.url,
            key: &key,
            next_key: None,
            data_dir: &data,
            anchor: None,
            node: "test",
            version: "0.0.0",
        };
        Store::open(options, now_us()).await
    }

    pub async fn open(&self) -> Store {
        self.opened().await.store
    }

    /// Opens, waiting for the last task of a store that was dropped to let go of its lock.
    pub async fn opened(&self) -> Opened {
        loop {
            match self.try_open().await {
                Ok(opened) => return opened,
                Err(OpenError::Locked(_)) => {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Changes the database behind the store's back.
    pub async fn tamper(&self, sql: &str) -> u64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            StoreUrl::Sqlite(file) => {
                let mut raw =
                    SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
                let done = raw.execute(sql).await.unwrap().rows_affected();
                raw.close().await.unwrap();
                done
            }
            StoreUrl::Postgres { url, .. } => {
                let mut raw = PgConnection::connect(url).await.unwrap();
                let done = raw.execute(sql).await.unwrap().rows_affected();
                raw.close().await.unwrap();
                done
            }
        }
    }

    /// The first column of the first row, as a number.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(format!("select cast(({sql}) as bigint)"));
        match &self.url {
            StoreUrl::Sqlite(file) => {
                let mut raw =
                    SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
                let number = raw.fetch_one(sql).await.unwrap().get(0);
                raw.close().await.unwrap();
                number
            }
            StoreUrl::Postgres { url, .. } => {
                let mut raw = PgConnection::connect(url).await.unwrap();
                let number = raw.fetch_one(sql).await.unwrap().get(0);
                raw.close().await.unwrap();
                number
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let Some((server, database)) = self.database.take() else { return };
        let ended = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(
                async move {
                    let mut admin = PgConnection::connect(&server).await.unwrap();
                    admin
                        .execute(AssertSqlSafe(format!(
                            "drop database if exists {database} with (force)"
                        )))
                        .await
                        .unwrap();
                },
            );
        });
        ended.join().unwrap();
    }
}

fn uuid_like() -> String {
    MessageId::new().to_string().replace('-', "")
}

/// A channel `adt` with two destinations, owned.
pub async fn owned(store: &Store) -> (Lease, DestinationId, DestinationId) {
    let lease = store.own(&name("adt"), &[name("lab"), name("ward")]).await.unwrap();
    let (lab, ward) =
        (lease.destination(&name("lab")).unwrap(), lease.destination(&name("ward")).unwrap());
    (lease, lab, ward)
}

pub fn body(control_id: &str) -> Bytes {
    Bytes::from(format!(
        "MSH|^~\\&|HIS|WARD|||20260101||ADT^A01|{control_id}|P|2.5\rPID|1||CANARY^{control_id}\r"
    ))
}

/// An arrival with a control id, and nothing decided.
pub fn receipt(control_id: &str) -> Receipt {
    let id = MessageId::new();
    Receipt {
        id,
        received_us: now_us(),
        origin: Origin::Peer,
        parent: None,
        trace: id,
        peer: "127.0.0.1:4711".to_owned(),
        header: Header {
            control_id: control_id.to_owned(),
            kind: "ADT^A01".to_owned(),
            application: "HIS".to_owned(),
            facility: "WARD".to_owned(),
            version: "2.5".to_owned(),
            charset: "UTF-8".to_owned(),
        },
        body: body(control_id),
        ack_code: "AA",
        dedupe: true,
        refuse_same_id: false,
        decision: None,
        tries: 0,
        lone_lf: 0,
        batch: None,
        ack: store::AckPart::None,
    }
}

/// A decision to deliver to these destinations, the message's own bytes.
pub fn routed(
    store: &Store,
    lease: &Lease,
    destinations: &[DestinationId],
) -> (Decision, Vec<DeliveryId>) {
    let deliveries: Vec<NewDelivery> = destinations
        .iter()
        .map(|destination| NewDelivery {
            id: DeliveryId::new(),
            destination: *destination,
            part: 1,
            body: DeliveryBody::Same,
            keys: vec![store.lane_key(lease, *destination, b"")],
            dead: None,
        })
        .collect();
    let ids = deliveries.iter().map(|delivery| delivery.id).collect();
    (decision(Disposition::Received, deliveries), ids)
}

pub fn decision(disposition: Disposition, deliveries: Vec<NewDelivery>) -> Decision {
    Decision {
        revision: RevisionId::new(1),
        disposition,
        reason: None,
        error: None,
        signature: None,
        deliveries,
    }
}

pub async fn put(store: &Store, lease: &Lease, receipt: Receipt) -> Result<Received, StoreError> {
    store.receive(lease, receipt, Box::new(|_| {})).await
}

/// Receives one message for these destinations.
pub async fn send(
    store: &Store,
    lease: &Lease,
    control_id: &str,
    destinations: &[DestinationId],
) -> (MessageId, Vec<DeliveryId>) {
    let mut receipt = receipt(control_id);
    let (decision, deliveries) = routed(store, lease, destinations);
    receipt.decision = Some(decision);
    let id = receipt.id;
    assert!(matches!(put(store, lease, receipt).await, Ok(Received::New { .. })));
    (id, deliveries)
}

pub fn settle(message: MessageId, delivery: DeliveryId, to: Settled) -> Settle {
    let attempt = Attempt {
        started_us: now_us(),
        duration_us: 300,
        peer: "127.0.0.1:2575".to_owned(),
        code: "AA",
        answered: true,
        response: Some(phi::Phi::new(Bytes::from_static(b"MSH|^~\\&|LAB\rMSA|AA|1\r"))),
        error: None,
    };
    Settle { delivery, message, attempt, to, wait: Wait::None }
}

/// The order in which the writer said that messages are on disk.
#[derive(Clone, Default)]
pub struct Told(pub Arc<Mutex<Vec<i64>>>);

impl Told {
    pub fn callback(&self) -> store::OnCommit {
        let told = Arc::clone(&self.0);
        Box::new(move |committed| told.lock().unwrap().push(committed.seq))
    }

    pub fn seqs(&self) -> Vec<i64> {
        self.0.lock().unwrap().clone()
    }
}
