//! Routes of users, roles, and sessions of others.

use std::collections::BTreeSet;

use auth::grants::{RoleManage, SessionManage, UserManage, UserRead};
use auth::{AccountChange, CustomRole, NewPerson, Permission, ROLES};
use axum::Json;
use phi::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Granted, Scope, User};

use super::account::{session_row, user_name};
use super::approvals::agreed;
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
        Route::post_fresh(
            "/api/v1/roles/add",
            "Makes a role of some permissions, each of which its maker holds.",
            add_role,
        ),
        Route::post_fresh(
            "/api/v1/roles/set",
            "Changes a role that the site has made; the sessions of those who have it end.",
            set_role,
        ),
        Route::post_fresh("/api/v1/roles/remove", "Removes a role that nobody has.", remove_role),
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
    approval: Option<String>,
}

async fn add(service: Service, call: Call<UserManage>, add: Add) -> Answer {
    let new = NewPerson {
        name: user_name(&add.name)?,
        password: Secret::new(add.password),
        grants: given(add.grants)?,
    };
    let name = new.name.clone();
    let why = Why { approval: agreed(add.approval.as_deref())?, ..Why::because(add.reason) };
    service.add_user(&call, new, &why).await?;
    shown(&service, &call.session, &name).await
}

/// What somebody will be allowed to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    name: String,
    grants: Vec<Given>,
    reason: Option<String>,
    approval: Option<String>,
}

async fn grants(service: Service, call: Call<RoleManage>, grants: Grants) -> Answer {
    let user = name(&grants.name, "user")?;
    let why = Why { approval: agreed(grants.approval.as_deref())?, ..Why::because(grants.reason) };
    service.set_grants(&call, &user, given(grants.grants)?, &why).await?;
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
    service.change_user(&call, &user, change, &Why::because(one.reason)).await?;
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
        "directory": user.subject.is_some(),
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

async fn roles(service: Service, call: Call<UserRead>) -> Answer {
    let custom = service.custom_roles(&call.permit);
    let built_in =
        ROLES.iter().map(|role| shown_role(role.name, role.doc, role.permissions, false));
    let own = custom
        .iter()
        .map(|role| shown_role(role.name.as_str(), &role.doc, &role.permissions, true));
    Ok(Json(json!({ "roles": built_in.chain(own).collect::<Vec<_>>() })))
}

fn shown_role(name: &str, doc: &str, permissions: &[Permission], custom: bool) -> Value {
    let held: Vec<&str> = permissions.iter().map(|one| one.name()).collect();
    json!({ "name": name, "doc": doc, "permissions": held, "custom": custom })
}

/// A role of the site's own: all that it will be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Made {
    name: String,
    description: Option<String>,
    permissions: BTreeSet<String>,
    reason: Option<String>,
    approval: Option<String>,
}

impl Made {
    fn read(self) -> Result<(CustomRole, Why), Problem> {
        let why = Why { approval: agreed(self.approval.as_deref())?, ..Why::because(self.reason) };
        let permission = |name: &String| {
            Permission::named(name)
                .ok_or_else(|| Problem::invalid(format!("`{name}` is no permission")))
        };
        let permissions = self.permissions.iter().map(permission).collect::<Result<_, _>>()?;
        let (name, doc) = (user_name(&self.name)?, self.description.unwrap_or_default());
        Ok((CustomRole { name, doc, permissions }, why))
    }
}

async fn add_role(service: Service, call: Call<RoleManage>, made: Made) -> Answer {
    let (role, why) = made.read()?;
    let shown = shown_role(role.name.as_str(), &role.doc, &role.permissions, true);
    service.add_role(&call, role, &why).await?;
    Ok(Json(shown))
}

async fn set_role(service: Service, call: Call<RoleManage>, made: Made) -> Answer {
    let (role, why) = made.read()?;
    let shown = shown_role(role.name.as_str(), &role.doc, &role.permissions, true);
    service.set_role(&call, role, &why).await?;
    Ok(Json(shown))
}

async fn remove_role(service: Service, call: Call<RoleManage>, one: One) -> Answer {
    let role = name(&one.name, "role")?;
    service.remove_role(&call, &role, &Why::because(one.reason)).await?;
    Ok(Json(json!({})))
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
    service.end_session(&call, &end.id, &Why::because(end.reason)).await?;
    Ok(Json(json!({})))
}
