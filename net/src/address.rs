//! Which addresses stay on this machine.

use std::net::IpAddr;

use config::Address;

/// Whether an address never leaves this machine; an IPv4 address written inside IPv6 counts as what it is.
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Whether a target is known to be this machine without asking a name server.
///
/// A name other than `localhost` is not: what it resolves to may change after the check.
pub fn is_surely_loopback(target: &Address) -> bool {
    match target.host.parse::<IpAddr>() {
        Ok(ip) => is_loopback(ip),
        Err(_) => target.host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "LOCALHOST:1", "[::ffff:127.0.0.1]:1"]
        {
            assert!(is_surely_loopback(&Address::parse(text).unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0:1",
            "10.0.0.1:1",
            "[::]:1",
            "lab:1",
            "localhost.example:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(!is_surely_loopback(&Address::parse(text).unwrap()), "{text}");
        }
    }
}
