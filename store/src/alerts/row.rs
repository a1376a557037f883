//! An alert as its row says.

use super::{AlertState, Severity};
use crate::error::StoreError;
use crate::ids::AlertId;
use crate::sql::Row;

/// Something that somebody should look at. Times are microseconds UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its row.
    pub id: AlertId,
    /// The rule, as a dotted name.
    pub kind: String,
    /// What it is about: with the kind, there is one of it until it is resolved.
    pub object: String,
    /// The channel that it is about; none when it is about the engine or its people.
    pub channel: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether somebody has looked.
    pub state: AlertState,
    /// When it was first so.
    pub first_us: i64,
    /// When it was last so.
    pub last_us: i64,
    /// How often it was seen.
    pub count: i64,
    /// What it says, in a sentence.
    pub text: String,
    /// When somebody said that they look after it.
    pub acknowledged_us: Option<i64>,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// When it was over.
    pub resolved_us: Option<i64>,
    /// Who said so; `engine` when the condition passed.
    pub resolved_by: Option<String>,
    /// What they said about it.
    pub note: Option<String>,
    /// Until when it is not told again.
    pub snoozed_until_us: Option<i64>,
    /// Who is to look after it, by the name of the account.
    pub assigned_to: Option<String>,
    /// When those were told who are told of what nobody looks after.
    pub escalated_us: Option<i64>,
}

/// Reads the columns in the order of the fields.
pub(super) fn alert(row: &Row) -> Result<Alert, StoreError> {
    let maybe = |column: usize| Ok(row.text_or_none(column)?.map(str::to_owned));
    Ok(Alert {
        id: AlertId::from_uuid(row.id(0)?),
        kind: row.text(1)?.to_owned(),
        object: row.text(2)?.to_owned(),
        channel: maybe(3)?,
        severity: row.code(4, Severity::from_code)?,
        state: row.code(5, AlertState::from_code)?,
        first_us: row.int(6)?,
        last_us: row.int(7)?,
        count: row.int(8)?,
        text: row.text(9)?.to_owned(),
        acknowledged_us: row.int_or_none(10)?,
        acknowledged_by: maybe(11)?,
        resolved_us: row.int_or_none(12)?,
        resolved_by: maybe(13)?,
        note: maybe(14)?,
        snoozed_until_us: row.int_or_none(15)?,
        assigned_to: maybe(16)?,
        escalated_us: row.int_or_none(17)?,
    })
}
