use super::miss::{MISS, Miss};
use super::{Action, StepDecl, leaves};
use crate::compiler::Compiler;
use crate::exact::Exact;
use crate::failure::Fault;
use crate::place::Place;
use crate::work::{Stop, Work};
use config::{Field, Kind, Section, Text};
use hl7::Path;

/// The most digits of a factor, so that multiplying by it stays quick for whatever is received.
const FACTOR_DIGITS_MAX: usize = 40;
/// The most digits after the point that can be asked for.
const PLACES_MAX: i64 = 100;

pub(super) const DECL: StepDecl = StepDecl {
    name: "number",
    doc: "Writes numbers the way HL7 does: a sign, digits, a point.\n\nIt calculates with the decimal digits themselves and never with \
          binary fractions. A `+`, zeros before the number and blanks around it go; an empty value and the HL7 null stay. What is not \
          a number, such as `<0.5` or a value with components, fails the step unless `miss` says what to do instead.",
    fields: &[
        Field::required("number", "The numbers.", Kind::Paths),
        Field::default(
            "decimal",
            "What stands between whole and fraction in what was received.",
            Kind::Text,
            ".",
        )
        .examples(&["\",\""]),
        Field::optional(
            "thousands",
            "What stands between groups of three digits in what was received; nothing if nothing is said.",
            Kind::Text,
        )
        .examples(&["\".\"", "\"'\""]),
        Field::optional(
            "factor",
            "What the number is multiplied by, such as from one unit to another. Zeros at the end of the product go.",
            Kind::Text,
        )
        .examples(&["\"0.0555\""]),
        Field::optional(
            "places",
            "How many digits there are after the point: rounded half away from zero, or filled up with zeros.",
            Kind::Integer { min: 0, max: PLACES_MAX },
        )
        .examples(&["2"]),
        Field::optional(
            "miss",
            "What happens to a value that is not a number; `fail` if nothing is said.",
            Kind::Choice(MISS),
        ),
    ],
    examples: &[
        "{ number = 'OBX-5', decimal = \",\", thousands = \".\" }",
        "{ number = 'OBX[*]-5', factor = \"0.0555\", places = 2, miss = \"keep\" }",
    ],
    compile,
};

struct Number {
    places: Vec<Place>,
    decimal: char,
    thousands: Option<char>,
    factor: Option<Exact>,
    digits: Option<usize>,
    miss: Miss,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let places = compiler.targets(section.texts("number"));
    let decimal = match section.text("decimal") {
        None => Some('.'),
        Some(text) => separator(text, compiler),
    };
    let thousands = match section.text("thousands") {
        None => Some(None),
        Some(text) => separator(text, compiler).map(Some),
    };
    let factor = match section.text("factor") {
        None => Some(None),
        Some(text) => factor(text, compiler).map(Some),
    };
    let (decimal, thousands) = (decimal?, thousands?);
    if thousands == Some(decimal) {
        let title = format!("`{decimal}` separates both thousands and the fraction");
        let error = compiler.diags().error("C0320", section.span_of("thousands"), title);
        error.label("the two could not be told apart").help(format!(
            "say what the fraction begins with: `decimal = \"{}\"`",
            if decimal == '.' { ',' } else { '.' }
        ));
        return None;
    }
    let digits = section.integer("places").and_then(|places| usize::try_from(places).ok());
    let miss = Miss::of(section);
    Some(Box::new(Number { places: places?, decimal, thousands, factor: factor?, digits, miss }))
}

fn separator(text: &Text, compiler: &mut Compiler<'_>) -> Option<char> {
    let mut characters = text.value.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) if !only.is_ascii_digit() && !matches!(only, '+' | '-') => Some(only),
        _ => {
            let title = format!("`{}` separates no digits", text.value);
            let error = compiler.diags().error("C0324", text.span, title);
            error.label("one character goes here, such as `\",\"`");
            None
        }
    }
}

fn factor(text: &Text, compiler: &mut Compiler<'_>) -> Option<Exact> {
    let label = match Exact::read(&text.value) {
        Some(factor) if factor.len() <= FACTOR_DIGITS_MAX => return Some(factor),
        Some(_) => format!("it has more than {FACTOR_DIGITS_MAX} digits"),
        None => "digits with a point, such as `\"0.0555\"`".to_owned(),
    };
    let title = format!("`{}` cannot be multiplied by", text.value);
    compiler.diags().error("C0324", text.span, title).label(label);
    None
}

impl Action for Number {
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

impl Number {
    fn rewrite(&self, work: &mut Work<'_>, path: &Path) -> Result<(), Fault> {
        let Some(text) = work.value(path)? else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        let read = if leaves::is_one(work, path) { self.read(&text) } else { None };
        let text = text.into_owned();
        let Some(number) = read else {
            return self.miss.settle(work, path, || {
                Fault::new("R0112", format!("{path} is not a number")).value(text)
            });
        };
        let number = match &self.factor {
            None => number,
            Some(factor) => number.times(factor),
        };
        let written = match self.digits {
            None => number,
            Some(digits) => number.rounded(digits),
        }
        .to_string();
        if written == text { Ok(()) } else { work.set(path, &written) }
    }

    /// The number as it was sent; none unless every character of it has its place.
    fn read(&self, text: &str) -> Option<Exact> {
        let text = text.trim_matches(' ');
        let (whole, fraction) = match text.split_once(self.decimal) {
            None => (text, None),
            Some((whole, fraction)) => (whole, Some(fraction)),
        };
        let mut plain = match self.thousands {
            Some(thousands) if whole.contains(thousands) => grouped(whole, thousands)?,
            _ => whole.to_owned(),
        };
        if let Some(fraction) = fraction {
            plain.push('.');
            plain.push_str(fraction);
        }
        // A point where another separator was agreed on is no separator.
        let points = plain.matches('.').count();
        (points == usize::from(fraction.is_some())).then(|| Exact::read(&plain)).flatten()
    }
}

/// The digits of a whole number without the separators between its thousands.
///
/// Groups of another length are refused: `1.25` with the point as separator was a fraction, and would become a hundred times as much.
fn grouped(whole: &str, separator: char) -> Option<String> {
    let digits = whole.trim_start_matches(['+', '-']);
    let mut groups = digits.split(separator);
    let first = groups.next()?;
    let sound = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    sound.then(|| whole.replace(separator, ""))
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run};

    fn number(keys: &str, value: &str) -> String {
        let told = run(&format!("{{ number = 'OBX-5'{keys} }}"), &format!("OBX|||||{value}|x"));
        told.trim_start_matches("OBX|||||").trim_end_matches("|x").to_owned()
    }

    #[test]
    fn a_number_becomes_plain() {
        for (sent, plain) in [
            ("5", "5"),
            ("5.50", "5.50"),
            ("+007", "7"),
            (" -.5 ", "-0.5"),
            ("", ""),
            ("\"\"", "\"\""),
        ] {
            assert_eq!(number("", sent), plain);
        }
        assert_eq!(number(r#", decimal = ",""#, "-1,50"), "-1.50");
        assert_eq!(number(r#", decimal = ",", thousands = ".""#, "1.234.567,8"), "1234567.8");
        assert_eq!(number(r#", thousands = "'""#, "12'345'678"), "12345678");
    }

    #[test]
    fn units_are_changed_exactly() {
        assert_eq!(number(r#", factor = "0.0555", places = 2"#, "100"), "5.55");
        assert_eq!(number(r#", factor = "0.0555""#, "90"), "4.995");
        assert_eq!(number(r#", factor = "0.0555", places = 2"#, "90"), "5.00");
        assert_eq!(number(r#", factor = "18.018", decimal = ",", places = 0"#, "5,5"), "99");
        assert_eq!(number(", places = 1", "-0.05"), "-0.1");
        assert_eq!(number(", places = 0", "-0.4"), "0");
    }

    #[test]
    fn what_is_not_a_number_is_decided_by_the_step() {
        let failed = "failed R0112 transform 1: OBX-5 is not a number [<0.5]";
        assert_eq!(number("", "<0.5"), failed);
        assert_eq!(number(r#", miss = "fail""#, "<0.5"), failed);
        assert_eq!(number(r#", miss = "keep""#, "<0.5"), "<0.5");
        assert_eq!(number(r#", miss = "clear""#, "<0.5"), "");
        for value in ["1,5", "1e5", "5 mg", "1^2", "-", "1.2.3", "5&6"] {
            assert_eq!(number(r#", miss = "clear""#, value), "", "{value}");
        }
    }

    #[test]
    fn separators_have_to_stand_where_they_belong() {
        for value in ["1.25", "1.5,0", "1234.567", ".123", "1..234", "1,2,3", "1.2345", "1,234.5"] {
            let keys = r#", decimal = ",", thousands = ".", miss = "clear""#;
            assert_eq!(number(keys, value), "", "{value}");
        }
        assert_eq!(number(r#", decimal = ",", miss = "clear""#, "1.5"), "");
    }

    #[test]
    fn every_place_is_rewritten() {
        let step = r#"{ number = ['OBX[*]-5[*]', 'PID-1'], decimal = "," }"#;
        assert_eq!(
            run(step, "PID|01\rOBX|||||1,5~2\rOBX|||||3,"),
            "PID|1\nOBX|||||1.5~2\nOBX|||||3"
        );
    }

    #[test]
    fn mistakes_are_pointed_out() {
        for (keys, mistake) in [
            (r#"decimal = ",,""#, "C0324 `,,` separates no digits"),
            (r#"thousands = "0""#, "C0324 `0` separates no digits"),
            (r#"thousands = ".""#, "C0320 `.` separates both thousands and the fraction"),
            (r#"factor = "1,5""#, "C0324 `1,5` cannot be multiplied by"),
            (r#"miss = "drop""#, "C0107 `drop` is not a value of `miss`"),
        ] {
            assert_eq!(refused(&format!("{{ number = 'OBX-5', {keys} }}")), [mistake]);
        }
    }
}
