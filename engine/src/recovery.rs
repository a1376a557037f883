//! What a start finds: revisions in force, undecided messages, deliveries in doubt.

use std::collections::BTreeSet;
use std::sync::Arc;

use config::Name;
use store::{Act, Actor, ActorKind, ChannelStatus, MessageId, Opened, RevisionId, Scope};

use crate::engine::Engine;
use crate::running::Running;
use crate::site::{self, ChannelFile, ChannelPlan, Site};
use crate::start_error::StartError;

/// A channel that is to run, with the stored revision that says how.
struct InForce {
    revision: RevisionId,
    plan: ChannelPlan,
    held: BTreeSet<Name>,
}

/// Starts every channel that is in force, then binds all listeners, then lets the lanes go.
pub async fn start_channels(
    engine: &Engine,
    site: &Site,
    opened: &Opened,
    was_running: &[MessageId],
) -> Result<(), StartError> {
    let known = engine.store().status(&Scope::All, engine.now_us()).await?;
    let mut all = stored(engine, site, &known).await?;
    all.extend(first_time(engine, site, &known).await?);
    for InForce { revision, plan, held } in all {
        if plan.channel.only().is_some_and(|only| only != site.server.profile) {
            tracing::warn!(code = "channel.not-here", channel = %plan.file.name, "this channel runs in another profile only");
            continue;
        }
        let names: Vec<Name> = plan.destinations.iter().map(|d| d.name.clone()).collect();
        let lease = engine.store().own(&plan.file.name, &names).await?;
        let running =
            Running::new(&engine.inner.shared, lease, (revision, plan.file.hash()), &plan, &held);
        for message in was_running {
            // One that is decided by now, or of another channel, is left alone by the store.
            engine.store().begin_try(running.inlet.lease(), *message).await?;
        }
        running.inlet.read_undecided_from(0);
        engine.channels().insert(plan.file.name.clone(), running);
    }
    for running in engine.running() {
        bind(engine, &running).await?;
    }
    say_what_resumes(&known, opened);
    engine.running().iter().for_each(|running| running.start_sending());
    Ok(())
}

async fn bind(engine: &Engine, running: &Arc<Running>) -> Result<(), StartError> {
    engine.open_source(running).await.map_err(|error| StartError::Source {
        channel: running.inlet.name().to_string(),
        problem: error.to_string(),
        hint: error.hint(),
    })
}

/// The first start of a channel applies its file; later starts keep to what was applied.
async fn first_time(
    engine: &Engine,
    site: &Site,
    known: &[ChannelStatus],
) -> Result<Vec<InForce>, StartError> {
    let is_known = |name: &Name| known.iter().any(|channel| channel.channel == *name);
    if let Some(broken) = site.broken.iter().find(|name| !is_known(name)) {
        return Err(StartError::Posture(format!(
            "channel `{broken}` has never run, and its file has errors"
        )));
    }
    let mut in_force = Vec::new();
    for plan in site.channels.values().filter(|plan| !is_known(&plan.file.name)) {
        let act = engine_act("channel.apply", "first start", engine.now_us());
        let revision =
            engine.store().apply(&Scope::All, &act, &plan.file.name, plan.file.revision()).await?;
        in_force.push(InForce { revision, plan: plan.clone(), held: BTreeSet::new() });
    }
    Ok(in_force)
}

/// Something that the engine does by itself.
pub fn engine_act(action: &'static str, purpose: &str, now_us: i64) -> Act {
    let actor = Actor::new(ActorKind::System, "hilum");
    Act { actor, action, purpose: Some(purpose.to_owned()), approval: None, request: None, now_us }
}

async fn stored(
    engine: &Engine,
    site: &Site,
    known: &[ChannelStatus],
) -> Result<Vec<InForce>, StartError> {
    let mut all = Vec::new();
    for channel in known {
        let Some(id) = channel.revision else {
            if site.channels.contains_key(&channel.channel) {
                tracing::warn!(code = "channel.differs", channel = %channel.channel, "it was ended and has a file again; `hilum apply` brings it back");
            }
            continue;
        };
        let name = &channel.channel;
        let damaged = || StartError::Revision {
            channel: name.to_string(),
            problems: "its stored texts cannot be read".to_owned(),
        };
        let revision = engine.store().revision(&Scope::All, id).await?.ok_or_else(damaged)?;
        let file = ChannelFile::stored(&revision).ok_or_else(damaged)?;
        say_what_differs(site, &file);
        let (plan, diagnostics) = site::compile(file, &site.surroundings);
        let plan = plan.ok_or_else(|| StartError::Revision {
            channel: name.to_string(),
            problems: diagnostics.render(false),
        })?;
        let held = channel
            .destinations
            .iter()
            .filter(|d| d.held_us.is_some())
            .map(|d| d.destination.clone());
        all.push(InForce { revision: id, plan, held: held.collect() });
    }
    Ok(all)
}

fn say_what_differs(site: &Site, file: &ChannelFile) {
    let name = &file.name;
    match site.channels.get(name) {
        Some(plan) if plan.file == *file => {}
        Some(_) => {
            tracing::warn!(code = "channel.differs", channel = %name, "its file differs from what runs; `hilum apply` puts the file into force");
        }
        None if site.broken.contains(name) => {
            tracing::warn!(code = "channel.differs", channel = %name, "its file has errors; the revision that was applied last runs");
        }
        None => {
            tracing::warn!(code = "channel.differs", channel = %name, "it runs and has no file; `hilum apply` ends it");
        }
    }
}

/// One line for whoever started it: what an earlier run left.
fn say_what_resumes(known: &[ChannelStatus], opened: &Opened) {
    let open = |d: &store::DestinationStatus| d.queued + d.waiting + d.held;
    let deliveries: i64 = known.iter().flat_map(|c| &c.destinations).map(open).sum();
    let undecided: i64 = known.iter().map(|c| c.undecided).sum();
    if opened.clean {
        tracing::info!(
            code = "engine.started",
            deliveries,
            undecided,
            "started; queued deliveries go on"
        );
    } else {
        tracing::warn!(
            code = "engine.recovered",
            deliveries,
            undecided,
            "the last end was not clean: resumed open deliveries, the last of each lane may arrive twice"
        );
    }
}
