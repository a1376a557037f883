//! How the bytes of a listener or a destination are protected, as its settings say.

use config::{Diagnostics, Section};

use crate::Acknowledgement;

/// What is between the bytes and whoever listens on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Protection<T> {
    /// They never leave this machine.
    Inside,
    /// Nothing, for a reason and a time that somebody has written down.
    Acknowledged(Acknowledgement),
    /// TLS, with the settings of the listener or the destination.
    Tls(T),
}

impl<T> Protection<T> {
    /// Takes `tls` or `plaintext` from a section; what is wrong is reported.
    ///
    /// `is_inside` says that the address is surely this machine, which needs neither; `refuse` reports an address that needs one of them.
    pub(crate) fn read(
        section: &Section<'_>,
        diags: &mut Diagnostics,
        tls: impl FnOnce(&Section<'_>, &mut Diagnostics) -> Option<T>,
        is_inside: bool,
        refuse: impl FnOnce(&mut Diagnostics),
    ) -> Option<Protection<T>> {
        match (section.section("tls"), section.section("plaintext")) {
            (Some(_), Some(_)) => {
                let span = section.span_of("plaintext");
                diags
                    .error("C0433", span, "`tls` and `plaintext` contradict each other")
                    .label("either encrypted or not");
                None
            }
            (Some(section), None) => tls(section, diags).map(Protection::Tls),
            (None, Some(plaintext)) => {
                Acknowledgement::read(plaintext, diags).map(Protection::Acknowledged)
            }
            // What was written and is wrong has been reported; it is no permission.
            (None, None) if section.is_given("tls") || section.is_given("plaintext") => None,
            (None, None) if is_inside => Some(Protection::Inside),
            (None, None) => {
                refuse(diags);
                None
            }
        }
    }

    /// The TLS.
    pub(crate) fn tls(&self) -> Option<&T> {
        match self {
            Protection::Tls(tls) => Some(tls),
            Protection::Inside | Protection::Acknowledged(_) => None,
        }
    }

    /// The acceptance of bytes without encryption.
    pub(crate) fn plaintext(&self) -> Option<&Acknowledgement> {
        match self {
            Protection::Acknowledged(acknowledgement) => Some(acknowledgement),
            Protection::Inside | Protection::Tls(_) => None,
        }
    }
}
