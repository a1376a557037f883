//! The operators' page: its settings are read, and what the engine logs is in it.

use crate::markdown::blocks;
use crate::{read, top};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn its_settings_are_sound() {
    let mut found = 0;
    for block in blocks(&read("docs/operations.md")).iter().filter(|block| block.language == "toml")
    {
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("data/secrets");
        std::fs::create_dir_all(&secrets).unwrap();
        for name in ["store-password", "metrics"] {
            std::fs::write(secrets.join(name), "invented-0123456789").unwrap();
            private(&secrets.join(name));
        }
        std::fs::write(folder.path().join("server.toml"), &block.text).unwrap();
        let (site, diagnostics) = engine::site::check(folder.path(), None);
        assert!(
            site.is_some() && diagnostics.is_empty(),
            "line {}:\n{}",
            block.line,
            diagnostics.render(false)
        );
        found += 1;
    }
    assert!(found >= 2, "{found}");
}

/// Lets nobody else read a file.
pub fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn every_code_of_a_log_line_is_explained() {
    let page = read("docs/operations.md");
    let mut codes = BTreeSet::new();
    for folder in
        ["auth", "channel", "cli", "config", "connectors", "console-api", "engine", "net", "store"]
    {
        gather(&top().join(folder).join("src"), &mut codes);
    }
    let missing: Vec<&String> =
        codes.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(
        codes.len() > 10 && missing.is_empty(),
        "docs/operations.md does not explain {missing:?}"
    );
    let table =
        page.split("## Log codes").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    for listed in rows
        .flat_map(|cell| cell.split('`'))
        .filter(|part| part.contains(|c: char| c.is_ascii_lowercase()))
    {
        assert!(codes.contains(listed), "nothing logs `{listed}`");
    }
}

/// The codes in calls of `tracing` above `debug`: the field `code`, or the message itself where it is one.
fn gather(path: &Path, codes: &mut BTreeSet<String>) {
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| gather(&entry.unwrap().path(), codes));
        return;
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return;
    }
    let text = std::fs::read_to_string(path).unwrap();
    for level in ["tracing::info!(", "tracing::warn!(", "tracing::error!("] {
        for call in text.split(level).skip(1) {
            let call = call.split(");").next().unwrap_or(call);
            let field = call.split("code = \"").nth(1).and_then(|rest| rest.split('"').next());
            let message = call.split('"').rev().nth(1).filter(|message| is_code(message));
            codes.extend(field.or(message).map(str::to_owned));
        }
    }
}

/// `mllp.fragment`: words joined by dots, no sentence.
fn is_code(text: &str) -> bool {
    text.contains('.')
        && text.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_' | '-'))
}
