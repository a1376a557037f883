use config::Name;
use phi::Phi;
use std::fmt;

/// Which list of steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// `[transform]`.
    Transform,
    /// The steps, `when` or `order_by` of a destination.
    Destination(Name),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Transform => f.write_str("transform"),
            Part::Destination(name) => name.fmt(f),
        }
    }
}

/// A step, as people find it: counted from 1 through the whole list, steps inside `if` and `each` included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepAt {
    /// Its number.
    pub number: u16,
    /// How many steps the list has.
    pub of: u16,
    /// The line of the channel file.
    pub line: u32,
    /// The list.
    pub part: Part,
}

impl fmt::Display for StepAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} of {} in {} (line {})", self.number, self.of, self.part, self.line)
    }
}

/// Why a message, or what was made of it for one destination, could not be processed.
#[derive(Clone)]
pub struct Failure {
    /// A stable code such as `R0110`.
    pub code: &'static str,
    /// The list it happened in.
    pub part: Part,
    /// The step; none when it was a destination's `when` or `order_by`.
    pub step: Option<StepAt>,
    /// What happened, values of the message included.
    pub text: Phi<String>,
    /// Code, step and text with values cut out: equal for failures of the same kind, and free of patient data.
    pub signature: String,
    /// What the sender may be told: the author's own words of a `require`, else nothing but the code.
    pub told: String,
}

/// A failure before it is known which step it belongs to.
#[derive(Clone)]
pub(crate) struct Fault {
    code: &'static str,
    said: String,
    value: Option<Phi<String>>,
    told: Option<String>,
}

impl Fault {
    /// What happened, in words that hold no value of the message.
    pub(crate) fn new(code: &'static str, said: impl Into<String>) -> Fault {
        Fault { code, said: said.into(), value: None, told: None }
    }

    /// The value it happened to.
    pub(crate) fn value(mut self, value: impl Into<String>) -> Fault {
        self.value = Some(Phi::new(value.into()));
        self
    }

    /// The author of the channel wrote these words for whoever sends such a message.
    pub(crate) fn told(mut self, words: &str) -> Fault {
        self.told = Some(words.to_owned());
        self
    }

    pub(crate) fn into_failure(self, part: Part, step: Option<StepAt>) -> Failure {
        let place = match &step {
            Some(step) => format!("{part} {}", step.number),
            None => part.to_string(),
        };
        let signature = format!("{} {place}: {}", self.code, without_indexes(&self.said));
        let text = match self.value {
            None => self.said,
            Some(value) => format!("{}: \"{}\"", self.said, value.expose_phi()),
        };
        let told = self
            .told
            .unwrap_or_else(|| format!("the message could not be processed ({})", self.code));
        Failure { code: self.code, part, step, text: Phi::new(text), signature, told }
    }
}

/// `OBX[7]-5` as `OBX-5`: which segment it was differs from message to message and is no other kind of failure.
fn without_indexes(said: &str) -> String {
    let mut out = String::with_capacity(said.len());
    let mut rest = said;
    while let Some(open) = rest.find('[') {
        let (before, inside) = rest.split_at(open);
        out.push_str(before);
        let digits = inside
            .get(1..)
            .map_or(0, |inside| inside.bytes().take_while(u8::is_ascii_digit).count());
        let index = digits > 0 && inside.as_bytes().get(digits + 1) == Some(&b']');
        let taken = if index { digits + 2 } else { 1 };
        if !index {
            out.push('[');
        }
        rest = inside.get(taken..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_failure_in_another_segment_has_the_same_signature() {
        assert_eq!(without_indexes("OBX[12]-5 and PID-3[2].1"), "OBX-5 and PID-3.1");
        assert_eq!(without_indexes(r#"PID-3[.5 = "MR"].1 [x [1"#), r#"PID-3[.5 = "MR"].1 [x [1"#);
    }

    #[test]
    fn a_signature_holds_no_value() {
        let step = StepAt { number: 5, of: 7, line: 17, part: Part::Transform };
        let failure = |value: &str| {
            Fault::new("R0110", "PV1-2 is not in code table `patient_class`")
                .value(value)
                .into_failure(Part::Transform, Some(step.clone()))
        };
        let (one, other) = (failure("DOE"), failure("ROE"));
        assert_eq!(one.signature, other.signature);
        assert_eq!(one.signature, "R0110 transform 5: PV1-2 is not in code table `patient_class`");
        assert_eq!(one.text.expose_phi(), "PV1-2 is not in code table `patient_class`: \"DOE\"");
        assert!(!one.told.contains("DOE"));
    }
}
