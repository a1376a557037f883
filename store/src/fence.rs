//! Channels that another engine has taken, and channels whose last commit was never heard of.

use crate::channels::Channels;
use crate::error::StoreError;
use crate::sql::{Session, row, statements, values};

statements! {
    EPOCH = "select epoch from channel_owner where channel = $1";
    /// Waits for whatever an old session of ours is still doing with the channel.
    EPOCH_LOCKED = "select epoch from channel_owner where channel = $1",
        postgres: "select epoch from channel_owner where channel = $1 for update";
    /// A number that has left the store with its message is not given again.
    LAST_SEQ = "select coalesce(max(n.seq), 0) from (select max(m.seq) as seq from messages m where m.channel = $1
        union all select t.messages_seq from retention t where t.channel = $1) n";
}

/// Those of some channels, with their epochs, that have another owner.
pub(crate) async fn lost(
    session: &mut dyn Session,
    fences: &[(i64, i64)],
) -> Result<Vec<i64>, StoreError> {
    let mut lost = Vec::new();
    for (channel, epoch) in fences {
        let found = row(session, EPOCH, values![*channel]).await?;
        if found.map(|row| row.int(0)).transpose()? != Some(*epoch) {
            lost.push(*channel);
        }
    }
    Ok(lost)
}

/// Reads the state of some of the channels again: of a writer's, after its connection broke, and of one that comes from another writer.
pub(crate) async fn refresh(
    session: &mut dyn Session,
    channels: &Channels,
    concerns: impl Fn(i64) -> bool,
) -> Result<(), StoreError> {
    for (channel, epoch) in channels.owned() {
        if !concerns(channel) {
            continue;
        }
        let found = row(session, EPOCH_LOCKED, values![channel]).await?;
        if found.map(|row| row.int(0)).transpose()? != Some(epoch) {
            tracing::warn!(channel, "another engine owns the channel");
            channels.lose(channel);
            continue;
        }
        let last = row(session, LAST_SEQ, values![channel]).await?;
        let last = last.map_or(Ok(0), |row| row.int(0))?;
        channels.own(channel, epoch, last + 1);
    }
    Ok(())
}
