//! The transactional message store, on SQLite or PostgreSQL.
//!
//! A message and its deliveries are committed and synced in one transaction before anybody is told; a settle moves a delivery on and, with
//! the last one, decides the message. What may hold patient data is sealed in the caller's thread before it reaches the one writer of its
//! channel, which groups whatever has arrived into one transaction and one sync.
//!
//! The store knows bytes and states, never HL7. The engine writes by ownership of channels ([`Store::own`]); people read within a [`Scope`],
//! and what they do is a transaction of its own with its audit record inside.

mod accounts;
mod acks;
mod act;
mod alerts;
mod archive;
mod audit;
mod backend;
mod backup;
#[doc(hidden)]
pub mod bench;
mod channels;
mod copy;
mod error;
mod fence;
mod figures;
mod group;
mod ids;
mod intake;
mod jobs;
mod key;
mod lease;
mod migrate;
mod open;
mod own;
mod peers;
mod people;
mod postgres;
#[cfg(test)]
mod prepare;
mod prune;
mod read;
mod receipt;
mod retention;
mod scope;
mod seal;
mod search;
mod seats;
mod settle;
mod sql;
mod sqlite;
mod state;
mod store;
mod token;
mod unreadable;
mod writer;

pub use accounts::{
    Approval, ApprovalState, Credentials, DirectorySession, DirectoryUser, Emergency, Granted,
    Locking, NewApproval, NewEmergency, NewServiceToken, NewSession, NewUser, RoleRow,
    SecondFactor, ServiceToken, SessionRow, SignIn, User, UserState,
};
pub use acks::{Answered, Owed, OwedBy};
pub use act::{Discarded, Edit, Moved, NewRevision, RawReplay, Replayed, SentReplay, Stopped};
pub use alerts::{
    Alert, AlertChanges, AlertPage, AlertSink, AlertState, AlertWatch, Announcement, DueAlert,
    LoginPlace, Maintenance, NewAlert, Severity, Verified,
};
pub use archive::{Recipients, read_archive};
pub use audit::{
    AUDIT_ARCHIVED, Act, ActOutcome, Actor, ActorKind, Agreed, AnchorReport, ArchiveError,
    AuditAge, AuditArchived, AuditCheck, AuditEdge, AuditFault, AuditKey, AuditPart, AuditProgress,
    AuditReport, AuditSegment, AuditSent, AuditStanding, AuditStart, BundleError, BundleProof,
    Exported, Flood, HistoryReport, Manifest, SealedRecord, Source, Target, bundle_head,
    bundle_part, verify_bundle,
};
pub use backup::{
    BackedUp, BackupError, BackupHead, BackupSummary, Drill, Extracted, RestoreError, RestoreTo,
    Restored, UnreadableBackup, check_backup, drill, extract_backup, restore,
};
pub use copy::{Copied, CopyError, Tally, copy_store};
pub use error::{OpenError, StoreError};
pub use figures::{BOUNDS_US, Commits, Histogram, RECENT_S, Recent};
pub use ids::{
    AlertId, AuthorityId, ChannelId, DeliveryId, DestinationId, IdError, MaintenanceId, MessageId,
    RevisionId, UserId,
};
pub use jobs::{JOB_MOVED, Job, JobKind, JobOutcome, JobState, JobStep, NewJob};
pub use key::{
    ChannelKey, DataKeys, EscrowError, Escrowed, KeyStanding, Reseal, ResealPlan, RotateError,
    Rotated, RotationPlan, SealedColumn, read_escrow,
};
pub use lease::Lease;
pub use open::{Opened, Options};
pub use peers::{
    Authority, AuthorityKind, Issued, NewAuthority, NewIssued, NewPeer, NewPeerKey, Peer, PeerKey,
    PeerRights, PeerState, Revocation, RevocationList,
};
pub use read::{
    AttemptDetail, AuditFilter, AuditRecord, BodyOf, ChannelDay, ChannelStatus, Child, Counted,
    Cursor, CursorError, DeadGroup, DeadKey, DeadLetter, DeliveryDetail, DestinationStatus,
    HeadStanding, InLine, Letter, MessageDetail, MessageFilter, MessageState, MessageSummary,
    Messages, Page, Placed, QueuedDelivery, Revision, RevisionSummary, SealedText, Undecided,
};
pub use receipt::{
    AckPart, Committed, DeadOnArrival, Decision, DeliveryBody, Header, NewDelivery, OnCommit,
    Reason, Receipt, Received,
};
pub use retention::{Due, LegalHold, Periods, Purged, Retained, Standstill, StoreSize};
pub use scope::Scope;
pub use search::{
    Facts, FoundBy, Place as SearchPlace, SavedView, SearchField, SearchFilter, SearchPage, Sender,
    Unindexed, Values, ViewContent, WantedError, WithBody,
};
pub use settle::{Attempt, Settle, SettleTicket, Settled, Wait};
pub use state::{DeliveryState, Disposition, Origin, What};
pub use store::Store;
pub use token::LaneKey;
