use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Where to connect to: a host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

impl Address {
    /// Reads `host:port`, `192.0.2.1:2575` or `[2001:db8::1]:2575`; the error says what is missing.
    pub fn parse(text: &str) -> Result<Address, &'static str> {
        let (host, port) = text.rsplit_once(':').ok_or("a port is missing: write `host:port`")?;
        let port = port
            .parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("the port is a number from 1 to 65535")?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => {
                let inner = bracketed.strip_suffix(']').unwrap_or("");
                inner.parse::<Ipv6Addr>().map_err(|_| "the brackets hold an IPv6 address")?;
                inner
            }
            None if host.contains(':') => {
                return Err("an IPv6 address is written in brackets: `[2001:db8::1]:2575`");
            }
            None => host,
        };
        if host.parse::<IpAddr>().is_err() && !is_host_name(host) {
            return Err("this is not a host name or an IP address");
        }
        Ok(Address { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Labels of letters, digits and `-`, joined by dots. All-digit last labels are refused: `0x7f.1` and `2130706433` are addresses in disguise.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or("");
    text.len() <= 253
        && text.split('.').all(label)
        && !last.starts_with(|character: char| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in [
            "lab.hospital.example:2575",
            "127.0.0.1:1",
            "[::1]:65535",
            "lab_1:2575",
            "localhost:80",
        ] {
            assert_eq!(Address::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "lab",
            "lab:",
            "lab:0",
            "lab:65536",
            ":80",
            "::1:80",
            "[::1:80",
            "[lab]:80",
            "a b:80",
            "-a:80",
            "http://lab:80",
            "2130706433:80",
            "0x7f.1:80",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
    }
}
