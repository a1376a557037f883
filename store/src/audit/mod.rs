//! The audit log: one append-only chain of records, each written in the transaction of the act that it records.

mod anchor;
mod bundle;
mod canonical;
mod chain;
mod checkpoint;
mod epoch;
mod export;
mod flood;
mod keep;
mod ledger;
mod record;
mod report;
mod segment;
mod sent;
mod tree;
mod verify;
mod walk;

pub(crate) use anchor::Anchor;
pub use bundle::{BundleError, BundleProof, bundle_head, bundle_part, verify_bundle};
pub(crate) use canonical::{Json, write as canonical};
pub(crate) use chain::{append, begin, grow_tree};
pub(crate) use epoch::{Sealer, is_signature};
pub use export::{AuditEdge, AuditKey, AuditPart, AuditStart, Exported, Manifest, SealedRecord};
pub use flood::Flood;
pub(crate) use keep::Standing;
pub use keep::{AuditCheck, AuditProgress, AuditStanding};
pub use record::{Act, ActOutcome, Actor, ActorKind, Agreed, Source, Target};
pub(crate) use record::{Entry, Recorder, hex};
pub use report::{AnchorReport, AuditFault, AuditReport, HistoryReport};
pub use segment::{ArchiveError, AuditAge, AuditArchived, AuditSegment};
pub use sent::AuditSent;
pub use walk::TAKEN_OUT as AUDIT_ARCHIVED;
