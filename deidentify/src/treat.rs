//! One value and what becomes of it.

use data_encoding::{BASE64, HEXUPPER};
use jiff::civil::Date;

use crate::copy::TextRule;
use crate::key::Key;
use crate::kind::Leaf;
use crate::known::{Class, Known};
use crate::part::Group;
use crate::tally::Treatment;
use crate::{address, cipher, contact, date, name, text};

/// What stands in a document that was taken out.
const DOCUMENT: &str = "document removed";
/// Ages over 89 are one class.
const AGE_MAX: f64 = 89.0;

/// What a treatment needs to know besides the value.
pub(crate) struct Around<'a> {
    pub(crate) key: &'a Key,
    pub(crate) known: &'a Known,
    pub(crate) group: Group<'a>,
    /// Days that dates move back.
    pub(crate) days: i32,
    pub(crate) today: Date,
    pub(crate) rule: TextRule,
    /// The message's escape character.
    pub(crate) escape: &'a str,
}

impl Leaf {
    /// Of what class the original is when it identifies somebody.
    pub(crate) fn class(self) -> Option<Class> {
        match self {
            Leaf::Family | Leaf::Given | Leaf::DateOrName => Some(Class::Name),
            Leaf::Id | Leaf::Org | Leaf::Street | Leaf::City | Leaf::Postal(_) | Leaf::Contact => {
                Some(Class::Other)
            }
            Leaf::Date | Leaf::DateIfAny => Some(Class::Date),
            Leaf::Keep | Leaf::Clear | Leaf::Title | Leaf::State | Leaf::Code | Leaf::Result => {
                None
            }
            Leaf::Number | Leaf::Age | Leaf::Text | Leaf::Scrub | Leaf::Data | Leaf::Pointer => {
                None
            }
        }
    }

    /// The new value and what was done; `None` when it stays.
    pub(crate) fn treat(self, value: &str, around: &Around<'_>) -> Option<(String, Treatment)> {
        let key = around.key;
        let names = |new| Some((new, Treatment::Name));
        let places = |new| Some((new, Treatment::Address));
        let clear = || Some((String::new(), Treatment::Cleared));
        match self {
            Leaf::Keep => None,
            Leaf::Clear => clear(),
            Leaf::Id => Some((cipher::replace(key, value), Treatment::Identifier)),
            Leaf::Family => names(name::family(key, value)),
            Leaf::Given => names(name::given(key, value)),
            Leaf::Title => {
                if name::is_title(value) {
                    None
                } else {
                    clear()
                }
            }
            Leaf::Org => names(name::organisation(key, value)),
            Leaf::Street => places(name::street(key, value)),
            Leaf::City => places(name::city(key, value)),
            Leaf::State => {
                if address::is_state_code(value) {
                    None
                } else {
                    clear()
                }
            }
            Leaf::Postal(country) => {
                places(address::postal_code(key, value, &around.group.text(country)))
            }
            Leaf::Contact => Some((contact::replace(key, value), Treatment::Contact)),
            Leaf::Date => around.shifted(value).or_else(clear),
            // A year, or a short number, is more likely an amount or a code.
            Leaf::DateIfAny => around.shifted(value).filter(|_| value.trim().len() > 4),
            Leaf::DateOrName => around.shifted(value).or_else(|| names(name::family(key, value))),
            Leaf::Code => {
                if text::is_code(value) && around.is_new(value) {
                    None
                } else {
                    around.text(value)
                }
            }
            Leaf::Result => {
                if text::is_result(value) && around.is_new(value) {
                    None
                } else {
                    around.text(value)
                }
            }
            Leaf::Number => match text::is_quantity(value) && around.is_new(value) {
                true => None,
                false => Some((cipher::replace(key, value), Treatment::Identifier)),
            },
            Leaf::Age => match value.trim().parse::<f64>() {
                Ok(age) if age <= AGE_MAX => None,
                Ok(_) => Some(("90".to_owned(), Treatment::Date)),
                Err(_) => clear(),
            },
            Leaf::Text => around.text(value),
            Leaf::Scrub => around.scrubbed(value),
            Leaf::Data => Some((around.document(), Treatment::Document)),
            Leaf::Pointer => Some(("removed".to_owned(), Treatment::Document)),
        }
    }
}

impl Around<'_> {
    fn shifted(&self, value: &str) -> Option<(String, Treatment)> {
        Some((date::shift(value, self.days, self.today)?, Treatment::Date))
    }

    /// Whether none of the identifying values stands in what was typed here.
    fn is_new(&self, value: &str) -> bool {
        self.known.find(value).is_empty()
    }

    fn text(&self, value: &str) -> Option<(String, Treatment)> {
        match self.rule {
            TextRule::Replace => Some((text::replace(value, self.escape), Treatment::Text)),
            TextRule::Scrub => self.scrubbed(value),
        }
    }

    /// Bytes that are no characters cannot be searched, so they go with their line.
    fn scrubbed(&self, value: &str) -> Option<(String, Treatment)> {
        match value.contains('\u{FFFD}') {
            true => Some((text::replace(value, self.escape), Treatment::Text)),
            false => Some((text::scrub(value, self.known), Treatment::Scrubbed)),
        }
    }

    /// A document of the same format in the same encoding: a page of PDF, else a text.
    fn document(&self) -> String {
        let format = format!("{} {}", self.group.text(2), self.group.text(3)).to_uppercase();
        let bytes = if format.contains("PDF") { pdf() } else { DOCUMENT.to_owned() };
        match self.group.text(4).trim().to_uppercase().as_str() {
            "BASE64" => BASE64.encode(bytes.as_bytes()),
            "HEX" => HEXUPPER.encode(bytes.as_bytes()),
            _ => DOCUMENT.to_owned(),
        }
    }
}

/// The smallest PDF (ISO 32000-1, 7.5) with one empty page.
fn pdf() -> String {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]/Resources<<>>>>",
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut places = String::from("0000000000 65535 f \n");
    for (at, object) in objects.iter().enumerate() {
        places.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.push_str(&format!("{} 0 obj{object}endobj\n", at + 1));
    }
    let start = out.len();
    out.push_str(&format!(
        "xref\n0 4\n{places}trailer<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::pdf;

    #[test]
    fn the_cross_references_point_at_the_objects() {
        let pdf = pdf();
        for number in 1..=3 {
            let line = pdf.split("65535 f \n").nth(1).unwrap().lines().nth(number - 1).unwrap();
            let at: usize = line[..10].parse().unwrap();
            assert!(pdf[at..].starts_with(&format!("{number} 0 obj")), "{pdf}");
        }
    }
}
