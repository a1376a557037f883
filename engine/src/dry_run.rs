//! A program run again on a stored message, to see what each step did.

use ::channel::{Note, Run, Unlimited, Verdict};
use config::Name;
use store::Revision;

use crate::engine::Engine;
use crate::site::{self, ChannelFile};

/// What a run did, step by step.
pub struct Trace {
    /// What each step looked at and changed.
    pub notes: Vec<Note>,
    /// What came of it, in words without values.
    pub verdict: String,
}

impl Engine {
    /// Runs a received body through a stored revision once more; nothing is stored or sent.
    pub fn trace(&self, revision: &Revision, body: Vec<u8>) -> Result<Trace, String> {
        let surroundings = site::Surroundings::read(&self.inner.paths, &self.inner.server);
        let file = ChannelFile::stored(revision).ok_or("its stored texts cannot be read")?;
        let (plan, diagnostics) = site::compile(file, &surroundings);
        let Some(plan) = plan else { return Err(diagnostics.render(false)) };
        let message = plan.channel.message(body);
        let Run { verdict, notes } = plan.channel.program().trace(message, &Unlimited);
        let profile = self.inner.server.profile;
        let here =
            |name: &Name| plan.destinations.iter().any(|d| d.name == *name && d.is_for(profile));
        let names = plan.channel.program().destinations();
        Ok(Trace { notes, verdict: in_words(&verdict, names, here) })
    }
}

fn in_words(verdict: &Verdict, destinations: &[Name], here: impl Fn(&Name) -> bool) -> String {
    match verdict {
        Verdict::Route(outputs) => {
            let name = |output: &::channel::Output| {
                let Some(name) = destinations.get(output.destination) else { return String::new() };
                match &output.failure {
                    _ if !here(name) => format!("{name} (kept to another profile)"),
                    Some(failure) => format!("{name} (dead letter: {})", failure.signature),
                    None => name.to_string(),
                }
            };
            format!("goes to {}", outputs.iter().map(name).collect::<Vec<_>>().join(", "))
        }
        Verdict::Filtered { step } => format!("filtered by {step}"),
        Verdict::Unrouted => "wanted by no destination".to_owned(),
        Verdict::Failed(failure) => format!("failed: {}", failure.signature),
        Verdict::OverBudget => "out of time".to_owned(),
    }
}
