//! The shapes of peers and certificates.

use auth::Rotation;
use auth::ca::Certificate;
use serde_json::{Value, json};
use store::PeerKey;

use crate::service::{CertificateView, PeerView};

pub fn peer(view: &PeerView, now_us: i64) -> Value {
    let row = &view.row;
    let channels = row.rights.channels.as_ref();
    let connections: Vec<Value> = view.present.iter().map(|one| present(one, now_us)).collect();
    json!({
        "name": row.name.as_str(),
        "state": row.state.as_str(),
        "channels": channels.map(|names| names.iter().map(|n| n.as_str()).collect::<Vec<_>>()),
        "applications": row.rights.applications,
        "facilities": row.rights.facilities,
        "sources": row.rights.sources,
        "keys": row.keys.iter().map(|one| key(one, now_us)).collect::<Vec<_>>(),
        "connections": connections,
        "created_us": row.created_us,
        "created_by": row.created_by,
        "changed_us": row.changed_us,
        "changed_by": row.changed_by,
    })
}

pub fn present(one: &net::Present, now_us: i64) -> Value {
    let age_us = i64::try_from(one.age.as_micros()).unwrap_or(i64::MAX);
    json!({
        "peer": one.peer.as_str(),
        "channel": one.channel.as_str(),
        "address": one.address.to_string(),
        "since_us": now_us.saturating_sub(age_us),
    })
}

fn key(key: &PeerKey, now_us: i64) -> Value {
    let read = key.certificate.as_ref().and_then(|der| Certificate::read(der).ok());
    json!({
        "spki": digits(&key.spki),
        "in_force": key.is_in_force(now_us),
        "until_us": key.until_us,
        "subject": read.as_ref().map(|one| one.subject.clone()),
        "expires_us": read.as_ref().map(|one| one.until_us),
        "created_us": key.created_us,
        "created_by": key.created_by,
    })
}

pub fn certificate(view: &CertificateView) -> Value {
    let one = &view.certificate;
    json!({
        "subject": one.subject,
        "issuer": one.issuer,
        "serial": digits(&one.serial),
        "names": one.names,
        "uses": one.uses,
        "key": one.key,
        "is_authority": one.is_authority,
        "from_us": one.from_us,
        "until_us": one.until_us,
        "spki": digits(&one.spki),
        "authority": view.authority.as_ref().map(|name| name.as_str()),
        "revoked": view.revoked,
        "revoked_us": view.revoked_us,
        "peer": view.peer.as_ref().map(|name| name.as_str()),
        "pem": pem(one),
    })
}

/// A certificate in few words.
pub fn made(one: &Certificate) -> Value {
    json!({
        "subject": one.subject,
        "serial": digits(&one.serial),
        "until_us": one.until_us,
        "spki": digits(&one.spki),
        "pem": pem(one),
    })
}

pub fn rotation(rotation: &Rotation) -> Value {
    let new = rotation.new.as_ref().map(
        |(name, certificate)| json!({ "name": name.as_str(), "certificate": made(certificate) }),
    );
    json!({
        "old": rotation.old.as_str(),
        "until_us": rotation.until_us,
        "affected": rotation.affected.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "new": new,
    })
}

fn pem(certificate: &Certificate) -> String {
    auth::ca::pem("CERTIFICATE", &certificate.der)
}

pub fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
