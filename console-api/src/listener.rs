//! The admin API on an address of this machine: HTTP/1.1, a token in every request, and nothing for pages in a browser.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::{Accounts, Session};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use net::{Acceptor, Admitted, BindError, Gate};
use phi::Secret;
use store::Source;
use tokio::sync::watch;

use crate::connections::Connections;
use crate::problem::Problem;

/// Connections at once. They are counted apart from those that bring messages, so that no flood of these keeps an operator out.
const CONNECTIONS_MAX: usize = 256;

/// The bound address.
pub struct Listener(Acceptor);

impl Listener {
    /// Binds it.
    pub fn bind(address: SocketAddr) -> Result<Listener, BindError> {
        Acceptor::inside(address, &Gate::new(CONNECTIONS_MAX)).map(Listener)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Answers until told to stop.
    pub async fn serve(
        mut self,
        router: Router,
        accounts: Arc<Accounts>,
        mut stop: watch::Receiver<bool>,
    ) {
        let guard = Guard { accounts, port: self.address().port() };
        let router = router.layer(from_fn_with_state(guard, Guard::let_in));
        let mut connections = Connections::default();
        loop {
            tokio::select! {
                Admitted { stream, pass, .. } = self.0.accept() => {
                    let source = Source { address: Some(stream.peer()), via: "api" };
                    connections.answer(stream, pass, router.clone().layer(Extension(source)));
                }
                () = connections.ended() => {}
                _ = stop.changed() => break,
            }
        }
        connections.finish().await;
    }
}

/// What every request must pass before anything of it is read but its header.
#[derive(Clone)]
struct Guard {
    accounts: Arc<Accounts>,
    port: u16,
}

impl Guard {
    async fn let_in(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
        if let Err(problem) = guard.check_origin(request.headers()) {
            return close(problem);
        }
        let Some(source) = request.extensions().get::<Source>().copied() else {
            return close(Problem::unauthenticated());
        };
        match guard.recognise(request.headers(), source).await {
            Ok(Some(session)) => drop(request.extensions_mut().insert(session)),
            // The route says whether somebody must be signed in.
            Ok(None) => {}
            Err(problem) => return close(problem),
        }
        next.run(request).await
    }

    /// A page of another site in the browser of somebody on this machine must not reach the API, also when its name leads here.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        let own = |host: &str| {
            ["127.0.0.1", "localhost", "[::1]"]
                .iter()
                .any(|name| host == *name || host == format!("{name}:{}", self.port))
        };
        if !own(&host.to_ascii_lowercase()) {
            let title = "this API is asked as `127.0.0.1` or `localhost`";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", title));
        }
        let from_elsewhere = match (headers.get(header::ORIGIN), headers.get("sec-fetch-site")) {
            (Some(origin), _) => {
                let origin = origin.to_str().unwrap_or("");
                !origin
                    .strip_prefix("http://")
                    .is_some_and(|origin| own(&origin.to_ascii_lowercase()))
            }
            (None, Some(site)) => !matches!(site.to_str(), Ok("same-origin" | "none")),
            (None, None) => false,
        };
        match from_elsewhere {
            true => {
                let title = "pages of other sites are not answered";
                Err(Problem::new(StatusCode::FORBIDDEN, "other_origin", title))
            }
            false => Ok(()),
        }
    }

    /// Who asks: nobody without a token, and a refusal with one that is not good.
    async fn recognise(
        &self,
        headers: &HeaderMap,
        source: Source,
    ) -> Result<Option<Session>, Problem> {
        let mut headers = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = headers.next() else { return Ok(None) };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (Some((_, token)), None) = (token, headers.next()) else {
            return Err(Problem::unauthenticated());
        };
        let token = Secret::new(token.trim().to_owned());
        let session = self.accounts.recognise(&token, source).await.map_err(Problem::from)?;
        session.map(Some).ok_or_else(Problem::unauthenticated)
    }
}

/// Nothing more of the request is read, so the connection ends.
fn close(problem: Problem) -> Response {
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
