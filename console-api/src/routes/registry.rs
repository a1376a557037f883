//! Routes of the registry of peers and of the certificate authority.

use auth::ca::{LeafOrder, SubjectName};
use auth::grants::{CaManage, PeerRead, PeerRevoke, PeerWrite};
use auth::{KeySource, PeerOrder, Session};
use axum::Json;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::PeerRights;

use super::table::{Answer, Call};
use super::{maybe_name, name};
use crate::json as shape;
use crate::problem::Problem;
use crate::service::{Inspected, Service, Why};

/// Which peer, if not all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    name: Option<String>,
}

pub async fn peers(service: Service, call: Call<PeerRead>, which: Which) -> Answer {
    let asked = maybe_name(which.name.as_deref(), "peer")?;
    let found = service.peers(&call.permit, asked.as_ref())?;
    let now_us = service.now_us();
    Ok(Json(
        json!({ "peers": found.iter().map(|one| shape::peer(one, now_us)).collect::<Vec<_>>() }),
    ))
}

/// What a peer may do; what is not given is not restricted, or stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    channels: Option<Vec<String>>,
    #[serde(default)]
    every_channel: bool,
    applications: Option<Vec<String>>,
    facilities: Option<Vec<String>>,
    sources: Option<Vec<String>>,
}

impl Rights {
    fn change(self, rights: &mut PeerRights) -> Result<(), Problem> {
        match (self.every_channel, self.channels) {
            (true, Some(_)) => return Err(Problem::invalid("every channel, or some of them")),
            (true, None) => rights.channels = None,
            (false, Some(channels)) => {
                let read = channels.iter().map(|text| {
                    config::Name::new(text)
                        .map_err(|_| Problem::invalid(format!("`{text}` is no name of a channel")))
                });
                rights.channels = Some(read.collect::<Result<_, _>>()?);
            }
            (false, None) => {}
        }
        let given = [
            (self.applications, &mut rights.applications),
            (self.facilities, &mut rights.facilities),
            (self.sources, &mut rights.sources),
        ];
        for (new, old) in given {
            if let Some(new) = new {
                *old = new;
            }
        }
        Ok(())
    }
}

/// Where a key is taken from: one of these.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    certificate: Option<String>,
    spki: Option<String>,
    #[serde(default)]
    issued: bool,
}

impl Key {
    fn source(self) -> Result<KeySource, Problem> {
        match (self.certificate, self.spki, self.issued) {
            (Some(pem), None, false) => Ok(KeySource::Certificate(pem)),
            (None, Some(digits), false) => Ok(KeySource::Pinned(digits)),
            (None, None, true) => Ok(KeySource::Issued),
            _ => Err(Problem::invalid(
                "give a certificate, a pinned key, or say that it was issued here",
            )),
        }
    }
}

/// A peer to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    name: String,
    rights: Rights,
    key: Key,
    #[serde(default)]
    pending: bool,
    reason: Option<String>,
}

pub async fn add(service: Service, call: Call<PeerWrite>, add: Add) -> Answer {
    let peer = well_named(&add.name)?;
    let mut rights = PeerRights { channels: Some(Vec::new()), ..PeerRights::default() };
    add.rights.change(&mut rights)?;
    let order =
        PeerOrder { name: peer.clone(), rights, key: add.key.source()?, pending: add.pending };
    service.add_peer(&call.permit, order, &Why::because(add.reason)).await?;
    shown(&service, &call.session, &peer)
}

/// A change of what a peer may do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    name: String,
    rights: Rights,
    reason: Option<String>,
}

pub async fn set(service: Service, call: Call<PeerWrite>, set: Set) -> Answer {
    let peer = name(&set.name, "peer")?;
    let why = Why::because(set.reason);
    service.set_peer(&call.permit, &peer, |rights| set.rights.change(rights), &why).await?;
    shown(&service, &call.session, &peer)
}

/// Another key of a peer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    name: String,
    key: Key,
    overlap_days: i64,
    reason: Option<String>,
}

pub async fn rotate(service: Service, call: Call<PeerWrite>, rotate: Rotate) -> Answer {
    let peer = name(&rotate.name, "peer")?;
    let (key, why) = (rotate.key.source()?, Why::because(rotate.reason));
    service.rotate_peer(&call.permit, &peer, (&key, rotate.overlap_days), &why).await?;
    shown(&service, &call.session, &peer)
}

/// One peer, or one authority.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    name: String,
    reason: Option<String>,
}

pub async fn activate(service: Service, call: Call<PeerWrite>, one: One) -> Answer {
    let peer = name(&one.name, "peer")?;
    service.activate_peer(&call.permit, &peer, &Why::because(one.reason)).await?;
    shown(&service, &call.session, &peer)
}

pub async fn revoke(service: Service, call: Call<PeerRevoke>, one: One) -> Answer {
    let peer = name(&one.name, "peer")?;
    service.revoke_peer(&call.permit, &peer, &Why::because(one.reason)).await?;
    shown(&service, &call.session, &peer)
}

fn shown(service: &Service, session: &Session, peer: &config::Name) -> Answer {
    let Some(permit) = session.permit::<PeerRead>() else {
        return Ok(Json(json!({ "name": peer.as_str() })));
    };
    let views = service.peers(&permit, Some(peer))?;
    let view = views.first().ok_or_else(|| Problem::absent("peer"))?;
    Ok(Json(shape::peer(view, service.now_us())))
}

/// Why something is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    reason: Option<String>,
}

pub async fn init_ca(service: Service, call: Call<CaManage>, because: Because) -> Answer {
    let root = service.init_ca(&call.permit, &Why::because(because.reason)).await?;
    Ok(Json(shape::made(&root)))
}

/// A certificate to be signed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    name: String,
    #[serde(default)]
    server: bool,
    #[serde(default)]
    client: bool,
    #[serde(default)]
    names: Vec<String>,
    request: String,
    reason: Option<String>,
}

pub async fn issue(service: Service, call: Call<CaManage>, issue: Issue) -> Answer {
    let subject_names = issue.names.iter().map(|text| {
        text.parse::<SubjectName>()
            .map_err(|error| Problem::invalid(format!("`{text}` is {error}")))
    });
    let order = LeafOrder {
        name: well_named(&issue.name)?,
        server: issue.server,
        client: issue.client,
        names: subject_names.collect::<Result<_, _>>()?,
    };
    let why = Why::because(issue.reason);
    let signed = service.issue(&call.permit, &order, &issue.request, &why).await?;
    Ok(Json(json!({
        "certificate": shape::made(&signed.certificate),
        "root": shape::made(&signed.root),
    })))
}

/// A rotation of the root.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateCa {
    #[serde(default)]
    execute: bool,
    reason: Option<String>,
}

pub async fn rotate_ca(service: Service, call: Call<CaManage>, rotate: RotateCa) -> Answer {
    let done = match rotate.execute {
        false => service.preview_rotation(&call.permit)?,
        true => service.rotate_ca(&call.permit, &Why::because(rotate.reason)).await?,
    };
    Ok(Json(shape::rotation(&done)))
}

/// A serial number, or whom certificates were issued to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeIssued {
    which: String,
    reason: Option<String>,
}

pub async fn revoke_issued(service: Service, call: Call<CaManage>, revoke: RevokeIssued) -> Answer {
    let why = Why::because(revoke.reason);
    let done = service.revoke_issued(&call.permit, &revoke.which, &why).await?;
    let done: Vec<Value> = done
        .iter()
        .map(|one| json!({ "name": one.name.as_str(), "serial": shape::digits(&one.serial) }))
        .collect();
    Ok(Json(json!({ "revoked": done })))
}

/// An authority of somebody else.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    name: String,
    certificate: String,
    list: Option<String>,
    reason: Option<String>,
}

pub async fn trust(service: Service, call: Call<CaManage>, trust: Trust) -> Answer {
    let authority = well_named(&trust.name)?;
    let what = (&authority, trust.certificate.as_str(), trust.list.as_deref());
    let certificate = service.trust(&call.permit, what, &Why::because(trust.reason)).await?;
    Ok(Json(shape::made(&certificate)))
}

pub async fn distrust(service: Service, call: Call<CaManage>, one: One) -> Answer {
    let authority = name(&one.name, "authority")?;
    service.distrust(&call.permit, &authority, &Why::because(one.reason)).await?;
    Ok(Json(json!({ "name": authority.as_str() })))
}

/// A certificate, or whose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inspect {
    name: Option<String>,
    certificate: Option<String>,
}

pub async fn inspect(service: Service, call: Call<PeerRead>, inspect: Inspect) -> Answer {
    let by_name = maybe_name(inspect.name.as_deref(), "certificate")?;
    let to_read = &call.permit;
    let found = match (&inspect.certificate, &by_name) {
        (Some(pem), None) => service.inspect(to_read, Inspected::Pem(pem))?,
        (None, Some(name)) => service.inspect(to_read, Inspected::Name(name))?,
        (None, None) => service.certificates(to_read)?,
        (Some(_), Some(_)) => return Err(Problem::invalid("a certificate, or a name")),
    };
    let found: Vec<Value> = found.iter().map(shape::certificate).collect();
    Ok(Json(json!({ "certificates": found })))
}

/// A name that something new gets.
fn well_named(text: &str) -> Result<config::Name, Problem> {
    config::Name::new(text).map_err(|error| Problem::invalid(format!("`{text}`: {error}")))
}
