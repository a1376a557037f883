//! The reference pages of routes and roles are made from the tables in the code.

use std::fmt::Write;
use std::path::Path;

use auth::{Permission, ROLES};
use console_api::{Needs, document, table};

fn routes() -> String {
    let mut page = String::from(
        "# Routes of the admin API\n\nMade from the table of routes; the same as OpenAPI 3.1 is in [openapi.json](openapi.json), which the engine serves too.\n\
         Requests and answers are JSON; a refusal is `application/problem+json` (RFC 9457) with a stable `code`. Unknown fields are refused.\n\n\
         | Status | When |\n|---|---|\n",
    );
    let whole = document(&table());
    let responses = whole["components"]["responses"].as_object().unwrap();
    for (status, response) in responses {
        writeln!(page, "| {status} | {} |", response["description"].as_str().unwrap()).unwrap();
    }
    page.push_str("\n| Route | What it does | Who may |\n|---|---|---|\n");
    for route in table() {
        let who = match route.needs {
            Needs::Permission(permission) if route.fresh => {
                format!("`{}`, signed in within 5 minutes", permission.name())
            }
            Needs::Permission(permission) => format!("`{}`", permission.name()),
            Needs::SignedIn => "whoever is signed in".to_owned(),
            Needs::Enrolling => {
                "whoever is signed in, also without the second factor they need".to_owned()
            }
            Needs::Nobody => "everybody".to_owned(),
        };
        writeln!(page, "| `{} {}` | {} | {who} |", route.method, route.path, route.summary)
            .unwrap();
    }
    page
}

fn roles() -> String {
    let mut page = String::from(
        "# Roles\n\nMade from the table of roles. A role is given for every channel or for some; permissions marked with * are not about channels and\n\
         count only when the role is given for every channel. What they mean for people is in [accounts.md](../accounts.md).\n\n",
    );
    for role in ROLES {
        let held: Vec<String> = role
            .permissions
            .iter()
            .map(|one| format!("`{}`{}", one.name(), if one.is_of_channels() { "" } else { "*" }))
            .collect();
        writeln!(page, "## {}\n\n{}\n\n{}\n", role.name, role.doc, held.join(", ")).unwrap();
    }
    page.push_str("## Who holds what\n\n| Permission | Roles |\n|---|---|\n");
    for permission in Permission::ALL {
        let holders: Vec<&str> = ROLES
            .iter()
            .filter(|role| role.permissions.contains(permission))
            .map(|role| role.name)
            .collect();
        writeln!(page, "| `{}` | {} |", permission.name(), holders.join(", ")).unwrap();
    }
    page
}

#[test]
fn the_pages_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    let openapi = format!("{:#}\n", document(&table()));
    let pages = [("api.md", routes()), ("roles.md", roles()), ("openapi.json", openapi)];
    let mut stale = Vec::new();
    for (name, page) in pages {
        let path = folder.join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != page {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "UPDATE=1 rewrites docs/reference: {stale:?}");
}
