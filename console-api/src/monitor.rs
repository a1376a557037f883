//! What a monitoring system asks: the figures, whether the engine lives, whether it is ready. An address of its own, which does nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use config::{Metrics, SecretRef};
use engine::Engine;
use net::tls::Server;
use net::{Acceptor, Admitted, BindError, Gate};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::connections::Connections;

/// Connections at once.
const CONNECTIONS_MAX: usize = 32;
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bound address.
pub struct Monitor {
    acceptor: Acceptor,
    is_tls: bool,
    token: Option<SecretRef>,
}

#[derive(Clone)]
struct Asked {
    engine: Engine,
    token: Arc<Option<SecretRef>>,
}

impl Monitor {
    /// Binds it.
    pub fn bind(settings: &Metrics, tls: Option<Server>) -> Result<Monitor, BindError> {
        let is_tls = tls.is_some();
        let acceptor = Acceptor::apart(settings.listen, tls, &Gate::new(CONNECTIONS_MAX))?;
        Ok(Monitor { acceptor, is_tls, token: settings.token.clone() })
    }

    /// Where it is asked.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}/metrics", self.acceptor.address())
    }

    /// Answers until told to stop.
    pub async fn serve(mut self, engine: Engine, mut stop: watch::Receiver<bool>) {
        let asked = Asked { engine, token: Arc::new(self.token.take()) };
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route(
                "/livez",
                get(async |State(asked): State<Asked>| well(&asked.engine.not_alive())),
            )
            .route(
                "/readyz",
                get(async |State(asked): State<Asked>| well(&asked.engine.not_ready())),
            )
            .with_state(asked);
        let mut connections = Connections::default();
        loop {
            tokio::select! {
                Admitted { stream, pass, .. } = self.acceptor.accept() => {
                    connections.answer(stream, pass, router.clone());
                }
                () = connections.ended() => {}
                _ = stop.changed() => break,
            }
        }
        connections.finish().await;
    }
}

/// `ok`, or why not, a line each.
fn well(why: &[String]) -> Response {
    match why.is_empty() {
        true => (StatusCode::OK, "ok\n").into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, why.join("\n") + "\n").into_response(),
    }
}

async fn metrics(State(asked): State<Asked>, headers: HeaderMap) -> Response {
    if !holds(asked.token.as_ref().as_ref(), &headers) {
        let realm = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, realm, "a token is needed\n").into_response();
    }
    match asked.engine.metrics().await {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// Whether whoever asks shows the token, where one is set. One that cannot be read lets nobody in.
fn holds(token: Option<&SecretRef>, headers: &HeaderMap) -> bool {
    let Some(token) = token else { return true };
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.split_once(' '));
    let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (Some((_, shown)), Ok(token)) = (shown, token.value()) else { return false };
    bool::from(token.expose_secret().as_bytes().ct_eq(shown.trim().as_bytes()))
}
