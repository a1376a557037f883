//! Routes of users, roles, and sessions of others.

use std::collections::BTreeSet;

use auth::grants::{RoleManage, SessionManage, UserManage, UserRead};
use auth::{AccountChange, NewPerson, ROLES};
use axum::Json;
use phi::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Granted, Scope, User};

use super::account::{session_row, user_name};
use super::name;
use super::table::{Answer, Call, Route};
use crate::problem::Problem;
use crate::service::{Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/users", "Who may sign in, and what they may do.", users),
        Route::post_fresh("/api/v1/users/add", "Adds somebody.", add),
        Route::post_fresh("/api/v1/users/grants", "Replaces what somebody may do.", grants),
        Route::post(
            "/api/v1/users/disable",
            "Lets somebody not sign in any more; their sessions end.",
            |service, call, one| change(service, call, one, AccountChange::Disable),
        ),
        Route::post_fresh(
            "/api/v1/users/enable",
            "Lets somebody sign in again.",
            |service, call, one| change(service, call, one, AccountChange::Enable),
        ),
        Route::post_fresh(
            "/api/v1/users/unlock",
            "Lets somebody try again who has guessed too often.",
            |service, call, one| change(service, call, one, AccountChange::Unlock),
        ),
        Route::post_fresh(
            "/api/v1/users/reset-second-factor",
            "Takes somebody's second factor away.",
            |service, call, one| change(service, call, one, AccountChange::ResetSecondFactor),
        ),
        Route::post_fresh(
            "/api/v1/users/reset-password",
            "Gives somebody another password.",
            reset_password,
        ),
        Route::get("/api/v1/roles", "The roles and what they may do.", roles),
        Route::get("/api/v1/sessions", "The sessions of everybody.", sessions),
        Route::post("/api/v1/sessions/end", "Ends somebody's session.", end_session),
    ]
}

async fn users(service: Service, call: Call<UserRead>) -> Answer {
    let users = service.users(&call.permit).await?;
    Ok(Json(json!({ "users": users.iter().map(user).collect::<Vec<_>>() })))
}

/// A role, for some channels or for every one.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    role: String,
    /// Every channel when it is left out.
    channels: Option<BTreeSet<String>>,
}

pub(super) fn given(grants: Vec<Given>) -> Result<Vec<Granted>, Problem> {
    let read = |given: Given| {
        let scope = match given.channels {
            None => Scope::All,
            Some(texts) => {
                let names = texts.iter().map(|text| user_name(text));
                Scope::Channels(names.collect::<Result<_, _>>()?)
            }
        };
        Ok(Granted { role: given.role, scope })
    };
    let grants: Vec<Granted> = grants.into_iter().map(read).collect::<Result<_, Problem>>()?;
    let roles: BTreeSet<&str> = grants.iter().map(|grant| grant.role.as_str()).collect();
    match roles.len() == grants.len() {
        true => Ok(grants),
        false => Err(Problem::invalid("a role is given once, with all its channels")),
    }
}

/// Somebody new.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    name: String,
    password: String,
    grants: Vec<Given>,
    reason: Option<String>,
}

async fn add(service: Service, call: Call<UserManage>, add: Add) -> Answer {
    let new = NewPerson {
        name: user_name(&add.name)?,
        password: Secret::new(add.password),
        grants: given(add.grants)?,
    };
    let name = new.name.clone();
    service.add_user(&call, new, &Why { reason: add.reason }).await?;
    shown(&service, &call.session, &name).await
}

/// What somebody will be allowed to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    name: String,
    grants: Vec<Given>,
    reason: Option<String>,
}

async fn grants(service: Service, call: Call<RoleManage>, grants: Grants) -> Answer {
    let user = name(&grants.name, "user")?;
    service.set_grants(&call, &user, given(grants.grants)?, &Why { reason: grants.reason }).await?;
    shown(&service, &call.session, &user).await
}

/// One user, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct One {
    name: String,
    reason: Option<String>,
}

/// Another password of somebody.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    name: String,
    password: String,
    reason: Option<String>,
}

async fn reset_password(service: Service, call: Call<UserManage>, reset: ResetPassword) -> Answer {
    let one = One { name: reset.name, reason: reset.reason };
    change(service, call, one, AccountChange::ResetPassword(Secret::new(reset.password))).await
}

async fn change(
    service: Service,
    call: Call<UserManage>,
    one: One,
    change: AccountChange,
) -> Answer {
    let user = name(&one.name, "user")?;
    service.change_user(&call, &user, change, &Why { reason: one.reason }).await?;
    shown(&service, &call.session, &user).await
}

/// How somebody is now, for whoever may see it.
async fn shown(service: &Service, session: &auth::Session, name: &config::Name) -> Answer {
    let Some(permit) = session.permit::<UserRead>() else {
        return Ok(Json(json!({ "name": name.as_str() })));
    };
    let users = service.users(&permit).await?;
    let found = users.iter().find(|user| user.name == *name);
    found.map(user).map(Json).ok_or_else(|| Problem::absent("user"))
}

fn user(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "name": user.name.as_str(),
        "state": user.state.as_str(),
        "second_factor": user.second_factor,
        "locked_until_us": Some(user.locked_until_us).filter(|until| *until > 0),
        "signed_in_us": Some(user.signed_in_us).filter(|at| *at > 0),
        "created_us": user.created_us,
        "created_by": user.created_by,
        "grants": user.grants.iter().map(granted).collect::<Vec<_>>(),
    })
}

pub(super) fn granted(grant: &Granted) -> Value {
    let channels = match &grant.scope {
        Scope::All => Value::Null,
        Scope::Channels(names) => names.iter().map(config::Name::as_str).collect(),
    };
    json!({ "role": grant.role, "channels": channels })
}

async fn roles(_: Service, _: Call<UserRead>) -> Answer {
    let roles = ROLES.iter().map(|role| {
        let held: Vec<&str> = role.permissions.iter().map(|one| one.name()).collect();
        json!({ "name": role.name, "doc": role.doc, "permissions": held })
    });
    Ok(Json(json!({ "roles": roles.collect::<Vec<_>>() })))
}

async fn sessions(service: Service, call: Call<SessionManage>) -> Answer {
    let rows = service.sessions(&call.permit).await?;
    Ok(Json(json!({ "sessions": rows.iter().map(session_row).collect::<Vec<_>>() })))
}

/// The digits that name a session, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSession {
    id: String,
    reason: Option<String>,
}

async fn end_session(service: Service, call: Call<SessionManage>, end: EndSession) -> Answer {
    service.end_session(&call, &end.id, &Why { reason: end.reason }).await?;
    Ok(Json(json!({})))
}
