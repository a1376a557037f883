//! Addresses as people write them, and which of them stay on this machine.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Whether an address never leaves this machine; an IPv4 address written inside IPv6 counts as what it is.
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// A host and a port to connect to, as written in a setting: `127.0.0.1:2575`, `[::1]:2575`, `localhost:2575`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    host: String,
    port: u16,
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no `:port` at the end.
    #[error("the port is missing")]
    NoPort,
    /// What follows the last colon is not a port.
    #[error("the port is a number from 1 to 65535")]
    BadPort,
    /// The host is empty or holds characters no host name has.
    #[error("the host is a name, an IPv4 address, or an IPv6 address in brackets")]
    BadHost,
}

impl Target {
    /// The host without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the target is known to be this machine without asking a name server.
    ///
    /// A name other than `localhost` is not: what it resolves to may change after the check.
    pub fn is_surely_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => is_loopback(ip),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let (host, port) = text.rsplit_once(':').ok_or(TargetError::NoPort)?;
        let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(inner) => {
                inner.parse::<Ipv6Addr>().map_err(|_| TargetError::BadHost)?;
                inner
            }
            None => host,
        };
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_v6 = host.parse::<Ipv6Addr>().is_ok() && text.starts_with('[');
        if host.is_empty() || host.len() > 253 || !(is_v6 || host.chars().all(name)) {
            return Err(TargetError::BadHost);
        }
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        match port.parse::<u16>() {
            Ok(port) if digits && port > 0 => Ok(Target { host: host.to_owned(), port }),
            _ => Err(TargetError::BadPort),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_and_written_back() {
        for text in ["127.0.0.1:2575", "[::1]:2575", "localhost:1", "lab-1.example:65535"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_bad_target_says_what_is_wrong() {
        let cases = [
            ("lab", TargetError::NoPort),
            ("lab:", TargetError::BadPort),
            ("lab:0", TargetError::BadPort),
            ("lab:+5", TargetError::BadPort),
            ("lab:65536", TargetError::BadPort),
            (":2575", TargetError::BadHost),
            ("::1:2575", TargetError::BadHost),
            ("[lab]:2575", TargetError::BadHost),
            ("user@lab:2575", TargetError::BadHost),
            ("mllp://lab:2575", TargetError::BadHost),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Target>(), Err(error), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "LOCALHOST:1", "[::ffff:127.0.0.1]:1"]
        {
            assert!(text.parse::<Target>().unwrap().is_surely_loopback(), "{text}");
        }
        for text in [
            "0.0.0.0:1",
            "10.0.0.1:1",
            "[::]:1",
            "lab:1",
            "localhost.example:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(!text.parse::<Target>().unwrap().is_surely_loopback(), "{text}");
        }
    }
}
