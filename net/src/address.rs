//! What kind of address an address is: this machine, a place where no receiver can be, or any other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address never leaves this machine; an IPv4 address written inside IPv6 counts as what it is.
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Whether the host of a target means this machine by how it is written: a loopback address or `localhost`.
///
/// A name other than `localhost` does not: what it resolves to may change. An address in disguise (`::ffff:127.0.0.1`)
/// does not either.
pub(crate) fn is_written_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Why no message may go to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// This machine, and the configuration names another.
    Loopback,
    /// The configuration names this machine, and the address is elsewhere.
    NotLoopback,
    /// The neighbourhood of one cable, where some clouds keep their keys.
    LinkLocal,
    /// Where clouds keep the keys of their machines.
    Metadata,
    /// Everybody who listens.
    Multicast,
    /// No address, or one that is reserved.
    Unspecified,
    /// Outside the networks of the destination's `to`.
    OutsideTo,
}

impl Forbidden {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Forbidden::Loopback => {
                "it is this machine, and the configuration does not say `localhost` or a loopback address"
            }
            Forbidden::NotLoopback => {
                "the configuration says `localhost`, and it is not this machine"
            }
            Forbidden::LinkLocal => "it is a link-local address",
            Forbidden::Metadata => "it is the metadata service of a cloud",
            Forbidden::Multicast => "it is a multicast or broadcast address",
            Forbidden::Unspecified => "it is no address of a machine",
            Forbidden::OutsideTo => "it is outside the networks in `to`",
        }
    }
}

/// The metadata services that have addresses of their own.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// What speaks against an address, whatever a destination allows; loopback among it.
pub(crate) fn forbidden(ip: IpAddr) -> Option<Forbidden> {
    match ip {
        IpAddr::V4(ip) => forbidden_v4(ip),
        IpAddr::V6(ip) => match embedded(ip) {
            // Whoever puts an address inside another may mean to hide it.
            Some(inside) => forbidden_v4(inside),
            None => forbidden_v6(ip),
        },
    }
}

fn forbidden_v4(ip: Ipv4Addr) -> Option<Forbidden> {
    match ip.octets() {
        _ if METADATA_V4.contains(&ip) => Some(Forbidden::Metadata),
        [127, ..] => Some(Forbidden::Loopback),
        [169, 254, ..] => Some(Forbidden::LinkLocal),
        [224..=239, ..] | [255, 255, 255, 255] => Some(Forbidden::Multicast),
        [0, ..] | [240..=255, ..] => Some(Forbidden::Unspecified),
        _ => None,
    }
}

fn forbidden_v6(ip: Ipv6Addr) -> Option<Forbidden> {
    if ip == METADATA_V6 {
        return Some(Forbidden::Metadata);
    }
    if ip.is_loopback() {
        return Some(Forbidden::Loopback);
    }
    if ip.is_unspecified() {
        return Some(Forbidden::Unspecified);
    }
    match ip.segments() {
        // fec0::/10 was the local network of a site before there were better ones.
        [0xfe80..=0xfeff, ..] => Some(Forbidden::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Forbidden::Multicast),
        _ => None,
    }
}

/// The IPv4 address inside an IPv6 one: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match ip.segments() {
        // The two that are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0 | 1, _, _, _, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(pair(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(pair(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_as_this_machine_is_this_machine() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "LOCALHOST"] {
            assert!(is_written_loopback(host), "{host}");
        }
        for host in ["0.0.0.0", "10.0.0.1", "::", "lab", "localhost.example", "::ffff:127.0.0.1"] {
            assert!(!is_written_loopback(host), "{host}");
        }
    }

    #[test]
    fn no_receiver_is_at_these_addresses_however_they_are_written() {
        use Forbidden::{LinkLocal, Loopback, Metadata, Multicast, Unspecified};
        for (text, why) in [
            ("127.0.0.1", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("::127.0.0.1", Loopback),
            ("::ffff:0:127.0.0.1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("64:ff9b:1::7f00:1", Loopback),
            ("2002:7f00:1::1", Loopback),
            ("2001:0:1:2:3:4:80ff:fffe", Loopback),
            ("2001:db8::5efe:7f00:1", Loopback),
            ("169.254.169.254", Metadata),
            ("::ffff:169.254.169.254", Metadata),
            ("2002:a9fe:a9fe::", Metadata),
            ("100.100.100.200", Metadata),
            ("192.0.0.192", Metadata),
            ("fd00:ec2::254", Metadata),
            ("169.254.0.1", LinkLocal),
            ("fe80::1", LinkLocal),
            ("fec0::1", LinkLocal),
            ("224.0.0.1", Multicast),
            ("255.255.255.255", Multicast),
            ("ff02::1", Multicast),
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("240.0.0.1", Unspecified),
            ("::", Unspecified),
        ] {
            assert_eq!(forbidden(text.parse().unwrap()), Some(why), "{text}");
        }
    }

    #[test]
    fn hospitals_and_the_world_are_allowed() {
        for text in [
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "203.0.113.9",
            "2001:db8::1",
            "fd12::1",
            "64:ff9b::a01:203",
            "::ffff:10.1.2.3",
        ] {
            assert_eq!(forbidden(text.parse().unwrap()), None, "{text}");
        }
    }
}
