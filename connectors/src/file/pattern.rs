//! Which names a source takes.

/// A pattern of `*` (any text) and `?` (one byte), in which capital and small letters are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Every text is one.
    pub fn new(text: &str) -> Pattern {
        Pattern(text.to_owned())
    }

    /// Whether the whole name fits.
    pub fn matches(&self, name: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut p, mut n) = (0, 0);
        // Where to go on when what followed the last star does not fit: one byte further in the name.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(wanted) if *wanted == b'?' || wanted.eq_ignore_ascii_case(&name[n]) => {
                    p += 1;
                    n += 1;
                }
                Some(_) | None => match &mut star {
                    Some((at, from)) => {
                        *from += 1;
                        (p, n) = (*at + 1, *from);
                    }
                    None => return false,
                },
            }
        }
        pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_their_patterns() {
        for (pattern, name, fits) in [
            ("*.hl7", "a.hl7", true),
            ("*.hl7", "A.HL7", true),
            ("*.hl7", ".hl7", true),
            ("*.hl7", "a.hl7.part", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("lab?_*.txt", "lab1_x_y.txt", true),
            ("lab?_*.txt", "lab_x.txt", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**a", "bba", true),
            ("[a]", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name.as_bytes()), fits, "{pattern} {name}");
        }
        let slow = "a".repeat(10_000);
        assert!(!Pattern::new(&format!("{}b", "*a".repeat(50))).matches(slow.as_bytes()));
    }
}
