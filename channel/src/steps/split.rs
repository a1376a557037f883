use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::Place;
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::{Message, SegmentName};

pub(super) const DECL: StepDecl = StepDecl {
    name: "split",
    doc: "Makes several messages out of one: one part for each segment of a name.\n\nWhat stands before the first group is repeated in \
          every part. A group begins at the segment, or at the one of `begins` directly before it, and ends where the next begins; \
          what stands after the last group belongs to it. Every segment stays as it was sent. Without such a segment the message \
          goes on as one part.\n\nThe steps that follow run for each part by itself: `keep` and `drop` stop a part, and the message is \
          filtered when all of its parts are. When a step fails, the whole message fails. Every destination is asked for every \
          part. `{part}` in a text is the number of the part, from 1. A message becomes at most 1,000 parts.\n\nIt stands in \
          `[transform]`, and not inside other steps. All parts have the `MSH-10` of the message until a step sets it, and \
          receivers may take them for the same message.",
    fields: &[
        Field::required("split", "The name of the segment that each part has one of.", Kind::Text)
            .examples(&["\"OBR\""]),
        Field::optional(
            "begins",
            "The name of a segment that begins a group when it stands directly before; `ORC` with `split = \"OBR\"` if nothing is \
             said. The empty text is none.",
            Kind::Text,
        )
        .examples(&["\"ORC\"", "\"\""]),
    ],
    examples: &[
        "{ split = \"OBR\" }",
        "{ split = \"RXE\", begins = \"ORC\" }, { set = 'MSH-10', to = \"{MSH-10}-{part}\" }",
    ],
    compile,
};

struct Split {
    segment: SegmentName,
    begins: Option<SegmentName>,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let allowed = compiler.split_allowed(section.span_of("split"));
    let segment = section.text("split").and_then(|text| segment(text, compiler));
    let begins = match section.text("begins") {
        None => Some(segment.filter(|name| name.as_str() == "OBR").and(SegmentName::new("ORC"))),
        Some(text) if text.value.is_empty() => Some(None),
        Some(text) => begins(text, segment, compiler).map(Some),
    };
    let action = Split { segment: segment?, begins: begins? };
    allowed.then_some(Box::new(action))
}

fn segment(text: &Text, compiler: &mut Compiler<'_>) -> Option<SegmentName> {
    let name = compiler.segment(text)?;
    if name.as_str() != "MSH" {
        return Some(name);
    }
    let title = "a message has only one `MSH`";
    let label = "a segment that is there several times goes here";
    compiler.report(Problem::new("C0322", 0..text.value.len(), title, label), text);
    None
}

fn begins(
    text: &Text,
    segment: Option<SegmentName>,
    compiler: &mut Compiler<'_>,
) -> Option<SegmentName> {
    let name = compiler.segment(text)?;
    let (code, title, label) = if name.as_str() == "MSH" {
        ("C0322", "`MSH` begins the message".to_owned(), "it cannot begin every part")
    } else if segment == Some(name) {
        ("C0320", format!("every group begins at its {name} anyway"), "leave this out")
    } else {
        return Some(name);
    };
    compiler.report(Problem::new(code, 0..text.value.len(), title, label), text);
    None
}

impl Action for Split {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let message = work.message();
        let starts = self.starts(message);
        let room = work.room();
        if starts.len() > room.parts {
            let said =
                format!("the message would become more than {} parts", crate::run::PARTS_MAX);
            return Err(Fault::new("R0114", said).into());
        }
        let Some((first, _)) = starts.split_first().filter(|(_, others)| !others.is_empty()) else {
            return Ok(());
        };
        let segments = message.segments().count();
        let ends = starts.iter().skip(1).copied().chain([segments]);
        let mut parts = Vec::with_capacity(starts.len());
        let mut bytes = 0;
        for (start, end) in starts.iter().zip(ends) {
            work.check_budget()?;
            let chosen: Vec<usize> = (0..*first).chain(*start..end).collect();
            let part = message.extract(&chosen);
            bytes += part.as_bytes().len();
            if bytes > room.bytes {
                let limit = crate::run::PARTS_BYTES_MAX >> 20;
                let said = format!("the parts of the message would have more than {limit} MiB");
                return Err(Fault::new("R0114", said).into());
            }
            parts.push(part);
        }
        work.split(parts);
        Ok(())
    }

    /// Only the header is the same in every part as it was in the whole.
    fn may_touch(&self, place: &Place) -> bool {
        place.path().segment.as_str() != "MSH"
    }

    fn splits(&self) -> bool {
        true
    }
}

impl Split {
    /// The positions where groups begin.
    fn starts(&self, message: &Message) -> Vec<usize> {
        let mut begins =
            self.begins.into_iter().flat_map(|name| message.positions(name)).peekable();
        let mut starts = Vec::new();
        for at in message.positions(self.segment) {
            while begins.next_if(|begin| begin + 1 < at).is_some() {}
            starts.push(begins.next_if(|begin| begin + 1 == at).unwrap_or(at));
        }
        starts
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{parts, refused};

    #[test]
    fn every_part_has_the_head_and_its_own_group() {
        assert_eq!(
            parts(
                r#"{ split = "OBR" }"#,
                "PID|1\nORC|a\nOBR|a\nOBX|1\nOBR|b\nORC|x\nORC|c\nOBR|c\nNTE|9"
            ),
            ["1: PID|1 ORC|a OBR|a OBX|1", "2: PID|1 OBR|b ORC|x", "3: PID|1 ORC|c OBR|c NTE|9"]
        );
        assert_eq!(
            parts(r#"{ split = "OBR", begins = "" }"#, "ORC|a\nOBR|a\nORC|b\nOBR|b"),
            ["1: ORC|a OBR|a ORC|b", "2: ORC|a OBR|b"]
        );
        assert_eq!(
            parts(r#"{ split = "RXE", begins = "ORC" }"#, "ORC|a\nRXE|a\nORC|b\nRXE|b"),
            ["1: ORC|a RXE|a", "2: ORC|b RXE|b"]
        );
        assert_eq!(parts(r#"{ split = "RXE" }"#, "ORC|a\nRXE|a\nORC|b\nRXE|b").len(), 2);
    }

    #[test]
    fn a_message_with_one_group_or_none_is_its_own_part() {
        assert_eq!(parts(r#"{ split = "OBR" }"#, "PID|1"), ["1: as received"]);
        assert_eq!(parts(r#"{ split = "OBR" }"#, "PID|1\nOBR|a"), ["1: as received"]);
    }

    #[test]
    fn steps_after_it_run_for_each_part() {
        let steps = r#"{ split = "OBR" }, { keep = 'OBR-2 != "x"' }, { set = 'MSH-10', to = "{MSH-10}-{part}" }, { renumber = 'OBR-1' }, { copy = 'MSH-10', to = 'OBR-3' }"#;
        assert_eq!(parts(steps, "OBR|7|a\nOBR|7|x\nOBR|7|c"), ["1: OBR|1|a|1-1", "3: OBR|1|c|1-3"]);
        assert_eq!(parts(steps, "OBR|1|x\nOBR|1|x"), ["filtered by step 2"]);
        let all = r#"{ split = "OBR" }, { keep = 'OBR-2 != "x"' }, { drop = true }"#;
        assert_eq!(parts(all, "OBR|1|a\nOBR|1|x"), ["filtered by step 3"]);
    }

    #[test]
    fn a_failure_in_one_part_is_the_failure_of_the_message() {
        let steps = r#"{ split = "OBR" }, { require = 'OBR-2 exists', error = "no order" }"#;
        assert_eq!(parts(steps, "OBR|1|a\nOBR|1"), ["failed R0120 transform 2: no order"]);
    }

    #[test]
    fn parts_are_split_again_and_numbered_anew() {
        let steps = r#"{ split = "PID" }, { split = "OBR", when = 'PID-1 != "k"' }, { set = 'PID-2', to = "{part}" }"#;
        assert_eq!(
            parts(steps, "PID|a\nOBR|1\nOBR|2\nPID|k\nOBR|3\nOBR|4\nPID|b\nOBR|5"),
            ["1: PID|a|1 OBR|1", "2: PID|a|2 OBR|2", "3: PID|k|3 OBR|3 OBR|4", "4: PID|b|4 OBR|5"]
        );
    }

    #[test]
    fn a_message_becomes_at_most_a_thousand_parts() {
        let orders = |count: usize| vec!["OBR|1"; count].join("\n");
        assert_eq!(parts(r#"{ split = "OBR" }"#, &orders(1_000)).len(), 1_000);
        let failed = "failed R0114 transform 1: the message would become more than 1000 parts";
        assert_eq!(parts(r#"{ split = "OBR" }"#, &orders(1_001)), [failed]);
        let twice = r#"{ split = "PID" }, { split = "OBR" }"#;
        let failed = "failed R0114 transform 2: the message would become more than 1000 parts";
        let message = format!("PID|1\n{}\nPID|2", orders(1_000));
        assert_eq!(parts(twice, &message), [failed]);
    }

    #[test]
    fn what_is_repeated_cannot_grow_without_end() {
        let message = format!("NTE|{}\n{}", "x".repeat(1 << 20), vec!["OBR|1"; 200].join("\n"));
        let failed =
            "failed R0114 transform 1: the parts of the message would have more than 128 MiB";
        assert_eq!(parts(r#"{ split = "OBR" }"#, &message), [failed]);
    }

    #[test]
    fn mistakes_are_pointed_out() {
        let in_each = r#"{ each = "OBX", do = [{ split = "OBR" }] }"#;
        assert_eq!(refused(in_each), ["C0321 `split` cannot stand inside other steps"]);
        let in_if = r#"{ if = 'PID-1 exists', then = [{ split = "OBR" }] }"#;
        assert_eq!(refused(in_if), ["C0321 `split` cannot stand inside other steps"]);
        for (step, mistake) in [
            (r#"split = "MSH""#, "C0322 a message has only one `MSH`"),
            (r#"split = 'OBR-1'"#, "C0322 `OBR-1` is not the name of a segment"),
            (r#"split = "OBR", begins = "OBR""#, "C0320 every group begins at its OBR anyway"),
            (r#"split = "OBR", begins = "MSH""#, "C0322 `MSH` begins the message"),
        ] {
            assert_eq!(refused(&format!("{{ {step} }}")), [mistake]);
        }
    }
}
