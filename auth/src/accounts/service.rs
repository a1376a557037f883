//! Tokens of programs: made by people, for no more than they hold themselves, from some networks and for some time.

use config::{Name, Network};
use data_encoding::BASE64URL_NOPAD;
use phi::Secret;
use store::{
    Act, ActOutcome, Actor, ActorKind, Granted, NewServiceToken, ServiceToken, Source, Target,
};
use uuid::Uuid;

use super::people::done;
use super::{AccountError, Accounts, SEEN_EVERY_US};
use crate::session::Session;

/// What every token of a program begins with.
pub(super) const PREFIX: &str = "ht1_";
/// A token is good for so long unless asked otherwise, and at most, microseconds (security.md 2.7).
const TTL_US: i64 = 24 * 3_600 * 1_000_000;
const TTL_MAX_US: i64 = 90 * TTL_US;
/// The old token of a rotation is taken for so long.
const OVERLAP_US: i64 = 24 * 3_600 * 1_000_000;

/// A token that is asked for.
pub struct TokenOrder {
    /// The program's name.
    pub name: Name,
    /// What it may do.
    pub grants: Vec<Granted>,
    /// The networks that it may come from; at least one.
    pub networks: Vec<String>,
    /// For how long, microseconds.
    pub ttl_us: Option<i64>,
}

impl Accounts {
    /// Makes a token; it is shown once.
    pub async fn add_token(
        &self,
        act: &Act,
        by: &Session,
        order: TokenOrder,
    ) -> Result<Secret<String>, AccountError> {
        self.within(by, &order.grants)?;
        let mut beside = order.networks.clone();
        beside.push(format!("{:?}", order.ttl_us));
        let granted = (&order.grants[..], &beside[..]);
        let act = self.for_grants(act, by, (&order.name, &[]), granted).await?;
        self.make(&act, order, None).await
    }

    /// Makes another token in the place of the one of this name, which is taken for a day more.
    pub async fn rotate_token(
        &self,
        act: &Act,
        by: &Session,
        name: &Name,
    ) -> Result<Secret<String>, AccountError> {
        let now_us = (self.now_us)();
        let known = self.store.service_tokens().await?;
        let old = known.into_iter().find(|one| one.name == *name && is_in_force(one, now_us));
        let old = old.ok_or(AccountError::Absent("token in force"))?;
        self.within(by, &old.grants)?;
        let order = TokenOrder {
            name: old.name,
            grants: old.grants,
            networks: old.networks,
            ttl_us: Some(old.until_us - old.created_us),
        };
        self.make(act, order, Some(now_us + OVERLAP_US)).await
    }

    /// Takes every token of a name back. They end with the next request.
    pub async fn revoke_tokens(
        &self,
        act: &Act,
        by: &Session,
        name: &Name,
    ) -> Result<(), AccountError> {
        let now_us = (self.now_us)();
        for one in self.store.service_tokens().await? {
            if one.name == *name && is_in_force(&one, now_us) {
                self.within(by, &one.grants)?;
            }
        }
        done(self.store.revoke_service_tokens(act, name).await)
    }

    /// The tokens that are in force.
    pub async fn tokens(&self) -> Result<Vec<ServiceToken>, AccountError> {
        let now_us = (self.now_us)();
        let mut tokens = self.store.service_tokens().await?;
        tokens.retain(|one| is_in_force(one, now_us));
        Ok(tokens)
    }

    async fn make(
        &self,
        act: &Act,
        order: TokenOrder,
        overlap_until_us: Option<i64>,
    ) -> Result<Secret<String>, AccountError> {
        if order.networks.is_empty() {
            let sentence = "name the networks that the program comes from, such as `127.0.0.0/8`";
            return Err(AccountError::Invalid(sentence.to_owned()));
        }
        if let Some(wrong) = order.networks.iter().find(|text| text.parse::<Network>().is_err()) {
            return Err(AccountError::Invalid(format!("`{wrong}` is no network")));
        }
        let ttl_us = order.ttl_us.unwrap_or(TTL_US);
        if !(1..=TTL_MAX_US).contains(&ttl_us) {
            return Err(AccountError::Invalid("a token is good for at most 90 days".to_owned()));
        }
        let id = Uuid::now_v7();
        let digits = id.simple().to_string();
        let random = BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
        let token = format!("{PREFIX}{digits}_{random}");
        let new = NewServiceToken {
            id,
            token: super::tokens::hash(&token),
            name: order.name,
            grants: order.grants,
            networks: order.networks,
            until_us: act.now_us + ttl_us,
            overlap_until_us,
        };
        done(self.store.add_service_token(act, new).await)?;
        Ok(Secret::new(token))
    }

    /// The program that holds a token, when it comes from where it may.
    pub(super) async fn recognise_program(
        &self,
        token: &str,
        source: Source,
    ) -> Result<Option<Session>, AccountError> {
        let hash = super::tokens::hash(token);
        let Some(known) = self.store.service_token(&hash).await? else { return Ok(None) };
        let now_us = (self.now_us)();
        let address = source.address.map(|address| address.ip());
        let networks = known.networks.iter().filter_map(|text| text.parse::<Network>().ok());
        let from_there =
            address.is_some_and(|address| networks.into_iter().any(|one| one.contains(address)));
        if !is_in_force(&known, now_us) || !from_there {
            let why = match known.revoked_us {
                Some(_) => Some("revoked"),
                None => Some("network").filter(|_| !from_there),
            };
            if let Some(why) = why {
                self.token_refused(&known, source, why).await?;
            }
            return Ok(None);
        }
        if now_us - known.seen_us >= SEEN_EVERY_US {
            self.store.service_token_seen(hash, now_us).await?;
        }
        let actor = Actor {
            name: Some(known.name.to_string()),
            auth: Some("token".to_owned()),
            session: Some(super::tokens::short(&hash)),
            source: Some(source),
            ..Actor::new(ActorKind::Service, format!("service:{}", known.name))
        };
        Ok(Some(Session::of_program(actor, self.held(&known.grants), hash)))
    }

    /// Records that somebody shows a token where or when it may not be used: it has leaked, or its program was forgotten.
    pub(super) async fn token_refused(
        &self,
        known: &ServiceToken,
        source: Source,
        why: &'static str,
    ) -> Result<(), AccountError> {
        let more = self.refused_tokens.admit((known.id, why), (self.now_us)());
        let Some(more) = more else { return Ok(()) };
        let actor = Actor {
            name: Some(known.name.to_string()),
            source: Some(source),
            ..Actor::new(ActorKind::Service, format!("service:{}", known.name))
        };
        let mut act = self.act(actor, "token.refused");
        act.purpose = (more > 0).then(|| format!("{more} more before"));
        let target =
            Target { kind: "token", id: Some(known.id.simple().to_string()), channel: None };
        let why = Some(why.to_owned());
        Ok(self.store.record(&act, target, ActOutcome::Denied, why).await?)
    }
}

pub(super) fn is_in_force(token: &ServiceToken, now_us: i64) -> bool {
    token.revoked_us.is_none() && (token.created_us..token.until_us).contains(&now_us)
}
