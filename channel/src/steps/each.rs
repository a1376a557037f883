use super::{Action, StepDecl, StepList};
use crate::compiler::Compiler;
use crate::place::{Cursor, Loop, Place, countable};
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::{Occurrence, Path, SegmentName};

pub(super) const DECL: StepDecl = StepDecl {
    name: "each",
    doc: "Runs steps for every segment of a name, in the order of the message.\n\nInside, a path on that segment without an index \
          means the current one. A segment that a step deletes ends the steps for it, and the loop goes on with the next.\n\n\
          With `with`, segments belong to the current one: those of these names that stand after it and before the next segment that \
          the loop goes over. Inside, a path on such a segment means the first that belongs to the current one, `[2]` the second and \
          `[*]` all of them; conditions, `delete`, `insert`, `renumber` and another `each` look only there.",
    fields: &[
        Field::required("each", "The name of the segment.", Kind::Text).examples(&["\"OBX\""]),
        Field::optional(
            "with",
            "The names of the segments that belong to it when they follow it.",
            Kind::Any(&[Kind::Text, Kind::List(&Kind::Text)]),
        )
        .examples(&["[\"OBX\", \"NTE\"]"]),
        Field::required("do", "The steps.", Kind::Steps),
    ],
    examples: &[
        "{ each = \"OBX\", do = [{ delete = 'OBX', when = 'OBX-11 = \"X\"' }, { trim = 'OBX-5' }] }",
        "{ each = \"OBR\", with = [\"OBX\", \"NTE\"], do = [{ delete = 'NTE', when = 'OBX[*]-11 = \"X\"' }] }",
    ],
    compile,
};

struct Each {
    /// Every segment that the loop goes over.
    whole: Place,
    with: Vec<SegmentName>,
    steps: StepList,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let segment = section.text("each").and_then(|text| segment(text, compiler));
    let with = with(section.texts("with"), segment, compiler);
    // The steps are checked even when the segment is wrong.
    let whole = segment.map(|segment| {
        let every = Path { occurrence: Occurrence::All, ..Path::of_segment(segment) };
        let whole = compiler.place(every);
        compiler.loops.push(Loop { segment, with: with.clone().unwrap_or_default() });
        whole
    });
    let steps = StepList::compile(section.items("do"), compiler);
    if segment.is_some() {
        compiler.loops.pop();
    }
    Some(Box::new(Each { whole: whole?, with: with?, steps: steps? }))
}

/// The names of what belongs to a segment.
fn with(
    texts: Vec<&Text>,
    segment: Option<SegmentName>,
    compiler: &mut Compiler<'_>,
) -> Option<Vec<SegmentName>> {
    let mut names = Vec::with_capacity(texts.len());
    let mut sound = true;
    for text in texts {
        let Some(name) = compiler.segment(text) else {
            sound = false;
            continue;
        };
        let (code, title, label) = if segment == Some(name) || compiler.is_looped(name) {
            let title = format!("`{name}` cannot belong to another segment here");
            ("C0321", title, "a loop goes over this")
        } else if name.as_str() == "MSH" {
            ("C0322", "`MSH` belongs to no segment".to_owned(), "a message starts with it")
        } else if names.contains(&name) {
            ("C0320", format!("`{name}` is there twice"), "once is enough")
        } else {
            names.push(name);
            continue;
        };
        sound = false;
        compiler.report(Problem::new(code, 0..text.value.len(), title, label), text);
    }
    sound.then_some(names)
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
        let path = self.whole.path();
        let depth = work.cursors().len();
        let found = self.whole.members(work.message(), work.cursors());
        countable(found.last(), path)?;
        let mut left = found.count;
        work.cursors_mut().push(Cursor {
            segment: path.segment,
            occurrence: found.before + 1,
            gone: false,
            within: self.whole.group(),
        });
        while left > 0 {
            left -= 1;
            work.check_budget()?;
            // A step may have deleted some that the loop had not come to.
            let there = self.whole.members(work.message(), work.cursors()).last();
            let Some(cursor) =
                work.cursors().get(depth).filter(|cursor| cursor.occurrence <= there)
            else {
                break;
            };
            let occurrence = cursor.occurrence;
            self.check_counts(work)?;
            self.steps.run(work)?;
            if let Some(cursor) = work.cursors_mut().get_mut(depth) {
                // Deleting one before it has moved the cursor already.
                let moved = cursor.occurrence.min(occurrence);
                cursor.occurrence = if cursor.gone { moved } else { moved + 1 };
                cursor.gone = false;
            }
            if work.is_gone() {
                break;
            }
        }
        work.cursors_mut().truncate(depth);
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.steps.may_touch(place)
    }
}

impl Each {
    /// One that is not in the group is a path beyond the last of the message, which has to be there to be named.
    fn check_counts(&self, work: &Work<'_>) -> Result<(), Stop> {
        for name in &self.with {
            let count = work.message().count(name.as_str());
            countable(count + 1, &Path::of_segment(*name))?;
        }
        Ok(())
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
    const GROUPS: &str =
        "PID|1\rOBR|a\rNTE|0\rOBX|1\rNTE|1\rNTE|2\rOBX|2\rOBR|b\rOBR|c\rOBX|3\rNTE|3";

    /// What a step inside a loop over orders makes of the message above.
    fn in_orders(step: &str) -> String {
        run(&format!(r#"{{ each = "OBR", with = ["OBX", "NTE"], do = [{step}] }}"#), GROUPS)
    }

    #[test]
    fn what_belongs_to_a_segment_is_found_by_its_name() {
        assert_eq!(
            in_orders(r#"{ set = 'OBR-2', to = "{OBX-1}/{OBX[2]-1}/{NTE[3]-1}/{PID-1}" }"#),
            "PID|1\nOBR|a|1/2/2/1\nNTE|0\nOBX|1\nNTE|1\nNTE|2\nOBX|2\nOBR|b|///1\nOBR|c|3///1\nOBX|3\nNTE|3"
        );
        assert_eq!(
            in_orders(r#"{ set = 'OBX[*]-2', to = "{OBR-1}" }"#),
            "PID|1\nOBR|a\nNTE|0\nOBX|1|a\nNTE|1\nNTE|2\nOBX|2|a\nOBR|b\nOBR|c\nOBX|3|c\nNTE|3"
        );
        assert_eq!(
            in_orders("{ clear = ['NTE[*]-1', 'OBX[2]-1'] }"),
            "PID|1\nOBR|a\nNTE|\nOBX|1\nNTE|\nNTE|\nOBX|\nOBR|b\nOBR|c\nOBX|3\nNTE|"
        );
        assert_eq!(
            in_orders("{ copy = 'NTE[3]-1', to = 'OBX-1', when = 'NTE[3] exists' }"),
            "PID|1\nOBR|a\nNTE|0\nOBX|2\nNTE|1\nNTE|2\nOBX|2\nOBR|b\nOBR|c\nOBX|3\nNTE|3"
        );
    }

    #[test]
    fn conditions_look_only_at_what_belongs_to_it() {
        let orders = |condition: &str| {
            let told = in_orders(&format!("{{ set = 'OBR-2', to = \"!\", when = '{condition}' }}"));
            let marked = told.lines().filter_map(|line| line.strip_prefix("OBR|"));
            marked.filter_map(|line| line.strip_suffix("|!")).collect::<String>()
        };
        assert_eq!(orders("OBX exists"), "ac");
        assert_eq!(orders("OBX[2] exists"), "a");
        assert_eq!(orders("not (NTE exists)"), "b");
        assert_eq!(orders("NTE-1 empty"), "b");
        assert_eq!(orders("NTE[*]-1 empty"), "b");
        assert_eq!(orders("NTE[*]-1 = \"2\""), "a");
        assert_eq!(orders("OBX[*]-1 = \"3\""), "c");
        assert_eq!(orders("NTE-1 = NTE[3]-1"), "b");
    }

    #[test]
    fn segments_of_the_group_are_deleted_and_added() {
        assert_eq!(
            in_orders("{ delete = 'NTE', when = 'OBX[2] exists' }"),
            "PID|1\nOBR|a\nOBX|1\nOBX|2\nOBR|b\nOBR|c\nOBX|3\nNTE|3"
        );
        assert_eq!(
            in_orders("{ delete = ['OBR', 'OBX', 'NTE[2]'], when = 'OBX-1 = \"1\"' }"),
            "PID|1\nNTE|0\nNTE|2\nOBR|b\nOBR|c\nOBX|3\nNTE|3"
        );
        assert_eq!(
            in_orders("{ delete = 'NTE[*]' }, { delete = 'OBX[2]' }"),
            "PID|1\nOBR|a\nOBX|1\nOBR|b\nOBR|c\nOBX|3"
        );
        assert_eq!(
            in_orders("{ insert = 'NTE', fields = [\"{OBR-1}\"] }"),
            "PID|1\nOBR|a\nNTE|0\nOBX|1\nNTE|1\nNTE|2\nOBX|2\nNTE|a\nOBR|b\nNTE|b\nOBR|c\nOBX|3\nNTE|3\nNTE|c"
        );
        assert_eq!(
            in_orders(
                "{ insert = 'ZNT', after = 'OBX[*]', when = 'OBX exists' }, { insert = 'ZNU', before = 'NTE[*]', when = 'NTE exists' }"
            ),
            "PID|1\nOBR|a\nZNU\nNTE|0\nOBX|1\nNTE|1\nNTE|2\nOBX|2\nZNT\nOBR|b\nOBR|c\nOBX|3\nZNT\nZNU\nNTE|3"
        );
    }

    #[test]
    fn what_is_missing_in_the_group_is_missing() {
        let failed = "failed R0103 transform 2: the message has no OBX";
        assert_eq!(in_orders("{ set = 'OBX-2', to = \"x\" }"), failed);
        assert_eq!(in_orders("{ insert = 'NTE', after = 'OBX' }"), failed);
        assert_eq!(in_orders("{ insert = 'NTE', after = 'OBX[*]' }"), failed);
    }

    #[test]
    fn groups_are_inside_groups() {
        let inner = r#"{ each = "OBX", with = "NTE", do = [{ set = 'OBX-2', to = "{OBR-1}{NTE-1}" }, { delete = ['OBX', 'NTE'], when = 'OBX-1 = "1"' }] }"#;
        assert_eq!(in_orders(inner), "PID|1\nOBR|a\nNTE|0\nOBX|2|a\nOBR|b\nOBR|c\nOBX|3|c3\nNTE|3");
        // The last result of an order is followed by the notes of the next order, which are not its own.
        let message = "OBR|a\rOBX|1\rOBR|b\rNTE|b\rOBX|2";
        let count = r#"{ each = "OBR", with = ["OBX", "NTE"], do = [{ each = "OBX", with = "NTE", do = [{ set = 'OBX-2', to = "{NTE-1}" }, { insert = 'NTE', fields = ["{OBX-1}"] }] }] }"#;
        assert_eq!(run(count, message), "OBR|a\nOBX|1\nNTE|1\nOBR|b\nNTE|b\nOBX|2\nNTE|2");
        let numbers = r#"{ each = "OBR", with = "OBX", do = [{ renumber = 'OBX-1' }] }"#;
        assert_eq!(
            run(numbers, "OBX|9\rOBR|a\rOBX|9\rOBX|9\rOBR|b\rOBX|9"),
            "OBX|9\nOBR|a\nOBX|1\nOBX|2\nOBR|b\nOBX|1"
        );
    }

    #[test]
    fn mistakes_of_groups_are_pointed_out() {
        let with = |with: &str| refused(&format!(r#"{{ each = "OBR", with = {with}, do = [] }}"#));
        assert_eq!(with(r#"["OBX", "nte"]"#), ["C0322 `nte` is not the name of a segment"]);
        assert_eq!(with(r#""OBR""#), ["C0321 `OBR` cannot belong to another segment here"]);
        assert_eq!(with(r#""MSH""#), ["C0322 `MSH` belongs to no segment"]);
        assert_eq!(with(r#"["OBX", "OBX"]"#), ["C0320 `OBX` is there twice"]);
        let around = r#"{ each = "OBR", do = [{ each = "OBX", with = "OBR", do = [] }] }"#;
        assert_eq!(refused(around), ["C0321 `OBR` cannot belong to another segment here"]);
    }
}
