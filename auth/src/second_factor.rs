//! The second factor: codes that change every half minute (RFC 6238), and codes for the day on which the device is lost.

use data_encoding::BASE32_NOPAD;
use phi::Secret;
use totp_rs::{Builder, Totp};

/// Bytes of a secret (RFC 4226, section 4, R6).
const SECRET_BYTES: usize = 20;
/// Seconds that a code is for; the one before and the one after are taken too.
const STEP_S: u64 = 30;
const SKEW: u16 = 1;
/// Recovery codes at a time, and random bytes of each.
const CODES: usize = 10;
const CODE_BYTES: usize = 15;

/// A new secret.
pub(crate) fn new_secret() -> Secret<Vec<u8>> {
    Secret::new(rand::random::<[u8; SECRET_BYTES]>().to_vec())
}

/// The step whose code this is, near a time; nothing when it is none.
pub(crate) fn step_of(secret: &Secret<Vec<u8>>, code: &str, now_us: i64) -> Option<i64> {
    let seconds = u64::try_from(now_us / 1_000_000).ok()?;
    let code: String = code.chars().filter(|char| !char.is_whitespace()).collect();
    i64::try_from(totp(secret).check(&code, seconds)?).ok()
}

fn totp(secret: &Secret<Vec<u8>>) -> Totp {
    Builder::new()
        .with_secret(secret.expose_secret().clone())
        .with_digits(6)
        .with_skew(SKEW)
        .with_step_duration(STEP_S)
        .build_noncompliant()
}

/// The secret as people type it, and as devices read it.
pub(crate) fn uri(secret: &Secret<Vec<u8>>, name: &str, node: &str) -> (String, String) {
    let text = BASE32_NOPAD.encode(secret.expose_secret());
    let plain = |text: &str| -> String {
        text.chars().filter(|char| char.is_ascii_alphanumeric() || "-._".contains(*char)).collect()
    };
    let (name, node) = (plain(name), plain(node));
    let uri = format!("otpauth://totp/Hilum%20{node}:{name}?secret={text}&issuer=Hilum%20{node}");
    (text, uri)
}

/// New recovery codes: 120 bits each, in groups that can be read out.
pub(crate) fn recovery_codes() -> Vec<Secret<String>> {
    let code = |_| {
        let text = BASE32_NOPAD.encode(&rand::random::<[u8; CODE_BYTES]>());
        let groups: Vec<&str> = (0..text.len()).step_by(6).map(|at| &text[at..at + 6]).collect();
        Secret::new(groups.join("-"))
    };
    (0..CODES).map(code).collect()
}

/// A recovery code as it is compared, when the text can be one.
pub(crate) fn recovery_code(text: &str) -> Option<Secret<String>> {
    let code: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let groups = || (0..code.len()).step_by(6).map(|at| &code[at..at + 6]);
    (code.len() == 24).then(|| Secret::new(groups().collect::<Vec<_>>().join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, cut to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::new(b"12345678901234567890".to_vec());
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
        {
            assert_eq!(step_of(&secret, code, seconds * 1_000_000), Some(seconds / 30));
            assert_eq!(step_of(&secret, code, (seconds + 30) * 1_000_000), Some(seconds / 30));
            assert_eq!(step_of(&secret, code, (seconds + 90) * 1_000_000), None);
        }
        for nonsense in ["", "28708", "2870822", "abcdef", "２８７０８２"] {
            assert_eq!(step_of(&secret, nonsense, 59_000_000), None, "{nonsense}");
        }
    }

    #[test]
    fn a_recovery_code_is_read_as_people_type_it() {
        let codes = recovery_codes();
        assert_eq!(codes.len(), CODES);
        let code = codes[0].expose_secret();
        assert_eq!(code.len(), 27);
        let typed = code.to_lowercase().replace('-', " ");
        assert_eq!(recovery_code(&typed).unwrap().expose_secret(), code);
        assert!(recovery_code("123456").is_none() && recovery_code("").is_none());
    }
}
