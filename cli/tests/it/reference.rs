//! The reference page of the verbs is what `--help` says.

use std::path::Path;
use std::process::{Command, Stdio};

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hilum"))
        .args(arguments)
        .arg("--help")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that the help lists.
fn verbs(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let words = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    words.filter(|word| !word.is_empty() && *word != "help").map(str::to_owned).collect()
}

fn page() -> String {
    let whole = help(&[]);
    let mut page = format!(
        "# The command line\n\nWhat `hilum --help` and `hilum VERB --help` say.\n\n```\n{whole}```\n"
    );
    for verb in verbs(&whole) {
        let of_verb = help(&[&verb]);
        page.push_str(&format!("\n## `hilum {verb}`\n\n```\n{of_verb}```\n"));
        if of_verb.contains("Commands:\n") {
            for inner in verbs(&of_verb) {
                let of_inner = help(&[&verb, &inner]);
                page.push_str(&format!("\n### `hilum {verb} {inner}`\n\n```\n{of_inner}```\n"));
            }
        }
    }
    page
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/cli.md");
    let page = page();
    assert!(page.matches("\n## `hilum ").count() >= 17, "{page}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "UPDATE=1 rewrites docs/reference/cli.md");
}
