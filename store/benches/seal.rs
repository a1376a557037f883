//! What sealing a receipt costs in the caller's thread, measured through the store's front: `cargo bench -p store --bench seal`.

#![allow(missing_docs, clippy::unwrap_used)]

use divan::counter::BytesCount;
use store::bench::Sealing;

fn main() {
    divan::main();
}

#[divan::bench(args = [64, 600, 4096, 65_536])]
fn seal(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let sealing = Sealing::new();
    let body = store::bench::body(bytes, 7);
    bencher.counter(BytesCount::new(bytes)).bench(|| sealing.seal(divan::black_box(&body)));
}

#[divan::bench(args = [64, 600, 4096, 65_536])]
fn open(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let sealing = Sealing::new();
    let blob = sealing.seal(&store::bench::body(bytes, 7));
    bencher.counter(BytesCount::new(bytes)).bench(|| sealing.open(divan::black_box(&blob)));
}
