//! Whatever stands in a file, reading it ends with diagnostics that can be shown.

use crate::diagnostics::read;
use config::{CodeTable, Diagnostics, Name};
use proptest::prelude::*;

fn sound() -> String {
    std::fs::read_to_string(crate::golden::data("cases/sound.toml")).unwrap()
}

/// Shows everything, and says whether each place lies in its file.
fn show(diags: &Diagnostics) -> bool {
    diags.render(true);
    diags.to_json();
    diags.sorted().iter().all(|diagnostic| {
        let span = diagnostic.span();
        let text = diags.files().text(span.file);
        span.start <= span.end && text.get(span.start..span.end).is_some()
    })
}

proptest! {
    #[test]
    fn any_text_is_read(text in "\\PC{0,80}|[\\[\\]{}='\"#,.\\na-z0-9 é]{0,200}") {
        prop_assert!(show(&read("any.toml", &text)));
    }

    #[test]
    fn a_damaged_file_is_read(at in 0usize..1200, length in 0usize..12, put in "[\\[\\]{}='\"#,.\\n\\\\a-zé\u{0}]{0,4}") {
        let text: Vec<char> = sound().chars().collect();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        let damaged: String = text[..at].iter().copied().chain(put.chars()).chain(text[end..].iter().copied()).collect();
        prop_assert!(show(&read("damaged.toml", &damaged)));
    }

    #[test]
    fn any_table_is_read(rows in "(from,to(,note)?\r?\n)?[a-z,\"é\r\n ]{0,120}") {
        let mut diags = Diagnostics::new();
        let table = CodeTable::parse(Name::new("t").unwrap(), "tables/t.csv", &rows, &mut diags);
        prop_assert_eq!(table.is_none(), diags.has_errors());
        prop_assert!(show(&diags));
    }
}
