//! A year of messages in some minutes, with a purge at the end of each of its days: how large the store's file becomes, and what purging costs.
//!
//! `cargo bench -p store --bench retention -- [--messages 1000000] [--bytes 600] [--bodies 30] [--rows 60] [--folder DIR]`
//!
//! `--bodies` and `--rows` are the days for which bodies and messages stay. The store is an SQLite file in a folder made for the run
//! (`--folder`, default the system's temporary folder); its days come from the benchmark, not from the clock.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use config::{KeySource, Name, StoreUrl};
use phi::Phi;
use store::{
    Act, Actor, ActorKind, Attempt, Decision, DeliveryBody, DeliveryId, DestinationId, Disposition,
    Header, Lease, MessageId, NewDelivery, Options, Origin, Periods, Receipt, RevisionId, Settle,
    Settled, Store,
};

const DAYS: i64 = 365;
const DAY_US: i64 = 86_400 * 1_000_000;
/// Messages that are under way at once.
const AT_ONCE: i64 = 64;

#[tokio::main]
async fn main() {
    let mut given = BTreeMap::new();
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        given.insert(word, words.next().unwrap_or_default());
    }
    let number = |name: &str, default: i64| {
        given.get(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let folder = given.get("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let data = folder.path().join("data");
    let file = data.join("hilum.db");
    let (url, key) =
        (StoreUrl::Sqlite(file.clone()), KeySource::Environment("HILUM_BENCH_KEY".to_owned()));
    let options = Options {
        url: &url,
        key: &key,
        next_key: None,
        data_dir: &data,
        anchor: None,
        node: "bench",
        version: "0",
    };
    let opened = Store::open(options, 0).await;
    let store = opened.expect("set HILUM_BENCH_KEY to 64 hexadecimal digits").store;
    let (adt, lab) = (Name::new("adt").unwrap(), Name::new("lab").unwrap());
    let lease = store.own(&adt, std::slice::from_ref(&lab)).await.unwrap();
    let periods = Periods {
        bodies_us: number("--bodies", 30) * DAY_US,
        dead_us: DAY_US,
        messages_us: number("--rows", 60) * DAY_US,
        bodies_max: None,
    };
    store.set_periods(&act(0), &adt, periods).await.unwrap();
    let load = Load {
        store,
        destination: lease.destination(&lab).unwrap(),
        lease,
        bytes: usize::try_from(number("--bytes", 600)).unwrap(),
    };
    year(&load, (&file, &url), number("--messages", 1_000_000) / DAYS).await;
    load.store.close().await.unwrap();
}

struct Load {
    store: Store,
    lease: Lease,
    destination: DestinationId,
    bytes: usize,
}

async fn year(load: &Load, (file, url): (&Path, &StoreUrl), a_day: i64) {
    println!(" day  messages so far      in it   file MiB   log MiB   msg/s   purge s/day");
    let adt = Name::new("adt").unwrap();
    let (mut sending, mut purging, mut gone) = (Duration::ZERO, Duration::ZERO, 0);
    for day in 1..=DAYS {
        let begun = Instant::now();
        for n in (0..a_day).step_by(usize::try_from(AT_ONCE).unwrap()) {
            let all = (n..a_day.min(n + AT_ONCE))
                .map(|n| deliver(load, (day - 1) * DAY_US + n * (DAY_US / a_day), n));
            futures_util::future::join_all(all).await;
        }
        sending += begun.elapsed();
        let end_us = day * DAY_US;
        while load.store.digest_ledger(end_us + 120_000_000).await.unwrap() {}
        let begun = Instant::now();
        let purged = load.store.purge(&act(end_us), &adt).await.unwrap();
        load.store.give_back(url).await.unwrap();
        purging += begun.elapsed();
        gone += purged.messages;
        if day % 30 == 0 {
            let rate = (a_day * 30) as f64 / sending.as_secs_f64();
            let mib = |path: &Path| {
                std::fs::metadata(path).map_or(0.0, |file| file.len() as f64 / f64::from(1 << 20))
            };
            let mut log = file.as_os_str().to_owned();
            log.push("-wal");
            println!(
                "{day:>4} {:>16} {:>10} {:>10.1} {:>9.1} {rate:>7.0} {:>13.3}",
                day * a_day,
                day * a_day - gone,
                mib(file),
                mib(Path::new(&log)),
                purging.as_secs_f64() / 30.0,
            );
            (sending, purging) = (Duration::ZERO, Duration::ZERO);
        }
    }
}

async fn deliver(load: &Load, received_us: i64, n: i64) {
    let Load { store, lease, destination, bytes } = load;
    let (id, delivery) = (MessageId::new(), DeliveryId::new());
    let control_id = format!("B{received_us}{n}");
    let mut body =
        format!("MSH|^~\\&|HIS|WARD|||20260101||ADT^A01|{control_id}|P|2.5\rPID|1||").into_bytes();
    // Text that does not shrink to nothing.
    while body.len() < *bytes {
        body.extend_from_slice(MessageId::new().to_string().as_bytes());
    }
    let made = NewDelivery {
        id: delivery,
        destination: *destination,
        part: 1,
        body: DeliveryBody::Same,
        keys: vec![store.lane_key(lease, *destination, b"")],
        dead: None,
    };
    let decision = Decision {
        revision: RevisionId::new(1),
        disposition: Disposition::Received,
        reason: None,
        error: None,
        signature: None,
        deliveries: vec![made],
    };
    let receipt = Receipt {
        id,
        received_us,
        origin: Origin::Peer,
        parent: None,
        trace: id,
        peer: "127.0.0.1:4711".to_owned(),
        header: Header {
            control_id,
            kind: "ADT^A01".to_owned(),
            application: "HIS".to_owned(),
            facility: "WARD".to_owned(),
            version: "2.5".to_owned(),
            charset: "UTF-8".to_owned(),
        },
        body: Bytes::from(body),
        ack_code: "AA",
        // Repeats are forgotten by the time in ids, which are of today.
        dedupe: false,
        refuse_same_id: false,
        decision: Some(decision),
        tries: 0,
        lone_lf: 0,
        batch: None,
        ack: store::AckPart::None,
    };
    store.receive(lease, receipt, Box::new(|_| {})).await.unwrap();
    let attempt = Attempt {
        started_us: received_us,
        duration_us: 300,
        peer: "127.0.0.1:2575".to_owned(),
        code: "AA",
        answered: true,
        response: Some(Phi::new(Bytes::from_static(b"MSH|^~\\&|LAB\rMSA|AA|1\r"))),
        error: None,
    };
    let to = Settled::Delivered;
    let settle = Settle { delivery, message: id, attempt, to, wait: store::Wait::None };
    store.settle(lease, settle).await.unwrap();
}

fn act(now_us: i64) -> Act {
    let actor = Actor::new(ActorKind::System, "engine");
    Act { actor, action: "retention.purge", purpose: None, approval: None, request: None, now_us }
}
