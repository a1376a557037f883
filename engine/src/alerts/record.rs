//! A record of the audit log, as far as rules look at it.

use std::net::IpAddr;

use serde::Deserialize;

/// A record. What it says besides is not looked at.
#[derive(Debug, Deserialize)]
pub struct Record {
    ts: String,
    pub actor: Actor,
    src: Option<Source>,
    pub action: String,
    pub target: Target,
    pub outcome: String,
    pub code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Actor {
    pub id: String,
    pub kind: String,
    pub name: Option<String>,
    pub session: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Source {
    ip: Option<IpAddr>,
}

#[derive(Debug, Deserialize)]
pub struct Target {
    pub id: Option<String>,
    pub channel: Option<String>,
}

impl Record {
    /// Reads one; nothing for a text that no engine has written.
    pub fn read(text: &str) -> Option<Record> {
        serde_json::from_str(text).ok()
    }

    /// When it was written, microseconds UTC.
    pub fn at_us(&self) -> i64 {
        self.ts.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_microsecond)
    }

    /// Where it came from.
    pub fn address(&self) -> Option<IpAddr> {
        self.src.as_ref()?.ip.map(|ip| ip.to_canonical())
    }

    /// The network that it came from: the first 24 bits of an IPv4 address, the first 48 of another.
    pub fn network(&self) -> Option<String> {
        Some(match self.address()? {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        })
    }

    /// Whether it is this act, and ended so.
    pub fn is(&self, actions: &[&str], outcome: &str) -> bool {
        self.outcome == outcome && actions.contains(&self.action.as_str())
    }

    /// Who, by the name that people know.
    pub fn who(&self) -> &str {
        self.actor.name.as_deref().unwrap_or(&self.actor.id)
    }

    /// Whether a person or a program acts, not the engine or a peer.
    pub fn is_of_somebody(&self) -> bool {
        matches!(self.actor.kind.as_str(), "user" | "service")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(ip: &str) -> Record {
        let text = format!(
            "{{\"ts\":\"2026-01-31T12:00:00.000001Z\",\"actor\":{{\"id\":\"user:1\",\"kind\":\"user\"}},\"src\":{{\"ip\":\"{ip}\",\"port\":1,\"via\":\"api\"}},\
             \"action\":\"auth.login\",\"target\":{{\"type\":\"user\"}},\"outcome\":\"success\",\"seq\":7}}"
        );
        Record::read(&text).unwrap()
    }

    #[test]
    fn a_network_is_where_an_address_lies() {
        assert_eq!(from("10.1.2.3").network().unwrap(), "10.1.2.0/24");
        assert_eq!(from("::ffff:10.1.2.3").network().unwrap(), "10.1.2.0/24");
        assert_eq!(from("2001:db8:7:1::9").network().unwrap(), "2001:db8:7::/48");
        assert_eq!(from("10.1.2.3").at_us(), 1_769_860_800_000_001);
    }
}
