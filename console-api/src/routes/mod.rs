//! HTTP and JSON over the services: a table of routes, each with the one service that it calls.

mod account;
mod act;
mod alerts;
mod approvals;
mod audit;
mod backups;
mod bench;
mod events;
mod jobs;
mod keys;
mod look;
mod openapi;
mod page;
mod people;
mod queue;
mod registry;
mod retention;
mod search;
mod table;
mod tables;
mod tokens;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::routing::{MethodFilter, MethodRouter, on};
use config::Name;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::problem::Problem;
use crate::service::Service;

pub use events::streamed;
pub use openapi::document;
pub use table::{Call, Needs, Route};

/// A request takes at most this long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Every route there is.
pub fn table() -> Vec<Route> {
    let mut routes = of_channels();
    routes.extend(of_revisions());
    let more = [
        of_searches(),
        jobs::routes(),
        queue::routes(),
        tables::routes(),
        search::routes(),
        page::routes(),
        bench::routes(),
        account::routes(),
        people::routes(),
        tokens::routes(),
        approvals::routes(),
        audit::routes(),
        backups::routes(),
        retention::routes(),
        keys::routes(),
        alerts::routes(),
    ];
    routes.extend(more.into_iter().flatten());
    routes
}

/// What finds messages by what is in them.
fn of_searches() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/messages/lookup",
            "The messages in which a number of a patient, visit or order stands, without their content. Recorded, without the number.",
            look::lookup,
        ),
        Route::post(
            "/api/v1/messages/scan",
            "Begins to look for a text in the bodies of a channel's messages. Recorded, without the text.",
            look::scan,
        ),
        Route::post(
            "/api/v1/messages/scan/standing",
            "How far such a search is, and the messages that it has found, without their content.",
            look::scan_standing,
        ),
        Route::post(
            "/api/v1/messages/scan/end",
            "Ends such a search, and forgets what it has found.",
            look::end_scan,
        ),
    ]
}

/// What puts files into force, and what ran before.
fn of_revisions() -> Vec<Route> {
    vec![
        Route::post("/api/v1/apply", "Puts the site's files into force.", act::apply),
        Route::post("/api/v1/apply/preview", "What an apply would do.", act::preview_apply),
        Route::post(
            "/api/v1/apply/compare",
            "What the file of a channel would change for its last messages. No value is shown.",
            act::compare,
        ),
        Route::post(
            "/api/v1/channels/revert",
            "Puts a stored revision of a channel into force again.",
            act::revert,
        ),
        Route::post(
            "/api/v1/channels/revisions",
            "The revisions of a channel, the newest first.",
            act::revisions,
        ),
    ]
}

/// What is about messages, channels, peers and the engine itself.
fn of_channels() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/api/v1/status", "How everything is.", look::status),
        Route::get(
            "/api/v1/status/day",
            "The last 24 hours of each channel, by what became of its messages and by the hour.",
            look::day,
        ),
        Route::get("/api/v1/channels", "The channels and their figures.", look::channels),
        Route::post(
            "/api/v1/messages/search",
            "A page of messages, without their content: those that fit every word of `query`, the newest first. Recorded when it holds a number of a patient, visit or order, by its kind.",
            look::messages,
        ),
        Route::post(
            "/api/v1/messages/body",
            "A body, as received or as sent. Recorded.",
            look::body,
        ),
        Route::post(
            "/api/v1/messages/steps",
            "What each step did to a message. Recorded.",
            look::steps,
        ),
        Route::post("/api/v1/dead/search", "Dead letters by what they have in common.", look::dead),
        Route::post("/api/v1/replay", "Sends messages or dead letters again.", act::replay),
        Route::post("/api/v1/discard", "Ends deliveries without sending them.", act::discard),
        Route::post("/api/v1/destinations/hold", "Stops sending to a destination.", act::hold),
        Route::post("/api/v1/destinations/resume", "Sends to it again.", act::resume),
        Route::post("/api/v1/destinations/retry", "Tries at once what waits there.", act::retry),
        Route::post(
            "/api/v1/destinations/test",
            "Goes the way to a destination, step by step. Recorded.",
            act::test,
        ),
        Route::post("/api/v1/peers/search", "The peers, or one of them.", registry::peers),
        Route::post_fresh("/api/v1/peers/add", "Adds a peer.", registry::add),
        Route::post_fresh("/api/v1/peers/set", "Changes what a peer may do.", registry::set),
        Route::post_fresh("/api/v1/peers/activate", "Lets a pending peer in.", registry::activate),
        Route::post_fresh("/api/v1/peers/rotate", "Gives a peer another key.", registry::rotate),
        Route::post("/api/v1/peers/revoke", "Lets a peer never in again.", registry::revoke),
        Route::post_fresh("/api/v1/ca/init", "Makes the root.", registry::init_ca),
        Route::post_fresh("/api/v1/ca/issue", "Signs a certificate.", registry::issue),
        Route::post_fresh(
            "/api/v1/ca/rotate",
            "Replaces the root, or says what that would do.",
            registry::rotate_ca,
        ),
        Route::post("/api/v1/ca/revoke", "Takes certificates back.", registry::revoke_issued),
        Route::post_fresh("/api/v1/ca/trust", "Trusts somebody else's authority.", registry::trust),
        Route::post("/api/v1/ca/distrust", "Ends that trust.", registry::distrust),
        Route::post("/api/v1/ca/inspect", "What a certificate says.", registry::inspect),
    ];
    routes.push(Route::stream(
        "/api/v1/events",
        "How everything is, whenever it has changed (server-sent events).",
        events::status,
    ));
    routes.push(Route::signed_in("/api/v1/openapi.json", "This document.", |_, _| async {
        Ok(axum::Json(document(&table())))
    }));
    routes
}

/// Answers every route under `/api/v1`. The caller adds who asks, a `Session`, and where from, a `Source`.
pub fn router(service: Service) -> Router {
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
    let mut router = Router::new();
    for route in table() {
        router = router.route(route.path, method(&route));
    }
    router
        .fallback(|| async { Problem::absent("route") })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .layer(layers)
        .with_state(service)
}

fn method(route: &Route) -> MethodRouter<Service> {
    let answer = route.answer();
    let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::POST);
    on(filter, async move |State(service): State<Service>, request: Request| {
        answer(service, request).await
    })
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
