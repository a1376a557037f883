//! The routes, asked from inside: what a page shows or does is what the API answers to the same person, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::{ROLES, Session};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use phi::Secret;
use serde::Deserialize;
use serde_json::Value;
use store::Source;

use crate::problem::Problem;
use crate::routes::{Route, table};
use crate::service::Service;

/// An answer is at most this long.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where pages ask.
#[derive(Clone)]
pub struct Desk {
    service: Service,
    routes: Arc<BTreeMap<&'static str, Route>>,
}

/// Why the API did not do what was asked: a [`Problem`] as it was written.
#[derive(Clone, Debug, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// A stable code.
    pub code: String,
    /// One sentence for people.
    pub title: String,
    /// More, when there is more to say.
    pub detail: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Refusal {
            status: problem.status.as_u16(),
            code: problem.code.to_owned(),
            title: problem.title,
            detail: problem.detail,
            hint: problem.hint,
        }
    }
}

impl Desk {
    /// Over the same services as the API.
    pub fn new(service: Service) -> Desk {
        let routes = table().into_iter().map(|route| (route.path, route)).collect();
        Desk { service, routes: Arc::new(routes) }
    }

    /// The time by the engine's clock, microseconds UTC.
    pub fn now_us(&self) -> i64 {
        self.service.now_us()
    }

    /// The settings of the whole engine.
    fn server(&self) -> &config::Server {
        self.service.server()
    }

    /// The site's time zone, by its name in the tz database.
    pub fn zone(&self) -> &str {
        &self.server().zone
    }

    /// The label of the environment, and whether it is one for patients' data.
    pub fn environment(&self) -> (&str, bool) {
        let server = self.server();
        (&server.environment, server.profile == config::Profile::Production)
    }

    /// Whether nobody has made the first owner yet.
    pub fn is_unclaimed(&self) -> bool {
        self.service.accounts().setup_token_file().is_some()
    }

    /// Whoever holds a token. `is_use` is false for what asks by itself: it does not keep a session from ending.
    pub async fn recognise(
        &self,
        token: &Secret<String>,
        source: Source,
        is_use: bool,
    ) -> Result<Option<Session>, Refusal> {
        let accounts = self.service.accounts();
        let found = match is_use {
            true => accounts.recognise(token, source).await,
            false => accounts.recognise_quietly(token, source).await,
        };
        found.map_err(|error| Problem::from(error).into())
    }

    /// Whether a session still counts.
    pub async fn still_holds(&self, session: &Session) -> bool {
        self.service.accounts().still_holds(session).await
    }

    /// A place for one more stream of events, or the refusal that says there is none.
    pub fn stream_place(&self) -> Result<impl Send + 'static, Refusal> {
        self.service.stream_place().map_err(Refusal::from)
    }

    /// The shape of what a route takes, when it takes something.
    pub fn shape(&self, path: &str) -> Option<&Value> {
        self.routes.get(path)?.request.as_ref().map(|schema| schema.as_value())
    }

    /// The permission that a route needs, by its name.
    pub fn permission(&self, path: &str) -> Option<&'static str> {
        match self.routes.get(path)?.needs {
            crate::routes::Needs::Permission(permission) => Some(permission.name()),
            _ => None,
        }
    }

    /// Asks a route, as a request over the network would: with its permission, its limits and its record.
    pub async fn ask(
        &self,
        session: Option<&Session>,
        source: Source,
        path: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let (name, _) = path.split_once('?').unwrap_or((path, ""));
        let route = self.routes.get(name).ok_or_else(|| Problem::absent("route"))?;
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = Request::new(Body::from(text));
        *request.method_mut() = route.method.clone();
        *request.uri_mut() = path.parse().map_err(|_| Problem::query())?;
        let kind = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        request.extensions_mut().insert(source);
        if let Some(session) = session {
            request.extensions_mut().insert(session.clone());
        }
        let response = route.answer()(self.service.clone(), request).await;
        let done = response.status().is_success();
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.unwrap_or_default();
        match (done, serde_json::from_slice::<Value>(&bytes)) {
            (true, Ok(answer)) => Ok(answer),
            (false, Ok(problem)) => Err(serde_json::from_value(problem).unwrap_or_else(unreadable)),
            (_, Err(error)) => Err(unreadable(error)),
        }
    }
}

fn unreadable(_: serde_json::Error) -> Refusal {
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "internal", "the engine could not answer this; its log says where").into()
}

/// The built-in roles that hold a permission, by their names.
pub fn roles_with(permission: &str) -> Vec<&'static str> {
    let holds = |role: &&auth::Role| role.permissions.iter().any(|one| one.name() == permission);
    ROLES.iter().filter(holds).map(|role| role.name).collect()
}
