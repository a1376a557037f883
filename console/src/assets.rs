//! The style sheet and the scripts, in the binary, under names that change with their content.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Name, kind, text.
pub const FILES: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("../assets/style.css")),
    ("console.js", JS, include_str!("../assets/console.js")),
    ("live.js", JS, include_str!("../assets/live.js")),
    ("keys.js", JS, include_str!("../assets/keys.js")),
    ("table.js", JS, include_str!("../assets/table.js")),
    ("hl7.js", JS, include_str!("../assets/hl7.js")),
    ("editor.js", JS, include_str!("../assets/editor.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

const JS: &str = "text/javascript; charset=utf-8";

/// Of all files together: they come and go as one.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    FILES.iter().for_each(|(_, _, text)| hash.update(text.as_bytes()));
    HEXLOWER.encode(hash.finalize().get(..6).unwrap_or_default())
});

/// Where a file is.
pub fn path(name: &str) -> String {
    format!("/assets/{}/{name}", *DIGEST)
}

/// A file, for as long as a browser likes to keep it.
pub fn answer(digest: &str, name: &str) -> Response {
    let found = FILES.iter().find(|(one, ..)| *one == name && digest == *DIGEST);
    match found {
        Some((_, kind, text)) => {
            let mut response = (*text).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
            headers.insert(header::CACHE_CONTROL, forever);
            response
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
