//! Edited copies: a new message with other bytes, linked to the one that a person has edited.

use std::sync::Arc;

use ::channel::Admitted;
use bytes::Bytes;
use config::Name;
use store::{
    AckPart, Act, Decision, DeliveryBody, DeliveryId, Disposition, Edit, MessageId, NewDelivery,
    Origin, Receipt, Scope,
};

use crate::acts::ActError;
use crate::decide::Undecided;
use crate::engine::Engine;
use crate::header::header;
use crate::replay::{decide_now, destinations, narrow, read_back};
use crate::running::Running;

/// What a person has made of a message.
pub struct EditedCopy {
    /// The message that it was made from.
    pub of: MessageId,
    /// The bytes.
    pub body: Bytes,
    /// To these destinations only.
    pub to: Vec<Name>,
    /// The bytes go as they are, past the program; only to destinations that are named.
    pub as_is: bool,
    /// The same token a second time does nothing.
    pub token: Option<String>,
}

impl Engine {
    /// Stores an edited copy and lets it go the way of a message that comes in now. The old message stays what it is.
    pub async fn edit(
        &self,
        scope: &Scope,
        act: &Act,
        copy: EditedCopy,
    ) -> Result<store::Replayed, ActError> {
        let (running, detail) = self.of_channel(scope, copy.of).await?;
        let only = destinations(&running, &copy.to)?;
        if copy.as_is && only.is_empty() {
            let why = "bytes go past the program only to destinations that are named";
            return Err(ActError::Refused(why.to_owned()));
        }
        let (id, body, trace) = (MessageId::new(), copy.body, detail.summary.trace);
        let inlet = &running.inlet;
        let peek = hl7::peek(&body);
        let plan = inlet.plan();
        if let Admitted::Rejected(rejection) = plan.channel.admit(&body, peek.as_ref()) {
            return Err(ActError::Refused(format!(
                "the channel takes no such message: {}",
                rejection.reason
            )));
        }
        let peek = peek.map_err(|error| ActError::Refused(error.text.to_owned()))?;
        let lone_lf = u32::try_from(peek.lone_line_feeds(&body)).unwrap_or(u32::MAX);
        let mut receipt = Receipt {
            id,
            received_us: act.now_us,
            origin: Origin::Edit,
            parent: Some(copy.of),
            trace,
            peer: detail.summary.peer.clone(),
            header: header(&peek, &body),
            body: body.clone(),
            ack_code: "",
            dedupe: false,
            refuse_same_id: false,
            decision: None,
            tries: 0,
            lone_lf,
            batch: None,
            ack: AckPart::None,
        };
        let on_commit = match copy.as_is {
            true => {
                receipt.decision = Some(as_is(&running, &copy.to, &body));
                read_back(&running)
            }
            false => {
                let message = Undecided { id, body, received_us: act.now_us, trace };
                let mut decided = decide_now(inlet, message).await?;
                narrow(&mut decided, &only)?;
                receipt.decision = Some(decided.decision);
                inlet.hand_over_on_commit(decided.parcels)
            }
        };
        let edit = Edit { receipt, token: copy.token };
        Ok(self.store().edit(scope, act, inlet.lease(), edit, on_commit).await?)
    }
}

fn as_is(running: &Arc<Running>, to: &[Name], body: &Bytes) -> Decision {
    let outbounds = to.iter().filter_map(|name| running.destination(name));
    let deliveries = outbounds.map(|outbound| NewDelivery {
        id: DeliveryId::new(),
        destination: outbound.id,
        part: 1,
        body: DeliveryBody::Same,
        keys: running.inlet.keys_for(&outbound, body),
        dead: None,
    });
    Decision {
        revision: running.inlet.plan().revision,
        disposition: Disposition::Received,
        reason: None,
        error: None,
        signature: None,
        deliveries: deliveries.collect(),
    }
}
