use config::{Diagnostics, Text};
use hl7::{Charset, Peek};

/// Which charset the values of a message are read and written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharsetRule {
    /// What the message says (byte order mark, then MSH-18), else this one.
    Declared {
        /// Where it says nothing that is known.
        otherwise: Charset,
    },
    /// This one, whatever the message says.
    Fixed(Charset),
}

impl Default for CharsetRule {
    fn default() -> CharsetRule {
        CharsetRule::Declared { otherwise: Charset::Utf8 }
    }
}

impl CharsetRule {
    /// Reads `fixed NAME` or `msh18, else NAME`.
    pub fn parse(text: &Text, diags: &mut Diagnostics) -> Option<CharsetRule> {
        let written = text.value.as_str();
        let (name, fixed) = if let Some(name) = written.strip_prefix("fixed ") {
            (name, true)
        } else if let Some(name) = written.strip_prefix("msh18, else ") {
            (name, false)
        } else {
            let error =
                diags.error("C0108", text.span, format!("`{written}` is not a charset rule"));
            error.label("expected `\"msh18, else NAME\"` or `\"fixed NAME\"`");
            if Charset::from_name(written).is_some() {
                error.help(format!("write `\"fixed {written}\"`, or `\"msh18, else {written}\"`"));
            }
            return None;
        };
        let Some(charset) = Charset::from_name(name) else {
            let start = written.len() - name.len();
            let error = diags.error(
                "C0108",
                text.at(start..written.len()),
                format!("`{name}` is not a known charset"),
            );
            error.label("not a charset").help("charsets are named as in HL7 table 0211 or as on the web: `8859/1`, `windows-1252`, `utf-8`");
            return None;
        };
        Some(if fixed {
            CharsetRule::Fixed(charset)
        } else {
            CharsetRule::Declared { otherwise: charset }
        })
    }

    /// The charset of a message.
    pub fn of(&self, peek: &Peek) -> Charset {
        match *self {
            CharsetRule::Fixed(charset) => charset,
            CharsetRule::Declared { .. } if peek.declares_charset() => peek.charset(),
            CharsetRule::Declared { otherwise } => otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CharsetRule, String> {
        let mut diags = Diagnostics::new();
        let file = diags.add_file("a.toml", text);
        let text = Text::new(text, diags.files().whole(file));
        CharsetRule::parse(&text, &mut diags).ok_or_else(|| diags.sorted()[0].title().to_owned())
    }

    #[test]
    fn a_rule_names_one_charset() {
        assert_eq!(parse("msh18, else utf-8"), Ok(CharsetRule::default()));
        assert_eq!(parse("fixed windows-1252"), Ok(CharsetRule::Fixed(Charset::Windows1252)));
        assert_eq!(
            parse("msh18, else 8859/15"),
            Ok(CharsetRule::Declared { otherwise: Charset::Iso8859_15 })
        );
        assert_eq!(parse("latin1"), Err("`latin1` is not a charset rule".to_owned()));
        assert_eq!(parse("fixed klingon"), Err("`klingon` is not a known charset".to_owned()));
    }

    #[test]
    fn what_a_message_says_counts_unless_the_channel_knows_better() {
        let silent = hl7::peek(b"MSH|^~\\&|||||||ADT|1").unwrap();
        let latin = hl7::peek(b"MSH|^~\\&|||||||ADT|1||||||||8859/1").unwrap();
        let rule = CharsetRule::Declared { otherwise: Charset::ShiftJis };
        assert_eq!((rule.of(&silent), rule.of(&latin)), (Charset::ShiftJis, Charset::Latin1));
        assert_eq!(CharsetRule::Fixed(Charset::Ascii).of(&latin), Charset::Ascii);
    }
}
