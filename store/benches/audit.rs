//! Writing records of the audit log, and walking along it: records a second, CPU, and the memory that the walk takes.
//!
//! `cargo bench -p store --bench audit -- [--records 20000] [--folder DIR]`
//!
//! The store is an SQLite file in a folder made for the run (`--folder`, default the system's temporary folder).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use config::{KeySource, StoreUrl};
use store::{Act, ActOutcome, Actor, ActorKind, Options, Store, Target};

#[tokio::main]
async fn main() {
    let mut given = BTreeMap::new();
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        given.insert(word, words.next().unwrap_or_default());
    }
    let records: i64 =
        given.get("--records").map_or(20_000, |text| text.parse().expect("a number"));
    let folder = given.get("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let data = folder.path().join("data");
    let (url, key) = (
        StoreUrl::Sqlite(data.join("hilum.db")),
        KeySource::Environment("HILUM_BENCH_KEY".to_owned()),
    );
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
    println!("what                 records     a second   cpu us each   memory MiB");
    let begun = (Instant::now(), cpu_us());
    for _ in 0..records {
        write(&store).await;
    }
    tell("write", records, begun);
    store.keep_audit(now_us()).await.unwrap();
    let begun = (Instant::now(), cpu_us());
    let report = store.verify_audit().await.unwrap();
    tell("walk along them", report.checked, begun);
    assert!(report.is_whole(), "{report:?}");
    store.close().await.unwrap();
}

async fn write(store: &Store) {
    let actor = Actor::new(ActorKind::User, "user:0198c5e1-0000-7000-8000-000000000000");
    let act = Act {
        actor,
        action: "message.body.read",
        purpose: Some("a record of a common length".to_owned()),
        approval: None,
        request: Some("0198c5e1-0000-7000-8000-000000000001".to_owned()),
        now_us: now_us(),
    };
    let id = Some("0198c5e1-0000-7000-8000-000000000002".to_owned());
    let target = Target { kind: "message", id, channel: Some("adt".to_owned()) };
    store.record(&act, target, ActOutcome::Success, None).await.unwrap();
}

fn tell(what: &str, records: i64, (begun, cpu): (Instant, f64)) {
    let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu_us() - cpu);
    let each = cpu / records as f64;
    let rate = records as f64 / took;
    println!("{what:<20} {records:>7} {rate:>12.0} {each:>13.1} {:>12}", memory_mib());
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// CPU time of this process so far, microseconds.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// The most memory that this process has ever held.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
