//! The bearer token of a request.

use std::net::SocketAddr;

use config::{Name, SecretRef};
use net::{ProgramBook, Unavailable};
use phi::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::head::Head;
use super::refusal::Refusal;

/// The program whose token a request carries.
pub(super) async fn program(
    programs: &dyn ProgramBook,
    head: &Head,
    (channel, from): (&Name, SocketAddr),
) -> Result<String, Refusal> {
    let shown = head.only("authorization").and_then(bearer).ok_or(Refusal::Unauthorized)?;
    let shown = std::str::from_utf8(shown).map_err(|_| Refusal::Unauthorized)?;
    let token = Secret::new(shown.to_owned());
    let found = programs.may_send(&token, channel, from).await;
    found.map_err(|Unavailable| Refusal::NoToken)?.ok_or(Refusal::Unauthorized)
}

/// Whether a request carries the token; a token anywhere but in its own field is not looked at.
pub(super) fn check(token: &SecretRef, head: &Head) -> Result<(), Refusal> {
    let shown = head.only("authorization").and_then(bearer).ok_or(Refusal::Unauthorized)?;
    // Read at every request: a token that was renewed holds from then on.
    let wanted = token.value().map_err(|error| {
        tracing::error!(code = error.code(), error = %error, "http.token_unreadable");
        Refusal::NoToken
    })?;
    // Digests have one length, so that nothing of the token's own can be measured.
    let same = Sha256::digest(shown).ct_eq(&Sha256::digest(wanted.expose_secret().as_bytes()));
    if bool::from(same) { Ok(()) } else { Err(Refusal::Unauthorized) }
}

/// What stands behind `Bearer`.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
