//! Rust text with its comments and literals blanked, so that a plain search finds code only.

/// The same text, line for line, with everything inside comments, strings and character literals replaced by spaces.
pub fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8(out).expect("only whole literals are blanked")
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return block_end(bytes, at);
    }
    if rest[0] == b'"' {
        return string_end(bytes, at + 1);
    }
    if rest[0] == b'r' && (at == 0 || !is_word(bytes[at - 1]) || bytes[at - 1] == b'b') {
        let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            let body = &rest[2 + hashes..];
            let length = body.windows(close.len()).position(|w| w == close).unwrap_or(body.len());
            return at + 2 + hashes + length + close.len();
        }
    }
    if rest[0] == b'\'' {
        return character_end(bytes, at);
    }
    at
}

fn block_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A quote begins a character literal or a lifetime; a lifetime is code.
fn character_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let close = bytes[at + 3..].iter().position(|b| *b == b'\'');
        return close.map_or(at, |n| at + 3 + n + 1);
    }
    // One character of up to four bytes, then the closing quote.
    let width = match bytes.get(at + 1) {
        Some(first) if *first >= 0xf0 => 4,
        Some(first) if *first >= 0xe0 => 3,
        Some(first) if *first >= 0xc0 => 2,
        _ => 1,
    };
    if bytes.get(at + 1 + width) == Some(&b'\'') { at + width + 2 } else { at }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every function with a body in blanked code: name, first line (from 1), number of lines.
pub fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        if start > 0 && is_word(bytes[start - 1]) {
            continue;
        }
        let name: String =
            code[start + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            continue;
        }
        if let Some(end) = body_end(bytes, start) {
            let line = |at: usize| bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
            found.push((name, line(start), line(end) - line(start) + 1));
        }
    }
    found
}

/// Where the body of the function that begins at `start` closes; none for a declaration.
fn body_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b'{' => curly += 1,
            b'}' if curly == 1 && round == 0 => return Some(at),
            b'}' => curly -= 1,
            b';' if curly == 0 && round == 0 => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn blanking_leaves_code_alone_and_keeps_lines() {
    let text = "let a = \"}\\\" {\"; // {\nlet c = '{'; let l: &'static str = r#\"\n}\"#; /* { /* } */ */ b";
    let code = blank(text);
    assert!(!code.contains('{') && !code.contains('}'), "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(code.contains("&'static str") && code.ends_with(" b"), "{code}");
}

#[test]
fn a_function_is_counted_from_its_name_to_its_brace() {
    let found =
        functions("trait T { fn none(&self); }\nfn two(a: [u8; 2])\n{ if a { b } }\nfn one() {}\n");
    assert_eq!(found, [("two".to_owned(), 2, 2), ("one".to_owned(), 4, 1)]);
}
