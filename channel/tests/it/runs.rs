//! A run is pure, bounded, and leaves alone what it has no business with.

use crate::site::{Shelf, channel, steps};
use crate::story::same;
use channel::{Body, Budget, Unlimited, Verdict};
use proptest::prelude::*;
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

/// A budget of so many questions.
struct Questions(Cell<usize>);

impl Budget for Questions {
    fn over(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }

    fn script(&self) -> Box<dyn FnMut() -> bool> {
        Unlimited.script()
    }
}

/// Every step of the language, those that fail on what cannot be read after those that do not.
const BUSY: &str = r#"
  { keep = 'MSH exists' },
  { drop = true, when = 'ZQX exists' },
  { trim = ['PID-5', 'OBX[*]-5'] },
  { split = "OBR" },
  { each = "OBR", with = ["OBX", "NTE"], do = [
    { insert = "NTE", fields = ["", "", "{OBR-4.1}"], when = 'OBX exists and not (NTE exists)' },
    { each = "OBX", with = "NTE", do = [{ delete = ['OBX', 'NTE'], when = 'OBX-11 = "X"' }, { replace = 'OBX-5', regex = '^<', to = "" }] },
    { clear = 'NTE[*]-2' },
    { renumber = 'NTE-1' },
  ] },
  { renumber = 'OBX-1', within = "OBR" },
  { copy = 'PID-3', to = 'PID-2', when = 'PID exists' },
  { move = 'PID-4', to = 'PID-3[2]', when = 'PID-4 exists' },
  { clear = 'MSH-8' },
  { set = 'MSH-10', to = "{MSH-10}-{part}" },
  { map = 'PV1-2', with = "codes", miss = "keep" },
  { date = ['MSH-7', 'PID-7', 'OBR[*]-7'], from = ["hl7", "dd.MM.yyyy"], zone = "America/Chicago", to_zone = "UTC", miss = "keep" },
  { number = 'OBX[*]-5[*]', decimal = ",", factor = "0.0555", places = 2, miss = "keep" },
  { default = 'PID-8', to = "U", when = 'PID exists' },
  { if = 'PV1-2 = "I"', then = [{ delete = 'PV2' }], else = [{ clear = 'PV1-3' }] },
  { pad = 'PID-3[*].1', width = 10, when = 'not (PID-3[*].1 contains "&")' },
  { upper = 'PID-5.1', when = 'PID-5.1 exists' },
  { lower = 'PID-11[*]' },
  { validate = [], warn = ["structure", "required", "repetition", "length", "type", "table"] },
  { script = "busy/all.js" },
  { require = 'MSH-9 exists', error = "a message without a type" },
"#;

#[test]
fn the_busy_channel_has_every_step() {
    for step in channel::steps() {
        assert!(BUSY.contains(&format!("{{ {} = ", step.name)), "{}", step.name);
    }
}

#[test]
fn what_no_step_changes_is_as_received() {
    let channel = steps(
        "{ keep = 'MSH-9.1 = \"ADT\"' }, { trim = 'PID-5' }, { set = 'PID-8', to = \"F\" }, { delete = 'ZPI' }",
    );
    let received = b"\xEF\xBB\xBFMSH|^~\\&|A||||||ADT|1\n\nPID|1||||A\xFFB|||F||\r\nnonsense";
    let Verdict::Route(outputs) =
        channel.program().run(channel.message(received.to_vec()), &Unlimited).verdict
    else {
        panic!("routed");
    };
    assert!(outputs[0].body == Body::AsReceived);
}

#[test]
fn a_hostile_expression_is_quick() {
    let channel = steps(
        "{ drop = 'OBX-5 matches \"(a+)+$\"' }, { replace = 'OBX-5', regex = '(a+)+$', to = \"\" }",
    );
    let received =
        [b"MSH|^~\\&|\rOBX|||||".to_vec(), b"a".repeat(1 << 20), b"!\r".to_vec()].concat();
    let started = Instant::now();
    let verdict = channel.program().run(channel.message(received), &Unlimited).verdict;
    assert!(matches!(verdict, Verdict::Route(_)));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn a_budget_ends_a_run_between_steps_and_inside_loops() {
    let received = [b"MSH|^~\\&|\r".to_vec(), b"OBX|1||||x\r".repeat(500)].concat();
    let channel =
        steps("{ each = 'OBX', do = [{ set = 'OBX-2', to = \"NM\" }] }, { trim = 'OBX[*]-5' }");
    for questions in [0, 1, 2, 3, 400, 1_200] {
        let budget = Questions(Cell::new(questions));
        let verdict = channel.program().run(channel.message(received.clone()), &budget).verdict;
        assert!(matches!(verdict, Verdict::OverBudget), "{questions}");
    }
    let enough = Questions(Cell::new(10_000));
    assert!(matches!(
        channel.program().run(channel.message(received), &enough).verdict,
        Verdict::Route(_)
    ));
}

#[test]
fn several_values_of_order_by_are_several_keys() {
    let text = "[source]\n[[destination]]\nname = \"out\"\norder_by = ['PID-3.1', 'MRG-1', 'PID-3[*].1']\n";
    let channel = channel(text, &Shelf::default());
    let keys = |segments: &str| {
        let received = format!("MSH|^~\\&|||||||ADT^A40|1\r{segments}").into_bytes();
        match channel.program().run(channel.message(received), &Unlimited).verdict {
            Verdict::Route(outputs) => outputs[0].order_keys.clone(),
            _ => panic!("routed"),
        }
    };
    assert_eq!(keys("PID|||7\rMRG|8\r"), [b"7", b"8"]);
    assert_eq!(keys("PID|||7~9\rMRG|7\r"), [b"7", b"9"]);
    assert_eq!(keys("PID|||\"\"\r"), Vec::<Vec<u8>>::new());
    assert_eq!(keys("PID|||\\E\\7\r"), [b"\\7"]);
}

#[test]
fn order_is_read_before_a_destinations_own_steps() {
    let text = "[source]\n[transform]\nsteps = [{ set = 'PID-3', to = \"A\" }]\n[[destination]]\nname = \"out\"\norder_by = 'PID-3'\n\
                steps = [{ set = 'PID-3', to = \"B\" }]\n";
    let channel = channel(text, &Shelf::default());
    let Verdict::Route(outputs) =
        channel.program().run(channel.message(b"MSH|^~\\&|\rPID|1\r".to_vec()), &Unlimited).verdict
    else {
        panic!("routed");
    };
    assert_eq!(outputs[0].order_keys, [b"A"]);
    assert!(outputs[0].body == Body::Made(b"MSH|^~\\&|\rPID|1||B\r".to_vec()));
}

/// Files of a folder and of all below it.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn real_messages_run_twice_with_the_same_result() {
    let mut paths = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), &mut paths);
    let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus").is_dir();
    assert!(paths.len() > 100 || !there, "the corpus was walked: {}", paths.len());
    let busy = steps(BUSY);
    let idle = steps("{ keep = 'not (ZQX exists)' }");
    for path in paths {
        let received = std::fs::read(&path).unwrap();
        let peek = hl7::peek(&received);
        let _ = busy.admit(&received, peek.as_ref());
        let one = busy.program().run(busy.message(received.clone()), &Unlimited);
        let two = busy.program().trace(busy.message(received.clone()), &Unlimited);
        assert!(same(&one.verdict, &two.verdict), "{}", path.display());
        let Verdict::Route(outputs) =
            idle.program().run(idle.message(received), &Unlimited).verdict
        else {
            panic!("{}", path.display());
        };
        assert!(outputs[0].body == Body::AsReceived, "{}", path.display());
    }
}

proptest! {
    #[test]
    fn any_bytes_run_twice_with_the_same_result(segments in "(PID|ORC|OBR|OBX|NTE|PV1|MSH|[\\r\\n|^~&\\\\\" A-Z0-9é]){0,80}") {
        let channel = steps(BUSY);
        let received = format!("MSH|^~\\&|\r{segments}").into_bytes();
        let run = || channel.program().run(channel.message(received.clone()), &Unlimited).verdict;
        let first = run();
        prop_assert!(same(&first, &run()));
        prop_assert!(same(&first, &channel.program().trace(channel.message(received.clone()), &Unlimited).verdict));
    }

    #[test]
    fn a_split_loses_and_changes_nothing(segments in "((PID|ORC|OBR|OBX|NTE)?[|^~é\\xFF A-Z]{0,6}(\r\n|\r|\n)){0,40}(OBR)?", head in "MSH\\|\\^~[|A-Z]{0,3}(\r\n|\r|\n)") {
        // The first line end of a message says how the rest is read, so parts that repeat it are read alike.
        let channel = steps("{ split = \"OBR\" }");
        let received = format!("{head}{segments}").into_bytes();
        let whole = channel.message(received.clone());
        let outputs = match channel.program().run(channel.message(received.clone()), &Unlimited).verdict {
            Verdict::Route(outputs) => outputs,
            _ => panic!("routed"),
        };
        let name = hl7::SegmentName::new("OBR").unwrap();
        prop_assert_eq!(outputs.len(), whole.positions(name).count().max(1));
        let shown = |message: &hl7::Message| -> Vec<Vec<u8>> {
            message.segments().map(|segment| segment.bytes.to_vec()).collect()
        };
        let parts: Vec<Vec<Vec<u8>>> =
            outputs.iter().map(|output| shown(&channel.message(output.bytes(&received).to_vec()))).collect();
        let all = shown(&whole);
        // The head is what all begin with; after it the groups are the whole again, one after the other.
        let groups: usize = parts.iter().map(Vec::len).sum();
        let head = if parts.len() > 1 { (groups - all.len()) / (parts.len() - 1) } else { 0 };
        let again: Vec<Vec<u8>> = parts.iter().enumerate().flat_map(|(at, part)| {
            part.iter().skip(if at == 0 { 0 } else { head }).cloned()
        }).collect();
        prop_assert!(parts.iter().all(|part| part[..head] == all[..head]));
        prop_assert_eq!(again, all);
    }

    #[test]
    fn a_segment_belongs_to_the_last_one_before_it(kinds in proptest::collection::vec(0usize..4, 0..30)) {
        let channel = steps(r#"{ each = "OBR", with = ["OBX", "NTE"], do = [
            { set = 'OBX[*]-2', to = "{OBR-1}" },
            { each = "OBX", with = "NTE", do = [{ set = 'NTE[*]-2', to = "{OBR-1}/{OBX-1}" }] },
        ] }"#);
        let (mut received, mut expected) = ("MSH|^~\\&|\r".to_owned(), "MSH|^~\\&|\r".to_owned());
        let (mut order, mut result) = (None, None);
        for (at, kind) in kinds.into_iter().enumerate() {
            let name = ["OBR", "OBX", "NTE", "PID"][kind];
            let plain = format!("{name}|{at}");
            received += &format!("{plain}\r");
            let belongs = match (kind, order, result) {
                (0, ..) => {
                    (order, result) = (Some(at), None);
                    None
                }
                (1, order, _) => {
                    result = Some(at);
                    order.map(|order| format!("{order}"))
                }
                (2, Some(order), Some(result)) => Some(format!("{order}/{result}")),
                _ => None,
            };
            expected += &belongs.map_or(format!("{plain}\r"), |belongs| format!("{plain}|{belongs}\r"));
        }
        let message = channel.message(received.clone().into_bytes());
        let Verdict::Route(outputs) = channel.program().run(message, &Unlimited).verdict else {
            panic!("routed");
        };
        prop_assert_eq!(String::from_utf8_lossy(outputs[0].bytes(received.as_bytes())), expected);
    }
}
