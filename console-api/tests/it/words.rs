//! The words of a search in the documentation are those of the program.

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- words -->\n";
const END: &str = "<!-- end of words -->\n";

#[test]
fn operations_lists_the_words_of_a_search() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark before the words");
    let (_, after) = rest.split_once(END).expect("the mark behind the words");
    let table = console_api::query::table();
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&page, &expected).unwrap();
        return;
    }
    assert!(text == expected, "docs/operations.md has other words: `UPDATE=1` writes them");
}
