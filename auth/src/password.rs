//! Passwords: how they are hashed, how many at once, and which are too easy to guess.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use phi::Secret;
use tokio::sync::Semaphore;
use zxcvbn::{Score, zxcvbn};

/// More is not read: nobody types it, and it would only cost time.
pub const BYTES_MAX: usize = 256;
/// The shortest password beside a second factor, and the shortest alone (NIST SP 800-63B-4, 3.1.1.2).
const CHARS_MIN: usize = 12;
const CHARS_MIN_ALONE: usize = 15;
/// So many characters are looked at when a password's strength is judged.
const JUDGED_CHARS: usize = 72;
/// Hashes that wait for their turn; more are refused.
const WAITING_MAX: usize = 32;

/// What a hash costs whoever guesses.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Cost {
    /// 64 MiB and three passes: a quarter of a second on one core.
    pub const DEFAULT: Cost = Cost { memory_kib: 65_536, passes: 3 };
    /// The least that is acceptable (OWASP Password Storage Cheat Sheet).
    pub const LEAST: Cost = Cost { memory_kib: 19_456, passes: 2 };
}

/// Too many passwords are being hashed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// Hashes passwords with argon2id, a few at a time: each takes its memory and a core, which messages need too.
pub(crate) struct Hasher {
    cost: Cost,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// The hash of a password that nobody has, for names that nobody has: they take as long as others.
    dummy: Arc<OnceLock<Result<Secret<String>, String>>>,
}

impl Hasher {
    /// Leaves a core to the engine where there are two.
    pub(crate) fn new(cost: Cost) -> Hasher {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let dummy = Arc::new(OnceLock::new());
        let made = Arc::clone(&dummy);
        // It takes a while, and nobody waits for it before the first sign-in.
        tokio::task::spawn_blocking(move || {
            made.get_or_init(|| nobody(cost));
        });
        let permits = Arc::new(Semaphore::new(cores.saturating_sub(1).max(1)));
        Hasher { cost, permits, waiting: AtomicUsize::new(0), dummy }
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, Busy> {
        let cost = self.cost;
        let hashed = self.run(move || hash(cost, password.expose_secret().as_bytes())).await?;
        hashed.map_err(|_| Busy)
    }

    /// Whether a password is the one of a PHC string. Without one the same work is done, and the answer is no.
    pub(crate) async fn verify(
        &self,
        password: Secret<String>,
        phc: Option<Secret<Vec<u8>>>,
    ) -> Result<bool, Busy> {
        let (dummy, cost, known) = (Arc::clone(&self.dummy), self.cost, phc.is_some());
        let matches = self
            .run(move || {
                let text = phc.as_ref().map(|phc| std::str::from_utf8(phc.expose_secret()));
                let nobody = dummy.get_or_init(|| nobody(cost)).as_ref();
                let text = match text {
                    Some(Ok(text)) => text,
                    Some(Err(_)) | None => {
                        nobody.map_or("", |dummy| dummy.expose_secret().as_str())
                    }
                };
                Argon2::default().verify_password(password.expose_secret().as_bytes(), text).is_ok()
            })
            .await?;
        Ok(matches && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Busy);
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        let permit = permit.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| Busy)
    }
}

fn nobody(cost: Cost) -> Result<Secret<String>, String> {
    hash(cost, &rand::random::<[u8; 16]>())
}

fn hash(cost: Cost, password: &[u8]) -> Result<Secret<String>, String> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32));
    let params = params.map_err(|error| error.to_string())?;
    let salt: [u8; 16] = rand::random();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash =
        hasher.hash_password_with_salt(password, &salt).map_err(|error| error.to_string())?;
    Ok(Secret::new(hash.to_string()))
}

/// Whether a password is hard enough to guess, for somebody of this name; if not, a sentence for them.
///
/// Length counts, and that it is not among the passwords that are tried first (NIST SP 800-63B-4, 3.1.1.2); nothing is demanded of the
/// kinds of characters.
pub fn check(password: &Secret<String>, name: &str, second_factor: bool) -> Result<(), String> {
    let text = password.expose_secret();
    let least = if second_factor { CHARS_MIN } else { CHARS_MIN_ALONE };
    let chars = text.chars().count();
    if chars < least {
        return Err(format!("a password has at least {least} characters; this one has {chars}"));
    }
    if text.len() > BYTES_MAX {
        return Err(format!("a password has at most {BYTES_MAX} bytes"));
    }
    if text.to_lowercase().contains(name) {
        return Err("a password does not contain the user's name".to_owned());
    }
    let judged: String = text.chars().take(JUDGED_CHARS).collect();
    match zxcvbn(&judged, &[name, "hilum"]).score() {
        Score::Three | Score::Four => Ok(()),
        _ => Err("this password is among those that are guessed first: take several words that have nothing to do with each other".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn easy_passwords_are_refused() {
        let refused = [
            ("short words", "hunter2hunter2", false),
            ("eleven, with a factor", "kZ8!mPq2wLx", true),
            ("repeated", "passwordpassword1", false),
            ("a row of keys", "qwertyuiopasdfgh", false),
            ("the name", "correct-ada-battery-staple", false),
            ("too long", &"ab7-".repeat(65), false),
            ("common", "1234567890123456", false),
        ];
        for (what, text, factor) in refused {
            assert!(check(&secret(text), "ada", factor).is_err(), "{what}");
        }
        for text in
            ["correct horse battery staple", "Straße-nach-Süden-🦀-9", " leading kept 7 words "]
        {
            assert_eq!(check(&secret(text), "ada", false), Ok(()), "{text}");
        }
        assert_eq!(check(&secret("kZ8!mPq2wLx7"), "ada", true), Ok(()));
    }

    #[tokio::test]
    async fn a_password_is_its_own_and_nobody_has_none() {
        let hasher = Hasher::new(Cost::LEAST);
        let phc = hasher.hash(secret("correct horse")).await.unwrap();
        assert!(phc.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let stored = || Some(Secret::new(phc.expose_secret().as_bytes().to_vec()));
        assert_eq!(hasher.verify(secret("correct horse"), stored()).await, Ok(true));
        assert_eq!(hasher.verify(secret("correct horsf"), stored()).await, Ok(false));
        assert_eq!(hasher.verify(secret("correct horse"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let hasher = Hasher::new(Cost::LEAST);
        let held = Arc::clone(&hasher.permits)
            .acquire_many_owned(u32::try_from(hasher.permits.available_permits()).unwrap());
        let held = held.await.unwrap();
        let hasher = Arc::new(hasher);
        let wait = || {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(secret("x"), None).await })
        };
        let waiting: Vec<_> = (0..WAITING_MAX).map(|_| wait()).collect();
        while hasher.waiting.load(Ordering::Acquire) < WAITING_MAX {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.verify(secret("x"), None).await, Err(Busy));
        drop(held);
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(false));
        }
    }
}
