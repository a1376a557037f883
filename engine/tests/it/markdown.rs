//! Code blocks of a Markdown page.

/// A code block.
pub struct Block {
    /// The word after the fence.
    pub language: String,
    /// What stands in it.
    pub text: String,
    /// The line of its first line, from 1.
    pub line: usize,
    /// The last line of text before it.
    pub before: String,
}

/// All code blocks, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut before = String::new();
    let mut open = false;
    for (index, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                let language = language.trim().to_owned();
                blocks.push(Block {
                    language,
                    text: String::new(),
                    line: index + 2,
                    before: before.clone(),
                });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) if line.trim().is_empty() => {}
            (None, false) => before = line.to_owned(),
        }
    }
    assert!(!open, "a code block is not closed");
    blocks
}

#[test]
fn a_block_knows_its_language_place_and_heading() {
    let found = blocks("a\n\nthe `t.csv`:\n\n```csv\nx\ny\n```\n```\nz\n```\n");
    let shown: Vec<_> =
        found.iter().map(|b| (&*b.language, &*b.text, b.line, &*b.before)).collect();
    assert_eq!(shown, [("csv", "x\ny\n", 6, "the `t.csv`:"), ("", "z\n", 10, "the `t.csv`:")]);
}
