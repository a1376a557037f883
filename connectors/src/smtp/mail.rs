//! A mail of plain text as it goes over the wire (RFC 5322, RFC 2045).

use std::fmt::Write;

use jiff::Timestamp;

/// Characters of a header's value, and of a line of the text.
const HEADER_MAX: usize = 200;
const LINE_MAX: usize = 72;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What it is about; only printable ASCII of it is sent.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// What tells it from others; mail programs show the same one once.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
}

impl Mail {
    /// The mail with its headers, with the dots doubled that begin a line, up to and with the line that ends it.
    pub(super) fn wire(&self, sender: &str, recipients: &[String]) -> String {
        let domain = sender.rsplit('@').next().unwrap_or("localhost");
        let mut wire = String::new();
        let mut header = |name: &str, value: &str| {
            let clean: String = value
                .chars()
                .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
                .collect();
            let _ = write!(wire, "{name}: {clean}\r\n");
        };
        header("From", &format!("Hilum <{sender}>"));
        for recipient in recipients {
            header("To", recipient);
        }
        header("Subject", &self.subject.chars().take(HEADER_MAX).collect::<String>());
        header("Date", &self.at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string());
        header("Message-ID", &format!("<{}@{domain}>", self.id));
        header("Auto-Submitted", "auto-generated");
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        header("Content-Transfer-Encoding", "quoted-printable");
        wire.push_str("\r\n");
        for line in quoted_printable(&self.text) {
            if line.starts_with('.') {
                wire.push('.');
            }
            wire.push_str(&line);
            wire.push_str("\r\n");
        }
        wire.push_str(".\r\n");
        wire
    }
}

/// Lines of printable ASCII (RFC 2045, section 6.7).
fn quoted_printable(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut out = String::new();
        let mut rest = line.bytes().peekable();
        while let Some(byte) = rest.next() {
            if out.len() >= LINE_MAX {
                out.push('=');
                lines.push(std::mem::take(&mut out));
            }
            // A blank at the end of a line may get lost on the way.
            let is_plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~')
                || (byte == b' ' && rest.peek().is_some() && out.len() + 1 < LINE_MAX);
            match is_plain {
                true => out.push(char::from(byte)),
                false => {
                    let _ = write!(out, "={byte:02X}");
                }
            }
        }
        lines.push(out);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(subject: &str, text: &str) -> String {
        let mail = Mail {
            subject: subject.to_owned(),
            text: text.to_owned(),
            id: "1".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        mail.wire("hilum@a.example", &["x@b.example".to_owned(), "y@b.example".to_owned()])
    }

    #[test]
    fn a_mail_is_lines_of_ascii() {
        let mail = wire("S", "a = b\n.\n..c\n\u{e9} ");
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n"), "{head}");
        assert!(head.contains("From: Hilum <hilum@a.example>\r\nTo: x@b.example\r\nTo: y@"));
        assert_eq!(body, "a =3D b\r\n..\r\n...c\r\n=C3=A9=20\r\n.\r\n");
    }

    #[test]
    fn nothing_in_a_subject_begins_another_header() {
        let mail = wire("a\r\nBcc: z@b.example\r\n\r\n\u{e9}", "t");
        assert!(mail.contains("\r\nSubject: a??Bcc: z@b.example?????\r\n"), "{mail}");
        assert!(!mail.contains("\nBcc"));
        assert!(wire(&"x".repeat(5_000), "t").lines().all(|line| line.len() < 300));
    }

    #[test]
    fn long_lines_are_cut_softly() {
        let mail = wire("s", &"x y ".repeat(100));
        assert!(mail.lines().all(|line| line.len() <= 76), "{mail}");
        let body = mail.split_once("\r\n\r\n").unwrap().1;
        let whole = body.replace("=\r\n", "").replace("=20", " ");
        assert_eq!(whole, format!("{}\r\n.\r\n", "x y ".repeat(100)));
    }
}
