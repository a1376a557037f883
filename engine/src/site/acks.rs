//! Where application acknowledgements are expected: a channel that is there, and one for each destination that waits for them.

use std::collections::BTreeMap;

use config::{Diagnostics, Name, Span};

use super::ChannelPlan;

/// Reports a channel that is not there, and one that two destinations wait at: their messages may have equal control ids, and then
/// nothing would say whose acknowledgement it is.
pub(super) fn check(
    channels: &BTreeMap<Name, ChannelPlan>,
    broken: &mut Vec<Name>,
    diagnostics: &mut Diagnostics,
) {
    let mut taken: BTreeMap<&Name, Span> = BTreeMap::new();
    for plan in channels.values() {
        let before = diagnostics.error_count();
        for destination in &plan.destinations {
            let Some(acks) = destination.settings.way.application_acks() else { continue };
            let (name, span) = (&acks.channel, destination.way_span);
            if !channels.contains_key(name) && !broken.contains(name) {
                let known = channels.keys().map(Name::as_str);
                diagnostics
                    .error("C0220", span, format!("there is no channel `{name}`"))
                    .label("no file in `channels/` has this name")
                    .did_you_mean(config::nearest(name.as_str(), known));
            }
            match taken.get(name) {
                Some(first) => {
                    diagnostics
                        .error("C0222", span, format!("two destinations wait at channel `{name}`"))
                        .label("this one too")
                        .related(*first, "the first");
                }
                None => {
                    taken.insert(name, span);
                }
            }
        }
        if diagnostics.error_count() > before {
            broken.push(plan.file.name.clone());
        }
    }
}
