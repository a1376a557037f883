//! Refusals and errors as `application/problem+json` (RFC 9457).

use auth::RegistryError;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{ActError, ApplyError};
use serde_json::json;
use store::StoreError;

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
}

impl Problem {
    /// A problem with its sentence.
    pub fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Problem {
        Problem { status, code, title: title.into(), detail: None, hint: None }
    }

    /// What was asked for does not exist, or not for this person: the two look alike.
    pub fn absent(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }

    /// The request makes no sense.
    pub fn invalid(title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", title)
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": format!("urn:hilum:{}", self.code),
            "status": self.status.as_u16(),
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "hint": self.hint,
        });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, Json(body)).into_response()
    }
}
