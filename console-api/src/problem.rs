//! Refusals and errors as `application/problem+json` (RFC 9457).

use auth::{AccountError, RegistryError};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{ActError, ApplyError};
use serde_json::json;
use store::StoreError;

use crate::query::QueryError;

/// Why a request was not answered as asked.
#[derive(Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable code for programs.
    pub code: &'static str,
    /// One sentence for people.
    pub title: String,
    /// More, when there is more to say.
    pub detail: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// Seconds after which the same request may be answered.
    pub retry_after_s: Option<u64>,
    /// What is wrong with a search, place by place.
    pub places: Option<Box<Places>>,
}

/// What is wrong with a search, in the order of its text.
#[derive(Debug)]
pub struct Places(pub Vec<QueryError>);

impl Problem {
    /// A problem with its sentence.
    pub fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            title: title.into(),
            detail: None,
            hint: None,
            retry_after_s: None,
            places: None,
        }
    }

    /// What was asked for does not exist, or not for this person: the two look alike.
    pub fn absent(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }

    /// The request can be read, but not be meant.
    pub fn invalid(title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title)
    }

    /// A search that cannot be read: the first thing that is wrong with it as its title, and all of them with their places.
    pub fn of_query(errors: Vec<QueryError>) -> Problem {
        let first = errors.first();
        let title =
            first.map_or_else(|| "the search cannot be read".to_owned(), |e| e.text.clone());
        let hint = first.and_then(|error| error.hint.clone());
        Problem {
            hint,
            places: Some(Box::new(Places(errors))),
            ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "query", title)
        }
    }

    /// Nobody is signed in.
    pub fn unauthenticated() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "nobody is signed in")
            .hint("`hilum login` signs in; a session ends after half an hour without a request")
    }

    /// Somebody is signed in, but must add a second factor first.
    pub fn second_factor_needed() -> Problem {
        let title = "a second factor is needed before anything else";
        Problem::new(StatusCode::FORBIDDEN, "second_factor_needed", title)
            .hint("`hilum second-factor` adds one")
    }

    /// Who they are must be proven anew.
    pub fn step_up_needed() -> Problem {
        let title = "this needs a sign-in of the last five minutes";
        Problem::new(StatusCode::FORBIDDEN, "step_up_needed", title)
            .hint("`hilum login NAME --step-up` asks for it")
    }

    /// The path is there, but not for this method.
    pub fn method() -> Problem {
        let title = "this route is asked with another method";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", title)
    }

    /// As many streams of events are open as may be.
    pub fn too_many_streams() -> Problem {
        let title = "too many streams of events are open";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", title).retry_after(10)
    }

    /// Somebody has read as many messages within a minute as they may; the next may be read in so many seconds.
    pub fn too_many_views(retry_s: u64) -> Problem {
        let title = "too many messages were read within a minute";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", title)
            .hint(format!("try again in {retry_s} seconds"))
            .retry_after(retry_s)
    }

    /// The query is not one that the route takes. What was sent is not quoted.
    pub fn query() -> Problem {
        Problem::invalid("the query is not of the shape that this route takes")
    }

    /// The body is not said to be JSON.
    pub fn not_json() -> Problem {
        let title = "the body must be `application/json`";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", title)
    }

    /// The body did not come whole.
    pub fn unread_body(error: &axum::Error) -> Problem {
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            if inner.is::<http_body_util::LengthLimitError>() {
                let title = "the body is longer than 1 MiB";
                return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", title);
            }
            cause = inner.source();
        }
        Problem::new(StatusCode::BAD_REQUEST, "unreadable", "the body did not come whole")
    }

    /// The body is no JSON, or JSON of another shape. What was sent is not quoted.
    pub fn malformed(error: &serde_json::Error) -> Problem {
        let place = format!("line {}, column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => Problem::invalid(format!(
                "the request is not of the shape that this route takes, at {place}"
            )),
            _ => Problem::new(
                StatusCode::BAD_REQUEST,
                "unreadable",
                format!("the body is no JSON at {place}"),
            ),
        }
    }

    /// It makes sense, but not in this state.
    pub fn conflict(code: &'static str, title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, code, title)
    }

    /// Names the permission that is missing.
    pub fn denied(permission: auth::Permission) -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "denied",
            format!("the permission `{}` is missing", permission.name()),
        )
    }

    /// Adds what there is more to say.
    pub fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = Some(detail.into());
        self
    }

    /// Adds when to try again.
    fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds the next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let sentence = error.to_string();
        match error {
            StoreError::NotFound(what) => Problem::absent(what),
            StoreError::Refused(_) => Problem::conflict("refused", sentence),
            StoreError::AuditUnavailable => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", sentence)
                    .hint("nothing was done")
            }
            StoreError::Unreadable(_) => Problem::conflict("unreadable", sentence),
            StoreError::Unavailable
            | StoreError::Full
            | StoreError::Fenced
            | StoreError::SyncFailed
            | StoreError::Busy
            | StoreError::Closed
            | StoreError::Internal(_) => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store", sentence)
            }
        }
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Problem {
        match error {
            ActError::Absent(what) => Problem::absent(what),
            ActError::Refused(sentence) => Problem::conflict("refused", sentence),
            ActError::Store(error) => error.into(),
        }
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Problem {
        let sentence = error.to_string();
        match error {
            ApplyError::Broken(problems) => {
                Problem::conflict("broken", sentence).detail(problems).hint("nothing was changed")
            }
            ApplyError::Hops(_) => Problem::conflict("hops", sentence)
                .hint("nothing was changed; apply the channels together"),
            ApplyError::Overtaken { .. } => Problem::conflict("overtaken", sentence)
                .hint("nothing was changed; look at what runs now with `hilum diff`"),
            ApplyError::Tests(_) => Problem::conflict("tests", sentence)
                .hint("nothing was changed; `hilum test` shows what failed"),
            ApplyError::NoRevision(_) => Problem::new(StatusCode::NOT_FOUND, "not_found", sentence),
            ApplyError::NoChannel(_) => Problem::new(StatusCode::NOT_FOUND, "not_found", sentence),
            ApplyError::Source { .. } => {
                Problem::conflict("bind", sentence).hint("nothing was changed")
            }
            ApplyError::Store(error) => error.into(),
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Problem {
        let sentence = error.to_string();
        match error {
            RegistryError::Invalid(_) | RegistryError::Ca(_) => Problem::invalid(sentence),
            RegistryError::Absent(what) => Problem::absent(what),
            RegistryError::Refused(_) => Problem::conflict("refused", sentence),
            RegistryError::File { .. } => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "file", sentence)
                    .hint("nothing was done")
            }
            RegistryError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Problem {
        let sentence = error.to_string();
        match error {
            AccountError::Credentials => {
                Problem::new(StatusCode::UNAUTHORIZED, "invalid_credentials", sentence)
            }
            AccountError::TooMany { retry_s } => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", sentence)
                    .hint(format!("try again in {retry_s} seconds"))
                    .retry_after(retry_s)
            }
            AccountError::Invalid(_) => Problem::invalid(sentence),
            AccountError::StepUp => Problem::step_up_needed(),
            AccountError::Beyond(_) => Problem::new(StatusCode::FORBIDDEN, "beyond", sentence),
            AccountError::Absent(what) => Problem::absent(what),
            AccountError::Refused(_) => Problem::conflict("refused", sentence),
            AccountError::ApprovalNeeded { id } => {
                Problem::conflict("approval_needed", sentence).detail(format!("request {id}")).hint(
                    format!("somebody else agrees with `hilum approval approve {id}`; then ask the same again with `--approval {id}`"),
                )
            }
            AccountError::Directory => {
                let unavailable = StatusCode::SERVICE_UNAVAILABLE;
                Problem::new(unavailable, "directory_unavailable", sentence)
                    .hint("whoever has an account of the engine itself can sign in")
                    .retry_after(60)
            }
            AccountError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let place = |error: &QueryError| {
            json!({
                "offset": error.offset,
                "length": error.length,
                "text": error.text,
                "hint": error.hint,
            })
        };
        let mut body = json!({
            "type": format!("urn:hilum:{}", self.code),
            "status": self.status.as_u16(),
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "hint": self.hint,
        });
        if let Some(places) = &self.places {
            body["places"] = json!(places.0.iter().map(place).collect::<Vec<_>>());
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
