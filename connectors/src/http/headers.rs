//! The fields that a destination adds to its requests: texts, and secrets that are read when they are sent.

use config::{Diagnostics, SecretRef, Section, Text};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// Fields that belong to the connection, or have a setting of their own.
const OWN: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A field with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    name: HeaderName,
    value: HeaderText,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HeaderText {
    Written(HeaderValue),
    Secret(SecretRef),
}

impl Header {
    /// Takes `headers` from a section; what is wrong with them is reported.
    pub(super) fn read_all(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Vec<Header>> {
        let entries = section.map("headers");
        let headers: Vec<Option<Header>> = entries
            .iter()
            .map(|(key, value)| {
                let name = name(key, diags)?;
                let value = match (value.secret(), value.text()) {
                    (Some(secret), _) => secret_value(secret, key, diags)?,
                    (None, Some(text)) => HeaderText::Written(written(&name, key, text, diags)?),
                    (None, None) => return None,
                };
                Some(Header { name, value })
            })
            .collect();
        headers.into_iter().collect()
    }

    /// Adds the field to a request; the error names the secret that has no usable value at this moment.
    pub(super) fn add_to(&self, request: &mut HeaderMap) -> Result<(), String> {
        let value = match &self.value {
            HeaderText::Written(value) => value.clone(),
            HeaderText::Secret(secret) => {
                let found = secret.value().map_err(|error| error.to_string())?;
                sensitive(found.expose_secret()).ok_or_else(|| unusable(secret))?
            }
        };
        request.append(&self.name, value);
        Ok(())
    }
}

fn name(key: &Text, diags: &mut Diagnostics) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(key.value.as_bytes()) else {
        diags
            .error("C0440", key.span, format!("`{}` is not the name of a header", key.value))
            .label("letters, digits and `-`");
        return None;
    };
    if OWN.contains(&name.as_str()) {
        let setting = match name.as_str() {
            "content-type" => "write `content_type`",
            "idempotency-key" => "write `idempotency_key`",
            _ => "leave it out: it belongs to the connection",
        };
        diags
            .error("C0440", key.span, format!("the header `{}` cannot be set here", key.value))
            .label("not a header of the message's own")
            .help(setting);
        return None;
    }
    Some(name)
}

/// A text as it stands in the file, unless it looks like something that must not.
fn written(
    name: &HeaderName,
    key: &Text,
    text: &Text,
    diags: &mut Diagnostics,
) -> Option<HeaderValue> {
    if holds_secrets(name.as_str()) {
        diags.files_mut().conceal(text.span);
        diags
            .error("C0410", text.span, format!("the header `{}` is a secret and cannot be written here", key.value))
            .label("a literal secret")
            .help(format!(
                "write `{} = {{ secret = \"name\" }}` and put the value into `data/secrets/name` with mode 0600",
                key.value
            ));
        return None;
    }
    let value = HeaderValue::from_str(&text.value).ok();
    if value.is_none() {
        diags
            .error("C0440", text.span, format!("the header `{}` cannot have this value", key.value))
            .label("a header holds visible ASCII and spaces, in one line");
    }
    value
}

/// The names that credentials usually go by.
fn holds_secrets(name: &str) -> bool {
    ["authorization", "cookie", "password", "secret", "token", "api-key", "apikey", "access-key"]
        .iter()
        .any(|word| name.contains(word))
}

fn secret_value(secret: &SecretRef, key: &Text, diags: &mut Diagnostics) -> Option<HeaderText> {
    // One that has no value at all was reported where it was read.
    if let Ok(value) = secret.value()
        && sensitive(value.expose_secret()).is_none()
    {
        diags
            .error("C0415", key.span, unusable(secret))
            .label("a header holds visible ASCII and spaces, in one line");
        return None;
    }
    Some(HeaderText::Secret(secret.clone()))
}

fn unusable(secret: &SecretRef) -> String {
    format!("secret `{}` cannot be the value of a header", secret.name)
}

/// A value that is kept out of everything that might show it.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
