//! How fast bytes become frames.

use bytes::BufMut;
use connectors::mllp::{Decoder, Event, Framing};
use divan::{Bencher, counter::BytesCount};

fn main() {
    divan::main();
}

fn stream(body: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < 1 << 20 {
        bytes.extend_from_slice(b"\x0BMSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\r");
        bytes.resize(bytes.len() + body, b'x');
        bytes.extend_from_slice(b"\x1C\r");
    }
    bytes
}

/// One MiB of frames with bodies of about this size, in reads of 8 KiB.
#[divan::bench(args = [600, 4096, 65536])]
fn frames(bencher: Bencher, body: usize) {
    let bytes = stream(body);
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let mut decoder = Decoder::new(Framing::default());
        let mut frames = 0;
        for read in bytes.chunks(8192) {
            decoder.space().put_slice(read);
            while let Some(event) = decoder.next_event() {
                frames += usize::from(matches!(event, Event::Frame(_)));
            }
        }
        frames
    });
}
