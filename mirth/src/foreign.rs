//! What a script uses that a script here does not have.

use crate::js::{Token, lex};
use crate::path::Path;
use std::collections::BTreeSet;

/// Names of Mirth's surroundings that have no equal, and what to do instead.
const NAMES: &[(&[&str], &str)] = &[
    (
        &["Packages", "java", "javax", "importPackage", "importClass", "JavaAdapter", "org", "com"],
        "uses Java classes, and there are none here",
    ),
    (
        &["globalMap", "globalChannelMap", "$g", "$gc"],
        "uses a map that outlives the message; here a message is all that a script knows, so put it into a code table",
    ),
    (
        &["responseMap", "$r"],
        "uses the response map, and destinations know nothing of each other here",
    ),
    (&["sourceMap", "$s"], "uses the source map, which has no equal"),
    (
        &["connectorMap", "$co"],
        "uses the connector map; write `channelMap` where it is the same script list",
    ),
    (
        &["configurationMap", "$cfg"],
        "uses the configuration map; what differs between environments stands in `vars/`",
    ),
    (&["destinationSet"], "chooses destinations; here a destination's `when` does that"),
    (
        &["router", "VMRouter"],
        "sends messages to channels; here a destination with `type = \"channel\"` does that",
    ),
    (
        &[
            "DatabaseConnectionFactory",
            "FileUtil",
            "HTTPUtil",
            "SMTPConnectionFactory",
            "alerts",
            "AttachmentUtil",
        ],
        "reaches outside, and a script here cannot: a transform does no I/O",
    ),
    (
        &[
            "SerializerFactory",
            "ResponseFactory",
            "DateUtil",
            "DateParser",
            "UUIDGenerator",
            "Lists",
            "Maps",
            "StringUtil",
        ],
        "uses a class of Mirth's that has no equal",
    ),
    (
        &["Date"],
        "asks for the time, and scripts here know none, so that a message can be run again",
    ),
    (
        &["connectorMessage", "channelId", "channelName", "response", "responseStatus", "message"],
        "uses a variable of Mirth's that has no equal",
    ),
    (
        &["XML", "XMLList", "Namespace", "QName"],
        "uses E4X (XML inside JavaScript), which has no equal",
    ),
];

/// One finding: its line in the source, from 0, and what is wrong.
pub(crate) type Finding = (usize, String);

/// Everything of that kind in a source, each line and reason once.
pub(crate) fn findings(source: &str) -> Vec<Finding> {
    let lexed = lex(source);
    let mut found = BTreeSet::new();
    let token = |at: usize| lexed.lexemes.get(at).map(|lexeme| &lexeme.token);
    for (at, lexeme) in lexed.lexemes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(token);
        let after = token(at + 1);
        let reason = match &lexeme.token {
            Token::Word(word) => named(word, before, after),
            Token::Sign(sign) => signed(sign, before, after),
            Token::Odd => {
                Some("has a sign or a literal that older JavaScript does not know".to_owned())
            }
            Token::Text(_) | Token::Number(_) | Token::Regex(..) => None,
        };
        if let Some(reason) = reason {
            found.insert((lexeme.line, reason));
        }
    }
    found.into_iter().collect()
}

fn named(word: &str, before: Option<&Token>, after: Option<&Token>) -> Option<String> {
    let is_member = matches!(before, Some(Token::Sign(".")));
    if is_member {
        let is_segment = crate::path::is_segment(word);
        return is_segment.then(|| {
            format!("reads `.{word}` as E4X (XML inside JavaScript) does; write `['{word}']`")
        });
    }
    if word == "each" && matches!(before, Some(Token::Word(word)) if word == "for") {
        return Some(
            "has a `for each` of E4X (XML inside JavaScript), which has no equal".to_owned(),
        );
    }
    // A property that is called like one of them, or one that is declared here.
    if matches!(after, Some(Token::Sign(":")))
        || matches!(before, Some(Token::Word(word)) if word == "var")
    {
        return None;
    }
    let reason = NAMES.iter().find(|(names, _)| names.contains(&word))?.1;
    Some(format!("`{word}`: {reason}"))
}

fn signed(sign: &str, before: Option<&Token>, after: Option<&Token>) -> Option<String> {
    let is_value_next = match before {
        None => true,
        Some(Token::Sign(sign)) => !matches!(*sign, ")" | "]" | "}"),
        Some(Token::Word(word)) => matches!(word.as_str(), "return" | "new"),
        Some(Token::Text(_) | Token::Number(_) | Token::Regex(..) | Token::Odd) => false,
    };
    match sign {
        "<" if is_value_next && matches!(after, Some(Token::Word(_) | Token::Sign(">"))) => {
            Some("has an XML literal of E4X (XML inside JavaScript), which has no equal".to_owned())
        }
        ".." | "::" | "@" => {
            Some(format!("has the `{sign}` of E4X (XML inside JavaScript), which has no equal"))
        }
        _ => None,
    }
}

/// The segments and fields that a source names, which it may have written to.
pub(crate) struct Named {
    segments: BTreeSet<String>,
    fields: BTreeSet<String>,
}

impl Named {
    pub(crate) fn of(source: &str) -> Named {
        let (mut segments, mut fields) = (BTreeSet::new(), BTreeSet::new());
        for lexeme in lex(source).lexemes {
            let (Token::Text(text) | Token::Word(text)) = lexeme.token else { continue };
            let mut parts = text.splitn(3, '.');
            let (Some(segment), field) = (parts.next(), parts.next()) else { continue };
            if !crate::path::is_segment(segment) {
                continue;
            }
            match field {
                Some(field) => fields.insert(format!("{segment}.{field}")),
                None => segments.insert(segment.to_owned()),
            };
        }
        Named { segments, fields }
    }

    /// Whether a place may be among them: its field is named, or its segment and no field of it.
    pub(crate) fn may_hold(&self, path: &Path) -> bool {
        let own = format!("{}.", path.segment());
        match path.mirth_field() {
            Some(field) if self.fields.contains(&field) => true,
            Some(_) if self.fields.iter().any(|field| field.starts_with(&own)) => false,
            Some(_) | None => self.segments.contains(path.segment()),
        }
    }

    /// Whether a condition asks a segment that is named.
    pub(crate) fn may_change(&self, condition: &str) -> bool {
        let fields = self.fields.iter().filter_map(|field| field.get(..3));
        self.segments.iter().map(String::as_str).chain(fields).any(|name| condition.contains(name))
    }
}

/// The texts in a source: the names that it asks maps for are among them.
pub(crate) fn texts(source: &str) -> BTreeSet<String> {
    let texts = lex(source).lexemes.into_iter().filter_map(|lexeme| match lexeme.token {
        Token::Text(text) => Some(text),
        _ => None,
    });
    texts.collect()
}

/// Whether a source may put something into a map.
pub(crate) fn puts(source: &str) -> bool {
    let words = ["put", "$c", "$co"];
    lex(source).lexemes.iter().any(|lexeme| match &lexeme.token {
        Token::Word(word) => words.contains(&word.as_str()),
        _ => false,
    })
}

/// What is left of a source without its comments and blanks, to see whether it does anything.
pub(crate) fn does_nothing(source: &str) -> bool {
    let words: Vec<String> = lex(source)
        .lexemes
        .into_iter()
        .map(|lexeme| match lexeme.token {
            Token::Word(word) => word,
            Token::Sign(sign) => sign.to_owned(),
            _ => "?".to_owned(),
        })
        .collect();
    let text = words.join(" ");
    matches!(text.trim_end_matches([' ', ';']), "" | "return" | "return message" | "return true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_equal_is_found_with_its_line() {
        let source = "var a = msg.PID;\nfor each (seg in msg..OBX) {}\nvar x = <PID/>;\nif (a < b) {}\nvar d = new java.util.Date();\n// globalMap\nlogger.info('$gc');";
        let lines: Vec<usize> = findings(source).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [0, 1, 1, 2, 4]);
    }

    #[test]
    fn default_scripts_do_nothing() {
        assert!(does_nothing("// Modify the message variable below\nreturn message;"));
        assert!(does_nothing("/* x */ return;\n"));
        assert!(!does_nothing("globalMap.put('a', 1);\nreturn;"));
    }
}
