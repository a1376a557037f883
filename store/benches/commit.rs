//! Closed-loop clients that receive and settle: messages a second, CPU time and bytes written per message.
//!
//! `cargo bench -p store --bench commit -- [--clients 1,8,32] [--bytes 600,4096] [--seconds 5] [--rows 0] [--postgres URL]`
//!
//! `--rows` fills the store before the measurement, to see whether the cost stays flat. `--postgres` names a database that may be thrown
//! away; without it the store is an SQLite file in a folder made for the run (`--folder`, default the system's temporary folder).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic
)]

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use config::{KeySource, Name, StoreUrl};
use phi::Phi;
use store::{
    Attempt, Decision, DeliveryBody, DeliveryId, DestinationId, Disposition, Header, Lease,
    MessageId, NewDelivery, Options, Origin, Receipt, RevisionId, Settle, SettleTicket, Settled,
    Store,
};

fn main() {
    let arguments = Arguments::read();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!(
        "store           clients  bytes       msg/s   p50 us   p99 us   cpu us/msg   written B/msg"
    );
    for bytes in &arguments.bytes {
        for clients in &arguments.clients {
            runtime.block_on(measure(&arguments, *clients, *bytes));
        }
    }
}

struct Arguments {
    clients: Vec<usize>,
    bytes: Vec<usize>,
    seconds: u64,
    rows: usize,
    postgres: Option<String>,
    folder: PathBuf,
}

impl Arguments {
    fn read() -> Arguments {
        let mut given = BTreeMap::new();
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            given.insert(word, words.next().unwrap_or_default());
        }
        let list = |name: &str, default: &str| {
            let text = given.get(name).cloned().unwrap_or_else(|| default.to_owned());
            text.split(',').map(|number| number.parse().expect("a number")).collect()
        };
        let number = |name: &str, default: u64| {
            given.get(name).map_or(default, |text| text.parse().expect("a number"))
        };
        Arguments {
            clients: list("--clients", "1,8,32"),
            bytes: list("--bytes", "600,4096"),
            seconds: number("--seconds", 5),
            rows: usize::try_from(number("--rows", 0)).unwrap(),
            postgres: given.get("--postgres").cloned(),
            folder: given.get("--folder").map_or_else(std::env::temp_dir, PathBuf::from),
        }
    }
}

/// What the clients share.
struct Load {
    store: Store,
    lease: Lease,
    destination: DestinationId,
    bytes: usize,
    next: AtomicU64,
    done: AtomicBool,
}

async fn measure(arguments: &Arguments, clients: usize, bytes: usize) {
    let folder = tempfile::tempdir_in(&arguments.folder).unwrap();
    let data = folder.path().join("data");
    let url = match &arguments.postgres {
        Some(url) => StoreUrl::Postgres { url: url.clone(), password: None },
        None => StoreUrl::Sqlite(data.join("hilum.db")),
    };
    let key = KeySource::Environment("HILUM_BENCH_KEY".to_owned());
    let options = Options {
        url: &url,
        key: &key,
        next_key: None,
        data_dir: &data,
        anchor: None,
        node: "bench",
        version: "0",
    };
    let store = Store::open(options, now_us())
        .await
        .expect("set HILUM_BENCH_KEY to 64 hexadecimal digits")
        .store;
    let destination = Name::new("lab").unwrap();
    let lease =
        store.own(&Name::new("adt").unwrap(), std::slice::from_ref(&destination)).await.unwrap();
    let destination = lease.destination(&destination).unwrap();
    let next = AtomicU64::new(u64::try_from(now_us()).unwrap());
    let load =
        Arc::new(Load { store, lease, destination, bytes, next, done: AtomicBool::new(false) });
    if arguments.rows > 0 {
        run(&load, 64, Stop::After(arguments.rows)).await;
    }
    run(&load, clients, Stop::In(Duration::from_millis(500))).await;
    let (cpu, written, begun) = (cpu_us(), written(), Instant::now());
    let mut latencies = run(&load, clients, Stop::In(Duration::from_secs(arguments.seconds))).await;
    let elapsed = begun.elapsed().as_secs_f64();
    // What the log still holds is written into the file sooner or later: count it.
    let count = latencies.len().max(1);
    let cpu = (cpu_us() - cpu) / count as f64;
    load.store.close().await.unwrap();
    let written = (self::written() - written) / count as u64;
    latencies.sort_unstable();
    let at = |share: usize| latencies[(count - 1) * share / 100];
    let name = if arguments.postgres.is_some() { "postgres" } else { "sqlite" };
    println!(
        "{name:<15} {clients:>7} {bytes:>6} {:>11.0} {:>8} {:>8} {cpu:>12.1} {written:>15}",
        count as f64 / elapsed,
        at(50),
        at(99)
    );
}

#[derive(Clone, Copy)]
enum Stop {
    After(usize),
    In(Duration),
}

/// Runs the clients and gives the latency of every receive, in microseconds.
async fn run(load: &Arc<Load>, clients: usize, stop: Stop) -> Vec<u64> {
    load.done.store(false, Ordering::Relaxed);
    let each = match stop {
        Stop::After(rows) => rows / clients,
        Stop::In(_) => usize::MAX,
    };
    let tasks: Vec<_> =
        (0..clients).map(|_| tokio::spawn(client(Arc::clone(load), each))).collect();
    if let Stop::In(time) = stop {
        tokio::time::sleep(time).await;
        load.done.store(true, Ordering::Relaxed);
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

/// Receives, settles behind it, and goes on: at most 32 settles are under way, as a lane has it.
async fn client(load: Arc<Load>, each: usize) -> Vec<u64> {
    let mut latencies = Vec::new();
    let mut settles: VecDeque<SettleTicket> = VecDeque::new();
    while latencies.len() < each && !load.done.load(Ordering::Relaxed) {
        let n = load.next.fetch_add(1, Ordering::Relaxed);
        let (message, delivery, receipt) = receipt(&load, n);
        let begun = Instant::now();
        load.store.receive(&load.lease, receipt, Box::new(|_| {})).await.unwrap();
        latencies.push(u64::try_from(begun.elapsed().as_micros()).unwrap());
        settles.push_back(load.store.settle(&load.lease, settle(message, delivery)));
        if settles.len() > 32 {
            settles.pop_front().unwrap().await.unwrap();
        }
    }
    for settle in settles {
        settle.hurry();
        settle.await.unwrap();
    }
    latencies
}

fn receipt(load: &Load, n: u64) -> (MessageId, DeliveryId, Receipt) {
    let (id, delivery) = (MessageId::new(), DeliveryId::new());
    let new = NewDelivery {
        id: delivery,
        destination: load.destination,
        part: 1,
        body: DeliveryBody::Same,
        keys: vec![load.store.lane_key(&load.lease, load.destination, b"")],
        dead: None,
    };
    let decision = Decision {
        revision: RevisionId::new(1),
        disposition: Disposition::Received,
        reason: None,
        error: None,
        signature: None,
        deliveries: vec![new],
    };
    let header = Header {
        control_id: format!("MSG{n:017}"),
        kind: "ADT^A01^ADT_A01".to_owned(),
        application: "HIS".to_owned(),
        facility: "WEST".to_owned(),
        version: "2.5.1".to_owned(),
        charset: "UTF-8".to_owned(),
    };
    let receipt = Receipt {
        id,
        received_us: now_us(),
        origin: Origin::Peer,
        parent: None,
        trace: id,
        peer: "127.0.0.1:41234".to_owned(),
        header,
        body: Bytes::from(store::bench::body(load.bytes, n)),
        ack_code: "AA",
        dedupe: true,
        refuse_same_id: false,
        decision: Some(decision),
        tries: 0,
        lone_lf: 0,
        batch: None,
        ack: store::AckPart::None,
    };
    (id, delivery, receipt)
}

fn settle(message: MessageId, delivery: DeliveryId) -> Settle {
    let attempt = Attempt {
        started_us: now_us(),
        duration_us: 412,
        peer: "127.0.0.1:2575".to_owned(),
        code: "AA",
        answered: true,
        response: Some(Phi::new(Bytes::from_static(
            b"MSH|^~\\&|LAB|EAST|HIS|WEST|20260101120000||ACK^A01^ACK|4711|P|2.5.1\rMSA|AA|MSG00000000000000000\r",
        ))),
        error: None,
    };
    Settle { delivery, message, attempt, to: Settled::Delivered, wait: store::Wait::None }
}

fn now_us() -> i64 {
    i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap()
}

/// User and system time of this process, from the scheduler's ticks.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// Bytes that this process sent to the disk.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.trim().parse().unwrap()
}
