//! Which channel hands messages to which: every target must be there, and no message may come back to where it was.

use std::collections::{BTreeMap, BTreeSet};

use config::{Diagnostics, Name, Profile};

use super::ChannelPlan;

/// The channels that each channel hands messages to.
#[derive(Default)]
pub struct Hops(BTreeMap<Name, BTreeSet<Name>>);

impl Hops {
    /// Those of some channels.
    pub fn of<'a>(plans: impl IntoIterator<Item = &'a ChannelPlan>) -> Hops {
        let mut hops = Hops::default();
        for plan in plans {
            hops.add(
                &plan.file.name,
                plan.destinations.iter().filter_map(|d| d.settings.way.channel()),
            );
        }
        hops
    }

    /// One more channel, with those that it hands messages to.
    pub fn add<'a>(&mut self, from: &Name, to: impl IntoIterator<Item = &'a Name>) {
        self.0.entry(from.clone()).or_default().extend(to.into_iter().cloned());
    }

    /// The way from a channel back to itself over one of its hops.
    pub fn circle(&self, from: &Name, to: &Name) -> Option<Vec<Name>> {
        let mut way = vec![from.clone()];
        self.lead(to, from, &mut way, &mut BTreeSet::new()).then_some(way)
    }

    fn lead(&self, at: &Name, goal: &Name, way: &mut Vec<Name>, seen: &mut BTreeSet<Name>) -> bool {
        way.push(at.clone());
        if at == goal {
            return true;
        }
        let next = self.0.get(at).filter(|_| seen.insert(at.clone()));
        if next.into_iter().flatten().any(|next| self.lead(next, goal, way, seen)) {
            return true;
        }
        way.pop();
        false
    }

    /// The first thing that is wrong with them, in words.
    pub fn problem(&self) -> Option<String> {
        for (from, targets) in &self.0 {
            for to in targets {
                if !self.0.contains_key(to) {
                    return Some(format!(
                        "channel `{from}` hands messages to `{to}`, which would not be there"
                    ));
                }
                if let Some(circle) = self.circle(from, to) {
                    return Some(format!("messages would go in a circle: {}", shown(&circle)));
                }
            }
        }
        None
    }
}

fn shown(circle: &[Name]) -> String {
    circle.iter().map(Name::as_str).collect::<Vec<_>>().join(" -> ")
}

/// Reports every hop that leads nowhere or back; a channel that hands messages to one with errors has an error itself.
pub(super) fn check(
    channels: &mut BTreeMap<Name, ChannelPlan>,
    broken: &mut Vec<Name>,
    profile: Profile,
    diagnostics: &mut Diagnostics,
) {
    let hops = Hops::of(channels.values());
    let mut whole: BTreeMap<Name, ChannelPlan> = std::mem::take(channels);
    loop {
        let names: Vec<Name> = whole.keys().cloned().collect();
        let unsound: Vec<Name> = whole
            .values()
            .filter(|plan| !sound(plan, &hops, (&whole, broken), profile, diagnostics))
            .map(|plan| plan.file.name.clone())
            .collect();
        if unsound.is_empty() {
            break;
        }
        whole.retain(|name, _| !unsound.contains(name));
        broken.extend(names.into_iter().filter(|name| unsound.contains(name)));
    }
    *channels = whole;
}

fn sound(
    plan: &ChannelPlan,
    hops: &Hops,
    (whole, broken): (&BTreeMap<Name, ChannelPlan>, &[Name]),
    profile: Profile,
    diagnostics: &mut Diagnostics,
) -> bool {
    let before = diagnostics.error_count();
    let runs = |plan: &ChannelPlan| plan.channel.only().is_none_or(|only| only == profile);
    for destination in plan.destinations.iter().filter(|d| d.is_for(profile)) {
        let Some(to) = destination.settings.way.channel() else { continue };
        let span = destination.way_span;
        if let Some(circle) = hops.circle(&plan.file.name, to) {
            diagnostics
                .error("C0221", span, "messages would go in a circle")
                .label(shown(&circle))
                .help("let one of these channels send elsewhere");
            continue;
        }
        match whole.get(to) {
            Some(target) if runs(plan) && !runs(target) => {
                diagnostics
                    .error("C0220", span, format!("channel `{to}` does not run here"))
                    .label(format!("its `only` leaves it out of profile `{}`", profile.as_str()));
            }
            Some(_) => {}
            None if broken.contains(to) => {
                diagnostics
                    .error("C0220", span, format!("channel `{to}` has errors"))
                    .label("nothing can be handed to it")
                    .help("its own problems are reported at its file");
            }
            None => {
                let known = whole.keys().chain(broken.iter()).map(Name::as_str);
                let near = config::nearest(to.as_str(), known);
                let near = near.filter(|near| *near != plan.file.name.as_str());
                diagnostics
                    .error("C0220", span, format!("there is no channel `{to}`"))
                    .label("no file in `channels/` has this name")
                    .did_you_mean(near);
            }
        }
    }
    diagnostics.error_count() == before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(text: &str) -> Hops {
        let name = |text: &str| Name::new(text).unwrap();
        let mut hops = Hops::default();
        for line in text.split_whitespace() {
            let (from, to) = line.split_once('>').unwrap();
            let targets: Vec<Name> = to.split(',').filter(|to| !to.is_empty()).map(name).collect();
            hops.add(&name(from), &targets);
        }
        hops
    }

    #[test]
    fn a_circle_is_found_and_shown_whatever_leads_to_it() {
        for (text, expected) in [
            ("a>b b>", None),
            ("a>b,c b>d c>d d>", None),
            ("a>a", Some("messages would go in a circle: a -> a")),
            ("a>b b>a", Some("messages would go in a circle: a -> b -> a")),
            ("x>a a>y,b y> b>c c>a", Some("messages would go in a circle: a -> b -> c -> a")),
            ("a>b", Some("channel `a` hands messages to `b`, which would not be there")),
        ] {
            assert_eq!(hops(text).problem().as_deref(), expected, "{text}");
        }
    }
}
