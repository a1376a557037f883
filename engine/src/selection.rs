//! Which messages and dead letters an act is for.

use config::Name;
use store::{DeadGroup, DeliveryId, Letter, MessageId, Scope};

use crate::acts::ActError;
use crate::engine::Engine;

/// At most this many at once.
const SELECTION_MAX: usize = 10_000;
/// Letters read from the store in one go.
const PAGE: usize = 1_000;

/// What an act is for: ids, or dead letters by what they have in common.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids of messages or of deliveries.
    pub ids: Vec<String>,
    /// Dead letters of this channel.
    pub channel: Option<Name>,
    /// Only of this destination.
    pub destination: Option<Name>,
    /// Only with this error: a group as the list of dead letters names it, or a code.
    pub error: Option<String>,
}

/// The name of a group of dead letters: its code, and enough of its signature to tell it from others of the same code.
pub fn group_name(group: &DeadGroup) -> String {
    let signature: String =
        group.key.signature.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    match signature.is_empty() {
        true => group.key.code.clone(),
        false => format!("{}-{signature}", group.key.code),
    }
}

pub(crate) fn letter_id(letter: &Letter) -> String {
    match letter {
        Letter::Delivery(id) => id.to_string(),
        Letter::Message(id) => id.to_string(),
    }
}

impl Engine {
    /// The deliveries and failed messages of a selection. A message's id stands for its deliveries, or for itself without any.
    pub(crate) async fn letters(
        &self,
        scope: &Scope,
        selection: &Selection,
    ) -> Result<Vec<Letter>, ActError> {
        let mut letters = Vec::new();
        for id in &selection.ids {
            letters.extend(self.letters_of_id(scope, id).await?);
        }
        if selection.channel.is_some() {
            self.letters_of_groups(scope, selection, &mut letters).await?;
        }
        letters.sort_unstable();
        letters.dedup();
        match letters.len() > SELECTION_MAX {
            true => Err(ActError::Refused(format!("more than {SELECTION_MAX} at once"))),
            false => Ok(letters),
        }
    }

    async fn letters_of_id(&self, scope: &Scope, id: &str) -> Result<Vec<Letter>, ActError> {
        let absent = || ActError::Absent("message or delivery");
        let message: MessageId = id.parse().map_err(|_| absent())?;
        if let Some(detail) = self.store().message(scope, message).await? {
            return Ok(match detail.deliveries.is_empty() {
                true => vec![Letter::Message(message)],
                false => {
                    detail.deliveries.iter().map(|delivery| Letter::Delivery(delivery.id)).collect()
                }
            });
        }
        let delivery: DeliveryId = id.parse().map_err(|_| absent())?;
        self.store().message_of(scope, delivery).await?.ok_or_else(absent)?;
        Ok(vec![Letter::Delivery(delivery)])
    }

    async fn letters_of_groups(
        &self,
        scope: &Scope,
        selection: &Selection,
        letters: &mut Vec<Letter>,
    ) -> Result<(), ActError> {
        for group in
            self.store().dead_letters(scope).await?.iter().filter(|group| selection.holds(group))
        {
            let mut after = None;
            loop {
                let page = self.store().letters(scope, &group.key, after, PAGE).await?;
                after = page.last().copied();
                let more = page.len() >= PAGE;
                letters.extend(page);
                if letters.len() > SELECTION_MAX {
                    return Err(ActError::Refused(format!("more than {SELECTION_MAX} at once")));
                }
                if !more {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Selection {
    fn holds(&self, group: &DeadGroup) -> bool {
        self.channel.as_ref() == Some(&group.key.channel)
            && (self.destination.is_none() || self.destination == group.key.destination)
            && self
                .error
                .as_ref()
                .is_none_or(|error| *error == group.key.code || *error == group_name(group))
    }
}
