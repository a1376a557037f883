//! People of the directory among the accounts: their rows follow what it says, when they sign in and while they are there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use config::Name;
use store::{
    Act, ActOutcome, Actor, ActorKind, Credentials, DirectorySession, DirectoryUser, StoreError,
    Target,
};

use super::{AccountError, Accounts};
use crate::directory::{Answer, Directory, Entry};
use crate::role::CustomRoles;

/// How often everybody who is signed in is looked up.
const ROUND: Duration = Duration::from_secs(5 * 60);
/// With the directory gone for two rounds, sessions older than this end.
const OLD_US: i64 = 3_600 * 1_000_000;
/// More than so many at once, and more than this share of those who were looked up, are not believed to be gone.
const GONE_MAX: usize = 5;
const GONE_PERCENT_MAX: usize = 34;

/// A directory as its settings say, whose groups give roles that exist.
pub(super) fn open(
    settings: config::Directory,
    custom: &CustomRoles,
) -> Result<Directory, AccountError> {
    let is_unknown =
        |grant: &&config::DirectoryGrant| custom.permissions(grant.role.as_str()).is_none();
    let unknown = settings.grants.iter().find(is_unknown);
    if let Some(grant) = unknown {
        let sentence =
            format!("`[[directory.grant]]` names the role `{}`, which there is not", grant.role);
        return Err(AccountError::Invalid(sentence));
    }
    Directory::new(settings).map_err(|problem| AccountError::Invalid(problem.to_string()))
}

/// What one round has found.
#[derive(Default)]
struct Round {
    known: Vec<Entry>,
    gone: BTreeSet<String>,
    /// Nobody answers.
    is_down: bool,
}

impl Accounts {
    /// Makes somebody's row what the directory says, and gives what a session is made for; nothing when their name belongs to an account
    /// with a password here.
    pub(super) async fn follow(
        &self,
        entry: Entry,
    ) -> Result<Option<(Credentials, String)>, AccountError> {
        let Some(name) = row_name(&entry) else { return Ok(None) };
        let user =
            DirectoryUser { subject: entry.subject, name: name.clone(), grants: entry.grants };
        match self.store.put_directory_user(&self.own_act("user.directory"), user).await {
            Err(StoreError::Refused(_)) => return Ok(None),
            done => done?,
        };
        let known = self.store.credentials(&name).await?;
        Ok(known.map(|known| (known, name.to_string())))
    }

    /// Looks up everybody of the directory who is signed in, round by round, until it is dropped.
    pub async fn keep(self: Arc<Accounts>) {
        let mut strikes = 0;
        loop {
            tokio::time::sleep(ROUND).await;
            if let Err(error) = self.remind_of_emergencies().await {
                tracing::error!(code = "breakglass.unreviewed", %error, "emergencies that nobody has reviewed could not be looked up");
            }
            if let Err(error) = self.look_round(&mut strikes).await {
                tracing::error!(code = "directory.round", %error, "people of the directory could not be looked up");
            }
        }
    }

    /// One round; `strikes` counts those in which nobody answered.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look_round(&self, strikes: &mut u32) -> Result<(), AccountError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let now_us = (self.now_us)();
        let sessions = self.store.directory_sessions(now_us).await?;
        let subjects: BTreeSet<&str> =
            sessions.iter().map(|session| session.subject.as_str()).collect();
        let round = look(directory, &subjects).await;
        *strikes = if round.is_down { *strikes + 1 } else { 0 };
        let mut gone = round.gone;
        for entry in round.known {
            let subject = entry.subject.clone();
            // Called there as somebody with an account here: they cannot sign in, and what they may do cannot be followed.
            if self.follow(entry).await?.is_none() {
                gone.insert(subject);
            }
        }
        let too_many =
            gone.len() > GONE_MAX && gone.len() * 100 > subjects.len() * GONE_PERCENT_MAX;
        if too_many {
            let (gone, all) = (gone.len(), subjects.len());
            tracing::error!(
                code = "directory.breaker",
                gone,
                all,
                "the directory says that most people are gone at once: nobody is signed out, look at the directory"
            );
            let code = Some(format!("{gone} of {all}"));
            let target = Target { kind: "directory", id: None, channel: None };
            let act = self.own_act("directory.breaker");
            self.store.record(&act, target, ActOutcome::Failure, code).await?;
        }
        for session in &sessions {
            let is_gone = !too_many && gone.contains(&session.subject);
            let is_old = *strikes >= 2 && now_us.saturating_sub(session.created_us) > OLD_US;
            if is_gone || is_old {
                self.sign_out_of_directory(session, if is_gone { "gone" } else { "unreachable" })
                    .await?;
            }
        }
        Ok(())
    }

    async fn sign_out_of_directory(
        &self,
        session: &DirectorySession,
        why: &str,
    ) -> Result<(), AccountError> {
        let act = Act {
            purpose: Some(why.to_owned()),
            approval: None,
            ..self.own_act("directory.revoked")
        };
        match self.store.end_session(&act, session.user, session.token).await {
            Err(StoreError::NotFound(_)) => Ok(()),
            done => Ok(done?),
        }
    }

    fn own_act(&self, action: &'static str) -> Act {
        self.act(Actor::new(ActorKind::System, "directory"), action)
    }
}

async fn look(directory: &Directory, subjects: &BTreeSet<&str>) -> Round {
    let mut round = Round::default();
    for subject in subjects {
        match directory.look_up(subject).await {
            Ok(Answer::Known(entry)) => round.known.push(entry),
            Ok(Answer::Nobody(_)) => {
                round.gone.insert((*subject).to_owned());
            }
            Err(_) => {
                round.is_down = true;
                break;
            }
        }
    }
    round
}

/// What somebody is called here: as there, in the letters that names have here.
fn row_name(entry: &Entry) -> Option<Name> {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let lower = entry.name.to_lowercase();
    let plain: String = lower.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let digits = entry.subject.get(..16).unwrap_or(&entry.subject);
    // Two people whose names differ only in letters that are not here stay two.
    let tail = if plain == lower { String::new() } else { format!("-{digits}") };
    let plain = plain.trim_start_matches(['.', '_', '-']);
    let kept = plain.get(..plain.len().min(Name::BYTES_MAX - tail.len())).unwrap_or_default();
    let name = Name::new(&format!("{kept}{tail}"));
    name.or_else(|_| Name::new(&format!("user-{digits}"))).ok()
}
