//! What is kept for a person between two pages, under an id that says nothing: so no word of a search is ever in an address.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;

/// So many are kept at once, of all people; the oldest give way.
const KEPT_MAX: usize = 10_000;

/// Things of people, by ids.
pub struct Notes<T>(Mutex<VecDeque<(String, String, T)>>);

impl<T> Default for Notes<T> {
    fn default() -> Self {
        Notes(Mutex::default())
    }
}

impl<T: Clone> Notes<T> {
    /// Keeps something for somebody; gives its id.
    pub fn keep(&self, actor: &str, thing: T) -> String {
        let id = HEXLOWER.encode(&rand::random::<[u8; 12]>());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((id.clone(), actor.to_owned(), thing));
        id
    }

    /// What was kept for somebody under an id.
    pub fn of(&self, actor: &str, id: &str) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = kept.iter().rev().filter(|(one, whose, _)| one == id && whose == actor);
        found.next().map(|(.., thing)| thing.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_person_s_and_the_oldest_give_way() {
        let notes = Notes::default();
        let id = notes.keep("user:a", 1);
        assert_eq!((notes.of("user:a", &id), notes.of("user:b", &id)), (Some(1), None));
        for n in 0..KEPT_MAX {
            notes.keep("user:b", n);
        }
        assert_eq!(notes.of("user:a", &id), None);
    }
}
