//! `hilum test`: the tests beside the channels.

use std::path::Path;
use std::time::{Duration, SystemTime};

use channel::Mismatch;
use engine::site::{ChannelPlan, Site, Tested, test};
use serde_json::{Value, json};

use crate::answer::safe;
use crate::args::bench::{Test, TestFormat};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::verbs::run::site_of;

/// How often `--watch` looks at the files.
const LOOK: Duration = Duration::from_millis(300);

/// Runs the verb.
pub fn run(args: &Test) -> Outcome {
    if !args.watch {
        return once(args);
    }
    loop {
        let seen = newest(&args.site);
        match once(args) {
            Ok(()) => {}
            Err(failure) if failure.sentence.is_empty() => {}
            Err(failure) => say::talk(&format!("error: {}", failure.sentence)),
        }
        say::talk("waiting for changes; Ctrl+C ends");
        while newest(&args.site) == seen {
            std::thread::sleep(LOOK);
        }
    }
}

/// The tests of one channel.
struct Suite {
    channel: String,
    tests: Vec<Tested>,
}

fn once(args: &Test) -> Outcome {
    let site = site_of(&args.site)?;
    let mut suites = Vec::new();
    for plan in chosen(&site, &args.channels)? {
        let tests = test(&site.paths.site, plan).map_err(|error| {
            let sentence = format!("the tests of `{}` cannot be read: {error}", plan.file.name);
            Failure::new(Code::Undecided, sentence)
        })?;
        let only =
            |tested: &Tested| args.only.as_ref().is_none_or(|text| tested.name.contains(text));
        let tests: Vec<Tested> = tests.into_iter().filter(only).collect();
        if args.accept {
            tests.iter().filter(|tested| !tested.passed()).try_for_each(accept)?;
        }
        suites.push((plan, Suite { channel: plan.file.name.to_string(), tests }));
    }
    match args.format {
        TestFormat::Text if args.accept => {
            let tests = suites.iter().flat_map(|(_, suite)| &suite.tests);
            let (same, changed): (Vec<_>, Vec<_>) = tests.partition(|tested| tested.passed());
            say::data(&format!("{} accepted, {} as before\n", changed.len(), same.len()));
        }
        TestFormat::Text => text(&suites),
        TestFormat::Json => {
            let all: Vec<Value> = suites.iter().map(|(_, suite)| as_json(suite)).collect();
            say::data(&format!("{:#}\n", json!({ "channels": all })));
        }
        TestFormat::Junit => say::data(&junit(&suites)),
    }
    let failed = suites.iter().flat_map(|(_, suite)| &suite.tests).any(|tested| !tested.passed());
    if failed && !args.accept { Err(Failure::silent(Code::Problems)) } else { Ok(()) }
}

fn chosen<'s>(site: &'s Site, channels: &[String]) -> Result<Vec<&'s ChannelPlan>, Failure> {
    if channels.is_empty() {
        return Ok(site.channels.values().collect());
    }
    let find = |name: &String| {
        let found = site.channels.values().find(|plan| plan.file.name.as_str() == name);
        found.ok_or_else(|| Failure::new(Code::Problems, format!("there is no channel `{name}`")))
    };
    channels.iter().map(find).collect()
}

/// Writes what came out in the place of what was expected.
fn accept(tested: &Tested) -> Outcome {
    let Some(run) = &tested.run else { return Ok(()) };
    let written = || {
        for entry in std::fs::read_dir(&tested.path)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            if !name.starts_with('.') && name.split('.').next() != Some("in") {
                std::fs::remove_file(path)?;
            }
        }
        channel::kept(run)
            .into_iter()
            .try_for_each(|(name, bytes)| std::fs::write(tested.path.join(name), bytes))
    };
    written().map_err(|error: std::io::Error| {
        let sentence = format!("`{}` cannot be written: {error}", tested.path.display());
        Failure::new(Code::Undecided, sentence)
    })?;
    say::talk(&format!("accepted {}", tested.path.display()));
    Ok(())
}

fn text(suites: &[(&ChannelPlan, Suite)]) {
    let (mut passed, mut failed) = (0, 0);
    for (plan, suite) in suites {
        for tested in &suite.tests {
            if tested.passed() {
                passed += 1;
                continue;
            }
            failed += 1;
            say::data(&format!("FAIL  {} / {}\n", suite.channel, safe(&tested.name)));
            if let Some(problem) = &tested.problem {
                say::data(&format!("  {}\n", problem.trim_end().replace('\n', "\n  ")));
            }
            tested.mismatches.iter().for_each(|one| say::data(&shown(one, plan)));
        }
    }
    if passed + failed == 0 {
        say::talk("no tests: a test is a folder `channels/NAME/tests/TEST/` with `in.hl7`");
        return;
    }
    say::data(&format!("{passed} passed, {failed} failed\n"));
    if failed > 0 {
        say::talk("hint: `hilum test --accept` keeps the new output, when it is what you want");
    }
}

/// One difference, with the line of the channel file that made it.
fn shown(one: &Mismatch, plan: &ChannelPlan) -> String {
    let value = |value: &Option<String>| match value {
        Some(value) if value.contains('\n') => {
            value.trim_end().lines().map(|line| format!("\n        {}", safe(line))).collect()
        }
        Some(value) => format!("\"{}\"", safe(value)),
        None => "nothing".to_owned(),
    };
    let mut text =
        format!("  {}  {}  expected {}", safe(&one.place), safe(&one.path), value(&one.expected));
    text.push_str(&format!("  got {}\n", value(&one.got)));
    if let Some(why) = &one.why {
        text.push_str(&format!("        {}\n", safe(why)));
    }
    if let Some(step) = &one.step {
        let line = usize::try_from(step.line).unwrap_or(0);
        let source = plan.file.text.lines().nth(line.saturating_sub(1)).unwrap_or("").trim();
        text.push_str(&format!("        channels/{}.toml:{line}  {source}\n", plan.file.name));
    }
    text
}

fn as_json(suite: &Suite) -> Value {
    let mismatch = |one: &Mismatch| {
        json!({
            "place": one.place, "path": one.path, "expected": one.expected, "got": one.got, "why": one.why,
            "line": one.step.as_ref().map(|step| step.line),
        })
    };
    let tests: Vec<Value> = suite
        .tests
        .iter()
        .map(|tested| {
            json!({
                "name": tested.name,
                "passed": tested.passed(),
                "problem": tested.problem,
                "mismatches": tested.mismatches.iter().map(mismatch).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "channel": suite.channel, "tests": tests })
}

fn junit(suites: &[(&ChannelPlan, Suite)]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (plan, suite) in suites {
        let failed = suite.tests.iter().filter(|tested| !tested.passed()).count();
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">\n",
            escaped(&suite.channel),
            suite.tests.len()
        ));
        for tested in &suite.tests {
            let seconds = tested.took.as_secs_f64();
            xml.push_str(&format!(
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.6}\"",
                escaped(&suite.channel),
                escaped(&tested.name)
            ));
            if tested.passed() {
                xml.push_str("/>\n");
                continue;
            }
            let mut text: String = tested.mismatches.iter().map(|one| shown(one, plan)).collect();
            text.push_str(tested.problem.as_deref().unwrap_or_default());
            xml.push_str(&format!("><failure>{}</failure></testcase>\n", escaped(&text)));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text in XML; characters that XML cannot have are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(one),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// How many files a site has, and when the newest was changed.
fn newest(folder: &Path) -> (usize, Option<SystemTime>) {
    let (mut count, mut newest) = (0, None);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden || entry.file_name() == "data" {
            continue;
        }
        let (files, changed) = match path.is_dir() {
            true => self::newest(&path),
            false => (1, entry.metadata().and_then(|about| about.modified()).ok()),
        };
        count += files;
        newest = newest.max(changed);
    }
    (count, newest)
}
