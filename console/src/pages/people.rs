//! Who may sign in, and what they may do.

use maud::{Markup, html};
use serde_json::Value;

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::{Get, texts};
use crate::visit::Visit;

/// Shows them.
pub async fn show(visit: &Visit) -> Outcome {
    let users = visit.ask("/api/v1/users", &Value::Null).await?;
    let roles = visit.ask("/api/v1/roles", &Value::Null).await?;
    let sessions = visit.ask_if_allowed("/api/v1/sessions", &Value::Null).await;
    let tokens = visit.ask_if_allowed("/api/v1/tokens", &Value::Null).await;
    let users = users.list("users");
    let body = html! {
        h1 { "People" }
        div.wide tabindex="0" role="region" aria-labelledby="people-caption" {
            table.rows {
                caption #people-caption { "Accounts" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "State" } th scope="col" { "Second factor" } th scope="col" { "Roles" } th scope="col" { "Last sign-in" } th scope="col" { "What to do" } } }
                tbody { @for user in users { (row(visit, user)) } }
            }
        }
        (add(visit, &roles))
        @if let Some(sessions) = &sessions { (open_sessions(visit, sessions)) }
        @if let Some(tokens) = &tokens { (programs(visit, tokens)) }
        (matrix(&roles))
        (parts::command(&["hilum user list".to_owned(), "hilum user add NAME --role operator".to_owned(), "hilum role list".to_owned(), "hilum session list".to_owned()], "GET /api/v1/users, /api/v1/roles, /api/v1/sessions, /api/v1/tokens"))
    };
    Ok(Sheet::new(format!("{} accounts - People", users.len()), body).into())
}

fn row(visit: &Visit, user: &Value) -> Markup {
    let name = user.text("name");
    let locked = user.maybe_int("locked_until_us").is_some_and(|until| until > visit.now_us);
    html! {
        tr {
            th scope="row" { (name) @if user.flag("directory") { " " span.quiet { "from the directory" } } }
            td { (parts::state(if locked { "locked" } else { user.text("state") })) }
            td { (if user.flag("second_factor") { "yes" } else { "no" }) }
            td { @for grant in user.list("grants") { (granted(grant)) " " } }
            td { (parts::when(visit, user.maybe_int("signed_in_us"))) }
            td { @if visit.may("user.manage") {
                details.act { summary { "Change\u{2026}" }
                    @if locked { (change(visit, name, "unlock", "Unlock")) }
                    @if user.text("state") == "disabled" { (change(visit, name, "enable", "Enable")) } @else { (change(visit, name, "disable", "Disable")) }
                    (change(visit, name, "reset-second-factor", "Take the second factor away"))
                    @if visit.may("role.manage") {
                        form.row method="post" action="/act" {
                            (parts::asks(visit, "/api/v1/users/grants", "/people")) (parts::hidden("name", name))
                            label for={ "grants-" (name) } { "Roles, one a line; " code { "operator:adt,lab" } " for some channels" }
                            @for grant in user.list("grants") { input name="grants" value=(as_field(grant)) aria-label={ "Role of " (name) }; }
                            input #{ "grants-" (name) } name="grants";
                            (parts::reason(&format!("grants-why-{name}"))) button { "Set the roles" }
                        }
                    }
                }
            } @else { (parts::lacks("user.manage")) } }
        }
    }
}

fn granted(grant: &Value) -> Markup {
    let channels = texts(grant.list("channels"));
    html! { code { (grant.text("role")) } @if grant.get("channels").is_some_and(Value::is_array) { " in " (channels.join(", ")) } }
}

fn as_field(grant: &Value) -> String {
    match grant.get("channels").is_some_and(Value::is_array) {
        true => format!("{}:{}", grant.text("role"), texts(grant.list("channels")).join(",")),
        false => grant.text("role").to_owned(),
    }
}

fn change(visit: &Visit, name: &str, verb: &str, shown: &str) -> Markup {
    html! {
        form.row method="post" action="/act" {
            (parts::asks(visit, &format!("/api/v1/users/{verb}"), "/people")) (parts::hidden("name", name))
            (parts::reason(&format!("{verb}-{name}"))) button { (shown) }
        }
    }
}

fn add(visit: &Visit, roles: &Value) -> Markup {
    html! {
        @if visit.may("user.manage") {
            details.act { summary { "Add somebody\u{2026}" }
                form.panel method="post" action="/act" {
                    (parts::asks(visit, "/api/v1/users/add", "/people"))
                    p { label for="new-name" { "Name" } input #new-name name="name" required autocomplete="off"; }
                    p { label for="new-password" { "First password" } input #new-password name="password" type="password" required autocomplete="new-password"; }
                    p { label for="new-role" { "Role" } select #new-role name="grants" { @for role in roles.list("roles") { option value=(role.text("name")) { (role.text("name")) " - " (role.text("doc")) } } } }
                    p { (parts::reason("add-why")) }
                    p { button.main { "Add" } }
                }
            }
        }
    }
}

fn open_sessions(visit: &Visit, sessions: &Value) -> Markup {
    html! {
        h2 { "Sessions" }
        div.wide tabindex="0" role="region" aria-labelledby="sessions-caption" {
            table { caption #sessions-caption { "Who is signed in" }
                thead { tr { th scope="col" { "Who" } th scope="col" { "From" } th scope="col" { "Since" } th scope="col" { "Last seen" } th scope="col" { "What to do" } } }
                tbody { @for one in sessions.list("sessions") { tr {
                    th scope="row" { (one.text("user")) } td { (one.text("address")) } td { (parts::when(visit, one.maybe_int("created_us"))) } td { (parts::when(visit, one.maybe_int("seen_us"))) }
                    td { form.row method="post" action="/act" { (parts::asks(visit, "/api/v1/sessions/end", "/people")) (parts::hidden("id", one.text("id"))) (parts::reason(&format!("end-{}", one.text("id")))) button { "End it" } } }
                } } }
            }
        }
    }
}

fn programs(visit: &Visit, tokens: &Value) -> Markup {
    html! {
        h2 { "Tokens of programs" }
        @if tokens.list("tokens").is_empty() { p.quiet { "No program has a token." } } @else {
            div.wide tabindex="0" role="region" aria-labelledby="tokens-caption" {
                table { caption #tokens-caption { "Tokens" }
                    thead { tr { th scope="col" { "Program" } th scope="col" { "Ends" } th scope="col" { "Last used" } th scope="col" { "What to do" } } }
                    tbody { @for one in tokens.list("tokens") { tr {
                        th scope="row" { (one.text("name")) } td { (parts::when(visit, one.maybe_int("until_us"))) } td { (parts::when(visit, one.maybe_int("used_us"))) }
                        td { form.row method="post" action="/act" { (parts::asks(visit, "/api/v1/tokens/revoke", "/people")) (parts::hidden("name", one.text("name"))) (parts::reason(&format!("revoke-{}", one.text("id")))) button { "Revoke" } } }
                    } } }
                }
            }
        }
    }
}

/// Who may do what, from the roles as the engine has them.
fn matrix(roles: &Value) -> Markup {
    let roles = roles.list("roles");
    let mut all: Vec<&str> =
        roles.iter().flat_map(|role| texts(role.list("permissions"))).collect();
    all.sort_unstable();
    all.dedup();
    html! {
        h2 { "Who may do what" }
        div.wide tabindex="0" role="region" aria-labelledby="matrix-caption" {
            table.matrix { caption #matrix-caption { "Permissions by role" }
                thead { tr { th scope="col" { "Permission" } @for role in roles { th scope="col" { (role.text("name")) } } } }
                tbody { @for permission in all { tr {
                    th scope="row" { code { (permission) } }
                    @for role in roles { td { @if texts(role.list("permissions")).contains(&permission) { "yes" } } }
                } } }
            }
        }
    }
}
