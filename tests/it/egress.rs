//! The engine connects to nothing that the configuration does not name.

use crate::parts::{files, on_both_stores, to};
use hilum_tests::engine::Engine;
use hilum_tests::faults::traced;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, verbs, wait};
use std::collections::BTreeSet;

on_both_stores!(every_connection_goes_where_the_configuration_says);

/// From the first moment to the last, with every verb that asks the running engine something: no other address, no name server.
fn every_connection_goes_where_the_configuration_says(store: Store) {
    let site = Site::new(store);
    let (laboratory, away) = (Receiver::accepting(), Receiver::down());
    let destinations =
        [to("laboratory", &laboratory, ""), to("away", &away, ""), files("archive", "")];
    let feed = site.feed("adt", "", &destinations.join("\n"));
    let trace = site.path("trace");
    let command = traced("connect,sendto,sendmsg,sendmmsg", &trace, &verbs::binary());
    let engine = Engine::start(verbs::clean(command), &site).expect("it starts");
    let mut sender = Connection::to(feed);
    for n in 0..5 {
        sender.accepted(&message::adt(&format!("G{n}"), "P1"));
    }
    site.wait_status("the laboratory has all", |status| {
        status.channel("adt").destination("laboratory").delivered == 5
    });
    for verb in [&["messages"][..], &["dead"], &["test-connection", "adt", "away"]] {
        site.verb(verb);
    }
    assert_eq!(site.verb(&["apply", "-m", "nothing new"]).code, Some(0));
    let pid = engine.pid().to_string();
    engine.stop();
    // A pid stands in a column of fixed width: words are compared, not the space between them.
    let ended = |line: &str| line.split_whitespace().take(3).eq([pid.as_str(), "+++", "exited"]);
    let traced = wait::until("the trace has the end of the engine", || {
        std::fs::read_to_string(&trace).ok().filter(|lines| lines.lines().any(ended))
    });

    let mut named = BTreeSet::from([laboratory.address().port(), away.address().port()]);
    named.extend(site.database().map(|url| port_of(&url)));
    let reached: BTreeSet<(String, u16)> = traced.lines().filter_map(inet).collect();
    let strangers: Vec<_> =
        reached.iter().filter(|(ip, port)| ip != "127.0.0.1" || !named.contains(port)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    let ports: BTreeSet<u16> = reached.iter().map(|(_, port)| *port).collect();
    assert_eq!(ports, named, "each was tried, so the trace sees what is done");
}

/// The address and port in a line of a trace; none of a call that names no address of a network.
fn inet(line: &str) -> Option<(String, u16)> {
    let (_, address) = line.split_once("sa_family=AF_INET")?;
    let port = address.split_once("_port=htons(")?.1.split(')').next()?.parse().unwrap();
    let quoted = address.split('"').nth(1).expect("an address is quoted");
    Some((quoted.to_owned(), port))
}

/// The port of `postgres://user@host:port/name`.
fn port_of(url: &str) -> u16 {
    let host = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    host.rsplit(':').next().unwrap().parse().unwrap()
}
