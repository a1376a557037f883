//! What a route is: one value with everything that is known about it, from which the router, the document and the tests are made.
//!
//! A route for permitted people cannot be written without its permission, because its handler takes the permit:
//!
//! ```compile_fail
//! use console_api::{Problem, Route, Service};
//! let route = Route::get("/api/v1/x", "No permission.", |_: Service| async { Err(Problem::absent("x")) });
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use auth::{Grant, Permission, Permit, Session};
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Query, Request};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::Source;

use crate::problem::Problem;
use crate::service::Service;

/// A request's body is at most this long.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// What a handler answers.
pub type Answer = Result<Json<Value>, Problem>;

/// Somebody who may do what the route does.
pub struct Call<G: Grant> {
    /// The proof of it.
    pub permit: Permit<G>,
    /// Who it is, and what else they may do.
    pub session: Session,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Whoever holds this permission.
    Permission(Permission),
    /// Whoever is signed in, for what is their own.
    SignedIn,
    /// Whoever is signed in, also when they must add a second factor first.
    Enrolling,
    /// Everybody: it is the way in.
    Nobody,
}

type Run = dyn Fn(Service, Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync;

/// One route.
pub struct Route {
    /// How it is asked.
    pub method: Method,
    /// Its path.
    pub path: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Who may use it.
    pub needs: Needs,
    /// It needs a sign-in of the last five minutes.
    pub fresh: bool,
    /// The shape of its request, when it takes one.
    pub request: Option<Schema>,
    /// The shape of its query, when it takes one.
    pub query: Option<Schema>,
    run: Arc<Run>,
}

impl Route {
    /// A route that takes nothing, for whoever holds a permission.
    pub fn get<G: Grant, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Service, Call<G>) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let needs = Needs::Permission(G::PERMISSION);
        Route::new(Method::GET, path, summary, (needs, None), move |service, request| {
            let handler = handler.clone();
            async move {
                let call = call::<G>(&service, session(&request)?, request.uri().path()).await?;
                handler(service, call).await
            }
        })
    }

    /// A route that takes a query, for whoever holds a permission: never what a message holds, for a query is in logs.
    pub fn query<G: Grant, Q: DeserializeOwned + JsonSchema + Send, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Service, Call<G>, Q) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let needs = (Needs::Permission(G::PERMISSION), None);
        let route = Route::new(Method::GET, path, summary, needs, move |service, request| {
            let handler = handler.clone();
            async move {
                let call = call::<G>(&service, session(&request)?, request.uri().path()).await?;
                let query =
                    Query::<Q>::try_from_uri(request.uri()).map_err(|_| Problem::query())?;
                handler(service, call, query.0).await
            }
        });
        Route { query: Some(schema_for!(Q)), ..route }
    }

    /// A route that takes a request, for whoever holds a permission. The body is read after that is known.
    pub fn post<G: Grant, B: DeserializeOwned + JsonSchema + Send, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Service, Call<G>, B) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Route::posted((path, summary), false, handler)
    }

    /// The same for what could let somebody in who should not be: it needs a sign-in of the last five minutes too (security.md 2.5).
    pub fn post_fresh<G: Grant, B: DeserializeOwned + JsonSchema + Send, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Service, Call<G>, B) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Route::posted((path, summary), true, handler)
    }

    fn posted<G: Grant, B: DeserializeOwned + JsonSchema + Send, F>(
        (path, summary): (&'static str, &'static str),
        fresh: bool,
        handler: impl Fn(Service, Call<G>, B) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let needs = (Needs::Permission(G::PERMISSION), Some(schema_for!(B)));
        let route = Route::new(Method::POST, path, summary, needs, move |service, request| {
            let handler = handler.clone();
            async move {
                let call = call::<G>(&service, session(&request)?, request.uri().path()).await?;
                if fresh && !call.session.is_fresh(service.now_us()) {
                    return Err(Problem::step_up_needed());
                }
                handler(service, call, body(request).await?).await
            }
        });
        Route { fresh, ..route }
    }

    /// A route for what is one's own.
    pub fn own<B: DeserializeOwned + JsonSchema + Send, F>(
        path: &'static str,
        summary: &'static str,
        needs: Needs,
        handler: impl Fn(Service, Session, B) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let request = Some(schema_for!(B));
        Route::new(Method::POST, path, summary, (needs, request), move |service, request| {
            let handler = handler.clone();
            async move {
                let session = session(&request)?;
                if session.must_enrol() && needs != Needs::Enrolling {
                    return Err(Problem::second_factor_needed());
                }
                handler(service, session, body(request).await?).await
            }
        })
    }

    /// A route that takes nothing, for whoever is signed in.
    pub fn signed_in<F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Service, Session) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let needs = (Needs::SignedIn, None);
        Route::new(Method::GET, path, summary, needs, move |service, request| {
            let handler = handler.clone();
            async move {
                let session = session(&request)?;
                match session.must_enrol() {
                    true => Err(Problem::second_factor_needed()),
                    false => handler(service, session).await,
                }
            }
        })
    }

    /// A way in: for people who are not signed in yet.
    pub fn open<B: DeserializeOwned + JsonSchema + Send, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Service, Source, B) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let needs = (Needs::Nobody, Some(schema_for!(B)));
        Route::new(Method::POST, path, summary, needs, move |service, request| {
            let handler = handler.clone();
            async move {
                let source = request.extensions().get::<Source>().copied();
                let source = source.ok_or_else(Problem::unauthenticated)?;
                handler(service, source, body(request).await?).await
            }
        })
    }

    /// A route whose answer goes on, for whoever holds a permission.
    pub fn stream<G: Grant, F>(
        path: &'static str,
        summary: &'static str,
        handler: impl Fn(Service, Call<G>) -> F + Clone + Send + Sync + 'static,
    ) -> Route
    where
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let needs = (Needs::Permission(G::PERMISSION), None);
        Route::new(Method::GET, path, summary, needs, move |service, request| {
            let handler = handler.clone();
            async move {
                let call = call::<G>(&service, session(&request)?, request.uri().path()).await?;
                handler(service, call).await
            }
        })
    }

    fn new<R, F>(
        method: Method,
        path: &'static str,
        summary: &'static str,
        (needs, request): (Needs, Option<Schema>),
        run: impl Fn(Service, Request) -> F + Send + Sync + 'static,
    ) -> Route
    where
        R: IntoResponse,
        F: Future<Output = Result<R, Problem>> + Send + 'static,
    {
        let run: Arc<Run> = Arc::new(move |service, request| {
            let answer = run(service, request);
            Box::pin(async move { answer.await.into_response() })
        });
        Route { method, path, summary, needs, fresh: false, request, query: None, run }
    }

    /// Answers a request.
    pub(crate) fn answer(
        &self,
    ) -> impl Fn(Service, Request) -> Pin<Box<dyn Future<Output = Response> + Send>>
    + Clone
    + Send
    + Sync
    + 'static {
        let run = Arc::clone(&self.run);
        move |service, request| run(service, request)
    }
}

/// Who asks.
fn session(request: &Request) -> Result<Session, Problem> {
    request.extensions().get::<Session>().cloned().ok_or_else(Problem::unauthenticated)
}

/// The permit for what a route does; a refusal is recorded.
async fn call<G: Grant>(
    service: &Service,
    session: Session,
    path: &str,
) -> Result<Call<G>, Problem> {
    match session.permit::<G>() {
        Some(permit) => Ok(Call { permit, session }),
        None if session.must_enrol() => Err(Problem::second_factor_needed()),
        None => {
            service.denied(&session, G::PERMISSION, path).await?;
            Err(Problem::denied(G::PERMISSION))
        }
    }
}

/// The request's body as the type that the route takes.
async fn body<B: DeserializeOwned>(request: Request) -> Result<B, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::not_json());
    }
    let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| Problem::unread_body(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::malformed(&error))
}
