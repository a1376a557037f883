//! Which keys a store is opened with: the one in force, and while it is being changed the one that is to take its place.

use config::KeySource;

use super::{KekId, KeyState, StoreKey, find, make};
use crate::error::OpenError;
use crate::migrate::Stored;
use crate::seal::{Wrapping, Wrappings};

/// Keys that fit what is stored.
pub(crate) struct Agreed {
    in_force: StoreKey,
    next: Option<StoreKey>,
    /// Where the one in force came from.
    source: KeySource,
    /// It was made just now.
    pub made: bool,
    /// It was changed: it comes from where the next one was said to be.
    pub moved: bool,
}

/// What is remembered of the key in force.
#[derive(Clone)]
pub(crate) struct Held {
    pub kek: KekId,
    pub source: KeySource,
}

impl Agreed {
    pub(crate) fn kek(&self) -> KekId {
        self.in_force.id()
    }

    pub(crate) fn held(&self) -> Held {
        Held { kek: self.in_force.id(), source: self.source.clone() }
    }

    pub(crate) fn wrappings(&self) -> Wrappings {
        let in_force = Wrapping::new(&self.in_force);
        match &self.next {
            Some(next) => Wrappings::changing(Wrapping::new(next), in_force),
            None => Wrappings::new(in_force),
        }
    }
}

/// The key that the store was made with or that took its place, or a new one for a new store. Nothing that is stored is changed.
///
/// `asked` says where the key comes from, `next` where the one does that is to take its place.
pub(crate) async fn agree(
    asked: &KeySource,
    next: Option<&KeySource>,
    stored: Option<&Stored>,
) -> Result<Agreed, OpenError> {
    let found = find(asked).await?;
    let Some(stored) = stored else {
        let (in_force, made) = match found {
            KeyState::Found(key) => (key, false),
            KeyState::Missing => (make(asked)?, true),
        };
        return Ok(Agreed { in_force, next: None, source: asked.clone(), made, moved: false });
    };
    let expected = kek(stored.kek_id.as_deref())?;
    let replacing = match next {
        Some(source) => match find(source).await? {
            KeyState::Found(key) => Some((key, source)),
            KeyState::Missing => None,
        },
        None => None,
    };
    let (in_force, source, rest) = match (found, replacing) {
        (KeyState::Found(key), rest) if key.id() == expected => (key, asked, rest),
        (found, Some((key, source))) if key.id() == expected => {
            let rest = match found {
                KeyState::Found(key) => Some((key, asked)),
                KeyState::Missing => None,
            };
            (key, source, rest)
        }
        (found, _) => return Err(refused(asked, expected, &found)),
    };
    let next = match &stored.kek_next {
        Some(id) => Some(the_next(kek(Some(id))?, rest, next)?),
        None => None,
    };
    let moved = source != asked;
    Ok(Agreed { in_force, next, source: source.clone(), made: false, moved })
}

fn refused(asked: &KeySource, expected: KekId, found: &KeyState) -> OpenError {
    match found {
        KeyState::Found(key) => {
            OpenError::KeyWrong { expected: expected.to_string(), found: key.id().to_string() }
        }
        KeyState::Missing => {
            OpenError::KeyMissing { source_name: asked.to_string(), expected: expected.to_string() }
        }
    }
}

/// The key that is to take the place of the one in force, when it is at hand.
fn the_next(
    expected: KekId,
    found: Option<(StoreKey, &KeySource)>,
    next: Option<&KeySource>,
) -> Result<StoreKey, OpenError> {
    match found {
        Some((key, _)) if key.id() == expected => Ok(key),
        Some((key, _)) => {
            Err(OpenError::KeyWrong { expected: expected.to_string(), found: key.id().to_string() })
        }
        None => Err(OpenError::KeyMissing {
            source_name: next.map_or_else(|| "next_key".to_owned(), ToString::to_string),
            expected: expected.to_string(),
        }),
    }
}

fn kek(bytes: Option<&[u8]>) -> Result<KekId, OpenError> {
    let bytes = bytes.ok_or_else(|| OpenError::Damaged("its key id is missing".to_owned()))?;
    let id = <[u8; 8]>::try_from(bytes);
    id.map(KekId).map_err(|_| OpenError::Damaged("its key id is cut".to_owned()))
}
