//! Telephone and fax numbers, e-mail addresses, URLs and network addresses.

use std::net::IpAddr;

use crate::{cipher, key::Key};

/// Another one of the same shape. Names of hosts become `example.org` and addresses those of RFC 5737 and RFC 3849,
/// which belong to nobody.
pub(crate) fn replace(key: &Key, text: &str) -> String {
    let bare = text.trim();
    if let Some((scheme, rest)) = bare.split_once("://") {
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
        return format!("{scheme}://example.org{}", cipher::replace(key, path));
    }
    if bare.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("www.")) {
        return "www.example.org".to_owned();
    }
    if let Some((local, host)) = bare.rsplit_once('@')
        && !host.is_empty()
    {
        return format!("{}@example.org", cipher::replace(key, local));
    }
    match bare.parse() {
        Ok(IpAddr::V4(_)) => {
            format!("192.0.2.{}", 1 + key.number("address", &[bare.as_bytes()], 254))
        }
        Ok(IpAddr::V6(_)) => {
            format!("2001:db8::{:x}", 1 + key.number("address", &[bare.as_bytes()], 0xFFFE))
        }
        Err(_) if is_host(bare) => "host.example.org".to_owned(),
        Err(_) => cipher::replace(key, text),
    }
}

/// Whether a text is the name of a host: labels with points between them, the last one of letters.
fn is_host(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let of_name = |label: &&str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let letters =
        |label: &&str| label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic());
    labels.len() >= 2 && labels.iter().all(of_name) && labels.last().is_some_and(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_address_stays() {
        let key = Key::from_bytes(b"a key that is no secret").unwrap();
        let made = |text| replace(&key, text);
        assert!(made("jane.doe@clinic.example.com").ends_with("@example.org"));
        assert!(!made("jane.doe@clinic.example.com").contains("jane"));
        let url = made("https://portal.example.com/p/12345?x=1");
        assert!(url.starts_with("https://example.org/") && !url.contains("12345"), "{url}");
        assert!(made("10.1.2.3").starts_with("192.0.2."));
        assert!(made("fe80::1").starts_with("2001:db8::"));
        assert_eq!(made("portal.clinic.example.com"), "host.example.org");
        let phone = made("(555)010-4477 x12");
        assert!(phone != "(555)010-4477 x12" && phone.starts_with('(') && phone.len() == 17);
    }
}
