//! The audit log: where its checkpoints go, how long its records stay, and where they go then.

use std::path::{Path, PathBuf};

use crate::diagnostics::Diagnostics;
use crate::field::{Field, Kind};
use crate::section::{Section, Value};
use crate::source::Span;

/// Years that records must stay unless somebody has said in writing that fewer are enough (45 CFR 164.316(b)(2)(i)).
const YEARS_FLOOR: i64 = 6;
/// Set in the environment, it overrules `keep_years`.
const YEARS_VARIABLE: &str = "AUDIT_RETENTION_YEARS";
/// The acknowledgement of fewer years.
pub(crate) const SHORT_AUDIT: &str = "short-audit";

/// The settings of the audit log.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The file outside the store that holds its checkpoints; in the data folder when it is left out.
    pub anchor: Option<PathBuf>,
    /// Years that records stay.
    pub keep_years: u16,
    /// Where records go after that; without it they stay.
    pub archive: Option<AuditArchive>,
}

/// Where records go when their time is over.
#[derive(Clone, Debug)]
pub struct AuditArchive {
    /// The folder of the files.
    pub folder: PathBuf,
    /// The public keys of those who can read them, as written.
    pub recipients: Vec<String>,
    /// Where they are written.
    pub recipients_span: Span,
}

/// The settings of `[audit]`.
pub(crate) const AUDIT_FIELDS: &[Field] = &[
    Field::default(
        "anchor",
        "A file to which the signed checkpoints of the audit log are appended. Whoever can change the store but not this file is found out, so it belongs on another disk, best on one that can only be added to.",
        Kind::File,
        "data/anchors/checkpoints.log",
    )
    .examples(&["\"/mnt/worm/hilum/checkpoints.log\""]),
    Field::default(
        "keep_years",
        "Years that records stay in the log. Fewer than 6 need an acknowledgement. `AUDIT_RETENTION_YEARS` in the environment overrules it.",
        Kind::Integer { min: 1, max: 100 },
        "7",
    ),
    Field::optional(
        "archive",
        "Where records go that have been in the log for so long. Without it they stay there.",
        Kind::Section(ARCHIVE_FIELDS),
    )
    .examples(&["{ recipients = [\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"] }"]),
];

const ARCHIVE_FIELDS: &[Field] = &[
    Field::default(
        "folder",
        "The folder of the files, one for each month. A file is written, read back and checked before its records leave the log.",
        Kind::File,
        "data/archive",
    )
    .examples(&["\"/mnt/worm/hilum/audit\""]),
    Field::required(
        "recipients",
        "The public keys of those who can read the files, as `age-keygen` shows them. The engine itself cannot.",
        Kind::List(&Kind::Text),
    )
    .examples(&["[\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"]"]),
];

impl Audit {
    /// `acknowledged`: fewer years than usual were accepted in writing.
    pub(crate) fn read(
        section: &Section<'_>,
        acknowledged: bool,
        diags: &mut Diagnostics,
    ) -> Option<Audit> {
        let (keep_years, said) = match std::env::var(YEARS_VARIABLE) {
            Ok(text) => (years(&text), format!("`{YEARS_VARIABLE}` is `{text}`")),
            Err(_) => {
                let years = section.integer("keep_years");
                let said = format!("`keep_years` is {}", years.unwrap_or_default());
                (years, said)
            }
        };
        let span = section.span_of("keep_years");
        let Some(keep_years) = keep_years else {
            diags.error("C0108", span, said).label("a number of years from 1 to 100");
            return None;
        };
        if keep_years < YEARS_FLOOR && !acknowledged {
            diags
                .error("C0416", span, said)
                .label(format!("records of what was done stay for {YEARS_FLOOR} years"))
                .help(format!(
                    "accept fewer: `acknowledge = [\"{SHORT_AUDIT}\"]` under `[server]`"
                ));
            return None;
        }
        let archive =
            section.section("archive").map(|archive| AuditArchive::read(archive).ok_or(()));
        Some(Audit {
            anchor: section.path("anchor").map(Path::to_owned),
            keep_years: u16::try_from(keep_years).ok()?,
            archive: archive.transpose().ok()?,
        })
    }
}

fn years(text: &str) -> Option<i64> {
    text.trim().parse().ok().filter(|years| (1..=100).contains(years))
}

impl AuditArchive {
    fn read(section: &Section<'_>) -> Option<AuditArchive> {
        let recipients = section.list("recipients").iter().filter_map(Value::text);
        Some(AuditArchive {
            folder: section.path("folder")?.to_owned(),
            recipients: recipients.map(|key| key.value.clone()).collect(),
            recipients_span: section.span_of("recipients"),
        })
    }
}
