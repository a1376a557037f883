use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The shortest lengths: two or three wider networks could hold every address, which would be no rule.
const PREFIX_MIN_V4: u8 = 8;
const PREFIX_MIN_V6: u8 = 7;

/// A range of addresses, `10.1.0.0/16`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No address, or no length behind the slash.
    #[error("expected an address and a length such as `10.1.0.0/16`, or one address")]
    Malformed,
    /// The address has bits behind the length.
    #[error("the address is not the first of its network: write `{0}`")]
    NotFirst(Network),
    /// It holds every address, or far too many.
    #[error(
        "this is too wide to be a rule: name the networks that are meant, at most a `/8` (`/7` in IPv6)"
    )]
    TooWide,
}

impl NetworkError {
    /// The code for `hilum explain`.
    pub fn code(self) -> &'static str {
        match self {
            NetworkError::Malformed | NetworkError::NotFirst(_) => "C0108",
            NetworkError::TooWide => "C0422",
        }
    }
}

impl Network {
    /// Whether an address lies in it; an IPv4 address written inside IPv6 counts as what it is.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, ip.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                masked(first.to_bits().into(), self.prefix, 32)
                    == masked(ip.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                masked(first.to_bits(), self.prefix, 128) == masked(ip.to_bits(), self.prefix, 128)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        if text == "*" {
            return Err(NetworkError::TooWide);
        }
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        let width = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match length {
            None => width,
            Some(length) => length.parse().map_err(|_| NetworkError::Malformed)?,
        };
        if prefix < if written.is_ipv4() { PREFIX_MIN_V4 } else { PREFIX_MIN_V6 } {
            return Err(NetworkError::TooWide);
        }
        if prefix > width {
            return Err(NetworkError::Malformed);
        }
        let first = match written {
            IpAddr::V4(ip) => {
                let bits = masked(ip.to_bits().into(), prefix, 32);
                IpAddr::V4(u32::try_from(bits).unwrap_or(0).into())
            }
            IpAddr::V6(ip) => IpAddr::V6(masked(ip.to_bits(), prefix, 128).into()),
        };
        let network = Network { first, prefix };
        if first == written { Ok(network) } else { Err(NetworkError::NotFirst(network)) }
    }
}

/// The bits of an address without those behind the prefix.
fn masked(bits: u128, prefix: u8, width: u8) -> u128 {
    let behind = u32::from(width.saturating_sub(prefix));
    bits.checked_shr(behind).and_then(|kept| kept.checked_shl(behind)).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, ip: &str) -> bool {
        network.parse::<Network>().unwrap().contains(ip.parse().unwrap())
    }

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        assert!(holds("10.1.0.0/16", "10.1.255.255") && !holds("10.1.0.0/16", "10.2.0.0"));
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.4"));
        assert!(holds("10.1.0.0/16", "::ffff:10.1.0.9") && !holds("10.1.0.0/16", "::10.1.0.9"));
        assert!(
            holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "2001:db9::")
        );
        assert!(holds("10.0.0.0/8", "10.255.1.1") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("fc00::/7", "fd00::1") && !holds("fc00::/7", "fe80::1"));
    }

    #[test]
    fn what_is_no_network_is_refused_and_everything_is_none() {
        for (text, code) in [
            ("*", "C0422"),
            ("0.0.0.0/0", "C0422"),
            ("::/0", "C0422"),
            ("128.0.0.0/1", "C0422"),
            ("10.0.0.0/33", "C0108"),
            ("10.0.0.0/", "C0108"),
            ("lab/16", "C0108"),
            ("", "C0108"),
            ("10.1.2.3/16", "C0108"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap_err().code(), code, "{text}");
        }
        let slip = "10.1.2.3/16".parse::<Network>().unwrap_err();
        assert_eq!(
            slip.to_string(),
            "the address is not the first of its network: write `10.1.0.0/16`"
        );
    }
}
