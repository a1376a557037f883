//! Gives space back that nothing is in, beside everything else.

use phi::Secret;
use sqlx::{Connection, Executor};

use super::{bare, fault, look};
use crate::error::{OpenError, StoreError};

/// The tables that rows leave from. A server gives the space behind their last row back; what lies before it is used again.
const VACUUM: [&str; 5] = [
    "vacuum bodies",
    "vacuum attempts",
    "vacuum deliveries",
    "vacuum messages",
    "vacuum data_keys",
];

/// Vacuums them with a session of its own, which may take its time.
pub(crate) async fn vacuum(url: &str, password: Option<&Secret<String>>) -> Result<(), StoreError> {
    let failed = |error: OpenError| match error {
        OpenError::Unreachable(_) => StoreError::Unavailable,
        other => StoreError::Internal(other.to_string()),
    };
    let (place, _) = look(url, password).await.map_err(failed)?;
    let mut connection = bare(&place).await.map_err(failed)?;
    for text in VACUUM {
        connection.execute(sqlx::query(text)).await.map_err(|error| fault::any(&error))?;
    }
    connection.close().await.map_err(|error| fault::any(&error))
}
