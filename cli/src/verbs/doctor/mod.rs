//! `hilum doctor`: whether this machine, these files and the engine protect what they hold.

mod alerts;
mod audit;
mod backups;
mod block;
mod check;
mod disk;
mod files;
mod keeping;
mod machine;
mod people;
mod process;
mod scene;
mod settings;
mod transport;

use serde_json::json;

use crate::answer::safe;
use crate::args::Format;
use crate::args::doctor::Doctor;
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};

use check::{Check, Finding, State};
use scene::Scene;

/// Every check, in the order in which it is shown.
const CHECKS: &[&[Check]] = &[
    settings::CHECKS,
    files::CHECKS,
    process::CHECKS,
    disk::CHECKS,
    machine::CHECKS,
    transport::CHECKS,
    people::CHECKS,
    audit::CHECKS,
    backups::CHECKS,
    keeping::CHECKS,
    alerts::CHECKS,
];

/// A check and what it found.
type Looked = (&'static Check, Finding);

/// Runs the verb.
pub async fn run(args: Doctor) -> Outcome {
    let scene = Scene::of(&args).await;
    let looked: Vec<Looked> =
        CHECKS.iter().copied().flatten().map(|check| (check, (check.look)(&scene))).collect();
    say::data(&match (args.format, args.checklist) {
        (Format::Json, _) => json(&looked),
        (Format::Text, true) => checklist(&looked, &scene),
        (Format::Text, false) => page(&looked),
    });
    conclude(&looked)
}

/// 0 when nothing is wrong, 1 when something is, 2 when something could not be told and nothing is wrong.
fn conclude(looked: &[Looked]) -> Outcome {
    match (count(looked, State::Fail), count(looked, State::Unknown)) {
        (0, 0) => Ok(()),
        (0, _) => Err(Failure::silent(Code::Undecided)),
        _ => Err(Failure::silent(Code::Problems)),
    }
}

fn count(looked: &[Looked], state: State) -> usize {
    looked.iter().filter(|(_, found)| found.state == state).count()
}

fn summary(looked: &[Looked]) -> String {
    let of = |state| count(looked, state);
    format!(
        "{} in order, {} to improve, {} not in order, {} not known",
        of(State::Ok),
        of(State::Warn),
        of(State::Fail),
        of(State::Unknown)
    )
}

/// A table for people, with what to do below it.
fn page(looked: &[Looked]) -> String {
    let mut table = Table::new(&["STATE", "CHECK", "FOUND"]);
    for (check, found) in looked {
        let cells = [found.state.as_str(), check.id, &safe(&found.says)];
        table.row(cells.map(str::to_owned).to_vec());
    }
    let mut page = table.render();
    page.push_str(&format!("\n{}\n", summary(looked)));
    for (check, found) in looked {
        if let Some(hint) = &found.hint {
            page.push_str(&format!("hint: {}: {}\n", check.id, safe(hint)));
        }
    }
    page
}

/// A list to print and keep.
fn checklist(looked: &[Looked], scene: &Scene) -> String {
    let host = config::site::host_name();
    let (site, data) = (scene.paths.site.display(), scene.paths.data.display());
    let mut page = format!(
        "Hilum {} on {}, {}\nsite {site}, data {data}\n\n",
        env!("CARGO_PKG_VERSION"),
        safe(&host),
        time(Some(scene.now_us)),
    );
    for (check, found) in looked {
        let tick = found.state.tick();
        page.push_str(&format!("{tick} {} ({})\n", check.title, check.id));
        page.push_str(&format!("    {}\n", safe(&found.says)));
        if let Some(hint) = &found.hint {
            page.push_str(&format!("    hint: {}\n", safe(hint)));
        }
    }
    page.push_str(&format!("\n{}\n", summary(looked)));
    page
}

/// An array for programs.
fn json(looked: &[Looked]) -> String {
    let all: Vec<serde_json::Value> = looked
        .iter()
        .map(|(check, found)| {
            json!({
                "id": check.id,
                "title": check.title,
                "state": found.state.as_str(),
                "says": found.says,
                "hint": found.hint,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const IN_ORDER: Check = Check { id: "a.b", title: "a is b", look: |_| Finding::ok("it is") };

    fn looked(states: &[State]) -> Vec<Looked> {
        let found = |state: &State| Finding { state: *state, ..Finding::ok("so") };
        states.iter().map(|state| (&IN_ORDER, found(state))).collect()
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        use State::{Fail, Ok, Unknown, Warn};
        for (states, code) in [
            (&[][..], None),
            (&[Ok, Warn], None),
            (&[Ok, Unknown, Warn], Some(Code::Undecided)),
            (&[Unknown, Fail, Ok], Some(Code::Problems)),
        ] {
            let ended = conclude(&looked(states)).err().map(|failure| failure.code);
            assert_eq!(ended, code, "{states:?}");
        }
    }

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let all: Vec<&Check> = CHECKS.iter().copied().flatten().collect();
        let names: BTreeSet<&str> = all.iter().map(|check| check.id).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|check| check.id.contains('.') && !check.title.ends_with('.')));
    }

    #[test]
    fn a_table_shows_what_to_do() {
        let hinted = Finding::warn("it is\u{202e} not").hint("make it so");
        let page = page(&[(&IN_ORDER, hinted)]);
        assert!(page.contains("warn   a.b    it is not\n"), "{page}");
        assert!(page.contains("hint: a.b: make it so\n"), "{page}");
        assert!(page.contains("0 in order, 1 to improve, 0 not in order, 0 not known"), "{page}");
    }

    #[test]
    fn programs_get_an_array() {
        let value: serde_json::Value =
            serde_json::from_str(&json(&looked(&[State::Fail]))).unwrap();
        assert_eq!(value[0]["state"], "fail");
        assert!(value[0]["hint"].is_null());
    }
}
