//! Retention of the audit log: month by month, its oldest records leave it for files when their years are over (security.md 2.1).

use std::path::PathBuf;

use config::Server;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use store::{
    Act, ActOutcome, ArchiveError, AuditAge, AuditArchived, AuditSegment, StoreError, Target,
};

use crate::engine::Engine;

/// More than this share of the log is never over at once, but when a clock is wrong or the log was never looked after: a person decides.
const SHARE_PERCENT_MAX: i64 = 25;

/// Records whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDue {
    /// Years that records stay.
    pub years: u16,
    /// Records in the log.
    pub records: i64,
    /// Those of them whose time is over, in whole months.
    pub due: Option<AuditSegment>,
    /// Whole months that have ended before this are over, microseconds UTC.
    pub until_us: i64,
    /// The folder to which they would go; they stay while there is none.
    pub folder: Option<PathBuf>,
    /// So many are due that a person has to say so.
    pub needs_a_person: bool,
}

/// Why nothing was taken out, or no more.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// Nothing says where records go.
    #[error(
        "`archive` under `[audit]` in server.toml says where records go when their time is over, and who can read them there"
    )]
    NoArchive,
    /// A clock may be wrong.
    #[error(
        "more than {SHARE_PERCENT_MAX} % of the audit log would leave it at once: if the clock is right, `hilum audit archive --execute` does it"
    )]
    TooMany,
    /// Somebody has said that nothing may leave.
    #[error("a legal hold is in force: no record leaves the audit log")]
    LegalHold,
    /// A month could not be taken out.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl From<StoreError> for RetentionError {
    fn from(error: StoreError) -> RetentionError {
        RetentionError::Archive(error.into())
    }
}

impl Engine {
    /// What of the audit log is over.
    pub async fn audit_due(&self) -> Result<AuditDue, StoreError> {
        let Server { audit, .. } = &self.inner.server;
        let until_us = month_of(self.now_us()).map_or(i64::MIN, |month| {
            start_us(month.saturating_sub(Span::new().years(i64::from(audit.keep_years))))
        });
        let age = self.store().audit_age().await?;
        let due = match age {
            Some(AuditAge { oldest_us, .. }) if oldest_us < until_us => {
                self.store().audit_segment(until_us).await?
            }
            Some(_) | None => None,
        };
        let records = age.map_or(0, |age| age.records);
        let over = due.as_ref().map_or(0, |due| due.next - due.first);
        Ok(AuditDue {
            years: audit.keep_years,
            records,
            due,
            until_us,
            folder: self.inner.audit_archive.as_ref().map(|(folder, _)| folder.clone()),
            needs_a_person: over.saturating_mul(100) > records.saturating_mul(SHARE_PERCENT_MAX),
        })
    }

    /// Takes every month out of the audit log whose time is over, each into a file of its own; what was taken out stays so when a later
    /// month fails.
    pub async fn archive_audit(
        &self,
        act: &Act,
        a_person_says_so: bool,
    ) -> Result<Vec<AuditArchived>, RetentionError> {
        let AuditDue { due, until_us, needs_a_person, .. } = self.audit_due().await?;
        if due.is_none() {
            return Ok(Vec::new());
        }
        let (folder, recipients) =
            self.inner.audit_archive.as_ref().ok_or(RetentionError::NoArchive)?;
        let holds = self.store().legal_holds().await?;
        if holds.iter().any(|hold| hold.channel.is_none() && hold.lifted.is_none()) {
            return Err(RetentionError::LegalHold);
        }
        if needs_a_person && !a_person_says_so {
            return Err(RetentionError::TooMany);
        }
        let mut archived = Vec::new();
        let oldest = self.store().audit_age().await?.and_then(|age| month_of(age.oldest_us));
        let mut month = oldest;
        while let Some(now) = month {
            let next = now.saturating_add(Span::new().months(1));
            let end_us = start_us(next);
            if end_us > until_us {
                break;
            }
            // A month in which nothing happened has no records, and one that was taken out half way none left.
            if let Some(segment) = self.store().audit_segment(end_us).await? {
                let to = (free_name(folder, now, segment.first), recipients);
                archived.push(self.store().archive_audit(act, &segment, to).await?);
            }
            month = Some(next);
        }
        Ok(archived)
    }

    /// Does what is due, and records when it cannot.
    pub(crate) async fn keep_audit_short(&self, act: &Act) {
        match self.archive_audit(act, false).await {
            Ok(all) => {
                for one in all {
                    tracing::info!(code = "audit.archived", file = %one.file.display(), first = one.segment.first, next = one.segment.next, "records of the audit log were taken out of it");
                }
                self.inner.set_audit_problem(None);
            }
            // Without an archive, or with a hold, records stay, and the status says so.
            Err(error @ (RetentionError::NoArchive | RetentionError::LegalHold)) => {
                self.inner.set_audit_problem(Some(error.to_string()));
            }
            Err(error) => {
                tracing::error!(code = "audit.archive", %error, "records of the audit log stay in it");
                self.inner.set_audit_problem(Some(error.to_string()));
                let target = Target { kind: "audit-log", id: None, channel: None };
                let recorded = self.store().record(act, target, ActOutcome::Failure, None).await;
                if let Err(error) = recorded {
                    tracing::error!(code = "audit.archive", %error, "that could not be recorded");
                }
            }
        }
    }
}

/// The first day of the month of a time, UTC.
fn month_of(us: i64) -> Option<Date> {
    let date = Timestamp::from_microsecond(us).ok()?.to_zoned(TimeZone::UTC).date();
    Some(date.first_of_month())
}

/// When a day begins, microseconds UTC.
fn start_us(day: Date) -> i64 {
    day.to_zoned(TimeZone::UTC).map_or(i64::MIN, |start| start.timestamp().as_microsecond())
}

/// `audit-2019-11.jsonl.zst.age`, with the number of its first record when there is one of that name.
fn free_name(folder: &std::path::Path, month: Date, first: i64) -> PathBuf {
    let name = month.strftime("audit-%Y-%m").to_string();
    let usual = folder.join(format!("{name}.jsonl.zst.age"));
    if usual.exists() { folder.join(format!("{name}-{first}.jsonl.zst.age")) } else { usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_with_their_first_day() {
        let of = |text: &str| month_of(text.parse::<Timestamp>().unwrap().as_microsecond());
        assert_eq!(of("2024-02-29T23:59:59.999999Z").unwrap().to_string(), "2024-02-01");
        assert_eq!(of("2024-03-01T00:00:00Z").unwrap().to_string(), "2024-03-01");
        let start = start_us(jiff::civil::date(1970, 1, 2));
        assert_eq!(start, 86_400_000_000);
    }
}
