//! The generated pages and schemas are what the declarations say.

use crate::{read, top};
use config::declaration_problems;
use engine::site::reference::{channel_tables, pages};

#[test]
fn the_generated_files_are_up_to_date() {
    let mut stale = Vec::new();
    for page in pages() {
        let path = top().join(page.path);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &page.text).unwrap();
        }
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&page.text) {
            stale.push(page.path);
        }
    }
    assert!(stale.is_empty(), "UPDATE=1 rewrites {stale:?}");
}

#[test]
fn no_file_lies_there_that_nothing_generates() {
    let generated: Vec<&str> = pages().iter().map(|page| page.path).collect();
    for folder in ["docs/reference", "docs/schema"] {
        for entry in std::fs::read_dir(top().join(folder)).unwrap() {
            let path = format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap());
            // The command line and the admin API write their own pages.
            let others = ["cli.md", "api.md", "openapi.json", "roles.md"];
            let others = others.map(|name| format!("docs/reference/{name}"));
            assert!(generated.contains(&path.as_str()) || others.contains(&path), "{path}");
        }
    }
}

/// A key that two of those who declare a table both take would be read by one and meant by the other.
#[test]
fn what_is_joined_to_one_table_is_declared_once_and_documented() {
    let tables = channel_tables();
    let mut joined_tables = 0;
    for start in ["`[source]`", "`[[destination]]`"] {
        let of_start: Vec<_> =
            tables.iter().filter(|(title, _)| title.starts_with(start)).collect();
        let (kinds, shared): (Vec<_>, Vec<_>) =
            of_start.into_iter().partition(|(title, _)| title.contains("type ="));
        for (title, fields) in kinds {
            let joined: Vec<_> =
                shared.iter().flat_map(|(_, fields)| fields).chain(fields).copied().collect();
            assert_eq!(declaration_problems(&joined), Vec::<String>::new(), "{title}");
            joined_tables += 1;
        }
    }
    assert_eq!(joined_tables, engine::site::sources().len() + engine::site::destinations().len());
}

#[test]
fn every_page_is_linked_from_another() {
    let written = ["docs/guide.md", "docs/operations.md"].map(read).join("\n");
    for page in pages().iter().filter(|page| page.path.ends_with(".md")) {
        let name = page.path.trim_start_matches("docs/");
        assert!(written.contains(&format!("]({name})")), "{name}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for page in [
        "docs/guide.md",
        "docs/operations.md",
        "docs/connectors/mllp.md",
        "docs/connectors/http.md",
        "docs/peers.md",
        "docs/connectors/file.md",
        "docs/reference/channel.md",
        "docs/reference/steps.md",
        "docs/reference/server.md",
    ] {
        let folder = top().join(page).parent().unwrap().to_owned();
        for link in read(page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { top().join(page) } else { folder.join(path) };
            let there = match std::fs::read_to_string(&target) {
                Ok(text) => {
                    anchor.is_empty()
                        || text
                            .lines()
                            .filter(|line| line.starts_with('#'))
                            .any(|line| slug(line) == anchor)
                }
                Err(_) => target.is_dir(),
            };
            if !link.contains("://") && !there {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a heading is linked by.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}
