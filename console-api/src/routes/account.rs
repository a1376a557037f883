//! Routes of one's own account: the way in, sessions, password and second factor.

use auth::{Accounts, Enrolment, Login, Owner, Session, SignedIn};
use axum::Json;
use phi::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Source;

use super::table::{Answer, Needs, Route};
use crate::problem::Problem;
use crate::service::Service;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::open(
            "/api/v1/setup/begin",
            "Shows the second factor of the first owner, to whoever holds the setup token.",
            begin_setup,
        ),
        Route::open("/api/v1/setup", "Makes the first owner.", setup),
        Route::open("/api/v1/auth/login", "Signs somebody in.", sign_in),
        Route::own(
            "/api/v1/auth/step-up",
            "Proves again who somebody is; gives a new token.",
            Needs::SignedIn,
            step_up,
        ),
        Route::own("/api/v1/auth/logout", "Ends the session.", Needs::Enrolling, sign_out),
        Route::own("/api/v1/me", "Who is signed in, and what they may do.", Needs::Enrolling, me),
        Route::own(
            "/api/v1/me/password",
            "Changes one's own password.",
            Needs::Enrolling,
            password,
        ),
        Route::own(
            "/api/v1/me/second-factor/begin",
            "Shows a new second factor.",
            Needs::Enrolling,
            begin_enrolment,
        ),
        Route::own(
            "/api/v1/me/second-factor/confirm",
            "Makes it one's own; gives the recovery codes.",
            Needs::Enrolling,
            confirm_enrolment,
        ),
        Route::own("/api/v1/me/sessions", "One's own sessions.", Needs::SignedIn, sessions),
        Route::own("/api/v1/me/sessions/end", "Ends one of them.", Needs::SignedIn, end_session),
    ]
}

/// The token in the file `setup-token`, and the name that the owner will have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginSetup {
    token: String,
    name: String,
}

async fn begin_setup(service: Service, source: Source, begin: BeginSetup) -> Answer {
    let (token, name) = (Secret::new(begin.token), user_name(&begin.name)?);
    Ok(Json(enrolment(&service.accounts().begin_setup(&token, &name, source)?)))
}

/// The first owner.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    token: String,
    name: String,
    password: String,
    code: String,
}

async fn setup(service: Service, source: Source, setup: Setup) -> Answer {
    let owner = Owner {
        token: Secret::new(setup.token),
        name: user_name(&setup.name)?,
        password: Secret::new(setup.password),
        code: Secret::new(setup.code),
    };
    let codes = service.accounts().claim(owner, source).await?;
    Ok(Json(recovery(&codes)))
}

/// What somebody shows to be let in. `code` is of the second factor, or a recovery code.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    name: String,
    password: String,
    code: Option<String>,
}

impl SignIn {
    fn login(self) -> Login {
        Login {
            name: self.name,
            password: Secret::new(self.password),
            code: self.code.filter(|code| !code.is_empty()).map(Secret::new),
        }
    }
}

async fn sign_in(service: Service, source: Source, sign_in: SignIn) -> Answer {
    Ok(Json(signed_in(&service.accounts().sign_in(sign_in.login(), source).await?)))
}

async fn step_up(service: Service, session: Session, sign_in: SignIn) -> Answer {
    let stepped = service.accounts().step_up(&session, sign_in.login()).await?;
    Ok(Json(signed_in(&stepped)))
}

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

async fn sign_out(service: Service, session: Session, _: Nothing) -> Answer {
    service.accounts().sign_out(&session).await?;
    Ok(Json(json!({})))
}

async fn me(service: Service, session: Session, _: Nothing) -> Answer {
    let held = session.holdings().iter().map(|(permission, scope)| {
        let channels = match scope {
            store::Scope::All => Value::Null,
            store::Scope::Channels(names) => names.iter().map(config::Name::as_str).collect(),
        };
        json!({ "permission": permission.name(), "channels": channels })
    });
    Ok(Json(json!({
        "id": session.actor().id,
        "name": session.actor().name,
        "auth": session.actor().auth,
        "until_us": session.until_us(),
        "must_enrol": session.must_enrol(),
        "fresh": session.is_fresh(service.now_us()),
        "permissions": held.collect::<Vec<_>>(),
    })))
}

/// The password as it is, and as it will be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Password {
    current: String,
    new: String,
}

async fn password(service: Service, session: Session, password: Password) -> Answer {
    let (current, new) = (Secret::new(password.current), Secret::new(password.new));
    service.accounts().change_password(&session, current, new).await?;
    Ok(Json(json!({})))
}

async fn begin_enrolment(service: Service, session: Session, _: Nothing) -> Answer {
    Ok(Json(enrolment(&service.accounts().begin_enrolment(&session)?)))
}

/// A code of the second factor.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    code: String,
}

async fn confirm_enrolment(service: Service, session: Session, code: Code) -> Answer {
    let code = Secret::new(code.code);
    Ok(Json(recovery(&service.accounts().confirm_enrolment(&session, &code).await?)))
}

async fn sessions(service: Service, session: Session, _: Nothing) -> Answer {
    let user = session.user().ok_or_else(|| Problem::absent("session"))?;
    let rows = service.accounts().sessions(Some(user)).await?;
    Ok(Json(json!({ "sessions": rows.iter().map(session_row).collect::<Vec<_>>() })))
}

/// The digits that name a session.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    id: String,
}

async fn end_session(service: Service, session: Session, ended: Ended) -> Answer {
    service.end_own_session(&session, &ended.id).await?;
    Ok(Json(json!({})))
}

pub(super) fn session_row(row: &store::SessionRow) -> Value {
    json!({
        "id": Accounts::name_of_session(row),
        "user": row.name.as_str(),
        "created_us": row.created_us,
        "seen_us": row.seen_us,
        "until_us": row.until_us,
        "auth": row.auth,
        "address": row.address,
    })
}

pub(super) fn user_name(text: &str) -> Result<config::Name, Problem> {
    config::Name::new(text).map_err(|error| Problem::invalid(format!("`{text}`: {error}")))
}

/// Secrets that their owner is shown once.
fn signed_in(signed_in: &SignedIn) -> Value {
    json!({
        "token": signed_in.token.expose_secret(),
        "until_us": signed_in.until_us,
        "must_enrol": signed_in.must_enrol,
    })
}

fn enrolment(enrolment: &Enrolment) -> Value {
    json!({ "secret": enrolment.secret.expose_secret(), "uri": enrolment.uri.expose_secret() })
}

fn recovery(codes: &[Secret<String>]) -> Value {
    json!({ "recovery_codes": codes.iter().map(|code| code.expose_secret().as_str()).collect::<Vec<_>>() })
}
