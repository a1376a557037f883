//! The admin API and the pages over it, on an address: HTTP/1.1. The API is asked with a token in every request and never with
//! a cookie; pages have a cookie, and their own look at where a form comes from.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::{Accounts, Session};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use net::tls::Server;
use net::{Acceptor, Admitted, BindError, Gate};
use phi::Secret;
use store::Source;
use tokio::sync::watch;

use crate::connections::Connections;
use crate::problem::Problem;

/// Connections at once. They are counted apart from those that bring messages, so that no flood of these keeps an operator out.
const CONNECTIONS_MAX: usize = 256;

/// What begins the path of everything that is asked with a token.
const API: &str = "/api/";

/// The bound address.
pub struct Listener {
    acceptor: Acceptor,
    tls: Option<Server>,
}

impl Listener {
    /// Binds it. An address that other machines can reach is refused without TLS.
    pub fn bind(address: SocketAddr, tls: Option<Server>) -> Result<Listener, BindError> {
        let acceptor = Acceptor::apart(address, tls.clone(), &Gate::new(CONNECTIONS_MAX))?;
        Ok(Listener { acceptor, tls })
    }

    /// Where it is asked.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.acceptor.address())
    }

    /// Answers until told to stop.
    pub async fn serve(
        mut self,
        router: Router,
        accounts: Arc<Accounts>,
        mut stop: watch::Receiver<bool>,
    ) {
        let guard = Guard { accounts, port: self.acceptor.address().port(), tls: self.tls };
        let router = router.layer(from_fn_with_state(guard, Guard::let_in));
        let mut connections = Connections::default();
        loop {
            tokio::select! {
                Admitted { stream, pass, .. } = self.acceptor.accept() => {
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
    tls: Option<Server>,
}

impl Guard {
    async fn let_in(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
        if let Err(problem) = guard.check_origin(&request) {
            return close(problem);
        }
        let Some(source) = request.extensions().get::<Source>().copied() else {
            return close(Problem::unauthenticated());
        };
        if !request.uri().path().starts_with(API) {
            return next.run(request).await;
        }
        match guard.recognise(request.headers(), source).await {
            Ok(Some(session)) => drop(request.extensions_mut().insert(session)),
            // The route says whether somebody must be signed in.
            Ok(None) => {}
            Err(problem) => return close(problem),
        }
        next.run(request).await
    }

    /// A page of another site in the browser of somebody on this machine must not reach the API, also when its name leads here.
    fn check_origin(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        if !self.is_own(host) {
            let title = match self.tls {
                Some(_) => "this API is asked by a name that its certificate is for",
                None => "this API is asked as `127.0.0.1` or `localhost`",
            };
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", title));
        }
        let scheme = if self.tls.is_some() { "https://" } else { "http://" };
        let from_elsewhere = match (headers.get(header::ORIGIN), headers.get("sec-fetch-site")) {
            (Some(origin), _) => {
                let origin = origin.to_str().unwrap_or("");
                !origin.strip_prefix(scheme).is_some_and(|origin| self.is_own(origin))
            }
            // A link in an e-mail or a chat may lead to a page, which shows nothing without its cookie and changes nothing.
            (None, Some(_)) if is_link_to_page(request) => false,
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

    /// Whether a host, perhaps with a port, means this API: with TLS a name of the certificate as it is now, else this machine.
    fn is_own(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let port = format!(":{}", self.port);
        let name = host.strip_suffix(&port).unwrap_or(&host);
        match &self.tls {
            Some(tls) => {
                let name =
                    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
                tls.names().iter().any(|known| is_for(known, name))
            }
            None => ["127.0.0.1", "localhost", "[::1]"].contains(&name),
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

/// Whether a person goes to a page, whole and in a window of its own.
fn is_link_to_page(request: &Request) -> bool {
    let is = |name: &str, value: &str| {
        request.headers().get(name).is_some_and(|found| found.as_bytes() == value.as_bytes())
    };
    request.method() == Method::GET
        && !request.uri().path().starts_with(API)
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

/// Whether a name in a certificate, whose first label may be `*`, is for a host (RFC 6125 6.4.3).
fn is_for(known: &str, host: &str) -> bool {
    match (known.strip_prefix("*."), host.split_once('.')) {
        (Some(known), Some((_, rest))) => known == rest,
        _ => known == host,
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
