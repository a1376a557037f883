//! One entry, in the form of RFC 5424, counted in octets (RFC 5425, section 4.3).

use std::fmt::Write;

/// What is known under this number at IANA as an example; a collector takes it as the name of the structured data and nothing more.
const ENTERPRISE: &str = "hilum@32473";
/// The longest host name and the longest message id (RFC 5424, section 6).
const HOST_MAX: usize = 255;
const ID_MAX: usize = 32;

/// Where an entry belongs (RFC 5424, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facility {
    /// System daemons.
    Daemon = 3,
    /// Security and authorization messages.
    AuthPriv = 10,
}

/// How bad it is (RFC 5424, section 6.2.1); a smaller one is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something has failed.
    Error = 3,
    /// Somebody should look at it.
    Warning = 4,
    /// It is of importance.
    Notice = 5,
    /// It is as usual.
    Informational = 6,
}

/// An entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Where it belongs.
    pub facility: Facility,
    /// How bad it is.
    pub severity: Severity,
    /// When, in the form of RFC 3339 with at most six digits after the second.
    pub time: &'a str,
    /// The name of this engine.
    pub host: &'a str,
    /// What kind of entry: the act of a record, the code of an event.
    pub id: &'a str,
    /// What tells it from all others of its kind: an entry may come twice, and then with the same place.
    pub place: &'a str,
    /// A JSON object.
    pub text: &'a str,
}

impl Entry<'_> {
    /// Appends the entry to what is to be sent.
    pub fn frame(&self, out: &mut Vec<u8>) {
        let priority = self.facility as u16 * 8 + self.severity as u16;
        let mut entry = format!("<{priority}>1 ");
        // A time that cannot be one is none (`-`).
        let time = if self.time.len() > 32 { "" } else { self.time };
        for (field, longest) in
            [(time, 32), (self.host, HOST_MAX), ("hilum", 48), ("", 0), (self.id, ID_MAX)]
        {
            field_of(&mut entry, field, longest);
        }
        // The values of parameters escape these three (RFC 5424, section 6.3.3).
        let place = self.place.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
        let _ = write!(entry, "[{ENTERPRISE} place=\"{place}\"] {}", self.text);
        out.extend_from_slice(entry.len().to_string().as_bytes());
        out.push(b' ');
        out.extend_from_slice(entry.as_bytes());
    }
}

/// A field of the header: printable ASCII without blanks, and `-` when nothing is left.
fn field_of(entry: &mut String, field: &str, longest: usize) {
    let before = entry.len();
    entry.extend(field.chars().filter(char::is_ascii_graphic).take(longest));
    entry.push_str(if entry.len() == before { "- " } else { " " });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(entry: Entry<'_>) -> String {
        let mut out = Vec::new();
        entry.frame(&mut out);
        String::from_utf8(out).unwrap()
    }

    const RECORD: Entry<'_> = Entry {
        facility: Facility::AuthPriv,
        severity: Severity::Notice,
        time: "2026-11-27T12:00:00.000001Z",
        host: "hilum-a",
        id: "auth.login",
        place: "7",
        text: r#"{"seq":7}"#,
    };

    #[test]
    fn an_entry_is_counted_in_octets() {
        let entry = "<85>1 2026-11-27T12:00:00.000001Z hilum-a hilum - auth.login [hilum@32473 place=\"7\"] {\"seq\":7}";
        assert_eq!(framed(RECORD), format!("{} {entry}", entry.len()));
        let wide = framed(Entry { text: "{\"name\":\"\u{e9}\"}", ..RECORD });
        let (count, rest) = wide.split_once(' ').unwrap();
        assert_eq!(count.parse::<usize>().unwrap(), rest.len());
    }

    #[test]
    fn nothing_in_a_field_can_end_it() {
        let odd = framed(Entry {
            host: "a b\n<3>1\u{e9}",
            id: "",
            place: "1\"] [x y=\"\\",
            time: "",
            severity: Severity::Error,
            facility: Facility::Daemon,
            ..RECORD
        });
        let (_, entry) = odd.split_once(' ').unwrap();
        assert!(
            entry.starts_with(
                "<27>1 - ab<3>1 hilum - - [hilum@32473 place=\"1\\\"\\] [x y=\\\"\\\\\"] {"
            ),
            "{entry}"
        );
        let long = "x".repeat(400);
        let cut = framed(Entry { host: &long, id: &long, ..RECORD });
        assert!(cut.contains(&format!(" {} ", "x".repeat(255))), "{cut}");
        assert!(cut.contains(&format!(" {} [", "x".repeat(32))), "{cut}");
    }
}
