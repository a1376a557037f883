//! Whether a peer that has proved who it is speaks as itself.

use connectors::Peer;
use hl7::Peek;

/// Whether MSH-3.1 and MSH-4.1 are among those that the peer may use. Whoever has not proved who it is may say what it likes.
pub fn is_itself(peer: &Peer, peek: &Peek, bytes: &[u8]) -> bool {
    let Some(identity) = &peer.identity else { return true };
    let may = |allowed: &[String], field: &[u8]| {
        allowed.is_empty()
            || first_component(peek, field).is_some_and(|said| allowed.contains(&said))
    };
    may(&identity.applications, peek.sending_application(bytes))
        && may(&identity.facilities, peek.sending_facility(bytes))
}

/// The text of a field's first component; nothing when it cannot be read.
fn first_component(peek: &Peek, field: &[u8]) -> Option<String> {
    let component = peek.delimiters().component();
    let end = match component.is_empty() {
        true => field.len(),
        false => field
            .windows(component.len())
            .position(|window| window == component)
            .unwrap_or(field.len()),
    };
    let first = field.get(..end)?;
    peek.charset().decode(first).ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Name;
    use net::PeerIdentity;
    use std::sync::Arc;

    fn peer(applications: &[&str], facilities: &[&str]) -> Peer {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let identity = PeerIdentity {
            name: Name::new("his").unwrap(),
            applications: texts(applications),
            facilities: texts(facilities),
        };
        let identity = Some(Arc::new(identity));
        Peer { identity, ..Peer::at("10.0.0.1:1".parse().unwrap(), 1) }
    }

    fn itself(peer: &Peer, header: &str) -> bool {
        let bytes = format!("{header}|||||ADT^A01|1|P|2.5\r").into_bytes();
        is_itself(peer, &hl7::peek(&bytes).unwrap(), &bytes)
    }

    #[test]
    fn a_peer_may_use_the_names_it_was_given() {
        let his = peer(&["HIS", "ADT"], &["WARD"]);
        for (header, expected) in [
            ("MSH|^~\\&|HIS|WARD", true),
            ("MSH|^~\\&|ADT^1.2.3^ISO|WARD^4.5^ISO", true),
            ("MSH|^~\\&|LAB|WARD", false),
            ("MSH|^~\\&|HIS|LAB", false),
            ("MSH|^~\\&||WARD", false),
            ("MSH|^~\\&|his|WARD", false),
            ("MSH|^~\\&|HISX|WARD", false),
            ("MSH|$~\\&|HIS$X|WARD", true),
            ("MSH|$~\\&|HIS^X|WARD", false),
        ] {
            assert_eq!(itself(&his, header), expected, "{header}");
        }
        assert!(itself(&peer(&[], &["WARD"]), "MSH|^~\\&|ANY|WARD"));
        assert!(itself(&peer(&[], &[]), "MSH|^~\\&||"));
        let nobody = Peer::at("10.0.0.1:1".parse().unwrap(), 1);
        assert!(itself(&nobody, "MSH|^~\\&|LAB|"));
    }
}
