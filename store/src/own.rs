//! Taking a channel: its row, its destinations, its epoch.

use config::Name;

use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::ids::{ChannelId, DestinationId};
use crate::lease::Lease;
use crate::sql::{row, statements, values};
use crate::state::DeliveryState;
use crate::store::{Destinations, Store};

statements! {
    CHANNEL = "select id from channels where name = $1";
    MAKE_CHANNEL = "insert into channels (name, created_us) values ($1, $2) on conflict (name) do nothing";
    OWN = "insert into channel_owner (channel, node, epoch, since_us) values ($1, $2, 1, $3)
        on conflict (channel) do update set node = excluded.node, epoch = channel_owner.epoch + 1, since_us = excluded.since_us";
    /// A number that has left the store with its message is not given again.
    EPOCH = "select o.epoch, (select coalesce(max(n.seq), 0) from (select max(m.seq) as seq from messages m where m.channel = $1
        union all select t.messages_seq from retention t where t.channel = $1) n) from channel_owner o where o.channel = $1";
    KNOWN_DESTINATIONS = "select id, name, removed_us from destinations where channel = $1";
    MAKE_DESTINATION = "insert into destinations (channel, name, created_us) values ($1, $2, $3)
        on conflict (channel, name) do update set removed_us = null";
    REMOVE_DESTINATION = "update destinations set removed_us = $2 where id = $1";
    STRAND = "update deliveries set state = 12, reason_code = 'destination-removed', changed_us = $2
        where destination = $1 and state < 12";
}

/// What owning a channel needs to know.
struct Claim {
    name: Name,
    destinations: Vec<Name>,
    node: String,
    now_us: i64,
}

impl Store {
    /// Takes a channel for this process; every lease taken before is fenced.
    ///
    /// Destinations that are not named any more keep their deliveries: those still open become `held`.
    pub async fn own(&self, channel: &Name, destinations: &[Name]) -> Result<Lease, StoreError> {
        let now_us = self.inner.time.latest_us();
        let id = self.channel_row(channel, now_us).await?;
        let claim = Claim {
            name: channel.clone(),
            destinations: destinations.to_vec(),
            node: self.inner.node.clone(),
            now_us,
        };
        let channels = std::sync::Arc::clone(&self.inner.channels);
        self.seat(id)
            .run(move |session| {
                Box::pin(async move {
                    let (lease, next_seq) = claim_channel(session, id, claim).await?;
                    let epoch = lease.epoch();
                    Ok(Done::new(lease)
                        .and_then(move || channels.own(id.number(), epoch, next_seq)))
                })
            })
            .await
    }

    /// The same lease with other destinations: whoever works under the old one goes on.
    ///
    /// Destinations that are not named any more keep their deliveries: those still open become `held`.
    pub async fn extend(&self, lease: &Lease, destinations: &[Name]) -> Result<Lease, StoreError> {
        let now_us = self.inner.time.latest_us();
        let (lease, names) = (lease.clone(), destinations.to_vec());
        self.seat(lease.channel())
            .run(move |session| {
                Box::pin(async move {
                    let rows = name_destinations(session, lease.channel(), &names, now_us).await?;
                    Ok(Done::new(Lease::new(
                        lease.name().clone(),
                        lease.channel(),
                        lease.epoch(),
                        rows,
                    )))
                })
            })
            .await
    }

    /// The row of a channel that was ever applied or taken.
    pub(crate) async fn known_channel(
        &self,
        channel: &Name,
    ) -> Result<Option<ChannelId>, StoreError> {
        let row = self.inner.reader.row(CHANNEL, values![channel.as_str()]).await?;
        row.map(|row| Ok(ChannelId::from_number(row.int(0)?))).transpose()
    }

    async fn channel_row(&self, channel: &Name, now_us: i64) -> Result<ChannelId, StoreError> {
        if let Some(known) = self.known_channel(channel).await? {
            return Ok(known);
        }
        let name = channel.to_string();
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move { Ok(Done::new(make_channel(session, &name, now_us).await?)) })
        })
        .await
    }
}

/// The row of a channel, made when there is none.
pub(crate) async fn make_channel(
    session: &mut dyn Backend,
    name: &str,
    now_us: i64,
) -> Result<ChannelId, StoreError> {
    if let Some(row) = row(session, CHANNEL, values![name]).await? {
        return Ok(ChannelId::from_number(row.int(0)?));
    }
    session.run(MAKE_CHANNEL, values![name, now_us]).await?;
    let made = row(session, CHANNEL, values![name]).await?;
    Ok(ChannelId::from_number(made.ok_or(StoreError::NotFound("channel"))?.int(0)?))
}

async fn claim_channel(
    session: &mut dyn Backend,
    id: ChannelId,
    claim: Claim,
) -> Result<(Lease, i64), StoreError> {
    let channel = id.number();
    session.run(OWN, values![channel, claim.node, claim.now_us]).await?;
    let state =
        row(session, EPOCH, values![channel]).await?.ok_or(StoreError::NotFound("channel"))?;
    let (epoch, last_seq) = (state.int(0)?, state.int(1)?);
    let destinations = name_destinations(session, id, &claim.destinations, claim.now_us).await?;
    Ok((Lease::new(claim.name, id, epoch, destinations), last_seq + 1))
}

/// Makes the destinations of a channel those that are named.
async fn name_destinations(
    session: &mut dyn Backend,
    id: ChannelId,
    names: &[Name],
    now_us: i64,
) -> Result<Destinations, StoreError> {
    let channel = id.number();
    for name in names {
        session.run(MAKE_DESTINATION, values![channel, name.as_str(), now_us]).await?;
    }
    let mut destinations = Destinations::new();
    for known in session.rows(KNOWN_DESTINATIONS, values![channel]).await? {
        let destination = known.int(0)?;
        match names.iter().find(|name| known.text(1) == Ok(name.as_str())) {
            Some(name) => {
                destinations.insert(name.clone(), DestinationId::from_number(destination));
            }
            None if known.int_or_none(2)?.is_none() => {
                session.run(REMOVE_DESTINATION, values![destination, now_us]).await?;
                session.run(STRAND, values![destination, now_us]).await?;
            }
            None => {}
        }
    }
    Ok(destinations)
}

const _: () = assert!(DeliveryState::Held.code() == 12, "STRAND writes it");
