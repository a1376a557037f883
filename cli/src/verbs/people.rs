//! `hilum user`, `role` and `session`: who may sign in, what they may do, and who has.

use serde_json::{Value, json};

use crate::answer::{list, maybe, safe, text};
use crate::api::Api;
use crate::args::accounts::{
    MadeRole, Role, RoleVerb, Roles, Session, SessionVerb, User, UserVerb,
};
use crate::args::{Called, Format, Query, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::table::{Table, time};
use crate::{prompt, say};

/// `hilum user`.
pub async fn user(args: User) -> Outcome {
    match args.verb {
        UserVerb::List(query) => list_users(&query).await,
        UserVerb::Add(add) => {
            let password = prompt::new_secret("Their first password: ")?;
            let request = json!({ "name": add.name, "password": password.expose_secret(),
                "grants": grants(&add.roles)?, "reason": add.reason, "approval": add.approval });
            act(&add.target, "add", &request).await
        }
        UserVerb::Grant(grant) => {
            let request = json!({ "name": grant.name, "grants": grants(&grant.roles)?,
                "reason": grant.reason, "approval": grant.approval });
            act(&grant.target, "grants", &request).await
        }
        UserVerb::Disable(one) => simple(&one, "disable").await,
        UserVerb::Enable(one) => simple(&one, "enable").await,
        UserVerb::Unlock(one) => simple(&one, "unlock").await,
        UserVerb::ResetSecondFactor(one) => simple(&one, "reset-second-factor").await,
        UserVerb::ResetPassword(one) => {
            let password = prompt::new_secret("Their new password: ")?;
            let request = json!({ "name": one.name, "password": password.expose_secret(),
                "reason": one.reason });
            act(&one.target, "reset-password", &request).await
        }
    }
}

async fn simple(one: &Called, verb: &str) -> Outcome {
    act(&one.target, verb, &json!({ "name": one.name, "reason": one.reason })).await
}

async fn act(target: &Target, verb: &str, request: &Value) -> Outcome {
    let user = Api::of(target)?.post(&format!("/api/v1/users/{verb}"), request).await?;
    match target.format {
        Format::Json => say::data(&format!("{user:#}\n")),
        Format::Text => say::data(&users(std::slice::from_ref(&user))),
    }
    Ok(())
}

async fn list_users(query: &Query) -> Outcome {
    let answer = Api::of(&query.target)?.get("/api/v1/users").await?;
    let found = list(&answer, "users");
    match query.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text if found.is_empty() => {
            say::talk("nobody can sign in yet; `hilum setup` makes the first owner");
        }
        Format::Text => say::data(&users(found)),
    }
    Ok(())
}

fn users(users: &[Value]) -> String {
    let mut table = Table::new(&["NAME", "OF", "STATE", "SECOND FACTOR", "SIGNED IN", "MAY"]);
    for user in users {
        let state = match maybe(user, "locked_until_us") {
            None => text(user, "state").to_owned(),
            until => format!("locked until {}", time(until)),
        };
        let factor =
            if user.get("second_factor") == Some(&Value::Bool(true)) { "yes" } else { "no" };
        let may: Vec<String> = list(user, "grants").iter().map(grant).collect();
        let of =
            if user.get("directory") == Some(&Value::Bool(true)) { "directory" } else { "here" };
        table.row(vec![
            text(user, "name").to_owned(),
            of.to_owned(),
            state,
            factor.to_owned(),
            time(maybe(user, "signed_in_us")),
            may.join("; "),
        ]);
    }
    table.render()
}

/// A grant in words.
pub fn grant(grant: &Value) -> String {
    let channels: Vec<&str> = list(grant, "channels").iter().filter_map(Value::as_str).collect();
    match grant.get("channels") {
        Some(Value::Null) | None => text(grant, "role").to_owned(),
        Some(_) => format!("{} for {}", text(grant, "role"), channels.join(", ")),
    }
}

/// Grants from `ROLE` or `ROLE:CHANNEL,CHANNEL`.
pub fn grants(roles: &Roles) -> Result<Vec<Value>, Failure> {
    let read = |given: &String| match given.split_once(':') {
        None => Ok(json!({ "role": given, "channels": null })),
        Some((_, "")) => Err(Failure::new(Code::Usage, format!("`{given}` names no channel"))),
        Some((role, channels)) => {
            let channels: Vec<&str> = channels.split(',').collect();
            Ok(json!({ "role": role, "channels": channels }))
        }
    };
    roles.roles.iter().map(read).collect()
}

/// `hilum role`.
pub async fn role(args: Role) -> Outcome {
    match args.verb {
        RoleVerb::List(query) => roles(query).await,
        RoleVerb::Add(made) => made_role(&made, "/api/v1/roles/add").await,
        RoleVerb::Set(made) => made_role(&made, "/api/v1/roles/set").await,
        RoleVerb::Remove(called) => {
            let asked = json!({ "name": called.name, "reason": called.reason });
            Api::of(&called.target)?.post("/api/v1/roles/remove", &asked).await.map(drop)
        }
    }
}

async fn roles(query: Query) -> Outcome {
    let answer = Api::of(&query.target)?.get("/api/v1/roles").await?;
    if query.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    for role in list(&answer, "roles") {
        say::data(&shown_role(role));
    }
    Ok(())
}

async fn made_role(made: &MadeRole, path: &str) -> Outcome {
    let asked = json!({
        "name": made.name,
        "description": made.description,
        "permissions": made.permissions,
        "reason": made.reason,
        "approval": made.approval,
    });
    let answer = Api::of(&made.target)?.post(path, &asked).await?;
    match made.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&shown_role(&answer)),
    }
    Ok(())
}

fn shown_role(role: &Value) -> String {
    let held: Vec<&str> = list(role, "permissions").iter().filter_map(Value::as_str).collect();
    let own = if role.get("custom") == Some(&Value::Bool(true)) { " (made here)" } else { "" };
    format!("{}  {}{own}\n  {}\n", text(role, "name"), safe(text(role, "doc")), held.join(" "))
}

/// `hilum session`.
pub async fn session(args: Session) -> Outcome {
    match args.verb {
        SessionVerb::Own(query) => {
            let answer = Api::of(&query.target)?.post("/api/v1/me/sessions", &json!({})).await?;
            sessions(&query, &answer)
        }
        SessionVerb::List(query) => {
            let answer = Api::of(&query.target)?.get("/api/v1/sessions").await?;
            sessions(&query, &answer)
        }
        SessionVerb::End(end) => {
            let (path, request) = match end.other {
                true => ("/api/v1/sessions/end", json!({ "id": end.id, "reason": end.reason })),
                false => ("/api/v1/me/sessions/end", json!({ "id": end.id })),
            };
            Api::of(&end.target)?.post(path, &request).await.map(drop)
        }
    }
}

fn sessions(query: &Query, answer: &Value) -> Outcome {
    if query.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["ID", "USER", "FROM", "BY", "SINCE", "LAST USED"]);
    for row in list(answer, "sessions") {
        let at = |field: &str| time(maybe(row, field));
        let word = |field: &str| text(row, field).to_owned();
        table.row(vec![
            word("id"),
            word("user"),
            word("address"),
            word("auth"),
            at("created_us"),
            at("seen_us"),
        ]);
    }
    say::data(&table.render());
    Ok(())
}
