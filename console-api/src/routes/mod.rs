//! HTTP and JSON over the services: a table of routes, each with the one service that it calls.

mod act;
mod look;
mod registry;

use std::sync::Arc;
use std::time::Duration;

use auth::{Grant, Permit, Registry, Session};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::{get, post};
use config::Name;
use engine::Engine;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::problem::Problem;
use crate::service::Service;

/// A request takes at most this long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A request's body is at most this long.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Every route under `/api/v1`. The caller adds the session of whoever asks.
pub fn router(engine: Engine, peers: Arc<Registry>) -> Router {
    let layers = ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::custom(|_| {
            axum::response::IntoResponse::into_response(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the engine could not answer this; its log says where",
            ))
        }));
    Router::new()
        .route("/api/v1/status", get(look::status))
        .route("/api/v1/channels", get(look::channels))
        .route("/api/v1/messages/search", post(look::messages))
        .route("/api/v1/messages/find", post(look::message))
        .route("/api/v1/messages/{id}/body", post(look::body))
        .route("/api/v1/messages/{id}/steps", post(look::steps))
        .route("/api/v1/dead/search", post(look::dead))
        .route("/api/v1/replay", post(act::replay))
        .route("/api/v1/discard", post(act::discard))
        .route("/api/v1/destinations/hold", post(act::hold))
        .route("/api/v1/destinations/resume", post(act::resume))
        .route("/api/v1/destinations/retry", post(act::retry))
        .route("/api/v1/destinations/test", post(act::test))
        .route("/api/v1/apply", post(act::apply))
        .route("/api/v1/peers/search", post(registry::peers))
        .route("/api/v1/peers/add", post(registry::add))
        .route("/api/v1/peers/set", post(registry::set))
        .route("/api/v1/peers/activate", post(registry::activate))
        .route("/api/v1/peers/rotate", post(registry::rotate))
        .route("/api/v1/peers/revoke", post(registry::revoke))
        .route("/api/v1/ca/init", post(registry::init_ca))
        .route("/api/v1/ca/issue", post(registry::issue))
        .route("/api/v1/ca/rotate", post(registry::rotate_ca))
        .route("/api/v1/ca/revoke", post(registry::revoke_issued))
        .route("/api/v1/ca/trust", post(registry::trust))
        .route("/api/v1/ca/distrust", post(registry::distrust))
        .route("/api/v1/ca/inspect", post(registry::inspect))
        .fallback(|| async { Problem::absent("route") })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(layers)
        .with_state(Service::new(engine, peers))
}

/// A permit for what a route does, or the refusal that names it.
fn permit<G: Grant>(session: &Session) -> Result<Permit<G>, Problem> {
    session.permit::<G>().ok_or_else(|| Problem::denied(G::PERMISSION))
}

fn name(text: &str, what: &'static str) -> Result<Name, Problem> {
    Name::new(text).map_err(|_| Problem::absent(what))
}

fn names(texts: &[String], what: &'static str) -> Result<Vec<Name>, Problem> {
    texts.iter().map(|text| name(text, what)).collect()
}

fn maybe_name(text: Option<&str>, what: &'static str) -> Result<Option<Name>, Problem> {
    text.map(|text| name(text, what)).transpose()
}
