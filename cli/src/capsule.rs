//! Audit records as capsules: the form of the Capsule Protocol (CPS 1.0), for whoever reads that.
//!
//! Canonical text: keys by code point, no white space, nothing escaped but `"`, `\` and controls, floats with a decimal point. The hash of a
//! capsule is the SHA3-256 of its canonical text without the fields of its seal; `previous_hash` makes a chain of them.

use aws_lc_rs::digest::{SHA3_256, digest};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use crate::answer::text;

/// Fields that are no part of what is hashed.
const SEAL: [&str; 5] = ["hash", "signature", "signature_pq", "signed_at", "signed_by"];

/// Makes capsules, one after the other.
#[derive(Default)]
pub struct Capsules {
    next: u64,
    previous: Option<String>,
}

impl Capsules {
    /// A record as the next capsule, one line of JSON with its hash.
    pub fn line(&mut self, record: &Value) -> String {
        let mut capsule = capsule(record, (self.next, self.previous.as_deref()));
        let hash = hash(&capsule);
        if let Some(capsule) = capsule.as_object_mut() {
            capsule.insert("hash".to_owned(), json!(hash));
        }
        self.next += 1;
        self.previous = Some(hash);
        canonical(&capsule)
    }
}

/// What a record says, in the words of a capsule.
fn capsule(record: &Value, (sequence, previous): (u64, Option<&str>)) -> Value {
    let part = |name: &str| record.get(name).cloned().unwrap_or(Value::Null);
    let (actor, target, action) = (part("actor"), part("target"), text(record, "action"));
    let approval = part("approval");
    let break_glass = part("break_glass");
    let (authority, approver) = match (approval, break_glass) {
        (Value::Null, Value::Null) => ("policy", Value::Null),
        (Value::Null, break_glass) => ("escalated", break_glass),
        (approval, _) => ("human_approved", approval),
    };
    let status = status(record);
    let subject = format!("{} {}", text(&target, "type"), text(&target, "id"));
    json!({
        "id": id(record),
        "type": kind(action),
        "domain": "hl7-integration",
        "parent_id": null,
        "sequence": sequence,
        "previous_hash": previous,
        "spec_version": "1.0",
        "trigger": {
            "type": if text(&actor, "kind") == "user" { "user_request" } else { "system" },
            "source": text(&actor, "id"),
            "timestamp": text(record, "ts").replace('Z', "+00:00"),
            "request": text(record, "purpose"),
            "correlation_id": part("req"),
            "user_id": actor.get("name").cloned().unwrap_or(Value::Null),
        },
        "context": {
            "agent_id": text(record, "node"),
            "session_id": actor.get("session").cloned().unwrap_or(Value::Null),
            "environment": { "boot": part("boot"), "src": part("src"), "seq": part("seq"), "prev": part("prev") },
        },
        "reasoning": {
            "analysis": "", "options": [], "options_considered": [], "selected_option": "", "reasoning": "",
            "confidence": 0.0, "model": null, "prompt_hash": null,
        },
        "authority": {
            "type": authority, "approver": approver, "policy_reference": null, "chain": [], "escalation_reason": null,
        },
        "execution": {
            "tool_calls": [{
                "tool": action,
                "arguments": { "target": target, "before": part("before") },
                "result": part("after"),
                "success": status == "success",
                "duration_ms": 0,
                "error": part("code"),
            }],
            "duration_ms": 0,
            "resources_used": {},
        },
        "outcome": {
            "status": status,
            "result": part("after"),
            "summary": format!("{action} {}", subject.trim()),
            "error": part("code"),
            "side_effects": [],
            "metrics": {},
        },
    })
}

/// The protocol's word for what an act is about.
fn kind(action: &str) -> &'static str {
    match action.split('.').next().unwrap_or_default() {
        "auth" | "authz" | "session" | "user" | "token" => "auth",
        "key" | "ca" | "audit" => "vault",
        _ => "system",
    }
}

/// The protocol's word for how it ended.
fn status(record: &Value) -> &'static str {
    match text(record, "outcome") {
        "success" => "success",
        "denied" => "blocked",
        _ => "failure",
    }
}

/// An id that is the same at every export: it is made of the log and the record's number.
fn id(record: &Value) -> String {
    let named = format!("{} {}", text(record, "prev"), record.get("seq").unwrap_or(&Value::Null));
    let hash = HEXLOWER.encode(digest(&SHA3_256, named.as_bytes()).as_ref());
    let at = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    // Version 8 of RFC 9562: made by a rule of one's own.
    format!("{}-{}-8{}-8{}-{}", at(0, 8), at(8, 12), at(12, 15), at(15, 18), at(18, 30))
}

/// The hash of a capsule, whether it carries one or not.
pub fn hash(capsule: &Value) -> String {
    let mut bare = capsule.clone();
    if let Some(members) = bare.as_object_mut() {
        for field in SEAL {
            members.remove(field);
        }
    }
    HEXLOWER.encode(digest(&SHA3_256, canonical(&bare).as_bytes()).as_ref())
}

/// The canonical text of a value.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (n, (key, item)) in sorted(members).into_iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(out, item);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// By code point, which is the order of the keys' bytes in UTF-8.
fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    members
}

/// Why a capsule is refused: the kind of fault and the field, in the protocol's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `missing_field`, `wrong_type`, `invalid_value`, `chain_violation` or `integrity_violation`.
    pub kind: &'static str,
    /// The field, with dots.
    pub field: String,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    TextOrNull,
    Whole,
    Number,
    List,
    Section(&'static [(&'static str, Holds)]),
    Object,
    Anything,
}
use Holds::{Anything, List, Number, Object, Section, Text, TextOrNull, Whole};

const CAPSULE: &[(&str, Holds)] = &[
    ("id", Text),
    ("type", Text),
    ("domain", Text),
    ("parent_id", TextOrNull),
    ("sequence", Whole),
    ("previous_hash", TextOrNull),
    ("spec_version", Text),
    (
        "trigger",
        Section(&[
            ("type", Text),
            ("source", Text),
            ("timestamp", Text),
            ("request", Text),
            ("correlation_id", TextOrNull),
            ("user_id", TextOrNull),
        ]),
    ),
    (
        "context",
        Section(&[("agent_id", Text), ("session_id", TextOrNull), ("environment", Object)]),
    ),
    (
        "reasoning",
        Section(&[
            ("analysis", Text),
            ("options", List),
            ("options_considered", List),
            ("selected_option", Text),
            ("reasoning", Text),
            ("confidence", Number),
            ("model", TextOrNull),
            ("prompt_hash", TextOrNull),
        ]),
    ),
    (
        "authority",
        Section(&[
            ("type", Text),
            ("approver", TextOrNull),
            ("policy_reference", TextOrNull),
            ("chain", List),
            ("escalation_reason", TextOrNull),
        ]),
    ),
    (
        "execution",
        Section(&[("tool_calls", List), ("duration_ms", Whole), ("resources_used", Object)]),
    ),
    (
        "outcome",
        Section(&[
            ("status", Text),
            ("result", Anything),
            ("summary", Text),
            ("error", Anything),
            ("side_effects", List),
            ("metrics", Object),
        ]),
    ),
];

const TYPES: [&str; 8] = ["agent", "tool", "system", "kill", "workflow", "chat", "vault", "auth"];

/// Whether a capsule is one: its shape, its place in the chain, and its hash when it carries one.
///
/// # Errors
/// With the first thing that is wrong.
pub fn check(capsule: &Value) -> Result<(), Refusal> {
    let refused = |kind, field: &str| Err(Refusal { kind, field: field.to_owned() });
    shape(capsule, CAPSULE, "")?;
    if !TYPES.contains(&text(capsule, "type")) {
        return refused("invalid_value", "type");
    }
    let sequence = capsule.get("sequence").and_then(Value::as_i64).unwrap_or(-1);
    if sequence < 0 {
        return refused("invalid_value", "sequence");
    }
    let confidence = capsule.pointer("/reasoning/confidence").and_then(Value::as_f64);
    if !confidence.is_some_and(|confidence| (0.0..=1.0).contains(&confidence)) {
        return refused("invalid_value", "reasoning.confidence");
    }
    if (sequence == 0) != capsule.get("previous_hash").is_some_and(Value::is_null) {
        return refused("chain_violation", "previous_hash");
    }
    match capsule.get("hash") {
        Some(Value::String(claimed)) if *claimed != hash(capsule) => {
            refused("integrity_violation", "hash")
        }
        _ => Ok(()),
    }
}

fn shape(value: &Value, fields: &[(&str, Holds)], within: &str) -> Result<(), Refusal> {
    for (name, holds) in fields {
        let field = format!("{within}{name}");
        let Some(value) = value.get(name) else {
            return Err(Refusal { kind: "missing_field", field });
        };
        let fits = match holds {
            Text => value.is_string(),
            TextOrNull => value.is_string() || value.is_null(),
            Whole => value.is_i64(),
            Number => value.is_number(),
            List => value.is_array(),
            Section(_) | Object => value.is_object(),
            Anything => true,
        };
        if !fits {
            return Err(Refusal { kind: "wrong_type", field });
        }
        if let Section(fields) = holds {
            shape(value, fields, &format!("{field}."))?;
        }
    }
    Ok(())
}

/// Checks capsules one after the other: each by itself, and that it follows the one before.
#[derive(Default)]
pub struct Chain {
    next: i64,
    previous: Option<String>,
}

impl Chain {
    /// The next capsule.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub fn step(&mut self, capsule: &Value) -> Result<(), Refusal> {
        check(capsule)?;
        let refused = |field: &str| Refusal { kind: "chain_violation", field: field.to_owned() };
        if capsule.get("sequence").and_then(Value::as_i64) != Some(self.next) {
            return Err(refused("sequence"));
        }
        if capsule.get("previous_hash").and_then(Value::as_str) != self.previous.as_deref() {
            return Err(refused("previous_hash"));
        }
        self.next += 1;
        self.previous = Some(hash(capsule));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the protocol's own repository, where they are.
    fn vectors(name: &str) -> Option<Vec<Value>> {
        let folder = std::env::var_os("HILUM_VECTORS").map(std::path::PathBuf::from);
        let folder = folder
            .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors").into());
        let text = std::fs::read_to_string(folder.join("capsule").join(name)).ok()?;
        let vectors: Value = serde_json::from_str(&text).unwrap();
        Some(vectors["fixtures"].as_array().unwrap().clone())
    }

    #[test]
    fn canonical_text_and_hash_are_those_of_the_protocol() {
        let Some(golden) = vectors("golden.json") else { return };
        assert_eq!(golden.len(), 16);
        for one in golden {
            let capsule = &one["capsule_dict"];
            assert_eq!(canonical(capsule), one["canonical_json"], "{}", one["name"]);
            assert_eq!(hash(capsule), one["sha3_256_hash"], "{}", one["name"]);
        }
    }

    #[test]
    fn what_the_protocol_refuses_is_refused_for_its_reason() {
        let Some(invalid) = vectors("invalid.json") else { return };
        assert_eq!(invalid.len(), 16);
        for one in invalid {
            let mut capsule = one["capsule_dict"].clone();
            if let Some(claimed) = one.get("claimed_hash") {
                capsule["hash"] = claimed.clone();
            }
            let refusal = check(&capsule).unwrap_err();
            assert_eq!(refusal.kind, one["expected_error"], "{}", one["name"]);
            assert_eq!(refusal.field, one["error_field"], "{}", one["name"]);
        }
        for one in vectors("golden.json").unwrap() {
            assert_eq!(check(&one["capsule_dict"]), Ok(()), "{}", one["name"]);
        }
    }

    fn record(seq: u64, action: &str) -> Value {
        json!({
            "v": 1, "seq": seq, "ts": "2026-11-26T10:00:00.000001Z", "boot": "b", "mono_ns": 1, "node": "n",
            "actor": { "id": "user:1", "kind": "user", "name": "Ada", "auth": "password", "session": null },
            "src": { "ip": "127.0.0.1", "port": 1, "via": "api" }, "action": action,
            "target": { "type": "user", "id": "2", "channel": null }, "outcome": "denied", "code": "x",
            "before": null, "after": { "é": "\u{1}" }, "purpose": null, "req": null, "approval": null,
            "break_glass": null, "prev": format!("{seq:064}"),
        })
    }

    #[test]
    fn records_become_a_chain_of_capsules() {
        let mut capsules = Capsules::default();
        let lines: Vec<String> = ["auth.login", "channel.apply", "audit.verify"]
            .iter()
            .enumerate()
            .map(|(n, action)| capsules.line(&record(n as u64, action)))
            .collect();
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let mut chain = Chain::default();
        for line in &lines {
            assert_eq!(chain.step(&read(line)), Ok(()), "{line}");
        }
        let kinds: Vec<Value> = lines.iter().map(|line| read(line)["type"].clone()).collect();
        assert_eq!(kinds, ["auth", "system", "vault"]);
        let mut gap = Chain::default();
        gap.step(&read(&lines[0])).unwrap();
        assert_eq!(gap.step(&read(&lines[2])).unwrap_err().field, "sequence");
        let forged = lines[0].replace("Ada", "Eve");
        assert_eq!(Chain::default().step(&read(&forged)).unwrap_err().kind, "integrity_violation");
        let again = Capsules::default().line(&record(0, "auth.login"));
        assert_eq!(again, lines[0], "the same record is the same capsule");
    }
}
