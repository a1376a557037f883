//! How long the first page of a search takes in a store of a million messages, word by word and in pairs.
//!
//! `HILUM_BENCH_KEY=$(openssl rand -hex 32) cargo bench -p store --bench search -- [--messages 1000000] [--folder DIR]`
//!
//! Four channels, 20,000 patients; some types, senders, errors and destinations are rare. Ten days of messages end now.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use config::{KeySource, Name, StoreUrl};
use phi::Phi;
use store::{
    Attempt, Decision, DeliveryBody, DeliveryId, Disposition, Header, Lease, MessageId,
    MessageState, NewDelivery, Options, Origin, Receipt, RevisionId, Scope, SearchField,
    SearchFilter, Sender, Settle, Settled, Store, Unindexed, Values, WantedError,
};

const DAY_US: i64 = 86_400 * 1_000_000;
const DAYS: i64 = 10;
/// Messages that are under way at once.
const AT_ONCE: i64 = 64;
const PATIENTS: i64 = 20_000;
/// One of so many is rare.
const RARE: i64 = 50_000;
const CHANNELS: [&str; 4] = ["adt", "oru", "orm", "siu"];
/// Each search is made so often; the middle one counts.
const TIMES: usize = 9;

#[tokio::main]
async fn main() {
    let mut given = BTreeMap::new();
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        given.insert(word, words.next().unwrap_or_default());
    }
    let messages: i64 =
        given.get("--messages").map_or(1_000_000, |text| text.parse().expect("a number"));
    let folder = given.get("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let data = folder.path().join("data");
    let file = data.join("hilum.db");
    let url = StoreUrl::Sqlite(file.clone());
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
    let opened = Store::open(options, 0).await;
    let store = opened.expect("set HILUM_BENCH_KEY to 64 hexadecimal digits").store;
    let mut leases = Vec::new();
    for channel in CHANNELS {
        let names = [Name::new("lab").unwrap(), Name::new("archive").unwrap()];
        leases.push(store.own(&Name::new(channel).unwrap(), &names).await.unwrap());
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now_us = i64::try_from(now.as_micros()).unwrap();
    let begun = Instant::now();
    for n in (0..messages).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let all = (n..messages.min(n + AT_ONCE)).map(|n| {
            let at_us = now_us - DAYS * DAY_US + n * (DAYS * DAY_US / messages);
            let lease = &leases[usize::try_from(n % 4).unwrap()];
            deliver(&store, lease, at_us, n)
        });
        futures_util::future::join_all(all).await;
    }
    let sent = begun.elapsed();
    let begun = Instant::now();
    for lease in &leases {
        index(&store, lease).await;
    }
    let mib = std::fs::metadata(&file).unwrap().len() / (1 << 20);
    println!("{messages} messages in {sent:.0?}, indexed in {:.0?}, {mib} MiB\n", begun.elapsed());
    println!("| Search | First page | Rows | Pages | Rows in all |\n|---|---|---|---|---|");
    searches(&store, now_us, messages).await;
    store.close().await.unwrap();
}

async fn deliver(store: &Store, lease: &Lease, received_us: i64, n: i64) {
    let (id, delivery) = (MessageId::new(), DeliveryId::new());
    let control_id = format!("B{n}");
    let rare = n % RARE == 0;
    let body = format!(
        "MSH|^~\\&|HIS|WARD|||20260101||ADT^A01|{control_id}|P|2.5\rPID|1||{}",
        n % PATIENTS
    );
    let destination = if rare { "archive" } else { "lab" };
    let destination = lease.destination(&Name::new(destination).unwrap()).unwrap();
    let made = NewDelivery {
        id: delivery,
        destination,
        part: 1,
        body: DeliveryBody::Same,
        keys: vec![store.lane_key(lease, destination, b"")],
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
    let kind =
        if rare { "ADT^A40^ADT_A39" } else { ["ADT^A01", "ADT^A08"][usize::from(n % 3 == 0)] };
    let receipt = Receipt {
        id,
        received_us,
        origin: Origin::Peer,
        parent: None,
        trace: id,
        peer: "127.0.0.1:4711".to_owned(),
        header: Header {
            control_id,
            kind: kind.to_owned(),
            application: if rare { "RARE" } else { "HIS" }.to_owned(),
            facility: "WARD".to_owned(),
            version: "2.5".to_owned(),
            charset: "UTF-8".to_owned(),
        },
        body: Bytes::from(body),
        ack_code: if rare { "AE" } else { "AA" },
        dedupe: false,
        refuse_same_id: false,
        decision: Some(decision),
        tries: 0,
        lone_lf: 0,
        batch: None,
        ack: store::AckPart::None,
    };
    store.receive(lease, receipt, Box::new(|_| {})).await.unwrap();
    let code = if n % 5_000 == 7 { "AE" } else { "AA" };
    let attempt = Attempt {
        started_us: received_us,
        duration_us: 300,
        peer: "127.0.0.1:2575".to_owned(),
        code,
        answered: true,
        response: None,
        error: None,
    };
    let to = if code == "AE" { Settled::Dead { code } } else { Settled::Delivered };
    let settle = Settle { delivery, message: id, attempt, to, wait: store::Wait::None };
    store.settle(lease, settle).await.unwrap();
}

/// As an engine does it, with the numbers that stand in the messages.
async fn index(store: &Store, lease: &Lease) {
    loop {
        let next = store.unindexed(lease).await.unwrap();
        if next.is_empty() {
            return;
        }
        let values = next.into_iter().map(|message| {
            let Unindexed { seq, received_us, body, facts } = message;
            let body = body.unwrap();
            let text = String::from_utf8_lossy(body.expose_phi()).into_owned();
            let mrn = text.rsplit('|').next().unwrap().to_owned();
            let control_id = text.split('|').nth(9).unwrap().to_owned();
            let values = vec![
                (SearchField::Mrn, Phi::new(mrn)),
                (SearchField::ControlId, Phi::new(control_id)),
            ];
            Values { seq, received_us, values, facts }
        });
        store.index(lease, values.collect()).await.unwrap();
    }
}

async fn searches(store: &Store, now_us: i64, messages: i64) {
    let all = SearchFilter::default;
    let day = || SearchFilter { since_us: Some(now_us - DAY_US), ..all() };
    let mrn = |mrn: i64| vec![(SearchField::Mrn, Phi::new(mrn.to_string()))];
    let text = |text: &str| Some(text.to_owned());
    let name = |text: &str| Some(Name::new(text).unwrap());
    let state = MessageState::parse;
    let control_id = Some(Phi::new(format!("B{}", messages / 2)));
    let error = |code: &str| Some(WantedError::parse(code));
    let from = |text: &str| Some(Sender::Either(text.to_owned()));
    let absent = || Some(Phi::new("absent".to_owned()));
    let walked = SearchFilter {
        control_id: absent(),
        not_by_control_id: CHANNELS.iter().map(|name| Name::new(name).unwrap()).collect(),
        ..all()
    };
    for (words, filter) in [
        ("nothing: the last 24 hours", day()),
        ("a control id alone", SearchFilter { control_id, ..all() }),
        ("a control id that nothing has", SearchFilter { control_id: absent(), ..all() }),
        ("a control id that nothing has, in channels without it in the index", walked),
        ("`mrn:`", SearchFilter { numbers: mrn(4711), ..all() }),
        ("`mrn:` that nothing has", SearchFilter { numbers: mrn(-1), ..all() }),
        ("`mrn: state:dead`", SearchFilter { numbers: mrn(7), state: state("dead"), ..all() }),
        ("`mrn: type:ADT^A40`", SearchFilter { numbers: mrn(0), kind: text("ADT^A40"), ..all() }),
        ("`channel: since:10d`", SearchFilter { channel: name("oru"), since_us: Some(0), ..all() }),
        ("`type:ADT`", SearchFilter { kind: text("ADT"), ..all() }),
        ("`type:ADT^A40`", SearchFilter { kind: text("ADT^A40"), ..all() }),
        ("`type:ORU`, nothing has it", SearchFilter { kind: text("ORU"), ..all() }),
        ("`state:delivered`", SearchFilter { state: state("delivered"), ..all() }),
        ("`state:failed`", SearchFilter { state: state("failed"), ..all() }),
        ("`state:filtered`, nothing is", SearchFilter { state: state("filtered"), ..all() }),
        ("`state:received`, nothing is", SearchFilter { state: state("received"), ..all() }),
        ("`state:dead`", SearchFilter { state: state("dead"), ..all() }),
        ("`state:held`, nothing is", SearchFilter { state: state("held"), ..all() }),
        ("`state:waiting`, nothing is", SearchFilter { state: state("waiting"), ..all() }),
        ("`state:dead since:24h`", SearchFilter { state: state("dead"), ..day() }),
        (
            "`state:dead type:ADT^A40`",
            SearchFilter { state: state("dead"), kind: text("ADT^A40"), ..all() },
        ),
        ("`error:AE`", SearchFilter { error: error("AE"), ..all() }),
        ("`error:` that nothing has", SearchFilter { error: error("none"), ..all() }),
        ("`reason:` that nothing has", SearchFilter { reason: text("none"), ..all() }),
        ("`destination:lab`", SearchFilter { destination: name("lab"), ..all() }),
        ("`destination:archive`", SearchFilter { destination: name("archive"), ..all() }),
        (
            "`destination:lab state:dead`",
            SearchFilter { destination: name("lab"), state: state("dead"), ..all() },
        ),
        ("`from:HIS`", SearchFilter { sender: from("HIS"), ..all() }),
        ("`from:RARE`", SearchFilter { sender: from("RARE"), ..all() }),
        ("`ack:AE`", SearchFilter { ack: text("AE"), ..all() }),
        ("`origin:replay`, nothing is", SearchFilter { origin: Some(Origin::Replay), ..all() }),
        ("`type:ADT^A40 since:24h`", SearchFilter { kind: text("ADT^A40"), ..day() }),
    ] {
        let mut took: Vec<Duration> = Vec::new();
        let mut rows = 0;
        for _ in 0..TIMES {
            let begun = Instant::now();
            let page = store.search(&Scope::All, &filter, None, 50).await.unwrap();
            took.push(begun.elapsed());
            rows = page.rows.len();
        }
        took.sort();
        let first = took[TIMES / 2].as_secs_f64() * 1e3;
        let (pages, in_all) = to_the_end(store, &filter).await;
        println!("| {words} | {first:.1} ms | {rows} | {pages} | {in_all} |");
    }
}

/// How many pages there are, and rows on them; no further than some thousand rows, and as many pages.
async fn to_the_end(store: &Store, filter: &SearchFilter) -> (String, String) {
    let (mut pages, mut rows, mut after) = (0, 0, None);
    loop {
        let page = store.search(&Scope::All, filter, after.as_ref(), 50).await.unwrap();
        pages += 1;
        rows += page.rows.len();
        after = page.next;
        if after.is_none() {
            return (pages.to_string(), rows.to_string());
        }
        if rows >= 2_000 || pages >= 200 {
            return ("many".to_owned(), "many".to_owned());
        }
    }
}
