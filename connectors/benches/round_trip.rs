//! What a message costs on its way through a listener, without an engine behind it.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use config::{Diagnostics, Name, Scope, Section, parse_toml};
use connectors::mllp::{Client, Listener, ListenerSettings};
use connectors::{
    Answer, BrokenFrame, DESTINATIONS, DestinationSettings, Flow, Incoming, Intake, Refusal,
    Resources,
};
use divan::{Bencher, counter::ItemsCount};
use net::{Dialer, Target};
use tokio::runtime::Runtime;
use tokio::sync::watch;

fn main() {
    divan::main();
}

/// Messages a round.
const MESSAGES: usize = 1000;

struct AtOnce;

impl Intake for AtOnce {
    fn receive(&self, _: Incoming) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        Box::pin(ready(Answer::Reply(Bytes::from_static(
            b"MSH|^~\\&|A|B|C|D|20260101||ACK^A01^ACK|1|P|2.5\rMSA|AA|1\r",
        ))))
    }

    fn refuse(
        &self,
        incoming: Incoming,
        _: Refusal,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        self.receive(incoming)
    }

    fn fragment(&self, _: Incoming, _: BrokenFrame) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(ready(()))
    }
}

/// A receiver as a configuration names it.
fn target(address: std::net::SocketAddr) -> Target {
    let mut diags = Diagnostics::new();
    let text = format!("type = 'mllp'\naddress = '{address}'");
    let read = parse_toml(&mut diags, "bench", text).and_then(|table| {
        let scope = Scope::none();
        let (kind, section) =
            Section::tagged(&table, "type", DESTINATIONS, &[], &scope, &mut diags)?;
        DestinationSettings::read(kind, &section, &mut diags)?.target().cloned()
    });
    read.unwrap_or_else(|| unreachable!("a loopback address"))
}

/// A thousand messages of 600 bytes over one connection, so many sent before the first answer is read.
#[divan::bench(args = [1, 32])]
fn messages(bencher: Bencher, in_flight: usize) {
    let runtime =
        Runtime::new().unwrap_or_else(|error| unreachable!("a runtime needs a machine: {error}"));
    let (_flow, changes) = watch::channel(Flow::Read);
    let mut client = runtime.block_on(async {
        let channel = Name::new("bench").unwrap_or_else(|error| unreachable!("{error}"));
        let settings = ListenerSettings::new(([127, 0, 0, 1], 0).into());
        let listener = Listener::bind(settings, &channel, &Resources::default())
            .await
            .unwrap_or_else(|error| unreachable!("{error}"));
        let target = target(listener.address());
        tokio::spawn(listener.run(Arc::new(AtOnce), changes));
        Client::connect(&Dialer::default(), &target)
            .await
            .unwrap_or_else(|error| unreachable!("{error}"))
    });
    let body = [b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\r", &[b'x'; 557][..]].concat();
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        runtime.block_on(async {
            for _ in 0..MESSAGES / in_flight {
                let sent = client.send_all(std::iter::repeat_n(&body, in_flight)).await;
                assert!(sent.is_ok());
                for _ in 0..in_flight {
                    assert!(client.answer().await.is_ok());
                }
            }
        });
    });
}
