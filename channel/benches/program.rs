//! What a program costs per message: parse, five steps, three destinations.

// A benchmark that cannot be set up has nothing to measure.
#![allow(clippy::expect_used, clippy::panic)]

use channel::{CHANNEL_FIELDS, Channel, DESTINATION_FIELDS, SOURCE_FIELDS, Tables, Unlimited};
use config::{CodeTable, Diagnostics, Name, Scope, Section, parse_toml};
use divan::{Bencher, black_box};
use std::sync::Arc;

fn main() {
    divan::main();
}

/// About 600 bytes.
const ADT: &[u8] = b"MSH|^~\\&|EHR|GENERAL HOSPITAL|ENGINE|GENERAL HOSPITAL|20260131080000.123+0100||ADT^A01^ADT_A01|MSG0000000001|P|2.5.1|||AL|NE\r\
EVN|A01|20260131080000\r\
PID|1||70010012^^^GENERAL^MR~123456789^^^USA^SS||DOE ^JOHN^Q^^MR||19620314|M||2106-3|1200 N ELM STREET^^GREENSBORO^NC^27401-1020^USA||(555)555-1234^PRN^PH|||M|CAT|70010012001\r\
NK1|1|DOE^JANE|SPO|1200 N ELM STREET^^GREENSBORO^NC^27401-1020|(555)555-1234\r\
PV1|1|IN|2000^2012^01||||004777^ATTEND^AARON^A|||ONC||||ADM|A0||13|70010012|\r\
DG1|1|I10|I21.9|Acute myocardial infarction|20260131|A\r";

struct Shelf(Vec<Arc<CodeTable>>);

impl Tables for Shelf {
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>> {
        self.0.iter().find(|table| table.name() == name).cloned()
    }

    fn companion(&self, path: &str) -> Option<Arc<str>> {
        (path == "oru/five.js").then(|| Arc::from(FIVE_FIELDS))
    }

    fn names(&self) -> Vec<Name> {
        self.0.iter().map(|table| table.name().clone()).collect()
    }
}

const STEPS: &str = r#"
  { keep = 'MSH-9.1 = "ADT" and MSH-9.2 in ("A01", "A03", "A04", "A08")' },
  { require = 'PID-3[.5 = "MR"].1 exists', error = "no medical record number" },
  { copy = 'PID-3[.5 = "MR"].1', to = 'PID-2' },
  { trim = ['PID-5.1', 'PID-5.2'] },
  { map = 'PV1-2', with = "class", miss = "fail" },
"#;

fn compile(steps: &str, destinations: &str) -> Channel {
    let mut diags = Diagnostics::new();
    let name = Name::new("class").expect("a name");
    let table =
        CodeTable::parse(name, "tables/class.csv", "from,to,note\nIN,I,\nOUT,O,\n", &mut diags)
            .expect("a table");
    let text = format!("[source]\n[transform]\nsteps = [{steps}]\n{destinations}");
    let root = parse_toml(&mut diags, "channel.toml", text).expect("TOML");
    let scope = Scope::none();
    let top = Section::read(&root, &[CHANNEL_FIELDS], &scope, &mut diags);
    let source = Section::read(
        top.table_of("source").expect("a source"),
        &[SOURCE_FIELDS],
        &scope,
        &mut diags,
    );
    let tables = top.tables("destination");
    let sections: Vec<Section<'_>> = tables
        .into_iter()
        .map(|table| Section::read(table, &[DESTINATION_FIELDS], &scope, &mut diags))
        .collect();
    let sections: Vec<&Section<'_>> = sections.iter().collect();
    let channel =
        Channel::compile(&top, Some(&source), &sections, &Shelf(vec![Arc::new(table)]), &mut diags);
    channel.unwrap_or_else(|| panic!("{}", diags.render(false)))
}

fn run(bencher: Bencher<'_, '_>, steps: &str, destinations: &str) {
    let channel = compile(steps, destinations);
    bencher.with_inputs(|| ADT.to_vec()).bench_values(|bytes| {
        let message = channel.message(black_box(bytes));
        channel.program().run(message, &Unlimited)
    });
}

#[divan::bench(sample_size = 200)]
fn parse_only(bencher: Bencher<'_, '_>) {
    let channel = compile("", "");
    bencher.with_inputs(|| ADT.to_vec()).bench_values(|bytes| channel.message(black_box(bytes)));
}

#[divan::bench(sample_size = 200)]
fn pass_through(bencher: Bencher<'_, '_>) {
    run(bencher, "", "[[destination]]\nname = \"out\"\n");
}

#[divan::bench(sample_size = 200)]
fn five_steps(bencher: Bencher<'_, '_>) {
    run(bencher, STEPS, "[[destination]]\nname = \"out\"\n");
}

#[divan::bench(sample_size = 200)]
fn five_steps_and_three_destinations(bencher: Bencher<'_, '_>) {
    let destinations = r#"
[[destination]]
name = "lab"
when = 'PV1-2 in ("I", "E")'
order_by = 'PID-3[.5 = "MR"].1'
steps = [{ set = 'MSH-5', to = "LAB" }, { set = 'MSH-6', to = "MAIN" }]

[[destination]]
name = "registry"
when = 'PV1-10 = "MED"'

[[destination]]
name = "archive"
"#;
    run(bencher, STEPS, destinations);
}

/// Five fields of one result.
const FIVE_FIELDS: &str = r#"
export default function (msg, ctx) {
  msg.set("MSH-5", "LAB");
  msg.set("MSH-6", "MAIN");
  msg.set("PID-2", msg.get("PID-3[.5 = \"MR\"].1"));
  msg.set("PID-8", msg.get("PID-8") || "U");
  msg.set("OBX[2]-6", msg.number("OBX[2]-5") > 1000 ? "mg" : "g");
}
"#;

/// A result of 4 KiB: an order with 60 values.
fn oru() -> Vec<u8> {
    let head = String::from_utf8_lossy(ADT).replace("ADT^A01^ADT_A01", "ORU^R01^ORU_R01");
    let mut text = head;
    text.push_str("OBR|1|P100|F100|CBC^Complete blood count^L|||20260131075500\r");
    let mut n = 0;
    while text.len() < 4_096 {
        n += 1;
        let line = format!("OBX|{n}|NM|{n}-7^Value^LN||{n}.25|mmol/L|3.5-5.0|N|||F|||20260131\r");
        text.push_str(&line);
    }
    text.into_bytes()
}

#[divan::bench(sample_size = 50)]
fn a_script_of_five_fields(bencher: Bencher<'_, '_>) {
    let channel = compile(r#"{ script = "oru/five.js" }"#, "[[destination]]\nname = \"out\"\n");
    bencher.with_inputs(oru).bench_values(|bytes| {
        let message = channel.message(black_box(bytes));
        channel.program().run(message, &Unlimited)
    });
}

#[divan::bench(sample_size = 50)]
fn every_text_step(bencher: Bencher<'_, '_>) {
    let steps = r#"
  { date = 'PID-7', from = ["yyyyMMdd", "yyyyMMddHHmm"], to = "yyyy-MM-dd" },
  { number = 'OBX[*]-5', places = 1 },
  { pad = 'PID-3[1].1', width = 12 },
  { renumber = 'OBX-1' },
"#;
    let channel = compile(steps, "[[destination]]\nname = \"out\"\n");
    bencher.with_inputs(oru).bench_values(|bytes| {
        let message = channel.message(black_box(bytes));
        channel.program().run(message, &Unlimited)
    });
}

#[divan::bench(sample_size = 200)]
fn expressions(bencher: Bencher<'_, '_>) {
    let steps = r#"{ replace = 'PID-13', regex = '[^0-9+]', to = "" }, { drop = 'PID-5.1 matches "^ZZ.*TEST"' }"#;
    run(bencher, steps, "[[destination]]\nname = \"out\"\n");
}
