//! Values that cannot be printed, logged or serialised by accident.
//!
//! A message body, an error text that quotes a field, a password: they travel through the engine wrapped, and every place where one leaves its
//! wrapper is a named call that the tidy test can list.

mod patient;
mod secret;

pub use patient::Phi;
pub use secret::Secret;
