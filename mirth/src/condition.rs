//! Conditions of the channel language, put together and written.

/// The longest condition that is written, in bytes; the language takes twice as much, and nobody reads that.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cond {
    True,
    False,
    /// One test, and how its opposite is written if that is a test as well.
    Test(String, Option<String>),
    /// A place is, or is not, exactly a text.
    Is {
        path: String,
        text: String,
        equal: bool,
    },
    And(Vec<Cond>),
    Or(Vec<Cond>),
    Not(Box<Cond>),
}

impl Cond {
    pub(crate) fn test(text: String) -> Cond {
        Cond::Test(text, None)
    }

    pub(crate) fn both(text: String, opposite: String) -> Cond {
        Cond::Test(text, Some(opposite))
    }

    /// Never true, of whatever message.
    pub(crate) fn never() -> Cond {
        Cond::test("not (MSH exists)".to_owned())
    }

    pub(crate) fn and(self, other: Cond) -> Cond {
        match (self, other) {
            (Cond::False, _) | (_, Cond::False) => Cond::False,
            (Cond::True, other) | (other, Cond::True) => other,
            (Cond::And(mut left), Cond::And(right)) => {
                left.extend(right);
                Cond::And(left)
            }
            (Cond::And(mut left), right) => {
                left.push(right);
                Cond::And(left)
            }
            (left, right) => Cond::And(vec![left, right]),
        }
    }

    pub(crate) fn or(self, other: Cond) -> Cond {
        match (self, other) {
            (Cond::True, _) | (_, Cond::True) => Cond::True,
            (Cond::False, other) | (other, Cond::False) => other,
            (Cond::Or(mut left), Cond::Or(right)) => {
                left.extend(right);
                Cond::Or(left)
            }
            (Cond::Or(mut left), right) => {
                left.push(right);
                Cond::Or(left)
            }
            (left, right) => Cond::Or(vec![left, right]),
        }
    }

    pub(crate) fn is_short(&self) -> bool {
        self.text().len() <= TEXT_BYTES_MAX
    }

    pub(crate) fn negated(self) -> Cond {
        match self {
            Cond::True => Cond::False,
            Cond::False => Cond::True,
            Cond::Test(text, Some(opposite)) => Cond::Test(opposite, Some(text)),
            Cond::Is { path, text, equal } => Cond::Is { path, text, equal: !equal },
            Cond::Not(inner) => *inner,
            other => Cond::Not(Box::new(other)),
        }
    }

    /// As the language writes it. The two constants have no form of their own there; callers look for them first.
    pub(crate) fn text(&self) -> String {
        match self {
            Cond::True => "MSH exists".to_owned(),
            Cond::False => "not (MSH exists)".to_owned(),
            Cond::Test(text, _) => text.clone(),
            Cond::Is { path, text, equal: true } => format!("{path} = {}", quoted(text)),
            Cond::Is { path, text, equal: false } => format!("{path} != {}", quoted(text)),
            Cond::And(parts) => {
                let parts = merged(parts, false);
                let texts = parts.iter().map(|part| match part {
                    Cond::Or(_) => format!("({})", part.text()),
                    _ => part.text(),
                });
                texts.collect::<Vec<_>>().join(" and ")
            }
            Cond::Or(parts) => {
                let parts = merged(parts, true);
                parts.iter().map(Cond::text).collect::<Vec<_>>().join(" or ")
            }
            Cond::Not(inner) => format!("not ({})", inner.text()),
        }
    }
}

/// `PV1-2 = "I" or PV1-2 = "E"` reads better as `PV1-2 in ("I", "E")`, and so do two `!=` with `and`.
fn merged(parts: &[Cond], wanted: bool) -> Vec<Cond> {
    let mut out: Vec<Cond> = Vec::new();
    let mut run: Option<(&str, Vec<&str>)> = None;
    for part in parts {
        match (part, &mut run) {
            (Cond::Is { path, text, equal }, Some((of, texts)))
                if *equal == wanted && path == of =>
            {
                texts.push(text);
            }
            (Cond::Is { path, text, equal }, _) if *equal == wanted => {
                flush(run.take(), wanted, &mut out);
                run = Some((path, vec![text]));
            }
            (other, _) => {
                flush(run.take(), wanted, &mut out);
                out.push(other.clone());
            }
        }
    }
    flush(run, wanted, &mut out);
    out
}

fn flush(run: Option<(&str, Vec<&str>)>, equal: bool, out: &mut Vec<Cond>) {
    let Some((path, texts)) = run else { return };
    if let [text] = texts.as_slice() {
        out.push(Cond::Is { path: path.to_owned(), text: (*text).to_owned(), equal });
        return;
    }
    let list = texts.into_iter().map(quoted).collect::<Vec<_>>().join(", ");
    out.push(Cond::test(match equal {
        true => format!("{path} in ({list})"),
        false => format!("not ({path} in ({list}))"),
    }));
}

/// A text as conditions write it: a quote inside it is doubled.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
