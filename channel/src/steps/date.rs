use super::miss::{MISS, Miss};
use super::{Action, StepDecl, leaves};
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::pattern::Pattern;
use crate::place::Place;
use crate::problem::Problem;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::Path;
use hl7::timestamp::Timestamp;
use jiff::tz::TimeZone;

/// The word for the form that HL7 has itself.
const HL7: &str = "hl7";

pub(super) const DECL: StepDecl = StepDecl {
    name: "date",
    doc: "Writes dates and times in another form, and on the clocks of another time zone.\n\nIn a pattern `yyyy`, `MM`, `dd`, `HH`, \
          `mm`, `ss`, `S` (as many digits of the fraction as there are) and `Z` (`+0100`) stand for the parts, letters in single \
          quotes and all other characters for themselves; `hl7` is the timestamp of the standard, cut off anywhere after the year. \
          No digit is invented: `hl7` keeps the precision of the value, and a value that is coarser than the pattern in `to` is a \
          miss. Parts that the pattern in `to` does not have are left out.\n\nOnly what has a time of day is converted to `to_zone`, \
          and `hl7` then says the offset too. A local time that does not exist or exists twice because clocks were changed is a \
          miss. An empty value and the HL7 null stay; a value with components is a miss.",
    fields: &[
        Field::required("date", "The values.", Kind::Paths),
        Field::optional(
            "from",
            "The pattern of what was received, or several, which are tried in order; `hl7` if nothing is said.",
            FROM,
        )
        .examples(&["\"dd.MM.yyyy\"", "[\"yyyyMMdd\", \"dd.MM.yyyy\"]"]),
        Field::default("to", "The pattern of what is written.", Kind::Text, HL7)
            .examples(&["\"yyyyMMdd\"", "\"yyyy-MM-dd'T'HH:mm:ssZ\""]),
        Field::optional(
            "zone",
            "The time zone of values that say no offset; the site's zone if nothing is said.",
            Kind::Zone,
        )
        .examples(&["\"America/Chicago\""]),
        Field::optional("to_zone", "The time zone that times are converted to.", Kind::Zone)
            .examples(&["\"UTC\""]),
        Field::optional(
            "miss",
            "What happens to a value that cannot be written in this form; `fail` if nothing is said.",
            Kind::Choice(MISS),
        ),
    ],
    examples: &[
        "{ date = 'PID-7', from = [\"yyyyMMdd\", \"dd.MM.yyyy\"], to = \"yyyyMMdd\" }",
        "{ date = ['OBR-7', 'OBX[*]-14'], zone = \"America/Chicago\", to_zone = \"UTC\", miss = \"keep\" }",
    ],
    compile,
};

const FROM: Kind = Kind::Any(&[Kind::Text, Kind::List(&Kind::Text)]);

struct Date {
    places: Vec<Place>,
    from: Vec<Form>,
    to: Form,
    /// Of values without an offset.
    zone: TimeZone,
    to_zone: Option<TimeZone>,
    miss: Miss,
}

/// How a timestamp is written.
enum Form {
    Hl7,
    Pattern(Pattern),
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("date"));
    let from = section.texts("from");
    if section.is_given("from") && from.is_empty() {
        let error =
            compiler.diags().error("C0320", section.span_of("from"), "`from` has no pattern");
        error.label("a pattern such as `\"yyyyMMdd\"` goes here");
        return None;
    }
    let mut from: Vec<Option<Form>> =
        from.into_iter().map(|text| form(text, Pattern::to_read, compiler)).collect();
    if from.is_empty() {
        from.push(Some(Form::Hl7));
    }
    let to = match section.text("to") {
        None => Some(Form::Hl7),
        Some(text) => form(text, Pattern::to_write, compiler),
    };
    // A zone that does not exist was reported when the step was read.
    let zone = |key: &str| section.text(key).map(|text| TimeZone::get(&text.value));
    let from_zone = match zone("zone") {
        None => compiler.tables().zone(),
        Some(zone) => zone.ok()?,
    };
    let to_zone = zone("to_zone").transpose().ok()?;
    Some(Box::new(Date {
        places: places?,
        from: from.into_iter().collect::<Option<Vec<Form>>>()?,
        to: to?,
        zone: from_zone,
        to_zone,
        miss: Miss::of(section),
    }))
}

fn form(
    text: &Text,
    read: fn(&str) -> Result<Pattern, Problem>,
    compiler: &mut Compiler<'_>,
) -> Option<Form> {
    if text.value == HL7 {
        return Some(Form::Hl7);
    }
    match read(&text.value) {
        Ok(pattern) => Some(Form::Pattern(pattern)),
        Err(problem) => {
            compiler.report(problem, text);
            None
        }
    }
}

impl Action for Date {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        for place in &self.places {
            work.at_each(place, |work, path| Ok(self.rewrite(work, path)?))?;
        }
        Ok(())
    }

    fn may_touch(&self, place: &Place) -> bool {
        self.places.iter().any(|target| target.may_touch(place))
    }
}

impl Date {
    fn rewrite(&self, work: &mut Work<'_>, path: &Path) -> Result<(), Fault> {
        let Some(text) = work.value(path)? else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        let read = if leaves::is_one(work, path) { self.read(&text) } else { None };
        let text = text.into_owned();
        let said = match read {
            None => format!("{path} is not a timestamp of the form that is expected"),
            Some(time) => match self.write(time) {
                Ok(written) if written == text => return Ok(()),
                Ok(written) => return work.set(path, &written),
                Err(why) => format!("{path} {why}"),
            },
        };
        self.miss.settle(work, path, || Fault::new("R0113", said).value(text))
    }

    fn read(&self, text: &str) -> Option<Timestamp> {
        self.from.iter().find_map(|form| match form {
            Form::Hl7 => Timestamp::parse(text).ok(),
            Form::Pattern(pattern) => pattern.read(text),
        })
    }

    /// What is to stand there, or why nothing can.
    fn write(&self, time: Timestamp) -> Result<String, &'static str> {
        const NO_INSTANT: &str = "is a local time that cannot be converted: it does not exist, exists twice, or is too coarse";
        let local = time.offset_minutes().is_none();
        let time = match &self.to_zone {
            Some(to) if !local || self.zone != *to => {
                time.in_zone(&self.zone, to).ok_or(NO_INSTANT)?
            }
            Some(_) | None => time,
        };
        match &self.to {
            Form::Hl7 => Ok(time.to_string()),
            Form::Pattern(pattern) => {
                let time = if pattern.has_offset() && local && time.offset_minutes().is_none() {
                    time.in_zone(&self.zone, &self.zone).ok_or(NO_INSTANT)?
                } else {
                    time
                };
                pattern.write(&time).ok_or("is less precise than what is to be written")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    fn date(keys: &str, value: &str) -> String {
        let told =
            run(&format!("{{ date = 'OBX-14'{keys} }}"), &format!("OBX||||||||||||||{value}|x"));
        told.trim_start_matches("OBX||||||||||||||").trim_end_matches("|x").to_owned()
    }

    #[test]
    fn a_date_is_written_in_another_form() {
        let keys = r#", from = ["yyyyMMdd", "dd.MM.yyyy", "hl7"], to = "yyyyMMdd""#;
        for (sent, written) in [
            ("31.01.2026", "20260131"),
            ("20260131", "20260131"),
            ("202601311230", "20260131"),
            ("20260131123000.5+0100", "20260131"),
            ("", ""),
            ("\"\"", "\"\""),
        ] {
            assert_eq!(date(keys, sent), written);
        }
        assert_eq!(date(r#", to = "dd/MM/yyyy HH:mm""#, "202601311230"), "31/01/2026 12:30");
        assert_eq!(date(r#", to = "yyyy&MM""#, "202601311230"), r"2026\T\01");
    }

    #[test]
    fn the_precision_of_a_value_is_kept() {
        let keys = r#", from = ["hl7", "yyyy-MM-dd HH:mm", "yyyy-MM"]"#;
        for (sent, written) in [
            ("2026", "2026"),
            ("2026-01", "202601"),
            ("2026-01-31 12:30", "202601311230"),
            ("20260131123000.25", "20260131123000.25"),
        ] {
            assert_eq!(date(keys, sent), written);
        }
        let failed = "failed R0113 transform 1: OBX-14 is less precise than what is to be written";
        assert_eq!(date(r#", to = "yyyyMMdd""#, "202601"), format!("{failed} [202601]"));
    }

    #[test]
    fn times_are_converted_and_days_are_not() {
        let keys = r#", zone = "America/Chicago", to_zone = "UTC""#;
        for (sent, written) in [
            ("202601311200", "202601311800+0000"),
            ("202607312300", "202608010400+0000"),
            ("2026073112+0200", "2026073110+0000"),
            ("20260731", "20260731"),
            ("2026", "2026"),
        ] {
            assert_eq!(date(keys, sent), written);
        }
        let local = r#", zone = "America/Chicago", to_zone = "Europe/Berlin", to = "yyyyMMddHHmm""#;
        assert_eq!(date(local, "202601312000"), "202602010300");
    }

    #[test]
    fn a_time_that_clocks_do_not_show_once_is_a_miss_when_it_matters() {
        let zone = r#", zone = "America/Chicago", miss = "clear""#;
        for sent in ["202603080230", "202611010130"] {
            assert_eq!(date(&format!(r#"{zone}, to_zone = "UTC""#), sent), "");
            assert_eq!(date(&format!(r#"{zone}, to = "yyyyMMddHHmmZ""#), sent), "");
            assert_eq!(date(&format!(r#"{zone}, to_zone = "America/Chicago""#), sent), sent);
            assert_eq!(date(zone, sent), sent);
        }
        assert_eq!(
            date(&format!(r#"{zone}, to = "yyyyMMddHHmmZ""#), "202603080330"),
            "202603080330-0500"
        );
        assert_eq!(
            date(&format!(r#"{zone}, to_zone = "UTC""#), "202611010130-0500"),
            "202611010630+0000"
        );
    }

    #[test]
    fn the_zone_of_the_site_is_meant_when_none_is_named() {
        assert_eq!(date(r#", to_zone = "America/Chicago""#, "202601311200"), "202601310600-0600");
        assert_eq!(date(r#", to_zone = "UTC""#, "202601311200"), "202601311200");
        assert_eq!(date(r#", to = "yyyyMMddHHZ""#, "202601311200"), "2026013112+0000");
    }

    #[test]
    fn what_is_no_date_is_decided_by_the_step() {
        let failed =
            "failed R0113 transform 1: OBX-14 is not a timestamp of the form that is expected";
        assert_eq!(date("", "31.01.2026"), format!("{failed} [31.01.2026]"));
        for value in ["20260230", "2026013", "20260131^D", " 20260131", "20260131&1"] {
            assert_eq!(date(r#", miss = "keep""#, value), value);
            assert_eq!(date(r#", miss = "clear""#, value), "");
        }
    }

    #[test]
    fn mistakes_are_pointed_out() {
        for (keys, mistake) in [
            (r#"from = "YYYYMMDD""#, "C0324 `YYYY` is no part of a date"),
            (r#"from = []"#, "C0320 `from` has no pattern"),
            (r#"to = "HL7""#, "C0324 `H` is no part of a date"),
            (r#"to_zone = "Chicago""#, "C0108 `Chicago` is not a time zone"),
        ] {
            assert_eq!(refused(&format!("{{ date = 'PID-7', {keys} }}")), [mistake]);
        }
        let both = r#"{ date = 'PID-7', from = ["yyyydd", "yy"], to = "-" }"#;
        assert_eq!(refused(both).len(), 3);
    }
}
