//! Talks to a running engine over its unix socket.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::args::Target;
use crate::exit::{Code, Failure};

/// The engine that a verb speaks to.
pub struct Api {
    socket: PathBuf,
}

impl Api {
    /// The engine of this site or data folder; the site in the current folder when neither is named.
    pub fn of(target: &Target) -> Api {
        let data = match (&target.data, &target.site) {
            (Some(data), _) => data.clone(),
            (None, Some(site)) => site.join("data"),
            (None, None) => PathBuf::from("data"),
        };
        Api { socket: data.join("hilum.sock") }
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
        let stream = connect(&self.socket).await?;
        let broken = |error: hyper::Error| {
            Failure::new(Code::Unreachable, format!("the engine broke off: {error}"))
        };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = tokio::spawn(connection);
        let bytes = body.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
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

async fn connect(socket: &Path) -> Result<UnixStream, Failure> {
    UnixStream::connect(socket).await.map_err(|error| {
        Failure::new(
            Code::Unreachable,
            format!("no engine answers at `{}`: {error}", socket.display()),
        )
        .hint("name the engine with `--site SITE` or `--data DIR`; `hilum serve SITE` starts one")
    })
}

/// A problem+json answer as a sentence.
fn refusal(status: StatusCode, value: &Value) -> Failure {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let title = text("title").unwrap_or("the engine refused");
    let code = match status {
        StatusCode::SERVICE_UNAVAILABLE => Code::Undecided,
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
