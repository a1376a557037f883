//! Replays: a new message made from an old one, with its own place in receipt order.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done, Framing};
use crate::error::StoreError;
use crate::group::{
    AckRow, Counts, DeliveryRow, Group, MessageBody, MessageRow, OutcomeRow, Unwritten,
    count_message,
};
use crate::ids::{ChannelId, DeliveryId, DestinationId, MessageId};
use crate::jobs::{self, JobStep};
use crate::lease::Lease;
use crate::read::Letter;
use crate::receipt::{Committed, Decision, OnCommit};
use crate::scope::Scope;
use crate::seal::{self, Column, FreshKey, Place, Purpose};
use crate::sql::{Row, Session, row, statements, values};
use crate::state::{DeliveryState, Disposition, Origin};
use crate::store::{Parts, Store, insert_keys};
use crate::token::LaneKey;

statements! {
    /// The columns of a message that a replay takes over.
    SOURCE = "select m.id, m.peer, m.application, m.facility, m.kind, m.version, m.charset, m.control_token, m.digest, m.bytes, m.body,
        m.lone_lf, m.ack_code, m.disposition, m.trace, m.revision, m.superseded_by, m.channel from messages m where m.id = $1";
    SOURCE_DELIVERY = "select d.message, d.own_body, d.state, d.superseded_by, d.channel, d.part from deliveries d where d.id = $1";
    CONTROL_ID = "select control_id from messages where id = $1";
    SUPERSEDE_DELIVERY = "update deliveries set superseded_by = $3 where message = $1 and id = $2";
    SUPERSEDE_MESSAGE = "update messages set superseded_by = $2 where id = $1";
    SUPERSEDE_DEAD = "update deliveries set superseded_by = $2 where message = $1 and state = 21 and superseded_by is null";
    SUPERSEDE_DEAD_AT = "update deliveries set superseded_by = $2 where message = $1 and state = 21 and superseded_by is null
        and destination = $3";
    AT_DESTINATION = "select count(*), count(superseded_by) from deliveries where message = $1 and destination = $2";
    LANES = "select lane, 0 from deliveries where id = $1 union all select lane, n from delivery_keys where delivery = $1 order by 2";
    HAS_BODY = "select 1 from bodies where id = $1";
    TOKEN = "select result from act_tokens where token = $1";
    KEEP_TOKEN = "insert into act_tokens (token, result, created_us) values ($1, $2, $3)";
}

/// Sends the bytes of an old delivery again, as they were.
pub struct SentReplay {
    /// The new message.
    pub id: MessageId,
    /// The old delivery; it must be final.
    pub of: DeliveryId,
    /// The new deliveries, with the lanes that they hold; without any, those of the old delivery.
    pub to: Vec<(DeliveryId, DestinationId, Vec<LaneKey>)>,
    /// A repeated request with the same token is answered with what the first one did.
    pub token: Option<String>,
    /// The item of a job that this is.
    pub step: Option<JobStep>,
}

/// Runs the current revision on the bytes of an old message.
pub struct RawReplay {
    /// The new message.
    pub id: MessageId,
    /// The old message; it must be final.
    pub of: MessageId,
    /// What the current revision made of it; without one the new message comes back as undecided.
    pub decision: Option<Decision>,
    /// The destinations whose dead letters it takes the place of; all of them when empty.
    pub destinations: Vec<DestinationId>,
    /// A repeated request with the same token is answered with what the first one did.
    pub token: Option<String>,
    /// The item of a job that this is.
    pub step: Option<JobStep>,
}

/// What a replay made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The new message.
    pub message: MessageId,
    /// Its number in the channel.
    pub seq: i64,
    /// An earlier request with the same token had made it.
    pub repeated: bool,
}

struct Order {
    id: MessageId,
    of: Of,
    deliveries: Vec<DeliveryRow>,
    /// Set when the program has decided.
    outcome: Option<OutcomeRow>,
    /// The destinations whose dead letters are superseded; all of them when empty.
    destinations: Vec<DestinationId>,
    /// The control id, sealed for the new row.
    control_id: Vec<u8>,
    keys: Vec<FreshKey>,
    once: Once,
}

/// What makes it happen once.
#[derive(Default)]
struct Once {
    token: Option<String>,
    step: Option<JobStep>,
}

/// What is new about a replay.
#[derive(Default)]
struct Made {
    deliveries: Vec<DeliveryRow>,
    outcome: Option<OutcomeRow>,
    destinations: Vec<DestinationId>,
    /// The keys that sealed something in it.
    keys: Vec<FreshKey>,
}

#[derive(Clone, Copy)]
enum Of {
    Delivery(DeliveryId),
    Message(MessageId),
}

impl Store {
    /// Replays a delivery as it was sent: the program does not run.
    pub async fn replay_as_sent(
        &self,
        scope: &Scope,
        act: &Act,
        lease: &Lease,
        replay: SentReplay,
        on_commit: OnCommit,
    ) -> Result<Replayed, StoreError> {
        if replay.to.is_empty() {
            return Err(StoreError::Refused("a replay needs a destination"));
        }
        let old = self.inner.reader.row(SOURCE_DELIVERY, values![replay.of.uuid()]).await?;
        let old = old.ok_or(StoreError::NotFound("delivery"))?;
        let part = old.int(5)?;
        let mut lanes = Vec::new();
        for row in self.inner.reader.rows(LANES, values![replay.of.uuid()]).await? {
            lanes.push(LaneKey(row.token(0)?));
        }
        let deliveries = replay.to.into_iter().map(|(id, destination, keys)| {
            let keys = if keys.is_empty() { lanes.clone() } else { keys };
            delivery(id, destination, part, keys)
        });
        let made = Made { deliveries: deliveries.collect(), ..Made::default() };
        let (of, source) = (Of::Delivery(replay.of), old.id(0)?);
        let once = Once { token: replay.token, step: replay.step };
        self.replay((scope, act, lease), (replay.id, of, once, source), made, on_commit).await
    }

    /// Replays a message through the current revision.
    pub async fn replay_raw(
        &self,
        scope: &Scope,
        act: &Act,
        lease: &Lease,
        replay: RawReplay,
        on_commit: OnCommit,
    ) -> Result<Replayed, StoreError> {
        let mut made = Made { destinations: replay.destinations, ..Made::default() };
        if let Some(decision) = replay.decision {
            let sealed = self.intake(lease).decided(replay.id, decision)?;
            made.deliveries = sealed.row.deliveries;
            made.outcome = Some(sealed.row.outcome);
            made.keys = sealed.keys;
        }
        let (of, source) = (Of::Message(replay.of), replay.of.uuid());
        let once = Once { token: replay.token, step: replay.step };
        self.replay((scope, act, lease), (replay.id, of, once, source), made, on_commit).await
    }

    async fn replay(
        &self,
        (scope, act, lease): (&Scope, &Act, &Lease),
        (id, of, once, source): (MessageId, Of, Once, Uuid),
        made: Made,
        on_commit: OnCommit,
    ) -> Result<Replayed, StoreError> {
        let channel = lease.channel();
        if !scope.holds(lease.name().as_str()) {
            return Err(StoreError::NotFound("message"));
        }
        let sealed = self
            .inner
            .reader
            .row(CONTROL_ID, values![source])
            .await?
            .ok_or(StoreError::NotFound("message"))?;
        // A control id that does not open is left empty: the bytes are what is replayed, and they say themselves when they do not open.
        let plain = self
            .inner
            .reader
            .open(channel, Column::ControlId, source, sealed.blob(0)?)
            .await
            .unwrap_or_default();
        let key = self.inner.ring.sealing(Purpose::Receipt, channel, act.now_us)?;
        let place = Place { channel, column: Column::ControlId, row: id.uuid() };
        let control_id = seal::seal(&key.key, place, &plain);
        let Made { deliveries, outcome, destinations, mut keys } = made;
        keys.push(key);
        let order = Order { id, of, deliveries, outcome, destinations, control_id, keys, once };
        let (job_act, lease) = (act.clone(), lease.clone());
        self.act(channel.number(), act, move |session, parts| {
            Box::pin(
                async move { carry_out(session, parts, &job_act, &lease, order, on_commit).await },
            )
        })
        .await
    }
}

fn delivery(
    id: DeliveryId,
    destination: DestinationId,
    part: i64,
    keys: Vec<LaneKey>,
) -> DeliveryRow {
    let mut lanes = keys.into_iter().map(|key| key.0);
    DeliveryRow {
        id: id.uuid(),
        destination: destination.number(),
        part,
        own_body: None,
        lane: lanes.next().unwrap_or_default(),
        more_lanes: lanes.collect(),
        state: DeliveryState::Queued.code(),
        reason_code: None,
        reason_step: None,
        signature: None,
        error: None,
    }
}

async fn carry_out(
    session: &mut dyn Backend,
    parts: Arc<Parts>,
    act: &Act,
    lease: &Lease,
    order: Order,
    on_commit: OnCommit,
) -> Result<Done, StoreError> {
    let channel = lease.channel();
    if !parts.channels.is_owner(channel.number(), lease.epoch()) {
        return Err(StoreError::Fenced);
    }
    let token = order.once.token.as_ref().map(|token| token_of(channel, act, token));
    let step = order.once.step;
    if let Some(token) = &token
        && let Some(kept) = row(session, TOKEN, values![&token[..]]).await?
    {
        return Ok(Done::new(repeated(kept.text(0)?)?));
    }
    if let Some(step) = step {
        jobs::awaits(session, step).await?;
    }
    let (source, body, old) = source(session, channel, order.of).await?;
    if step.is_some() && is_superseded(session, &source, (&order.of, &order.destinations)).await? {
        return Err(StoreError::Refused("it was sent again already; what was made of it can be"));
    }
    let (id, of) = (order.id, order.of);
    let destinations = order.destinations.clone();
    let keys = order.keys.clone();
    insert_keys(session, &keys, act.now_us).await?;
    let mut group = group(&source, body, order, channel, act.now_us)?;
    parts.channels.number(&mut group.messages);
    let seq = group.messages.first().map_or(0, |message| message.seq);
    match session.write(&group, Framing::Inside).await {
        Ok(()) => {}
        Err(Unwritten::Unexpected) => {
            return Err(StoreError::Refused("the message is there already"));
        }
        Err(Unwritten::Fenced) => return Err(StoreError::Fenced),
        Err(Unwritten::Failed(error)) => return Err(error),
    }
    supersede(session, of, old, (id, &destinations)).await?;
    if let Some(token) = token {
        session.run(KEEP_TOKEN, values![&token[..], format!("{id} {seq}"), act.now_us]).await?;
    }
    let letter = match of {
        Of::Delivery(id) => Letter::Delivery(id),
        Of::Message(id) => Letter::Message(id),
    };
    if let Some(step) = step {
        jobs::advance(session, &parts.recorder, act, step, &[(letter, Ok(Some(id)))]).await?;
    }
    let (kind, old_id) = match of {
        Of::Delivery(id) => ("delivery", id.to_string()),
        Of::Message(id) => ("message", id.to_string()),
    };
    let target = Target { kind, id: Some(old_id), channel: Some(lease.name().to_string()) };
    let after = Json::object([("message", Json::text(id.to_string())), ("seq", Json::Int(seq))]);
    audit::append(session, &parts.recorder, &Entry::success(act, target, Json::Null, after))
        .await?;
    let replayed = Replayed { message: id, seq, repeated: false };
    Ok(Done::new(replayed).and_then(move || {
        keys.iter().for_each(|fresh| fresh.key.set_committed());
        parts.channels.advance(&group.messages);
        on_commit(Committed { seq });
    }))
}

/// The row that is replayed, where its bytes are, and its message; refused while anything of it is still under way.
async fn source(
    session: &mut dyn Session,
    channel: ChannelId,
    of: Of,
) -> Result<(Row, Uuid, Uuid), StoreError> {
    let (message, own_body) = match of {
        Of::Message(id) => (id.uuid(), None),
        Of::Delivery(id) => {
            let row = row(session, SOURCE_DELIVERY, values![id.uuid()])
                .await?
                .ok_or(StoreError::NotFound("delivery"))?;
            if !row.code(2, DeliveryState::from_code)?.is_final() {
                return Err(StoreError::Refused(
                    "the delivery is not final; put it back to `queued` instead",
                ));
            }
            (row.id(0)?, (row.int(1)? != 0).then(|| id.uuid()))
        }
    };
    let source =
        row(session, SOURCE, values![message]).await?.ok_or(StoreError::NotFound("message"))?;
    if source.int(17)? != channel.number() {
        return Err(StoreError::NotFound("message"));
    }
    let is_final = source.code(13, Disposition::from_code)?.is_final();
    if matches!(of, Of::Message(_)) && !is_final {
        return Err(StoreError::Refused("the message is not final"));
    }
    let body = match own_body {
        Some(id) => id,
        None => source.id_or_none(10)?.unwrap_or(message),
    };
    if row(session, HAS_BODY, values![body]).await?.is_none() {
        return Err(StoreError::Refused(
            "the bytes of the message are over: their time in the store has ended",
        ));
    }
    Ok((source, body, message))
}

/// Whether somebody has sent it again since it was chosen: a job does not send it a second time.
async fn is_superseded(
    session: &mut dyn Session,
    source: &Row,
    (of, destinations): (&Of, &[DestinationId]),
) -> Result<bool, StoreError> {
    if let Of::Delivery(id) = of {
        let row = row(session, SOURCE_DELIVERY, values![id.uuid()]).await?;
        return row.map_or(Ok(false), |row| Ok(row.id_or_none(3)?.is_some()));
    }
    if source.id_or_none(16)?.is_some() {
        return Ok(true);
    }
    let mut all = !destinations.is_empty();
    for destination in destinations {
        let at = values![source.id(0)?, destination.number()];
        let row = row(session, AT_DESTINATION, at).await?;
        let (there, superseded) = row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))?;
        all &= there > 0 && there == superseded;
    }
    Ok(all)
}

fn group(
    source: &Row,
    body: Uuid,
    order: Order,
    channel: ChannelId,
    now_us: i64,
) -> Result<Group, StoreError> {
    let old = source.id(0)?;
    let raw = matches!(order.of, Of::Message(_));
    let message = MessageRow {
        id: order.id.uuid(),
        channel: channel.number(),
        seq: 0,
        received_us: now_us,
        origin: Origin::Replay.code(),
        parent: Some(old),
        trace: Some(source.id_or_none(14)?.unwrap_or(old)),
        peer: source.text(1)?.to_owned(),
        application: source.text(2)?.to_owned(),
        facility: source.text(3)?.to_owned(),
        kind: source.text(4)?.to_owned(),
        version: source.text(5)?.to_owned(),
        charset: source.text(6)?.to_owned(),
        control_id: order.control_id,
        control_token: source.token(7)?,
        digest: source.token(8)?,
        duplicate: None,
        refuse_same_id: false,
        bytes: source.int(9)?,
        body: MessageBody::Of(body),
        lone_lf: source.int(11)?,
        batch: None,
        ack_code: source.text(12)?.to_owned(),
        tries: 0,
        outcome: match order.outcome {
            Some(decided) => decided,
            None => OutcomeRow {
                disposition: Disposition::Received.code(),
                revision: if raw { None } else { source.int_or_none(15)? },
                ..OutcomeRow::default()
            },
        },
        deliveries: order.deliveries,
        ack: AckRow::None,
    };
    let mut counts = Counts::default();
    count_message(&mut counts, &message);
    Ok(Group { messages: vec![message], counts, now_us, ..Group::default() })
}

/// Takes what was replayed off the dead-letter list.
async fn supersede(
    session: &mut dyn Session,
    of: Of,
    old: Uuid,
    (by, destinations): (MessageId, &[DestinationId]),
) -> Result<(), StoreError> {
    match of {
        Of::Delivery(id) => {
            session.run(SUPERSEDE_DELIVERY, values![old, id.uuid(), by.uuid()]).await.map(drop)
        }
        Of::Message(_) if destinations.is_empty() => {
            session.run(SUPERSEDE_DEAD, values![old, by.uuid()]).await?;
            session.run(SUPERSEDE_MESSAGE, values![old, by.uuid()]).await.map(drop)
        }
        Of::Message(_) => {
            for destination in destinations {
                let at = values![old, by.uuid(), destination.number()];
                session.run(SUPERSEDE_DEAD_AT, at).await?;
            }
            Ok(())
        }
    }
}

/// A token is only the same for the same channel, actor and action.
pub(super) fn token_of(channel: ChannelId, act: &Act, token: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [
        &channel.number().to_be_bytes()[..],
        act.actor.id.as_bytes(),
        act.action.as_bytes(),
        token.as_bytes(),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

pub(super) fn repeated(kept: &str) -> Result<Replayed, StoreError> {
    let odd = || StoreError::Internal("a kept answer cannot be read".to_owned());
    let (message, seq) = kept.split_once(' ').ok_or_else(odd)?;
    Ok(Replayed {
        message: message.parse().map_err(|_| odd())?,
        seq: seq.parse().map_err(|_| odd())?,
        repeated: true,
    })
}
