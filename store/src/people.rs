//! The store as people see it: every read within a scope.

use bytes::Bytes;
use config::Name;
use phi::Phi;
use uuid::Uuid;

use crate::error::StoreError;
use crate::ids::{DeliveryId, MessageId, RevisionId};
use crate::read::{
    BodyOf, ChannelDay, ChannelStatus, DeadGroup, DeadKey, DeadLetter, HeadStanding, Letter,
    MessageDetail, MessageFilter, Messages, Page, Placed, Revision, RevisionSummary,
};
use crate::scope::Scope;
use crate::store::Store;

impl Store {
    /// The figures of every channel; counters from the hour of `since_us` on.
    pub async fn status(
        &self,
        scope: &Scope,
        since_us: i64,
    ) -> Result<Vec<ChannelStatus>, StoreError> {
        self.inner.reader.status(scope, since_us).await
    }

    /// The last 24 hours of every channel, by the hour.
    pub async fn day(&self, scope: &Scope, now_us: i64) -> Result<Vec<ChannelDay>, StoreError> {
        self.inner.reader.day(scope, now_us).await
    }

    /// Messages, newest first.
    pub async fn messages(
        &self,
        scope: &Scope,
        filter: &MessageFilter,
        page: Page,
    ) -> Result<Messages, StoreError> {
        self.inner.reader.messages(scope, &self.inner.tokens, filter, page).await
    }

    /// Everything about one message but its bytes.
    pub async fn message(
        &self,
        scope: &Scope,
        id: MessageId,
    ) -> Result<Option<MessageDetail>, StoreError> {
        self.inner.reader.message(scope, id).await
    }

    /// The message that a delivery is a part of.
    pub async fn message_of(
        &self,
        scope: &Scope,
        delivery: DeliveryId,
    ) -> Result<Option<MessageId>, StoreError> {
        self.inner.reader.message_of(scope, delivery).await
    }

    /// Bytes. The caller records that somebody saw them.
    pub async fn body(&self, scope: &Scope, of: BodyOf) -> Result<Phi<Bytes>, StoreError> {
        self.inner.reader.body_of(scope, of).await
    }

    /// Dead letters by what they have in common, the most frequent first.
    pub async fn dead_letters(&self, scope: &Scope) -> Result<Vec<DeadGroup>, StoreError> {
        self.inner.reader.dead_letters(scope).await
    }

    /// The letters of one group, oldest first.
    pub async fn letters(
        &self,
        scope: &Scope,
        key: &DeadKey,
        after: Option<Letter>,
        limit: usize,
    ) -> Result<Vec<Letter>, StoreError> {
        self.inner.reader.letters(scope, key, after, limit).await
    }

    /// The same as a list shows them, after the one with this id.
    pub async fn dead_page(
        &self,
        scope: &Scope,
        key: &DeadKey,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.reader.dead_page(scope, key, after, limit).await
    }

    /// Where letters stand; nothing for those that are not there or outside of the scope.
    pub async fn places(
        &self,
        scope: &Scope,
        letters: &[Letter],
    ) -> Result<Vec<Option<Placed>>, StoreError> {
        self.inner.reader.places(scope, letters).await
    }

    /// How many deliveries wait at a destination, up to a number of the channel's messages, and the last number among them.
    pub async fn waiting(
        &self,
        scope: &Scope,
        at: (&Name, &Name),
        mark: Option<i64>,
    ) -> Result<(i64, i64), StoreError> {
        self.inner.reader.waiting(scope, at, mark).await
    }

    /// Their ids in order, at most 10,000.
    pub async fn waiting_ids(
        &self,
        scope: &Scope,
        at: (&Name, &Name),
        mark: i64,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        self.inner.reader.waiting_ids(scope, at, mark).await
    }

    /// How a delivery stands, for the engine.
    pub async fn standing(&self, id: DeliveryId) -> Result<Option<HeadStanding>, StoreError> {
        self.inner.reader.standing(id).await
    }

    /// The revisions of a channel, newest first.
    pub async fn revisions(
        &self,
        scope: &Scope,
        channel: &Name,
        before: Option<RevisionId>,
        limit: usize,
    ) -> Result<Vec<RevisionSummary>, StoreError> {
        self.inner.reader.revisions(scope, channel, before, limit).await
    }

    /// One revision with its texts.
    pub async fn revision(
        &self,
        scope: &Scope,
        id: RevisionId,
    ) -> Result<Option<Revision>, StoreError> {
        self.inner.reader.revision(scope, id).await
    }

    /// The revision that a channel was last told to run, for the engine.
    pub async fn applied(&self, channel: &Name) -> Result<Option<Revision>, StoreError> {
        self.inner.reader.applied(channel).await
    }
}
