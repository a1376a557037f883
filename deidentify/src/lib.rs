//! Copies of HL7 v2 messages without the people in them.
//!
//! The rule is 45 CFR 164.514(b)(2)(i), "Safe Harbor": eighteen kinds of identifiers of the individual, of relatives,
//! employers and household members are removed. Here they are replaced, so that the copy is still a message that a
//! channel works on: same segments, same fields, same components, values of the same shape. What becomes of which
//! field says one table, `segments.txt`; a field or segment that it does not know is emptied.
//!
//! Everything that is replaced depends on a [`Key`]: under one key the same number becomes the same number and the
//! same name the same name, in every message, and all dates of a patient move by the same number of days. Whoever
//! has the key and an identifier can recompute its replacement, so the key is as secret as the messages are.
//!
//! Nothing is given out before [`Deidentifier::copy`] has read the copy again and found no identifying value of the
//! original in what it kept.

mod address;
mod cipher;
mod contact;
mod copy;
mod date;
mod file;
mod key;
mod kind;
mod known;
mod leak;
mod name;
mod part;
mod rules;
mod segments;
mod tally;
mod text;
mod treat;
mod value;

pub use copy::{Deidentifier, Options, Refused, TextRule};
pub use file::{FileCopy, Refusal, copy_file};
pub use key::{Key, KeyTooShort};
pub use leak::Leak;
pub use rules::{Action, RuleError, Rules};
pub use tally::{Tally, Treatment};
