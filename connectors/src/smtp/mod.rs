//! Mail (RFC 5321) to one server, always encrypted: notices of the engine for people. No message of a patient goes this way.

mod client;
mod mail;
mod settings;

pub use client::{Mailer, SmtpError};
pub use mail::Mail;
pub use settings::{EMAIL_FIELDS, EmailSettings};
