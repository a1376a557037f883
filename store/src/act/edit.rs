//! Edited copies: a new message that a person has made from an old one, which stays what it is.

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Done, Framing};
use crate::error::StoreError;
use crate::group::{Counts, Group, Unwritten, count_message};
use crate::ids::MessageId;
use crate::intake::Sealed;
use crate::lease::Lease;
use crate::receipt::{Committed, OnCommit, Receipt};
use crate::scope::Scope;
use crate::sql::{row, values};
use crate::store::{Store, insert_keys};

use super::replay::{KEEP_TOKEN, Replayed, TOKEN, repeated, token_of};

/// An edited copy.
pub struct Edit {
    /// The new message; its parent is the old one.
    pub receipt: Receipt,
    /// A repeated request with the same token is answered with what the first one did.
    pub token: Option<String>,
}

impl Store {
    /// Stores an edited copy with its audit record, which says of which message it is and not what is in it.
    pub async fn edit(
        &self,
        scope: &Scope,
        act: &Act,
        lease: &Lease,
        edit: Edit,
        on_commit: OnCommit,
    ) -> Result<Replayed, StoreError> {
        let channel = lease.channel();
        if !scope.holds(lease.name().as_str()) {
            return Err(StoreError::NotFound("message"));
        }
        let id = edit.receipt.id;
        let of = edit.receipt.parent.ok_or(StoreError::NotFound("message"))?;
        let Sealed { row: message, keys, .. } = self.intake(lease).receipt(edit.receipt)?;
        let token = edit.token.as_ref().map(|token| token_of(channel, act, token));
        let (act_of, lease) = (act.clone(), lease.clone());
        self.act(channel.number(), act, move |session, parts| {
            Box::pin(async move {
                let act = act_of;
                if !parts.channels.is_owner(channel.number(), lease.epoch()) {
                    return Err(StoreError::Fenced);
                }
                if let Some(token) = &token
                    && let Some(kept) = row(session, TOKEN, values![&token[..]]).await?
                {
                    return Ok(Done::new(repeated(kept.text(0)?)?));
                }
                insert_keys(session, &keys, act.now_us).await?;
                let mut counts = Counts::default();
                count_message(&mut counts, &message);
                let now_us = act.now_us;
                let mut group =
                    Group { messages: vec![message], counts, now_us, ..Group::default() };
                parts.channels.number(&mut group.messages);
                let seq = group.messages.first().map_or(0, |message| message.seq);
                match session.write(&group, Framing::Inside).await {
                    Ok(()) => {}
                    Err(Unwritten::Unexpected) => {
                        return Err(StoreError::Refused("the message is there already"));
                    }
                    Err(Unwritten::Fenced) => return Err(StoreError::Fenced),
                    Err(Unwritten::Failed(error)) => return Err(error),
                }
                if let Some(token) = token {
                    let kept = values![&token[..], format!("{id} {seq}"), act.now_us];
                    session.run(KEEP_TOKEN, kept).await?;
                }
                let entry = Entry::success(&act, target(of, &lease), Json::Null, made(id, seq));
                audit::append(session, &parts.recorder, &entry).await?;
                let replayed = Replayed { message: id, seq, repeated: false };
                Ok(Done::new(replayed).and_then(move || {
                    keys.iter().for_each(|fresh| fresh.key.set_committed());
                    parts.channels.advance(&group.messages);
                    on_commit(Committed { seq });
                }))
            })
        })
        .await
    }
}

fn target(of: MessageId, lease: &Lease) -> Target {
    let channel = Some(lease.name().to_string());
    Target { kind: "message", id: Some(of.to_string()), channel }
}

fn made(id: MessageId, seq: i64) -> Json {
    Json::object([("message", Json::text(id.to_string())), ("seq", Json::Int(seq))])
}
