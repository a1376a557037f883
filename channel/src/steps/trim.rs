use super::{Action, StepDecl, leaves};
use crate::compiler::Compiler;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "trim",
    doc: "Removes blanks and tabs around values.\n\nEvery component of a value is trimmed by itself. It works on the bytes, so it \
          never fails on a character that cannot be read.",
    fields: &[Field::required("trim", "The values.", Kind::Paths)],
    examples: &["{ trim = ['PID-5.1', 'PID-5.2'] }", "{ trim = 'OBX[*]-5' }"],
    compile,
};

struct Trim {
    places: Vec<Place>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("trim"))?;
    Some(Box::new(Trim { places }))
}

impl Action for Trim {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            work.at_each(place, |work, path| {
                leaves::change(work, path, |work, path| {
                    let raw = work.message().raw(path).unwrap_or_default();
                    let trimmed = trimmed(raw);
                    if trimmed.len() == raw.len() {
                        return Ok(());
                    }
                    let trimmed = trimmed.to_vec();
                    work.set_raw(path, &trimmed)
                })
            })?;
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.places.iter().any(|target| target.may_touch(place))
    }
}

/// No charset of a message has a blank or a tab as a part of another character.
fn trimmed(raw: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = raw.iter().position(|byte| !blank(byte)).unwrap_or(raw.len());
    let end = raw.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    raw.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::bench::{run, run_bytes};

    #[test]
    fn blanks_around_a_value_go() {
        assert_eq!(
            run("{ trim = ['PID-5.1', 'PID-5.2'] }", "PID|||||  A b\t^ C | x "),
            "PID|||||A b^C| x "
        );
        assert_eq!(run("{ trim = 'PID-5' }", "PID|||||   |1"), "PID||||||1");
        assert_eq!(run("{ trim = 'OBX[*]-5' }", "OBX||||| a\rOBX|||||b "), "OBX|||||a\nOBX|||||b");
    }

    #[test]
    fn a_broken_character_is_no_obstacle() {
        assert_eq!(run_bytes("{ trim = 'PID-5' }", b"PID||||| \xFF "), b"PID|||||\xFF");
    }
}
