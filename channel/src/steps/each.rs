use super::{Action, StepDecl, StepList};
use crate::compiler::Compiler;
use crate::place::{Cursor, Place};
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::{Path, SegmentName};

pub(super) const DECL: StepDecl = StepDecl {
    name: "each",
    doc: "Runs steps for every segment of a name, in the order of the message.\n\nInside, a path on that segment without an index \
          means the current one. A segment that a step deletes ends the steps for it, and the loop goes on with the next.",
    fields: &[
        Field::required("each", "The name of the segment.", Kind::Text).examples(&["\"OBX\""]),
        Field::required("do", "The steps.", Kind::Steps),
    ],
    examples: &[
        "{ each = \"OBX\", do = [{ delete = 'OBX', when = 'OBX-11 = \"X\"' }, { trim = 'OBX-5' }] }",
    ],
    compile,
};

struct Each {
    segment: SegmentName,
    steps: StepList,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let segment = section.text("each").and_then(|text| segment(text, compiler));
    // The steps are checked even when the segment is wrong.
    if let Some(segment) = segment {
        compiler.loops.push(segment);
    }
    let steps = StepList::compile(section.items("do"), compiler);
    if segment.is_some() {
        compiler.loops.pop();
    }
    Some(Box::new(Each { segment: segment?, steps: steps? }))
}

fn segment(text: &Text, compiler: &mut Compiler<'_>) -> Option<SegmentName> {
    let name = compiler.segment(text)?;
    if !compiler.is_looped(name) {
        return Some(name);
    }
    let title = format!("the loop around this is over `{name}` already");
    let label = "the two could not be told apart";
    compiler.report(Problem::new("C0321", 0..text.value.len(), title, label), text);
    None
}

impl Action for Each {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let whole = Path::of_segment(self.segment);
        let mut left =
            crate::place::countable(work.message().count(self.segment.as_str()), &whole)?;
        let depth = work.cursors().len();
        work.cursors().push(Cursor { segment: self.segment, occurrence: 1, gone: false });
        while left > 0 {
            left -= 1;
            work.check_budget()?;
            // A step may have deleted some that the loop had not come to.
            let there = work.message().count(self.segment.as_str());
            let Some(cursor) =
                work.cursors().get(depth).filter(|cursor| cursor.occurrence <= there)
            else {
                break;
            };
            let occurrence = cursor.occurrence;
            self.steps.run(work)?;
            if let Some(cursor) = work.cursors().get_mut(depth) {
                // Deleting one before it has moved the cursor already.
                let moved = cursor.occurrence.min(occurrence);
                cursor.occurrence = if cursor.gone { moved } else { moved + 1 };
                cursor.gone = false;
            }
            if work.is_gone() {
                break;
            }
        }
        work.cursors().truncate(depth);
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.steps.may_touch(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn a_path_on_the_segment_is_the_current_one() {
        let step = r#"{ each = "OBX", do = [{ set = 'OBX-2', to = "{OBX-1}{PID-1}" }] }"#;
        assert_eq!(run(step, "PID|9\rOBX|1\rOBX|2"), "PID|9\nOBX|1|19\nOBX|2|29");
        assert_eq!(run(step, "PID|9"), "PID|9");
    }

    #[test]
    fn a_deleted_segment_ends_the_steps_for_it_and_no_other_is_left_out() {
        let step = r#"{ each = "OBX", do = [{ delete = 'OBX', when = 'OBX-1 = "x"' }, { set = 'OBX-2', to = "ok" }] }"#;
        assert_eq!(run(step, "OBX|1\rOBX|x\rOBX|x\rOBX|4"), "OBX|1|ok\nOBX|4|ok");
        assert_eq!(run(step, "OBX|x\rPID|1"), "PID|1");
    }

    #[test]
    fn deleting_others_does_not_confuse_the_loop() {
        let first = r#"{ each = "OBX", do = [{ delete = 'OBX[1]', when = 'OBX-1 = "3"' }, { set = 'OBX-2', to = "ok" }] }"#;
        assert_eq!(run(first, "OBX|1\rOBX|2\rOBX|3\rOBX|4"), "OBX|2|ok\nOBX|3|ok\nOBX|4|ok");
        let all = r#"{ each = "OBX", do = [{ delete = 'OBX[*]' }] }"#;
        assert_eq!(run(all, "OBX|1\rPID|1\rOBX|2"), "PID|1");
    }

    #[test]
    fn loops_go_inside_each_other() {
        let step = r#"{ each = "OBR", do = [{ each = "OBX", do = [{ set = 'OBX-2', to = "{OBX-2}{OBR-1}" }] }] }"#;
        assert_eq!(run(step, "OBR|a\rOBX|1\rOBR|b\rOBX|2"), "OBR|a\nOBX|1|ab\nOBR|b\nOBX|2|ab");
        let outer = r#"{ each = "OBR", do = [{ each = "OBX", do = [{ delete = 'OBR' }, { set = 'OBR-1', to = "x" }] }] }"#;
        assert_eq!(run(outer, "OBR|a\rOBX|1\rOBX|2"), "OBX|1\nOBX|2");
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(
            refused(r#"{ each = "OBX-5", do = [] }"#),
            ["C0322 `OBX-5` is not the name of a segment"]
        );
        let twice = r#"{ each = "OBX", do = [{ each = "OBX", do = [] }] }"#;
        assert_eq!(refused(twice), ["C0321 the loop around this is over `OBX` already"]);
    }
}
