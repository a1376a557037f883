//! What needs a second person (security.md 2.11): the first asks, another agrees, and then the first does it, once.

use config::Name;
use sha2::{Digest, Sha256};
use store::{Act, Agreed, Approval, Granted, NewApproval, Scope};
use uuid::Uuid;

use super::people::done;
use super::{AccountError, Accounts, PHI};
use crate::holdings::Holdings;
use crate::permission::grants::ApprovalDecide;
use crate::permit::Permit;
use crate::role::CustomRoles;
use crate::session::Session;

/// A request is good for so long, microseconds.
const FOR_US: i64 = 24 * 3_600 * 1_000_000;
/// What separates parts of what is hashed: no part holds it.
const BETWEEN: &str = "\u{1f}";

/// What is to be done.
pub struct Asked {
    /// As the audit log will name it.
    pub action: &'static str,
    /// Everything that was asked for: another order of parts is another request.
    pub parts: Vec<String>,
    /// The same in a sentence, without a value of a message.
    pub summary: String,
    /// The channels that it is about.
    pub scope: Scope,
}

impl Asked {
    fn digest(&self) -> [u8; 32] {
        let parts = self.parts.iter().map(|part| part.replace(BETWEEN, " "));
        let text = std::iter::once(self.action.to_owned()).chain(parts).collect::<Vec<_>>();
        Sha256::digest(text.join(BETWEEN).as_bytes()).into()
    }
}

/// Whether a grant lets somebody read messages or own the system: nobody gives that alone.
fn is_grave(grant: &Granted, custom: &CustomRoles) -> bool {
    let held = Holdings::of(std::slice::from_ref(grant), custom);
    grant.role == "system-owner"
        || PHI.iter().any(|permission| held.scope_of(*permission).is_some())
}

fn words(grant: &Granted) -> String {
    match &grant.scope {
        Scope::All => grant.role.clone(),
        Scope::Channels(names) => {
            let names: Vec<&str> = names.iter().map(Name::as_str).collect();
            format!("{} for {}", grant.role, names.join(", "))
        }
    }
}

impl Accounts {
    /// Whether this person needs the agreement of somebody else where one is asked for.
    pub fn asks_for_approval(&self, by: &Session) -> bool {
        self.approvals && !by.is_operator()
    }

    /// The act with the agreement that it needs and shows. The operator of the machine needs none: they can read the store and its key anyway.
    ///
    /// # Errors
    /// [`AccountError::ApprovalNeeded`] with the request that was made, when no agreement is shown.
    pub async fn with_approval(
        &self,
        act: Act,
        by: &Session,
        asked: Asked,
    ) -> Result<Act, AccountError> {
        if !self.approvals || by.is_operator() {
            return Ok(Act { approval: None, ..act });
        }
        let digest = asked.digest();
        if let Some(Agreed { id, .. }) = act.approval {
            return Ok(Act { approval: Some(Agreed { id, spends: Some(digest) }), ..act });
        }
        let id = Uuid::now_v7();
        let new = NewApproval {
            id,
            action: asked.action,
            digest,
            summary: asked.summary,
            scope: asked.scope,
            until_us: act.now_us + FOR_US,
        };
        let act = Act { action: "approval.ask", ..act };
        self.store.ask_for_approval(&act, new).await?;
        Err(AccountError::ApprovalNeeded { id })
    }

    /// The act with the agreement of somebody else, when somebody or a program is to own the system or to read messages and does not yet.
    pub(super) async fn for_grants(
        &self,
        act: &Act,
        by: &Session,
        (name, before): (&Name, &[Granted]),
        (after, beside): (&[Granted], &[String]),
    ) -> Result<Act, AccountError> {
        let custom = self.custom_roles();
        let new = after.iter().filter(|one| !before.contains(one) && is_grave(one, &custom));
        let new: Vec<String> = new.map(words).collect();
        if new.is_empty() {
            return Ok(Act { approval: None, ..act.clone() });
        }
        let parts = std::iter::once(name.to_string()).chain(after.iter().map(words));
        let parts = parts.chain(beside.iter().cloned()).collect();
        let summary = format!("let `{name}` be {}", new.join("; "));
        let asked = Asked { action: act.action, parts, summary, scope: Scope::All };
        self.with_approval(act.clone(), by, asked).await
    }

    /// What others have asked for, within a scope, the newest first.
    pub async fn approvals(&self, within: &Scope) -> Result<Vec<Approval>, AccountError> {
        let mut all = self.store.approvals(200).await?;
        all.retain(|one| within.covers(&one.scope));
        Ok(all)
    }

    /// Agrees to what somebody else has asked for, or not.
    pub async fn decide(
        &self,
        act: &Act,
        permit: &Permit<ApprovalDecide>,
        by: &Session,
        (id, agrees): (Uuid, bool),
    ) -> Result<(), AccountError> {
        if by.is_emergency() {
            return Err(AccountError::Beyond("an emergency is no reason to agree with oneself"));
        }
        let found = self.store.approval(id).await?.ok_or(AccountError::Absent("request"))?;
        if !permit.scope().covers(&found.scope) {
            return Err(AccountError::Absent("request"));
        }
        done(self.store.decide_approval(act, id, agrees).await)
    }
}
