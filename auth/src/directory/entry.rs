//! What entries say: ids, names, groups, and what these give.

use std::collections::{BTreeMap, BTreeSet};

use config::DirectoryKind;
use data_encoding::HEXLOWER;
use ldap3::SearchEntry;
use store::{Granted, Scope};

/// What a search for one person has found.
pub(super) enum Found {
    One(Person),
    None,
    Several,
}

/// Somebody's entry.
pub(super) struct Person {
    pub dn: String,
    pub subject: String,
    pub name: String,
}

impl Person {
    /// Nothing when the entry does not say who it is.
    pub(super) fn of(entry: &SearchEntry, settings: &config::Directory) -> Option<Person> {
        let called = match settings.kind {
            DirectoryKind::ActiveDirectory => "sAMAccountName",
            DirectoryKind::Ldap => "uid",
        };
        let subject = values(entry, &settings.id).into_iter().next()?;
        let name = String::from_utf8(values(entry, called).into_iter().next()?).ok()?;
        Some(Person { dn: entry.dn.clone(), subject: HEXLOWER.encode(&subject), name })
    }
}

/// The values of an attribute as bytes, whether they happen to be text or not; its name is written in any case.
pub(super) fn values(entry: &SearchEntry, attribute: &str) -> Vec<Vec<u8>> {
    let text = entry.attrs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
    let text = text.flat_map(|(_, values)| values.iter().map(|value| value.clone().into_bytes()));
    let bytes = entry.bin_attrs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
    text.chain(bytes.flat_map(|(_, values)| values.iter().cloned())).collect()
}

/// Bytes, given in hexadecimal digits, as the value of a filter: each one escaped (RFC 4515, 3).
pub(super) fn bytes_in_filter(digits: &str) -> String {
    digits.as_bytes().chunks(2).map(|pair| format!("\\{}", String::from_utf8_lossy(pair))).collect()
}

/// A security identifier as it is written (MS-DTYP 2.4.2.1), from its bytes (2.4.2.2).
pub(super) fn sid(bytes: &[u8]) -> Option<String> {
    let (&[revision, count], rest) = bytes.split_first_chunk::<2>()?;
    let (authority, parts) = rest.split_first_chunk::<6>()?;
    let (parts, tail) = parts.as_chunks::<4>();
    if !tail.is_empty() || parts.len() != usize::from(count) {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text = format!("S-{revision}-{authority}");
    for part in parts {
        text.push_str(&format!("-{}", u32::from_le_bytes(*part)));
    }
    Some(text)
}

/// A DN for comparing: without the spaces and the case in which it happens to be written.
pub(super) fn plain_dn(dn: &str) -> String {
    dn.split(',').map(|part| part.trim().to_lowercase()).collect::<Vec<_>>().join(",")
}

/// What groups give: a role once, with all its channels.
pub(super) fn grants(settings: &config::Directory, groups: &BTreeSet<String>) -> Vec<Granted> {
    let mut held: BTreeMap<&str, Scope> = BTreeMap::new();
    let is_in = |group: &str| match settings.kind {
        DirectoryKind::ActiveDirectory => groups.contains(group),
        DirectoryKind::Ldap => groups.contains(&plain_dn(group)),
    };
    for grant in settings.grants.iter().filter(|grant| is_in(&grant.group)) {
        let given = match &grant.channels {
            None => Scope::All,
            Some(names) => Scope::Channels(names.iter().cloned().collect()),
        };
        match (held.get_mut(grant.role.as_str()), given) {
            (Some(Scope::Channels(names)), Scope::Channels(more)) => names.extend(more),
            (Some(Scope::All), _) => {}
            (_, given) => {
                held.insert(grant.role.as_str(), given);
            }
        }
    }
    held.into_iter().map(|(role, scope)| Granted { role: role.to_owned(), scope }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_written_as_windows_writes_it() {
        let bytes =
            HEXLOWER.decode(b"010500000000000515000000a065cf7e784b9b5fe77c8770091c0100").unwrap();
        assert_eq!(sid(&bytes).as_deref(), Some("S-1-5-21-2127521184-1604012920-1887927527-72713"));
        assert_eq!(sid(&bytes[..27]), None);
        assert_eq!(sid(b"\x01\x02"), None);
        assert_eq!(bytes_in_filter("00ff2a"), "\\00\\ff\\2a");
        assert_eq!(plain_dn("CN=Lab, OU=Groups,dc=x"), plain_dn("cn=lab,ou=groups,DC=x"));
    }
}
