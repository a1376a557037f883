//! What is said of a server that takes mail.

use std::time::Duration;

use config::{Choice, Diagnostics, Field, Kind, SecretRef, Section, Text};
use net::Target;

/// The settings of mail beside those of every receiver in a network.
pub const EMAIL_FIELDS: &[Field] = &[
    Field::required(
        "address",
        "The host and port of the server that takes mail; 465 is usual for `security = \"tls\"`, 587 for `starttls`.",
        Kind::Address,
    )
    .examples(&["\"mail.hospital.example:465\""]),
    Field::default(
        "security",
        "How the connection is encrypted. `tls` says who is trusted, and must be there.",
        Kind::Choice(SECURITY),
        "tls",
    ),
    Field::required("sender", "The address that the mail comes from.", Kind::Text)
        .examples(&["\"hilum@hospital.example\""]),
    Field::required("recipients", "The addresses that it goes to.", Kind::List(&Kind::Text))
        .examples(&["[\"interfaces@hospital.example\"]"]),
    Field::optional("user", "The name to sign in with, together with `password`.", Kind::Text)
        .examples(&["\"hilum\""]),
    Field::optional(
        "password",
        "The password of `user`, by reference. It is read at every mail, so that it can be renewed.",
        Kind::Secret,
    )
    .examples(&["{ secret = \"mail-password\" }"]),
    Field::default(
        "timeout",
        "How long one mail may take, from connecting to the last answer.",
        Kind::Duration { min: "100ms", max: "5m" },
        "20s",
    ),
];

const STARTTLS: &str = "starttls";

const SECURITY: &[Choice] = &[
    Choice { name: "tls", doc: "From the first byte on." },
    Choice {
        name: STARTTLS,
        doc: "By `STARTTLS`, before anything is said. A server that does not offer it gets nothing.",
    },
];

/// The longest address (RFC 5321, section 4.5.3.1.3, without its angle brackets), and how many there may be.
const ADDRESS_MAX: usize = 254;
const RECIPIENTS_MAX: usize = 50;

/// What is said of the server, and of the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSettings {
    /// Where it is; always with TLS.
    pub target: Target,
    /// TLS begins by `STARTTLS`.
    pub starttls: bool,
    /// Where the mail comes from.
    pub sender: String,
    /// Where it goes to.
    pub recipients: Vec<String>,
    /// Who signs in, and with what.
    pub account: Option<(String, SecretRef)>,
    /// How long one mail may take.
    pub timeout: Duration,
}

impl EmailSettings {
    /// Takes the settings from a section read by [`EMAIL_FIELDS`] and the fields of targets; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<EmailSettings> {
        let address = section.address("address")?;
        let target = Target::read(section, (address, section.span_of("address")), &[], diags)?;
        if target.tls().is_none() {
            diags
                .error(
                    "C0411",
                    section.span_of("address"),
                    "mail goes without encryption to nobody",
                )
                .help(
                    "add `tls = { ca = \"...\" }`, with the authority of the server's certificate",
                );
            return None;
        }
        let sender = mail_address(section.text("sender")?, diags);
        let written = section.texts("recipients");
        if written.is_empty() || written.len() > RECIPIENTS_MAX {
            let title = format!("`recipients` names 1 to {RECIPIENTS_MAX} addresses");
            diags.error("C0108", section.span_of("recipients"), title);
            return None;
        }
        let all: Vec<Option<String>> =
            written.into_iter().map(|one| mail_address(one, diags)).collect();
        Some(EmailSettings {
            target,
            starttls: section.choice("security") == Some(STARTTLS),
            sender: sender?,
            recipients: all.into_iter().collect::<Option<Vec<String>>>()?,
            account: account(section, diags)?,
            timeout: section.duration("timeout")?,
        })
    }
}

/// Both or none of them.
fn account(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Option<(String, SecretRef)>> {
    match (section.text("user"), section.secret("password")) {
        (None, None) => Some(None),
        (Some(user), Some(password)) if !user.value.contains(char::is_control) => {
            Some(Some((user.value.clone(), password.clone())))
        }
        (Some(user), _) => {
            diags.error(
                "C0108",
                user.span,
                "`user` needs a `password`, and has no control characters",
            );
            None
        }
        (None, Some(_)) => {
            diags.error("C0108", section.span_of("password"), "`password` needs a `user`");
            None
        }
    }
}

fn mail_address(written: &Text, diags: &mut Diagnostics) -> Option<String> {
    if is_mail_address(&written.value) {
        return Some(written.value.clone());
    }
    diags
        .error("C0108", written.span, "not an address that mail goes to")
        .label("such as `interfaces@hospital.example`");
    None
}

/// Without quotes, comments and other forms that nobody uses: nothing in it can end the command or the header that it stands in.
fn is_mail_address(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>()[]\\,;:\"@".contains(c);
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_plain);
    text.len() <= ADDRESS_MAX && is_part(local) && is_part(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_end_what_it_stands_in() {
        assert!(is_mail_address("on-call+hilum@hospital.example"));
        for odd in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b>",
            "a@b\r\nRCPT TO:<x@y>",
            "\"a\"@b",
            "\u{e9}@b",
        ] {
            assert!(!is_mail_address(odd), "{odd:?}");
        }
    }
}
