//! The admin API on an address of this machine: HTTP/1.1, a token in every request, and nothing for pages in a browser.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth::{Accounts, Session};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use phi::Secret;
use store::Source;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::problem::Problem;

/// A header that is not whole after this long ends the connection; so does a connection that asks nothing more.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes and fields of a header.
const HEADER_BYTES_MAX: usize = 16 << 10;
const HEADER_FIELDS_MAX: usize = 64;
/// Connections at once, and from one address that is not this machine.
const CONNECTIONS_MAX: usize = 256;
const PER_ADDRESS_MAX: usize = 32;
/// A connection ends after this long whatever it does: its requests have ended by then.
const CONNECTION_LIFE: Duration = Duration::from_secs(600);
/// Connections that are still answered when the engine stops.
const LINGER: Duration = Duration::from_secs(2);

/// The bound address.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds it.
    pub async fn bind(address: SocketAddr) -> io::Result<Listener> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Listener { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until told to stop.
    pub async fn serve(
        self,
        router: Router,
        accounts: Arc<Accounts>,
        mut stop: watch::Receiver<bool>,
    ) {
        let guard = Guard { accounts, port: self.address.port() };
        let router = router.layer(from_fn_with_state(guard, Guard::let_in));
        let mut connections = JoinSet::new();
        let places = Places::default();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        // Who finds no place is closed before a byte is read.
                        if let Some(place) = places.take(peer.ip()) {
                            connections.spawn(answer(stream, peer, router.clone(), place));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = %error, "accepting on the admin API failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                _ = stop.changed() => break,
            }
        }
        let _ = tokio::time::timeout(LINGER, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
    }
}

/// Connections by address.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

struct Place {
    of: IpAddr,
    places: Places,
}

impl Places {
    fn take(&self, address: IpAddr) -> Option<Place> {
        let of = address.to_canonical();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&of).copied().unwrap_or(0);
        let full = taken.values().sum::<usize>() >= CONNECTIONS_MAX
            || (!of.is_loopback() && own >= PER_ADDRESS_MAX);
        if full {
            return None;
        }
        taken.insert(of, own + 1);
        Some(Place { of, places: self.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.of) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(taken.remove(&self.of)),
        }
    }
}

async fn answer(stream: TcpStream, peer: SocketAddr, router: Router, _place: Place) {
    let source = Source { address: Some(peer), via: "api" };
    let router = router.layer(axum::Extension(source));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(CONNECTION_LIFE, served).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "a connection of the admin API ended early")
        }
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
        let source = request.extensions().get::<Source>().copied();
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
        source: Option<Source>,
    ) -> Result<Option<Session>, Problem> {
        let mut headers = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = headers.next() else { return Ok(None) };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (Some((_, token)), None) = (token, headers.next()) else {
            return Err(Problem::unauthenticated());
        };
        let source = source.unwrap_or(Source { address: None, via: "api" });
        let token = Secret::new(token.trim().to_owned());
        let session = self.accounts.recognise(&token, source).await.map_err(Problem::from)?;
        session.map(Some).ok_or_else(Problem::unauthenticated)
    }
}

/// Nothing more of the request is read, so the connection ends.
fn close(problem: Problem) -> Response {
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, axum::http::HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}
