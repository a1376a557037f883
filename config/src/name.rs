use std::fmt;
use std::str::FromStr;

/// The name of a channel, destination, code table, variable or secret: `[a-z0-9][a-z0-9._-]{0,63}`.
///
/// It is narrow because it ends up in file names, lane keys, metrics and audit records, where nothing should ever need quoting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A text that is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 1 to 64 of the characters `a-z`, `0-9`, `.`, `_` and `-`, and starts with a letter or digit"
)]
pub struct NameError;

impl Name {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Checks a text and takes it as a name.
    pub fn new(text: &str) -> Result<Name, NameError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let first = text.bytes().next().is_some_and(plain);
        let rest = text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'));
        if first && rest && text.len() <= Name::BYTES_MAX {
            Ok(Name(text.to_owned()))
        } else {
            Err(NameError)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Name, NameError> {
        Name::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quoting_anywhere() {
        for good in ["a", "adt-fanout", "0lab", "v2.5_x", &"n".repeat(64)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".", "..", "A", "a b", "a/b", "ä", "a\0", &"n".repeat(65)] {
            assert_eq!(Name::new(bad), Err(NameError), "{bad:?}");
        }
    }
}
