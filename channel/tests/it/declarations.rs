//! What the declarations say is true: examples compile, the schema covers them, every code is explained.

use crate::site::{Shelf, compile};
use channel::{STEP_FIELDS, steps, steps_schema};
use std::path::Path;

fn tables() -> Shelf {
    let rows = "from,to,note\nA,B,\n";
    let shelf =
        Shelf::default().with("patient_class", rows).with("loinc", rows).with("registry_sex", rows);
    let module = "export default function (msg) { msg.set('OBX-6', 'g/L'); }";
    shelf
        .with_script("oru-results/units.js", module)
        .with_script("adt-in/step-3.js", "msg['PID']['PID.8'] = 'U';")
}

#[test]
fn every_example_of_every_step_compiles() {
    for step in steps() {
        assert!(!step.examples.is_empty() && !step.doc.is_empty(), "{}", step.name);
        assert_eq!(step.fields[0].name, step.name, "the verb comes first");
        for example in step.examples {
            let (channel, diags) =
                compile(&format!("[source]\n[transform]\nsteps = [{example}]\n"), &tables());
            assert!(channel.is_some() && diags.is_empty(), "{example}\n{}", diags.render(false));
        }
    }
}

#[test]
fn the_schema_has_a_shape_for_every_step() {
    let schema = steps_schema();
    let shapes = schema["items"]["oneOf"].as_array().unwrap();
    assert_eq!(shapes.len(), steps().len());
    for (shape, step) in shapes.iter().zip(steps()) {
        let properties = shape["properties"].as_object().unwrap();
        assert_eq!(properties.len(), step.fields.len() + STEP_FIELDS.len());
        assert_eq!(shape["required"][0], step.name);
        assert_eq!(shape["additionalProperties"], false);
    }
}

#[test]
fn every_code_that_is_used_is_explained() {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut missing = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let quoted = text
            .split('"')
            .filter(|part| part.len() == 5 && part[1..].bytes().all(|byte| byte.is_ascii_digit()));
        missing
            .extend(quoted.filter(|code| config::codes::explain(code).is_err()).map(str::to_owned));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn parts_with_one_control_id_are_pointed_out_where_asked() {
    let warned = |transform: &str, own: &str| {
        let text = format!(
            "[source]\n[transform]\nsteps = [{transform}]\n[[destination]]\nname = \"out\"\nsteps = [{own}]\n"
        );
        crate::site::warnings_of_ids(&text)
    };
    let set = "{ set = 'MSH-10', to = \"{MSH-10}-{part}\" }";
    let split = "{ split = \"OBR\" }";
    let warning = ["C0332 all parts go to `out` with one control id"];
    assert_eq!(warned(split, ""), warning);
    assert_eq!(warned(&format!("{set}, {split}"), "{ set = 'MSH-9', to = \"x\" }"), warning);
    assert!(warned(&format!("{split}, {set}"), "").is_empty());
    assert!(warned(split, &format!("{{ if = 'PID exists', then = [{set}] }}")).is_empty());
    assert!(warned("", "").is_empty());
}

#[test]
fn what_was_kept_of_the_whole_is_not_known_of_its_parts() {
    let warned = |steps: &str, when: &str| {
        let text = format!(
            "[source]\n[transform]\nsteps = [{steps}]\n[[destination]]\nname = \"out\"\nwhen = '{when}'\n"
        );
        !compile(&text, &Shelf::default()).1.is_empty()
    };
    let (kept, split) = ("{ keep = 'OBX-11 = \"F\"' }", "{ split = \"OBR\" }");
    assert!(warned(kept, "OBX-11 = \"X\""));
    assert!(!warned(&format!("{kept}, {split}"), "OBX-11 = \"X\""));
    assert!(warned(&format!("{split}, {kept}"), "OBX-11 = \"X\""));
    assert!(warned(&format!("{{ keep = 'MSH-9.1 = \"A\"' }}, {split}"), "MSH-9.1 = \"B\""));
}
