//! kill -9 at any moment under load: what was acknowledged arrives, in order, and only what was in doubt arrives twice.

use crate::parts::{long, on_both_stores, to};
use hilum_tests::engine::Engine;
use hilum_tests::message;
use hilum_tests::random::Random;
use hilum_tests::receiver::{Arrival, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wait::PATIENCE;
use hilum_tests::wire::{ANSWER, Connection};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Deliveries of a lane that a crash may repeat.
const IN_DOUBT_MAX: usize = 32;
const CLIENTS: usize = 4;

on_both_stores!(nothing_acknowledged_is_lost_by_kill);

fn nothing_acknowledged_is_lost_by_kill(store: Store) {
    let rounds = if long() { 200 } else { 50 };
    let mut random = Random::seeded();
    let (by_patient, by_receipt) = (Receiver::accepting(), Receiver::accepting());
    let site = Site::new(store);
    let lanes =
        to("by-patient", &by_patient, "order_by = 'PID-3.1'") + &to("by-receipt", &by_receipt, "");
    let feed = site.feed("adt", "", &lanes);
    let load = Load::begin(feed);

    for life in 1..=rounds {
        by_patient.set_life(life);
        by_receipt.set_life(life);
        if random.below(8) == 0 {
            // A crash while it starts.
            let engine = Engine::spawn(hilum_tests::verbs::hilum(), &site);
            std::thread::park_timeout(Duration::from_millis(random.draw() % 150));
            engine.kill();
        } else {
            let engine = site.serve();
            load.engine_is_up(life);
            load.wait_acknowledged(1 + random.below(60));
            for _ in 0..random.below(200_000) {
                std::hint::spin_loop();
            }
            engine.kill();
        }
        by_patient.wait_quiet();
        by_receipt.wait_quiet();
    }

    let last = rounds + 1;
    by_patient.set_life(last);
    by_receipt.set_life(last);
    let engine = site.serve();
    load.engine_is_up(last);
    let sent = load.finish();
    let total: usize = sent.iter().sum();
    let status = site.wait_final("adt", total as u64);
    assert_eq!(status.channel("adt").disposition("delivered"), total as u64, "{status:#?}");
    engine.stop();

    check_lanes(
        &by_patient.arrivals(),
        |client, n| (format!("{client}/{}", n % 2), n / 2),
        |client, parity| (sent[client] + 1 - parity) / 2,
    );
    check_lanes(
        &by_receipt.arrivals(),
        |client, n| (client.to_string(), n),
        |client, _| sent[client],
    );
}

/// Senders that never give up: what was not acknowledged is sent again after a crash, as a real one would.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<std::thread::JoinHandle<usize>>,
}

#[derive(Default)]
struct Progress {
    life: u64,
    acknowledged: usize,
    finishing: bool,
}

struct Shared {
    feed: SocketAddr,
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Load {
    pub(crate) fn begin(feed: SocketAddr) -> Load {
        let shared = Arc::new(Shared { feed, progress: Mutex::default(), changed: Condvar::new() });
        let clients = (0..CLIENTS).map(|client| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.send(client, if client % 2 == 0 { 1 } else { 4 }))
        });
        Load { clients: clients.collect(), shared }
    }

    pub(crate) fn engine_is_up(&self, life: u64) {
        self.shared.progress.lock().unwrap().life = life;
        self.shared.changed.notify_all();
    }

    pub(crate) fn wait_acknowledged(&self, more: usize) {
        let progress = self.shared.progress.lock().unwrap();
        let goal = progress.acknowledged + more;
        let wait = self
            .shared
            .changed
            .wait_timeout_while(progress, PATIENCE, |p| p.acknowledged < goal)
            .unwrap();
        assert!(
            !wait.1.timed_out(),
            "waited in vain for {more} acknowledgements, {} came",
            wait.0.acknowledged
        );
    }

    /// Lets every sender get its last message acknowledged; gives how many each sent.
    pub(crate) fn finish(self) -> Vec<usize> {
        self.shared.progress.lock().unwrap().finishing = true;
        self.shared.changed.notify_all();
        self.clients.into_iter().map(|client| client.join().unwrap()).collect()
    }
}

impl Shared {
    /// Sends 0, 1, 2 .. with `window` unanswered at once; gives how many were accepted.
    fn send(&self, client: usize, window: usize) -> usize {
        let mut next = 0;
        let mut seen_life = 0;
        loop {
            let progress = self.progress.lock().unwrap();
            let progress =
                self.changed.wait_while(progress, |p| p.life == seen_life && !p.finishing).unwrap();
            seen_life = progress.life;
            drop(progress);
            let Ok(mut connection) = Connection::open(self.feed) else { continue };
            while self.exchange(&mut connection, client, &mut next, window) {
                if self.progress.lock().unwrap().finishing {
                    return next;
                }
            }
            if self.progress.lock().unwrap().finishing {
                panic!("the last engine closed a connection");
            }
        }
    }

    /// One window; false when the connection ended before all of it was acknowledged.
    fn exchange(
        &self,
        connection: &mut Connection,
        client: usize,
        next: &mut usize,
        window: usize,
    ) -> bool {
        let ids: Vec<String> = (*next..*next + window).map(|n| format!("K{client}-{n}")).collect();
        for (n, id) in (*next..).zip(&ids) {
            if connection.send(&message::adt(id, &format!("P{client}{}", n % 2))).is_err() {
                return false;
            }
        }
        for id in &ids {
            let answer = connection.receive(ANSWER);
            if !answer.accepts(id) {
                assert_eq!(
                    answer.code(),
                    "closed",
                    "`{id}`: an engine that cannot accept closes: {answer:?}"
                );
                return false;
            }
            *next += 1;
            self.progress.lock().unwrap().acknowledged += 1;
            self.changed.notify_all();
        }
        true
    }
}

/// Per lane: in each life contiguous and rising, from life to life at most what was in doubt again, in the end everything.
pub(crate) fn check_lanes(
    arrivals: &[Arrival],
    lane_of: impl Fn(usize, usize) -> (String, usize),
    count: impl Fn(usize, usize) -> usize,
) {
    let mut lanes: BTreeMap<String, Vec<(u64, usize, String)>> = BTreeMap::new();
    for arrival in arrivals {
        let (client, n) = arrival.control_id[1..].split_once('-').expect("our own control id");
        let (lane, position) = lane_of(client.parse().unwrap(), n.parse().unwrap());
        lanes.entry(lane).or_default().push((arrival.life, position, arrival.control_id.clone()));
    }
    for (lane, sequence) in &lanes {
        let mut reached = 0;
        let mut last: Option<(u64, usize)> = None;
        for (life, position, id) in sequence {
            match last {
                Some((before, previous)) if before == *life => {
                    assert_eq!(
                        *position,
                        previous + 1,
                        "lane {lane}, life {life}: `{id}` is out of order"
                    );
                }
                _ => {
                    assert!(
                        *position <= reached,
                        "lane {lane}, life {life}: lost before `{id}`, which is {position}, {reached} was expected"
                    );
                    assert!(
                        reached - position <= IN_DOUBT_MAX,
                        "lane {lane}, life {life}: {} repeated",
                        reached - position
                    );
                }
            }
            reached = reached.max(position + 1);
            last = Some((*life, *position));
        }
        let mut parts = lane.split('/').map(|part| part.parse::<usize>().unwrap());
        let expected = count(parts.next().unwrap(), parts.next().unwrap_or(0));
        assert_eq!(reached, expected, "lane {lane}: the end is missing");
    }
}
