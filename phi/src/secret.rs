use zeroize::Zeroize;

/// A password, token or key: no way to print it, and its memory is overwritten when it is dropped.
///
/// Like [`Phi`](crate::Phi) it has no `Debug`, `Display` or `Serialize`:
///
/// ```compile_fail,E0277
/// let token = phi::Secret::new(String::from("s3cret"));
/// println!("{token}");
/// ```
/// ```compile_fail,E0277
/// let token = phi::Secret::new(String::from("s3cret"));
/// println!("{token:?}");
/// ```
/// It cannot be compared with `==`, which would leak where two secrets start to differ:
/// ```compile_fail,E0369
/// let same = phi::Secret::new(String::from("a")) == phi::Secret::new(String::from("a"));
/// ```
/// Leaving the wrapper is a named call, and gives a reference only:
/// ```
/// let token = phi::Secret::new(String::from("s3cret"));
/// assert_eq!(token.expose_secret().len(), 6);
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Secret<T> {
        Secret(value)
    }

    /// The value, for the call that needs it.
    pub const fn expose_secret(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;
    use std::cell::Cell;
    use zeroize::Zeroize;

    struct Watched<'a>(&'a Cell<bool>);

    impl Zeroize for Watched<'_> {
        fn zeroize(&mut self) {
            self.0.set(true);
        }
    }

    #[test]
    fn dropping_a_secret_overwrites_it() {
        let overwritten = Cell::new(false);
        let secret = Secret::new(Watched(&overwritten));
        assert!(!secret.expose_secret().0.get());
        drop(secret);
        assert!(overwritten.get());
    }
}
