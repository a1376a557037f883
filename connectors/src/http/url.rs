//! Where an http destination posts to: fixed by the configuration, never put together from a message.

use std::fmt;

use bytes::Bytes;
use config::Address;
use http_body_util::Full;
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request, Uri};

/// A URL that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The connection is encrypted.
    pub tls: bool,
    /// The host and port to connect to.
    pub address: Address,
    /// The host as it is named to the receiver: without a port that goes without saying.
    pub authority: String,
    /// What is asked for there: the path and the query.
    pub target: String,
}

impl Url {
    /// Reads a URL; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Url, &'static str> {
        if text.contains(['{', '}']) {
            return Err("where a destination sends to never comes from a message");
        }
        if text.contains('#') {
            return Err("a fragment is never sent");
        }
        let uri: Uri = text.parse().map_err(|_| "this is not a URL")?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err("a URL begins with `https://` or `http://`"),
        };
        let authority = uri.authority().ok_or("the host is missing")?;
        if authority.as_str().contains('@') {
            return Err("a user and a password belong into `headers`, as a secret");
        }
        let usual = if tls { 443 } else { 80 };
        let named = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port = match (named, named.strip_prefix(':').and_then(|port| port.parse().ok())) {
            ("", _) => usual,
            (_, Some(port)) => port,
            (_, None) => return Err("the port is a number from 1 to 65535"),
        };
        let address = Address::parse(&format!("{}:{port}", authority.host()))?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let authority =
            if port == usual { authority.host().to_owned() } else { address.to_string() };
        Ok(Url { tls, address, authority, target })
    }

    /// A request to it; `two` when it is written for HTTP/2.
    pub(super) fn request(
        &self,
        method: &Method,
        mut headers: HeaderMap,
        body: &Bytes,
        two: bool,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let uri = match two {
            true => Uri::builder()
                .scheme(if self.tls { "https" } else { "http" })
                .authority(self.authority.as_str())
                .path_and_query(self.target.as_str())
                .build()?,
            false => {
                headers.insert(HOST, HeaderValue::from_str(&self.authority)?);
                self.target.parse()?
            }
        };
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl fmt::Display for Url {
    /// Without the query, which may hold what is not for everybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.target.split('?').next().unwrap_or("/");
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_one_host_and_what_is_asked_of_it() {
        for (text, address, authority, target) in [
            ("http://127.0.0.1:8080/adt", "127.0.0.1:8080", "127.0.0.1:8080", "/adt"),
            ("https://lab.example/in?x=1&y", "lab.example:443", "lab.example", "/in?x=1&y"),
            ("https://lab.example:443", "lab.example:443", "lab.example", "/"),
            ("http://[::1]:81/a%20b", "[::1]:81", "[::1]:81", "/a%20b"),
            ("http://[::1]", "[::1]:80", "[::1]", "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.address.to_string(), address, "{text}");
            assert_eq!(
                (url.authority.as_str(), url.target.as_str()),
                (authority, target),
                "{text}"
            );
            assert_eq!(url.tls, text.starts_with("https"));
        }
        let shown = Url::parse("https://lab.example/in?key=s3cret").unwrap().to_string();
        assert_eq!(shown, "https://lab.example/in");
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for text in [
            "",
            "/adt",
            "lab.example/adt",
            "ftp://lab.example/",
            "file:///etc/passwd",
            "https://",
            "https:///adt",
            "https://user:pass@lab.example/",
            "https://lab.example@evil.example/",
            "https://lab.example:0/",
            "https://lab.example:/",
            "https://lab.example:99999/",
            "https://{PID-3.1}/",
            "https://lab.example/{PID-3.1}",
            "https://lab.example/#x",
            "https://lab example/",
            "https://lab.example/a b",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://lab.example/\r\nX: y",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
    }
}
