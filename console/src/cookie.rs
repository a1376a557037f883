//! Cookies: which session a browser has, and how its pages are shown.

use axum::http::{HeaderMap, HeaderValue, header};
use console_api::Source;
use phi::Secret;

/// That of the session; over TLS it has the prefix that binds it to this very host.
const SESSION: &str = "hilum";
const SESSION_TLS: &str = "__Host-hilum";
/// Values are covered.
pub const MASK: &str = "hilum-mask";
/// Times are in UTC instead of the site's zone.
pub const UTC: &str = "hilum-utc";
/// Single keys do nothing.
pub const NO_KEYS: &str = "hilum-nokeys";

/// The value of a cookie.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
}

/// The token of a session.
pub fn session(headers: &HeaderMap) -> Option<Secret<String>> {
    let found = read(headers, SESSION_TLS).or_else(|| read(headers, SESSION))?;
    Some(found).filter(|token| !token.is_empty()).map(|token| Secret::new(token.to_owned()))
}

/// Whether the browser came over TLS: its own requests say so in `Origin`, and the session's cookie by its name.
pub fn is_tls(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
        || read(headers, SESSION_TLS).is_some()
}

/// Gives the browser a session, or takes it away. It is never read by a script and never sent by a page of another site.
pub fn set_session(token: Option<&Secret<String>>, tls: bool) -> Option<HeaderValue> {
    let (name, secure) = if tls { (SESSION_TLS, "; Secure") } else { (SESSION, "") };
    let end = if token.is_some() { "" } else { "; Max-Age=0" };
    let value = token.map_or("", |token| token.expose_secret().as_str());
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{end}");
    let mut line = HeaderValue::from_str(&line).ok()?;
    line.set_sensitive(true);
    Some(line)
}

/// Turns a way of showing on or off.
pub fn set_switch(name: &str, on: bool) -> Option<HeaderValue> {
    let (value, age) = if on { ("1", 31_536_000) } else { ("", 0) };
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}");
    HeaderValue::from_str(&line).ok()
}

/// Where a request came from, which the listener has said.
pub fn source(extensions: &axum::http::Extensions) -> Source {
    let unknown = Source { address: None, via: "console" };
    extensions.get::<Source>().map_or(unknown, |source| Source { via: "console", ..*source })
}
