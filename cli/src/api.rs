//! Talks to a running engine: over its unix socket on the same machine, or over HTTP with the token of a session.

use std::path::PathBuf;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use net::Dialer;
use phi::Secret;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::args::Target;
use crate::exit::{Code, Failure};
use crate::token;
use crate::wire;

/// The engine that a verb speaks to.
pub enum Api {
    /// On this machine, as the same uid.
    Socket(PathBuf),
    /// Somebody who has signed in, or wants to.
    Http {
        /// Host and port.
        authority: String,
        /// How it is reached when that is not in clear.
        tls: Option<Box<net::Target>>,
        /// The token of the session.
        token: Option<Secret<String>>,
    },
}

impl Api {
    /// The engine at `--api` or `HILUM_API`; else that of this site or data folder; else that of the site in the current folder.
    pub fn of(target: &Target) -> Result<Api, Failure> {
        if let Some((authority, tls)) = authority(target)? {
            return Ok(Api::Http { authority, tls, token: token::read(target)? });
        }
        let data = match (&target.reach.data, &target.reach.site) {
            (Some(data), _) => data.clone(),
            (None, Some(site)) => site.join("data"),
            (None, None) => PathBuf::from("data"),
        };
        Ok(Api::Socket(data.join("hilum.sock")))
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    /// Asks for something that takes arguments.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let (host, token) = match self {
            Api::Socket(_) => ("localhost", None),
            Api::Http { authority, token, .. } => (authority.as_str(), token.as_ref()),
        };
        let broken = |error: hyper::Error| {
            Failure::new(Code::Unreachable, format!("the engine broke off: {error}"))
        };
        let (mut sender, driver) = self.connect().await?;
        let bytes = body.map(ToString::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        let request = request
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|error| Failure::new(Code::Usage, error))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(broken)?.to_bytes();
        driver.abort();
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() { Ok(value) } else { Err(refusal(status, &value)) }
    }
}

type Sender = hyper::client::conn::http1::SendRequest<Full<Bytes>>;

impl Api {
    /// A connection, and the task that drives it.
    async fn connect(&self) -> Result<(Sender, JoinHandle<hyper::Result<()>>), Failure> {
        match self {
            Api::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| {
                    let sentence = format!("no engine answers at `{}`: {error}", path.display());
                    Failure::new(Code::Unreachable, sentence).hint(
                        "name the engine with `--site SITE` or `--data DIR`; `hilum serve SITE` starts one",
                    )
                })?;
                speak(TokioIo::new(stream)).await
            }
            Api::Http { tls: Some(target), .. } => {
                let stream = Dialer::new(Dialer::CONNECT_TIMEOUT).connect(target).await;
                let stream = stream.map_err(|error| {
                    Failure::new(Code::Unreachable, format!("no engine is reached: {error}"))
                })?;
                speak(TokioIo::new(stream)).await
            }
            Api::Http { authority, .. } => {
                let stream = TcpStream::connect(authority).await.map_err(|error| {
                    let sentence = format!("no engine answers at `{authority}`: {error}");
                    Failure::new(Code::Unreachable, sentence)
                        .hint("`--api` names it, such as `--api http://127.0.0.1:8480`")
                })?;
                speak(TokioIo::new(stream)).await
            }
        }
    }
}

async fn speak<S>(stream: S) -> Result<(Sender, JoinHandle<hyper::Result<()>>), Failure>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| {
            Failure::new(Code::Unreachable, format!("the engine broke off: {error}"))
        })?;
    Ok((sender, tokio::spawn(connection)))
}

/// Host and port of the API, and how it is reached when that is not in clear.
type Reached = (String, Option<Box<net::Target>>);

/// Where the API is asked over HTTP, when it is at all. A token never travels further than this machine without encryption.
fn authority(target: &Target) -> Result<Option<Reached>, Failure> {
    let named = target.reach.api.clone().or_else(|| std::env::var("HILUM_API").ok());
    let Some(url) = named.filter(|url| !url.is_empty()) else { return Ok(None) };
    let refused = |why: &str| Failure::new(Code::Usage, format!("`{url}` {why}"));
    let (rest, tls) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        (None, None) => {
            return Err(refused("is not reached: the API is asked as `http://127.0.0.1:8480`"));
        }
    };
    let authority = rest.trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let has_port = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty();
    let host = if has_port { host } else { authority };
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:8480") };
    if tls {
        let ca =
            target.reach.api_ca.clone().or_else(|| std::env::var_os("HILUM_CA").map(PathBuf::from));
        let ca = ca.ok_or_else(|| {
            refused("has a certificate: `--api-ca` or HILUM_CA names the authorities that it must come from")
        })?;
        let target = wire::api(&authority, ca)?;
        return Ok(Some((authority, Some(Box::new(target)))));
    }
    if !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
        return Err(refused(
            "is another machine: ask it as `https://...` where it has a certificate, or through a tunnel, such as `ssh -L 8480:127.0.0.1:8480 HOST`",
        ));
    }
    Ok(Some((authority, None)))
}

/// A problem+json answer as a sentence.
fn refusal(status: StatusCode, value: &Value) -> Failure {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let title = text("title").unwrap_or("the engine refused");
    let code = match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Code::Undecided,
        _ => Code::Problems,
    };
    let failure = match text("detail") {
        Some(detail) => Failure::new(code, format!("{title}\n{detail}")),
        None => Failure::new(code, title),
    };
    match text("hint") {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
