use super::miss::{MISS, Miss};
use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{CodeTable, Field, Kind, Name, Section};
use hl7::Path;
use std::sync::Arc;

pub(super) const DECL: StepDecl = StepDecl {
    name: "map",
    doc: "Replaces a code by what a code table says.\n\nThe value has to be in the column `from` exactly as it was sent, after \
          unescaping. An absent or empty value is looked up as the empty text; the HL7 null is left alone. What is not in the table \
          fails the step unless `miss` or `otherwise` says what to do instead.",
    fields: &[
        Field::required("map", "The code. `[*]` maps every place.", Kind::Path),
        Field::required("with", "The code table, `tables/<name>.csv`.", Kind::TableName),
        Field::optional(
            "miss",
            "What happens to a value that is not in the table; `fail` if nothing is said.",
            Kind::Choice(MISS),
        ),
        Field::optional(
            "otherwise",
            "The code for every value that is not in the table.",
            Kind::Text,
        ),
    ],
    examples: &[
        "{ map = 'PV1-2', with = \"patient_class\" }",
        "{ map = 'OBX[*]-3.1', with = \"loinc\", miss = \"keep\" }",
        "{ map = 'PID-8', with = \"registry_sex\", otherwise = \"U\" }",
    ],
    compile,
};

struct Map {
    place: Place,
    table: Arc<CodeTable>,
    miss: Miss,
    /// The code for every value that is not in the table; with it, nothing is a miss.
    otherwise: Option<String>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let place = section.text("map").and_then(|text| compiler.target(text));
    let otherwise = section.text("otherwise").map(|text| text.value.clone());
    if section.choice("miss").is_some() && otherwise.is_some() {
        let error = compiler.diags().error(
            "C0320",
            section.span_of("otherwise"),
            "`miss` and `otherwise` exclude each other",
        );
        error.label("with this, nothing is a miss").help("leave out one of them");
        return None;
    }
    let miss = Miss::of(section);
    // An unknown table was reported when the step was read.
    let name = Name::new(&section.text("with")?.value).ok()?;
    let table = compiler.tables().table(&name)?;
    compiler.looked_up.push(Arc::clone(&table));
    Some(Box::new(Map { place: place?, table, miss, otherwise }))
}

impl Action for Map {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        work.at_each(&self.place, |work, path| Ok(self.map(work, path)?))
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.place.may_touch(place)
    }
}

impl Map {
    fn map(&self, work: &mut Work<'_>, path: &Path) -> Result<(), Fault> {
        let Some(text) = work.value(path)? else { return Ok(()) };
        if let Some(to) = self.table.get(&text) {
            return work.set(path, to);
        }
        self.table.missed();
        if let Some(to) = &self.otherwise {
            return work.set(path, to);
        }
        let text = text.into_owned();
        self.miss.settle(work, path, || {
            let said = format!("{path} is not in code table `{}`", self.table.name());
            Fault::new("R0110", said).value(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn a_code_becomes_the_other() {
        assert_eq!(run(r#"{ map = 'PV1-2', with = "class" }"#, "PV1|1|IN"), "PV1|1|I");
        assert_eq!(run(r#"{ map = 'PV1-2', with = "class" }"#, "PV1|1|\"\""), "PV1|1|\"\"");
        assert_eq!(run(r#"{ map = 'PV1-2', with = "class" }"#, r"PV1|1|A\T\E"), r"PV1|1|a\S\e");
        assert_eq!(
            run(r#"{ map = 'OBX[*]-2', with = "class" }"#, "OBX|1|IN\rOBX|2|OUT"),
            "OBX|1|I\nOBX|2|O"
        );
    }

    #[test]
    fn a_miss_is_decided_by_the_step() {
        let message = "PV1|1|XX";
        let failed = "failed R0110 transform 1: PV1-2 is not in code table `class` [XX]";
        assert_eq!(run(r#"{ map = 'PV1-2', with = "class" }"#, message), failed);
        assert_eq!(run(r#"{ map = 'PV1-2', with = "class", miss = "fail" }"#, message), failed);
        assert_eq!(run(r#"{ map = 'PV1-2', with = "class", miss = "keep" }"#, message), message);
        assert_eq!(run(r#"{ map = 'PV1-2', with = "class", miss = "clear" }"#, message), "PV1|1|");
        assert_eq!(
            run(r#"{ map = 'PV1-2', with = "class", otherwise = "U" }"#, message),
            "PV1|1|U"
        );
        assert_eq!(
            run(r#"{ map = 'PV1-2', with = "class", otherwise = "U" }"#, "PV1|1"),
            "PV1|1|U"
        );
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(
            refused(r#"{ map = 'PV1-2', with = "clas" }"#),
            ["C0207 unknown code table `clas`"]
        );
        let both = r#"{ map = 'PV1-2', with = "class", miss = "keep", otherwise = "U" }"#;
        assert_eq!(refused(both), ["C0320 `miss` and `otherwise` exclude each other"]);
    }
}
