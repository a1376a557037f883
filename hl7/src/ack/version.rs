//! The versions between which acknowledgements differ.

/// A version of HL7 v2, as far as acknowledgements tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Version(u16, u16);

impl Version {
    pub(super) const V2_2: Version = Version(2, 20);
    pub(super) const V2_3: Version = Version(2, 30);
    pub(super) const V2_4: Version = Version(2, 40);
    pub(super) const V2_5: Version = Version(2, 50);
    pub(super) const V2_7: Version = Version(2, 70);

    /// Reads MSH-12.1: `2.3`, `2.5.1`, and what people make of them (`2.3.z`, `2.3 PID`).
    pub(super) fn parse(text: &[u8]) -> Option<Version> {
        let mut parts = text.trim_ascii().split(|byte| *byte == b'.').map(|part| {
            let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).take(2);
            digits.fold(None, |number: Option<u16>, digit| {
                Some(number.unwrap_or(0) * 10 + u16::from(digit - b'0'))
            })
        });
        let major = parts.next().flatten()?;
        let minor = parts.next().flatten()?;
        let patch = parts.next().flatten().unwrap_or(0);
        Some(Version(major, minor * 10 + patch.min(9)))
    }

    /// MSA-6 came with 2.2 and was withdrawn with 2.7.
    pub(super) fn has_error_condition(self) -> bool {
        self >= Version::V2_2 && self < Version::V2_7
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered() {
        let read = |text: &str| Version::parse(text.as_bytes());
        assert_eq!(read("2.3"), Some(Version::V2_3));
        assert!(read("2.3.1") > Some(Version::V2_3) && read("2.3.1") < Some(Version::V2_4));
        assert_eq!(read("2.3.z"), Some(Version::V2_3));
        assert_eq!(read("2.3 PID"), Some(Version::V2_3));
        assert!(read("2.8.2") > Some(Version::V2_7));
        assert_eq!(read("2.x"), None);
        assert_eq!(read(""), None);
    }
}
