//! What each message costs: read, look, change, answer.
#![allow(clippy::panic, reason = "a benchmark with a wrong path has nothing to measure")]

use divan::{Bencher, black_box};
use hl7::{AckOptions, AckRequest, Limits, Message, ParseOptions, Path, ack, check_limits, peek};

/// About 600 bytes, the ordinary case.
fn adt() -> Vec<u8> {
    "MSH|^~\\&|EHR|MAIN|LAB|EAST|20240229235959+0100||ADT^A01^ADT_A01|MSG0000001|P|2.5.1|||AL|NE\r\
     EVN|A01|20240229235959|||U123^CLERK^CARLA\r\
     PID|1||100200300^^^MAIN^MR~999887777^^^USSSA^SS||DOE^JANE^Q^^MS||19700131|F|||12 MAIN ST^^SPRINGFIELD^IL^62701^USA||(217)555-0100|||M||400003403\r\
     NK1|1|DOE^JOHN|SPO||(217)555-0101\r\
     PV1|1|I|WARD^101^A^MAIN||||1234^ATTEND^ANN^^^DR|||MED||||ADM|A0||1234^ATTEND^ANN|S|V100200|||||||||||||||||||||MAIN|||||20240229120000\r\
     AL1|1|DA|1545^PENICILLIN|SV|HIVES\r\
     DG1|1|I10|I21.9^Acute myocardial infarction^I10|||A\r"
        .as_bytes()
        .to_vec()
}

/// About 4 KiB with forty results.
fn oru() -> Vec<u8> {
    let mut text =
        String::from_utf8(adt()).unwrap_or_default().replace("ADT^A01^ADT_A01", "ORU^R01^ORU_R01");
    text.push_str("OBR|1|ORD1|LAB1|CBC^Complete blood count^L|||20240229120000\r");
    for n in 1..=40 {
        text.push_str(&format!("OBX|{n}|NM|71{n}-2^Analyte number {n}^LN||{n}.5|mmol/L^^UCUM|1.0-9.9|N|||F|||20240229121500\r"));
    }
    text.into_bytes()
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn main() {
    divan::main();
}

#[divan::bench(args = ["adt", "oru"])]
fn parse(bencher: Bencher, kind: &str) {
    let bytes = if kind == "adt" { adt() } else { oru() };
    bencher.bench_local(|| Message::parse(black_box(bytes.as_slice()), &ParseOptions::default()));
}

#[divan::bench(args = ["MSH-9.2", "PID-3.1", "PID-3[.5 = \"SS\"].1", "PV1-19", "OBX[20]-5"])]
fn get(bencher: Bencher, place: &str) {
    let message = Message::parse(
        if place.starts_with("OBX") { oru() } else { adt() },
        &ParseOptions::default(),
    );
    let path = path(place);
    bencher.bench_local(|| black_box(&message).text(black_box(&path)).map(|text| text.len()));
}

#[divan::bench]
fn five_sets(bencher: Bencher) {
    let message = Message::parse(adt(), &ParseOptions::default());
    let changes = [
        ("MSH-5", "LAB"),
        ("MSH-6", "MAIN"),
        ("PID-2", "100200300"),
        ("PV1-2", "INPATIENT"),
        ("PID-5.1", "O'DOE"),
    ]
    .map(|(place, value)| (path(place), value));
    bencher.with_inputs(|| message.clone()).bench_local_values(|mut message| {
        for (path, value) in &changes {
            let _ = black_box(message.set(path, value));
        }
        message
    });
}

#[divan::bench]
fn look_at_header(bencher: Bencher) {
    let bytes = adt();
    bencher.bench_local(|| peek(black_box(&bytes)));
}

#[divan::bench]
fn limits(bencher: Bencher) {
    let bytes = oru();
    let Ok(peek) = peek(&bytes) else { return };
    bencher.bench_local(|| {
        check_limits(black_box(&bytes), peek.delimiters(), peek.charset(), &Limits::default())
    });
}

#[divan::bench]
fn acknowledge(bencher: Bencher) {
    let bytes = adt();
    let Ok(peek) = peek(&bytes) else { return };
    let options = AckOptions::default();
    let request = AckRequest::accept(
        &bytes,
        &peek,
        "H0000000000000000001",
        "20240229235959.123+0100",
        &options,
    );
    bencher.bench_local(|| ack(black_box(&request)));
}
