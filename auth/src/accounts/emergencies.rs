//! Emergencies (security.md 2.10): whoever opens a sealed envelope is an owner for an hour, also when no directory and no second factor can
//! be asked, and everybody hears of it.

use diceware_wordlists::EFF_LONG_WORDLIST;
use phi::Secret;
use store::{
    Act, ActOutcome, Actor, ActorKind, Emergency, NewEmergency, Source, StoreError, Target,
};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use uuid::Uuid;

use super::people::done;
use super::{ANSWER_AFTER, AccountError, Accounts, LOCKING, SEEN_EVERY_US, tokens};
use crate::password::BYTES_MAX;
use crate::session::{EmergencyOf, Session};

/// What every token begins with.
pub(super) const PREFIX: &str = "hb1_";
/// It ends after this long, and after this long without a request, microseconds.
const FOR_US: i64 = 60 * 60 * 1_000_000;
const IDLE_US: i64 = 15 * 60 * 1_000_000;
/// Somebody must have looked at it by then, microseconds.
const REVIEW_US: i64 = 24 * 3_600 * 1_000_000;
/// A reason says something.
const REASON_CHARS_MIN: usize = 20;
const NAME_CHARS_MAX: usize = 64;
/// Words of a passphrase, of a list of 7,776: 103 bits.
const WORDS: usize = 8;
/// Envelopes at once.
const ENVELOPES_MAX: usize = 5;

/// What somebody says who opens an envelope.
pub struct Opening {
    /// The words in it.
    pub passphrase: Secret<String>,
    /// Who they are.
    pub name: String,
    /// Why.
    pub reason: String,
    /// The number of a ticket elsewhere.
    pub ticket: Option<String>,
}

impl Accounts {
    /// Makes passphrases for envelopes, shown once; those made before open nothing any more.
    pub async fn seal_envelopes(
        &self,
        act: &Act,
        by: &Session,
        count: usize,
    ) -> Result<Vec<Secret<String>>, AccountError> {
        if by.is_emergency() {
            return Err(AccountError::Beyond("an emergency makes no further envelopes"));
        }
        if !(1..=ENVELOPES_MAX).contains(&count) {
            let sentence = format!("one to {ENVELOPES_MAX} envelopes are made at once");
            return Err(AccountError::Invalid(sentence));
        }
        let passphrases: Vec<Secret<String>> = (0..count).map(|_| passphrase()).collect();
        let mut hashed = Vec::new();
        for one in &passphrases {
            hashed.push(self.hasher.hash(one.clone()).await?);
        }
        done(self.store.put_envelopes(act, hashed).await)?;
        Ok(passphrases)
    }

    /// Lets somebody in who has opened an envelope; gives the token of their session and its end.
    pub async fn open_envelope(
        &self,
        opening: Opening,
        source: Source,
    ) -> Result<(Secret<String>, i64), AccountError> {
        let now_us = (self.now_us)();
        let address = source.address.map(|address| address.ip());
        self.windows.admit(address, now_us).map_err(|retry_s| AccountError::TooMany { retry_s })?;
        let answer_at = Instant::now() + ANSWER_AFTER;
        said_enough(&opening)?;
        let (taken, last) = self.store.guess_envelope(LOCKING, now_us).await?;
        let envelope = self.envelope(&opening.passphrase).await?.filter(|_| taken);
        let outcome = match envelope {
            Some(envelope) => self.begin_emergency(envelope, opening, source).await.map(Some),
            None => {
                let why = if taken { "passphrase" } else { "locked" };
                self.not_opened(source, why).await.map(|()| None)
            }
        };
        if last && !matches!(outcome, Ok(Some(_))) {
            tracing::error!(
                code = "breakglass.locked",
                "too many wrong passphrases: no envelope opens for half an hour"
            );
            self.record_emergency(source, "breakglass.locked", ActOutcome::Denied, "guesses")
                .await?;
        }
        tokio::time::sleep_until(answer_at).await;
        outcome?.ok_or(AccountError::Credentials)
    }

    /// The envelope of a passphrase. Each is compared, whichever it is.
    async fn envelope(&self, passphrase: &Secret<String>) -> Result<Option<Uuid>, AccountError> {
        let typed = match passphrase.expose_secret().len() {
            1..=BYTES_MAX => {
                passphrase.expose_secret().split_whitespace().collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        };
        let (typed, mut found) = (Secret::new(typed.to_lowercase()), None);
        let envelopes = self.store.envelopes().await?;
        if envelopes.is_empty() {
            self.hasher.verify(typed.clone(), None).await?;
        }
        for (id, phc) in envelopes {
            if self.hasher.verify(typed.clone(), Some(phc)).await? {
                found = Some(id);
            }
        }
        Ok(found)
    }

    async fn begin_emergency(
        &self,
        envelope: Uuid,
        opening: Opening,
        source: Source,
    ) -> Result<(Secret<String>, i64), AccountError> {
        let ((token, hash), id) = (tokens::new_token(PREFIX), Uuid::now_v7());
        let act = self.act(actor(id, &opening.name, &hash, source), "breakglass.opened");
        let act = Act { purpose: Some(opening.reason), ..act };
        let until_us = act.now_us + FOR_US;
        let address = source.address.map_or("local".to_owned(), |one| one.ip().to_string());
        let idle_before_us = act.now_us - IDLE_US;
        let (name, ticket) = (opening.name.clone(), opening.ticket);
        let new = NewEmergency {
            id,
            token: hash,
            envelope,
            name,
            ticket,
            until_us,
            idle_before_us,
            address,
        };
        done(self.store.begin_emergency(&act, new).await)?;
        tracing::error!(code = "breakglass.opened", emergency = %id, "an envelope was opened: somebody is an owner for an hour");
        Ok((token, until_us))
    }

    async fn not_opened(&self, source: Source, why: &'static str) -> Result<(), AccountError> {
        self.record_emergency(source, "breakglass.opened", ActOutcome::Denied, why).await
    }

    async fn record_emergency(
        &self,
        source: Source,
        action: &'static str,
        outcome: ActOutcome,
        why: &'static str,
    ) -> Result<(), AccountError> {
        let actor =
            Actor { source: Some(source), ..Actor::new(ActorKind::User, "break-glass:unknown") };
        let target = Target { kind: "emergency", id: None, channel: None };
        Ok(self
            .store
            .record(&self.act(actor, action), target, outcome, Some(why.to_owned()))
            .await?)
    }

    pub(super) async fn recognise_emergency(
        &self,
        token: &str,
        source: Source,
    ) -> Result<Option<Session>, AccountError> {
        let (hash, now_us) = (tokens::hash(token), (self.now_us)());
        let Some(row) = self.store.emergency(&hash).await? else { return Ok(None) };
        if !bool::from(row.token.ct_eq(&hash)) || !is_in_force(&row, now_us) {
            return Ok(None);
        }
        if now_us - row.seen_us >= SEEN_EVERY_US {
            self.store.emergency_seen(hash, now_us).await?;
        }
        let emergency = EmergencyOf { id: row.id, token: hash, until_us: row.until_us };
        Ok(Some(Session::of_emergency(actor(row.id, &row.name, &hash, source), emergency)))
    }

    pub(super) async fn emergency_holds(&self, token: &[u8; 32]) -> bool {
        let now_us = (self.now_us)();
        let row = self.store.emergency(token).await;
        row.is_ok_and(|row| row.is_some_and(|row| is_in_force(&row, now_us)))
    }

    /// Emergencies, the newest first, each with whether it is in force.
    pub async fn emergencies(&self) -> Result<Vec<(Emergency, bool)>, AccountError> {
        let now_us = (self.now_us)();
        let all = self.store.emergencies().await?.into_iter();
        Ok(all
            .map(|one| (is_in_force(&one, now_us), one))
            .map(|(in_force, one)| (one, in_force))
            .collect())
    }

    /// Somebody has looked at what was done in an emergency.
    pub async fn review_emergency(
        &self,
        act: &Act,
        by: &Session,
        id: Uuid,
    ) -> Result<(), AccountError> {
        if by.is_emergency() {
            return Err(AccountError::Beyond("somebody else reviews an emergency"));
        }
        done(self.store.review_emergency(act, id).await)
    }

    /// Records again, a day after an emergency and every day from then on, that nobody has reviewed it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remind_of_emergencies(&self) -> Result<(), AccountError> {
        let before_us = (self.now_us)() - REVIEW_US;
        for one in self.store.emergencies().await? {
            if one.reviewed_us.is_some() || one.reminded_us > before_us {
                continue;
            }
            let act = self.act(Actor::new(ActorKind::System, "engine"), "breakglass.unreviewed");
            match self.store.remind_of_emergency(&act, one.id, before_us).await {
                // Another engine on the same store has said it.
                Err(StoreError::Refused(_)) => {}
                told => told?,
            }
        }
        Ok(())
    }
}

fn said_enough(opening: &Opening) -> Result<(), AccountError> {
    if opening.reason.trim().chars().count() < REASON_CHARS_MIN {
        let sentence =
            format!("say why, in {REASON_CHARS_MIN} letters at least: the audit log keeps it");
        return Err(AccountError::Invalid(sentence));
    }
    let name = opening.name.trim();
    match (1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        true => Ok(()),
        false => Err(AccountError::Invalid("say who you are: the audit log keeps it".to_owned())),
    }
}

fn actor(id: Uuid, name: &str, token: &[u8; 32], source: Source) -> Actor {
    Actor {
        name: Some(name.trim().to_owned()),
        auth: Some("break-glass".to_owned()),
        session: Some(tokens::short(token)),
        source: Some(source),
        emergency: Some(id),
        ..Actor::new(ActorKind::User, format!("break-glass:{id}"))
    }
}

/// A clock that was set back makes nothing live longer.
fn is_in_force(row: &Emergency, now_us: i64) -> bool {
    row.ended_us.is_none()
        && now_us < row.until_us
        && now_us < row.seen_us.saturating_add(IDLE_US)
        && now_us >= row.begun_us
}

/// Words that somebody can read from paper and type.
fn passphrase() -> Secret<String> {
    let words = (0..WORDS).map(|_| {
        let at = rand::random_range(0..EFF_LONG_WORDLIST.len());
        EFF_LONG_WORDLIST.get(at).copied().unwrap_or_default()
    });
    Secret::new(words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_has_a_hundred_bits_and_more() {
        let bits = (EFF_LONG_WORDLIST.len() as f64).log2() * WORDS as f64;
        assert!(bits > 103.0, "{bits}");
        let (one, other) = (passphrase(), passphrase());
        assert_eq!(one.expose_secret().split(' ').count(), WORDS);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
