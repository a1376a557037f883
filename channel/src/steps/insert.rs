use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::{self, Place};
use crate::problem::Problem;
use crate::template::Template;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::{Path, SegmentName};

pub(super) const DECL: StepDecl = StepDecl {
    name: "insert",
    doc: "Adds a segment, at the end unless `before` or `after` says where.\n\nIts fields are given in order, from the first; each is \
          one value, escaped. It is added whether or not there is one of its name already. Inside `each`, a segment that belongs to \
          the current one goes to the end of what belongs to it.",
    fields: &[
        Field::required("insert", "The name of the segment.", Kind::Text).examples(&["'ZPI'"]),
        Field::optional(
            "before",
            "The segment it goes before: the first of that name, or `OBX[2]`.",
            Kind::Path,
        ),
        Field::optional(
            "after",
            "The segment it goes after: the first of that name; `OBX[*]` is the last.",
            Kind::Path,
        ),
        Field::optional("fields", "Its fields, from the first.", Kind::List(&Kind::Template)),
    ],
    examples: &[
        "{ insert = 'ZPI', fields = [\"1\", \"{PID-3.1}\"] }",
        "{ insert = 'PV1', after = 'PID', fields = [\"1\", \"U\"], when = 'not (PV1 exists)' }",
    ],
    compile,
};

struct Insert {
    segment: SegmentName,
    spot: Spot,
    fields: Vec<Template>,
}

enum Spot {
    Before(Place),
    After(Place),
    /// After everything that belongs to the segment that a loop is at.
    Group {
        at: usize,
        names: Vec<SegmentName>,
    },
    End,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let segment = segment(section.text("insert")?, compiler);
    let spot = match (section.text("before"), section.text("after")) {
        (None, None) => Some(segment.map_or(Spot::End, |segment| end(segment, compiler))),
        (Some(text), None) => neighbour(text, compiler).map(Spot::Before),
        (None, Some(text)) => neighbour(text, compiler).map(Spot::After),
        (Some(_), Some(_)) => {
            let error = compiler.diags().error(
                "C0320",
                section.span_of("after"),
                "`before` and `after` exclude each other",
            );
            error.label("one of them says where it goes");
            None
        }
    };
    let fields: Vec<Option<Template>> =
        section.texts("fields").into_iter().map(|text| Template::compile(text, compiler)).collect();
    let fields = fields.into_iter().collect::<Option<Vec<Template>>>()?;
    Some(Box::new(Insert { segment: segment?, spot: spot?, fields }))
}

/// Where a segment goes when nothing is said: to the end of the group that it belongs to, or of the message.
fn end(segment: SegmentName, compiler: &Compiler<'_>) -> Spot {
    match compiler.place(Path::of_segment(segment)).group() {
        None => Spot::End,
        Some(at) => {
            let names = compiler.loops.get(at).map(|around| around.with.clone());
            Spot::Group { at, names: names.unwrap_or_default() }
        }
    }
}

fn segment(text: &Text, compiler: &mut Compiler<'_>) -> Option<SegmentName> {
    let whole = 0..text.value.len();
    let problem = match SegmentName::new(&text.value) {
        None => Problem::new(
            "C0322",
            whole,
            format!("`{}` is not the name of a segment", text.value),
            "three capitals, such as `ZPI`",
        ),
        Some(name) if matches!(name.as_str(), "MSH" | "FHS" | "BHS") => Problem::new(
            "C0322",
            whole,
            format!("`{name}` cannot be added"),
            "a message has one, at its start",
        ),
        Some(name) if compiler.is_looped(name) => {
            let title = format!("`{name}` cannot be added inside `each = \"{name}\"`");
            Problem::new("C0321", whole, title, "the loop would come to it as well")
        }
        Some(name) => return Some(name),
    };
    compiler.report(problem, text);
    None
}

fn neighbour(text: &Text, compiler: &mut Compiler<'_>) -> Option<Place> {
    let path = compiler.path(text)?;
    if path.field.is_none() {
        return Some(compiler.place(path));
    }
    let segment = Path::of_segment(path.segment);
    let problem = Problem::new(
        "C0322",
        0..text.value.len(),
        format!("`{path}` is not a segment"),
        "a segment goes here",
    );
    compiler.report(problem.help(format!("write `{segment}`")), text);
    None
}

impl Action for Insert {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        // Rendered before there is a new segment that a template could mean by its name.
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            values.push(field.render(&work.scene())?.into_owned());
        }
        let inserted = match &self.spot {
            Spot::End => work.insert(self.segment, hl7::Place::End)?,
            Spot::Before(place) => {
                let path = neighbour_now(place, work, false)?;
                work.insert(self.segment, hl7::Place::Before(&path))?
            }
            Spot::After(place) => {
                let path = neighbour_now(place, work, true)?;
                work.insert(self.segment, hl7::Place::After(&path))?
            }
            Spot::Group { at, names } => {
                let path = last_of_group(*at, names, work)?;
                work.insert(self.segment, hl7::Place::After(&path))?
            }
        };
        for (field, value) in (1..).zip(&values) {
            work.set(&Path { field: Some(field), ..inserted.clone() }, value)?;
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        place.path().segment == self.segment
    }
}

/// The segment that the new one goes beside; in a group, `[*]` is the first or the last of it.
fn neighbour_now(place: &Place, work: &Work<'_>, after: bool) -> Result<Path, Fault> {
    let mut paths = work.by_segment(place)?;
    let path = if after { paths.pop() } else { paths.into_iter().next() };
    Ok(path.unwrap_or_else(|| work.path(place).into_owned()))
}

/// The last segment of the group that a loop is at: the current one, when nothing belongs to it.
fn last_of_group(at: usize, names: &[SegmentName], work: &Work<'_>) -> Result<Path, Fault> {
    let (message, range) = (work.message(), place::group(work.message(), work.cursors(), at));
    let mut last = work.cursors().get(at).map(|cursor| {
        (range.start.saturating_sub(1), Path::of_segment(cursor.segment), cursor.occurrence)
    });
    for name in names {
        let members = place::members_of(message, *name, &range);
        let position = message.positions(*name).take(members.last()).last();
        if let Some(position) = position.filter(|_| members.count > 0)
            && last.as_ref().is_none_or(|(found, ..)| position > *found)
        {
            last = Some((position, Path::of_segment(*name), members.last()));
        }
    }
    let Some((_, path, occurrence)) = last else {
        return Err(Fault::new("R0103", "the message has no such group"));
    };
    Ok(path.at(usize::from(place::countable(occurrence, &path)?)))
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    #[test]
    fn a_segment_is_added_where_it_belongs() {
        let fields = r#"fields = ["1", "", "{PID-1}|"]"#;
        assert_eq!(
            run(&format!("{{ insert = 'ZPI', {fields} }}"), "PID|7\rPV1|1"),
            "PID|7\nPV1|1\nZPI|1||7\\F\\"
        );
        assert_eq!(run("{ insert = 'ZPI', after = 'PID' }", "PID|7\rPV1|1"), "PID|7\nZPI\nPV1|1");
        assert_eq!(
            run("{ insert = 'NTE', before = 'OBX[2]' }", "OBX|1\rOBX|2"),
            "OBX|1\nNTE\nOBX|2"
        );
        assert_eq!(
            run("{ insert = 'NTE', after = 'OBX[*]' }", "OBX|1\rOBX|2\rZZZ|1"),
            "OBX|1\nOBX|2\nNTE\nZZZ|1"
        );
        let each =
            r#"{ each = "OBX", do = [{ insert = 'NTE', after = 'OBX', fields = ["{OBX-1}"] }] }"#;
        assert_eq!(run(each, "OBX|1\rOBX|2"), "OBX|1\nNTE|1\nOBX|2\nNTE|2");
    }

    #[test]
    fn a_missing_neighbour_fails_the_step() {
        assert_eq!(
            run("{ insert = 'ZPI', after = 'PV1' }", "PID|7"),
            "failed R0103 transform 1: the message has no PV1"
        );
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(refused("{ insert = 'MSH' }"), ["C0322 `MSH` cannot be added"]);
        assert_eq!(refused("{ insert = 'zpi' }"), ["C0322 `zpi` is not the name of a segment"]);
        assert_eq!(
            refused("{ insert = 'ZPI', after = 'PID-3' }"),
            ["C0322 `PID-3` is not a segment"]
        );
        let each = r#"{ each = "OBX", do = [{ insert = 'OBX' }] }"#;
        assert_eq!(refused(each), ["C0321 `OBX` cannot be added inside `each = \"OBX\"`"]);
    }
}
