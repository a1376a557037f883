//! What is kept, and for how long: the store key by somebody else, and messages no longer than they should be.

use serde_json::Value;

use super::check::{Check, Finding};
use super::scene::Scene;
use crate::answer::{list, maybe, number, text};
use crate::table::time;

/// What is looked at.
pub const CHECKS: &[Check] = &[
    Check {
        id: "key.escrow",
        title: "somebody keeps a copy of the store key, and has opened it",
        look: |scene| scene.with_answer(|engine| &engine.keys, |keys| escrow(scene, keys)),
    },
    Check {
        id: "retention.runs",
        title: "messages whose time is over leave the store",
        look: |scene| scene.with_answer(|engine| &engine.retention, retention),
    },
];

fn escrow(scene: &Scene, keys: &Value) -> Finding {
    let hint = "`hilum keys escrow` makes one; without the key no message can be read";
    let copy = keys.get("escrowed").filter(|copy| !copy.is_null());
    let Some(copy) = copy else {
        return Finding::warn("the engine knows of none").hint(hint);
    };
    if text(copy, "kek") != text(keys, "kek") {
        return Finding::grave(scene, "the copy is of the key before").hint(hint);
    }
    match maybe(keys, "escrow_verified_us") {
        Some(at_us) => Finding::ok(format!("it was opened at {}", time(Some(at_us)))),
        None => Finding::warn("nobody has opened it yet")
            .hint("`hilum keys escrow --verify FILE --identity KEY`"),
    }
}

fn retention(retention: &Value) -> Finding {
    let held = list(retention, "holds").iter().filter(|hold| maybe(hold, "lifted_us").is_none());
    if retention.get("needs_a_person") == Some(&Value::Bool(true)) {
        return Finding::warn("so much is over at once that a person has to say so")
            .hint("`hilum retention status`, and if the clock is right `hilum retention run`");
    }
    let due = list(retention, "channels").iter().filter_map(|one| one.get("due"));
    let due: i64 = due.map(|due| number(due, "bodies")).sum();
    match held.count() {
        0 => Finding::ok(format!("{due} bodies leave with the next purge")),
        1 => Finding::ok("a legal hold is in force"),
        holds => Finding::ok(format!("{holds} legal holds are in force")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::check::State;
    use serde_json::json;

    #[test]
    fn what_waits_for_a_person_is_said() {
        let quiet = json!({ "needs_a_person": false, "channels": [{ "due": { "bodies": 3 } }] });
        assert!(retention(&quiet).says.contains("3 bodies"));
        let waits = json!({ "needs_a_person": true });
        assert_eq!(retention(&waits).state, State::Warn);
        let held = json!({ "holds": [{ "id": "a" }, { "id": "b", "lifted_us": 1 }] });
        assert!(retention(&held).says.contains("a legal hold"));
    }
}
