/// Something that may hold patient data, without any way to print it.
///
/// It has no `Debug`, `Display` or `Serialize`, so a log line, a panic text or a JSON answer that would carry it does not compile:
///
/// ```compile_fail,E0277
/// let body = phi::Phi::new(String::from("PID|1||12345"));
/// println!("{body}");
/// ```
/// ```compile_fail,E0277
/// let body = phi::Phi::new(String::from("PID|1||12345"));
/// println!("{body:?}");
/// ```
/// A type that holds one cannot derive `Debug` either:
/// ```compile_fail,E0277
/// #[derive(Debug)]
/// struct Failure {
///     text: phi::Phi<String>,
/// }
/// ```
/// Leaving the wrapper is a named call:
/// ```
/// let body = phi::Phi::new(String::from("PID|1||12345"));
/// assert_eq!(body.expose_phi().len(), 12);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Phi<T> {
        Phi(value)
    }

    /// The value, for the few places that store, send or show it to someone with the permission.
    pub const fn expose_phi(&self) -> &T {
        &self.0
    }

    /// The value itself, for the same few places.
    pub fn into_phi(self) -> T {
        self.0
    }

    /// The same patient data in another form, still wrapped.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Phi<U> {
        Phi(change(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Phi;

    #[test]
    fn a_changed_value_stays_wrapped() {
        let length: Phi<usize> = Phi::new("DOE").map(str::len);
        assert_eq!(length.into_phi(), 3);
    }
}
