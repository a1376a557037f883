//! What is in force for a channel at one moment, swapped as a whole by `apply`.

use std::sync::Arc;

use ::channel::Channel;
use config::Name;
use store::{LaneKey, Lease, RevisionId, Store};

use crate::keys;
use crate::outbound::Outbound;
use crate::site::{ChannelPlan, DestinationPlan};

/// A revision of a channel with the destinations that it talks to.
pub struct Plan {
    /// The stored revision.
    pub revision: RevisionId,
    /// Its hash, as people see it.
    pub hash: String,
    /// What it does with messages.
    pub channel: Arc<Channel>,
    /// Its destinations, in the order of the program; none for one that is kept to another profile.
    pub routes: Vec<Option<Route>>,
    /// Those that are kept to another profile.
    pub elsewhere: Vec<Name>,
    /// The destination of application acknowledgements, which the program knows nothing of.
    pub acks: Option<Route>,
}

/// A destination as the program sees it.
pub struct Route {
    /// The running destination.
    pub outbound: Arc<Outbound>,
    /// The tag of its definition of order.
    pub scheme: u16,
    /// Nobody waits for anybody.
    pub unordered: bool,
    /// The lane of deliveries without a value of `order_by`; the only lane without `order_by`.
    pub lane_none: LaneKey,
}

impl Plan {
    /// Joins a compiled channel with its running destinations; those of this profile must be there by name.
    pub fn new(
        (revision, hash): (RevisionId, String),
        plan: &ChannelPlan,
        outbounds: &[Arc<Outbound>],
        (store, lease): (&Store, &Lease),
    ) -> Plan {
        let route = |destination: &DestinationPlan| {
            let outbound = outbounds.iter().find(|outbound| outbound.name == destination.name)?;
            Some(Route {
                outbound: Arc::clone(outbound),
                scheme: destination.scheme,
                unordered: destination.settings.lane.unordered,
                lane_none: keys::tagged(
                    destination.scheme,
                    store.lane_key(lease, outbound.id, b""),
                ),
            })
        };
        let acks = plan.channel.ack().application.as_ref();
        let (of_acks, of_program): (Vec<_>, Vec<_>) =
            plan.destinations.iter().partition(|destination| Some(&destination.name) == acks);
        let routes = of_program.into_iter().map(route).collect();
        let here = |name: &Name| outbounds.iter().any(|outbound| outbound.name == *name);
        let names = plan.destinations.iter().map(|destination| &destination.name);
        let elsewhere = names.filter(|name| !here(name)).cloned().collect();
        let acks = of_acks.into_iter().find_map(route);
        Plan { revision, hash, channel: Arc::clone(&plan.channel), routes, elsewhere, acks }
    }
}
