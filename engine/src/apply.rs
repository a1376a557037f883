//! Puts the site's files into force: what differs is stored as a revision and swapped, channel
//! by channel; what does not differ is not touched.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use config::{Name, TestGate};
use connectors::Source;
use store::{Act, RevisionId, Scope, StoreError};

use crate::differing;
use crate::engine::Engine;
use crate::recovery::engine_act;
use crate::running::{self, Running, source_in_words};
use crate::site::{self, ChannelFile, ChannelPlan, Hops, Site};

/// How often `serve --dev` looks at the files.
const FILES_EVERY: Duration = Duration::from_millis(500);

/// Revisions among which one to go back to is looked for.
const REVISIONS: usize = 500;

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The files have errors.
    #[error("the site's files have errors")]
    Broken(String),
    /// A channel that was named does not exist.
    #[error("there is no channel `{0}`, neither running nor as a file")]
    NoChannel(String),
    /// What would run then could not hand its messages on.
    #[error("{0}")]
    Hops(String),
    /// A new source could not be opened.
    #[error("channel `{channel}`: {problem}")]
    Source {
        /// The channel.
        channel: Name,
        /// What the system said.
        problem: String,
    },
    /// Somebody has applied another revision since.
    #[error("channel `{channel}` runs revision {runs} by now")]
    Overtaken {
        /// The channel.
        channel: Name,
        /// The hash of what runs.
        runs: String,
    },
    /// Tests beside the channels fail, and the site wants them to pass.
    #[error("{} of the tests beside the channels fail: {}", .0.len(), .0.join(", "))]
    Tests(Vec<String>),
    /// There is no such revision of the channel.
    #[error("channel `{0}` has no such revision")]
    NoRevision(Name),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What happens to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It begins to run.
    Added,
    /// It goes on with another revision.
    Changed,
    /// It ends.
    Removed,
}

impl Change {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Changed => "changed",
            Change::Removed => "removed",
        }
    }
}

/// A channel that differs, and how.
#[derive(Clone, Debug)]
pub struct ChannelChange {
    /// The channel.
    pub name: Name,
    /// What happens to it.
    pub change: Change,
    /// What differs, in words.
    pub parts: Vec<String>,
    /// The hash of the new revision.
    pub revision: Option<String>,
}

/// What an apply has done.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The channels, and what happened to each.
    pub changes: Vec<ChannelChange>,
    /// Tests beside them that passed.
    pub passed: usize,
    /// Tests that failed, as `channel/test`.
    pub failed: Vec<String>,
}

/// Everything needed to bring one channel up to its file.
struct Step {
    change: ChannelChange,
    plan: Option<ChannelPlan>,
    running: Option<Arc<Running>>,
    reopen: bool,
}

impl Engine {
    /// Says what `apply` would do.
    pub fn preview_apply(
        &self,
        scope: &Scope,
        channels: &[Name],
    ) -> Result<Vec<ChannelChange>, ApplyError> {
        let site = self.read_site(scope, channels)?;
        let steps = self.steps(&site, scope, channels);
        self.check_hops(&steps)?;
        Ok(steps.into_iter().map(|step| step.change).collect())
    }

    /// Puts the files into force. New sources are opened first, then revision and audit record are committed, then what runs is
    /// swapped; a failure before the commit changes nothing.
    pub async fn apply(
        &self,
        scope: &Scope,
        act: Act,
        channels: &[Name],
        expected: &[(Name, String)],
    ) -> Result<Applied, ApplyError> {
        let _one_at_a_time = self.inner.applying.lock().await;
        self.refresh_certificates().await;
        let site = self.read_site(scope, channels)?;
        let steps = self.steps(&site, scope, channels);
        if steps.is_empty() {
            return Ok(Applied::default());
        }
        self.check_expected(expected)?;
        self.check_hops(&steps)?;
        let mut applied = self.test(&site, &steps).await?;
        applied.changes = self.put_into_force(scope, &act, steps).await?;
        Ok(applied)
    }

    /// The scripts that an apply would bring and that do not run yet, with their hashes, when the site wants agreement to such.
    pub fn new_scripts(
        &self,
        scope: &Scope,
        channels: &[Name],
    ) -> Result<Vec<(Name, String, String)>, ApplyError> {
        if !self.inner.server.applying.scripts_agreed {
            return Ok(Vec::new());
        }
        let site = self.read_site(scope, channels)?;
        let mut new = Vec::new();
        for step in self.steps(&site, scope, channels) {
            let Some(plan) = &step.plan else { continue };
            let runs = step.running.as_ref().map(|running| running.file().companions);
            let runs = runs.unwrap_or_default();
            let scripts = plan.file.companions.iter().filter(|file| file.path.ends_with(".js"));
            for file in scripts.filter(|file| !runs.contains(file)) {
                new.push((plan.file.name.clone(), file.path.clone(), file.hash()));
            }
        }
        Ok(new)
    }

    /// Puts a stored revision into force again, as a revision of its own: the one that is named, or the last that was another.
    pub async fn revert(
        &self,
        scope: &Scope,
        act: Act,
        channel: &Name,
        revision: Option<&str>,
    ) -> Result<ChannelChange, ApplyError> {
        let _one_at_a_time = self.inner.applying.lock().await;
        let running = self.channel(channel).filter(|_| scope.holds(channel.as_str()));
        let running = running.ok_or_else(|| ApplyError::NoChannel(channel.to_string()))?;
        let runs = running.file().hash();
        let all = self.store().revisions(scope, channel, None, REVISIONS).await?;
        let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let wanted = all.iter().find(|one| {
            let hash = hex(&one.hash);
            match revision {
                Some(named) => hash.starts_with(named) || one.id.number().to_string() == named,
                None => hash != runs,
            }
        });
        let none = || ApplyError::NoRevision(channel.clone());
        let stored = self.store().revision(scope, wanted.ok_or_else(none)?.id).await?;
        let file = ChannelFile::stored(&stored.ok_or_else(none)?).ok_or_else(none)?;
        let surroundings = site::Surroundings::read(&self.inner.paths, &self.inner.server);
        let (plan, problems) = site::compile(file, &surroundings);
        let plan = plan.ok_or_else(|| ApplyError::Broken(problems.render(false)))?;
        let change = ChannelChange {
            name: channel.clone(),
            change: Change::Changed,
            parts: parts(&running, &plan),
            revision: Some(plan.file.hash()),
        };
        let reopen = running.source_settings() != plan.source;
        let step =
            Step { change: change.clone(), plan: Some(plan), running: Some(running), reopen };
        let steps = vec![step];
        self.check_hops(&steps)?;
        self.put_into_force(scope, &act, steps).await?;
        Ok(change)
    }

    /// Nobody has applied anything else to what is expected to run.
    fn check_expected(&self, expected: &[(Name, String)]) -> Result<(), ApplyError> {
        for (channel, hash) in expected {
            let runs = self.channel(channel).map_or_else(String::new, |one| one.file().hash());
            if hash.is_empty() || !runs.starts_with(hash.as_str()) {
                let runs = runs.get(..12).unwrap_or("none").to_owned();
                return Err(ApplyError::Overtaken { channel: channel.clone(), runs });
            }
        }
        Ok(())
    }

    /// Runs the tests beside the channels that change, as far as the site wants that.
    async fn test(&self, site: &Site, steps: &[Step]) -> Result<Applied, ApplyError> {
        let gate = self.inner.server.applying.tests;
        let mut applied = Applied::default();
        if gate == TestGate::Off {
            return Ok(applied);
        }
        let root = site.paths.site.clone();
        let plans: Vec<ChannelPlan> = steps.iter().filter_map(|step| step.plan.clone()).collect();
        let run = move || {
            plans
                .iter()
                .flat_map(|plan| {
                    let tests = site::test(&root, plan).unwrap_or_default();
                    let name = plan.file.name.clone();
                    tests.into_iter().map(move |one| (format!("{name}/{}", one.name), one.passed()))
                })
                .collect::<Vec<_>>()
        };
        let tests = tokio::task::spawn_blocking(run).await;
        let tests = tests.map_err(|_| ApplyError::Broken("a test broke off".to_owned()))?;
        for (name, passed) in tests {
            if passed {
                applied.passed += 1;
            } else {
                applied.failed.push(name);
            }
        }
        match gate == TestGate::Require && !applied.failed.is_empty() {
            true => Err(ApplyError::Tests(applied.failed)),
            false => Ok(applied),
        }
    }

    /// Opens new sources, then stores each revision with its record, then swaps what runs.
    async fn put_into_force(
        &self,
        scope: &Scope,
        act: &Act,
        steps: Vec<Step>,
    ) -> Result<Vec<ChannelChange>, ApplyError> {
        let mut sources = self.open_new(&steps).await?;
        let mut changes = Vec::new();
        for step in steps {
            let name = &step.change.name;
            let source = sources.iter().position(|(channel, _)| channel == name);
            let source = source.map(|index| sources.swap_remove(index).1);
            match &step.plan {
                Some(plan) => {
                    let revision =
                        self.store().apply(scope, act, name, plan.file.revision()).await?;
                    self.swap(&step, plan, revision, source).await?;
                }
                None => {
                    self.store().retire(scope, act, name).await?;
                    self.end(&step).await?;
                }
            }
            changes.push(step.change);
        }
        Ok(changes)
    }

    /// The site as its files are now. What lies outside the scope is as if it were not there.
    pub(crate) fn read_site(&self, scope: &Scope, channels: &[Name]) -> Result<Site, ApplyError> {
        let (site, diagnostics) = site::check(&self.inner.paths.site, Some(&self.inner.paths.data));
        let concerns = |name: &Name| {
            scope.holds(name.as_str()) && (channels.is_empty() || channels.contains(name))
        };
        let site = match site {
            Some(site) if !site.broken.iter().any(concerns) && !address_clash(&diagnostics) => site,
            Some(_) | None => {
                return Err(ApplyError::Broken(match scope {
                    Scope::All => diagnostics.render(false),
                    // The problems quote the files of other channels.
                    Scope::Channels(_) => "`hilum check` shows them on the machine".to_owned(),
                }));
            }
        };
        let known = |name: &Name| {
            scope.holds(name.as_str())
                && (site.channels.contains_key(name) || self.channel(name).is_some())
        };
        match channels.iter().find(|name| !known(name)) {
            Some(unknown) => Err(ApplyError::NoChannel(unknown.to_string())),
            None => Ok(site),
        }
    }

    fn steps(&self, site: &Site, scope: &Scope, channels: &[Name]) -> Vec<Step> {
        let chosen = |name: &Name| {
            scope.holds(name.as_str()) && (channels.is_empty() || channels.contains(name))
        };
        let mut steps = Vec::new();
        for plan in site.channels.values().filter(|plan| chosen(&plan.file.name)) {
            let running = self.channel(&plan.file.name);
            let change = match &running {
                None => Some((
                    Change::Added,
                    vec![format!("source {}", source_in_words(plan.source.as_ref()))],
                )),
                Some(running) if running.file() != plan.file || differs(running, plan) => {
                    Some((Change::Changed, parts(running, plan)))
                }
                Some(_) => None,
            };
            if let Some((change, parts)) = change {
                let reopen =
                    running.as_ref().is_none_or(|running| running.source_settings() != plan.source);
                let revision = Some(plan.file.hash());
                let change =
                    ChannelChange { name: plan.file.name.clone(), change, parts, revision };
                steps.push(Step { change, plan: Some(plan.clone()), running, reopen });
            }
        }
        for running in self.running() {
            let name = running.inlet.name().clone();
            if chosen(&name) && !site.channels.contains_key(&name) && !site.broken.contains(&name) {
                let parts = vec!["its file is gone".to_owned()];
                let change = ChannelChange { name, change: Change::Removed, parts, revision: None };
                steps.push(Step { change, plan: None, running: Some(running), reopen: false });
            }
        }
        steps
    }

    /// What runs afterwards must be able to hand its messages on, also when only some of the files are applied.
    fn check_hops(&self, steps: &[Step]) -> Result<(), ApplyError> {
        let stays = |running: &Arc<Running>| {
            steps.iter().all(|step| step.change.name != *running.inlet.name())
        };
        let mut hops = Hops::of(steps.iter().filter_map(|step| step.plan.as_ref()));
        for running in self.running().iter().filter(|running| stays(running)) {
            let destinations = running.destinations();
            let targets = destinations.iter().filter_map(|(d, _)| d.settings.way.channel());
            hops.add(running.inlet.name(), targets);
        }
        hops.problem().map_or(Ok(()), |problem| Err(ApplyError::Hops(problem)))
    }

    /// Opens what is new. A source that keeps its address is opened after the old one has let go of it.
    async fn open_new(&self, steps: &[Step]) -> Result<Vec<(Name, Source)>, ApplyError> {
        let mut opened = Vec::new();
        for step in steps.iter().filter(|step| step.reopen) {
            let Some(plan) = &step.plan else { continue };
            let taken = step.running.as_ref().and_then(|running| running.listening());
            if taken.is_some() && taken == plan.listens_on() {
                continue;
            }
            if let Some(source) = self.open(plan).await? {
                opened.push((plan.file.name.clone(), source));
            }
        }
        Ok(opened)
    }

    /// A channel whose file is gone: what it has queued is held.
    async fn end(&self, step: &Step) -> Result<(), ApplyError> {
        if let Some(running) = &step.running {
            self.channels().remove(running.inlet.name());
            running.stop_listening().await;
            running.drain(tokio::time::Instant::now()).await;
            self.store().extend(running.inlet.lease(), &[]).await?;
        }
        Ok(())
    }

    async fn swap(
        &self,
        step: &Step,
        plan: &ChannelPlan,
        revision: RevisionId,
        source: Option<Source>,
    ) -> Result<(), ApplyError> {
        let names: Vec<Name> = plan.destinations.iter().map(|d| d.name.clone()).collect();
        let revision = (revision, plan.file.hash());
        let shared = &self.inner.shared;
        let running = match &step.running {
            Some(running) => {
                let lease = self.store().extend(running.inlet.lease(), &names).await?;
                running.adopt(shared, &lease, revision, plan);
                Arc::clone(running)
            }
            None => {
                let lease = self.store().own(&plan.file.name, &names).await?;
                let running = Running::new(shared, lease, revision, plan, &running::Held::new());
                running.inlet.read_undecided_from(0);
                running.start_sending();
                self.channels().insert(plan.file.name.clone(), Arc::clone(&running));
                running
            }
        };
        running.inlet.valve().set_disk_low(self.inner.disk.borrow().is_low());
        match source {
            Some(source) => {
                if let Some(settings) = &plan.source {
                    running.take_in(source, settings.clone());
                }
            }
            None if step.reopen => self.reopen(&running, plan).await?,
            None => {}
        }
        Ok(())
    }

    /// The same address with other settings: the old source lets go first.
    async fn reopen(&self, running: &Running, plan: &ChannelPlan) -> Result<(), ApplyError> {
        running.retire_source().await;
        match (self.open(plan).await?, &plan.source) {
            (Some(source), Some(settings)) => running.take_in(source, settings.clone()),
            // A person has stopped it: it starts with these settings.
            (None, Some(settings)) => running.set_source(settings.clone()),
            (_, None) => {}
        }
        Ok(())
    }

    async fn open(&self, plan: &ChannelPlan) -> Result<Option<Source>, ApplyError> {
        let Some(settings) = &plan.source else { return Ok(None) };
        if self.is_stopped(&plan.file.name).await {
            return Ok(None);
        }
        let opened = Source::open(&plan.file.name, settings, &self.inner.resources).await;
        opened.map(Some).map_err(|error| ApplyError::Source {
            channel: plan.file.name.clone(),
            problem: error.to_string(),
        })
    }

    /// Applies files as they change (`serve --dev`).
    pub(crate) fn follow_files(&self) {
        let engine = self.clone();
        let task = tokio::spawn(async move {
            let mut seen = newest(&engine.inner.paths.site);
            loop {
                tokio::time::sleep(FILES_EVERY).await;
                let now = newest(&engine.inner.paths.site);
                if now == seen {
                    continue;
                }
                seen = now;
                let act = engine_act("channel.apply", "files changed, with --dev", engine.now_us());
                match engine.apply(&Scope::All, act, &[], &[]).await {
                    Ok(applied) => applied.changes.iter().for_each(|change| {
                        tracing::info!(code = "channel.applied", channel = %change.name, change = change.change.as_str(), "applied");
                    }),
                    Err(error) => tracing::warn!(error = %error, "the changed files were not applied"),
                }
            }
        });
        self.tasks().push(task);
    }
}

fn address_clash(diagnostics: &config::Diagnostics) -> bool {
    diagnostics.sorted().iter().any(|diagnostic| diagnostic.code() == "C0208")
}

/// Whether variables have changed what the same text means.
fn differs(running: &Running, plan: &ChannelPlan) -> bool {
    let before = running.destinations();
    running.source_settings() != plan.source
        || plan
            .destinations
            .iter()
            .any(|d| !before.iter().any(|(b, _)| b.name == d.name && b.settings == d.settings))
}

/// What differs, in words.
fn parts(running: &Running, plan: &ChannelPlan) -> Vec<String> {
    let (before, mut parts) = (running.file(), Vec::new());
    match running.source_settings() == plan.source {
        true => parts.push("source unchanged (its sockets stay open)".to_owned()),
        false => {
            let becomes = source_in_words(plan.source.as_ref());
            parts.push(format!("source {} becomes {becomes}", running.source()));
        }
    }
    let known = running.destinations();
    for destination in &plan.destinations {
        match known.iter().find(|(before, _)| before.name == destination.name) {
            None => parts.push(format!(
                "destination {} added: {}",
                destination.name, destination.settings.way
            )),
            Some((before, _)) if before.settings.way != destination.settings.way => {
                parts.push(format!(
                    "destination {}: {} becomes {}",
                    destination.name, before.settings.way, destination.settings.way
                ))
            }
            Some((before, _)) if before.settings != destination.settings => {
                parts.push(format!("destination {}: order or retries changed", destination.name));
            }
            Some((before, _)) if before.order_by != destination.order_by => {
                parts.push(format!("destination {}: `order_by` changed", destination.name));
            }
            Some(_) => {}
        }
    }
    for (before, _) in
        known.iter().filter(|(b, _)| plan.destinations.iter().all(|d| d.name != b.name))
    {
        parts.push(format!("destination {} removed: its deliveries are held", before.name));
    }
    for table in &plan.file.tables {
        if before.tables.iter().all(|b| b != table) {
            parts.push(format!("code table {} changed", table.name));
        }
    }
    for file in &plan.file.companions {
        if before.companions.iter().all(|b| b != file) {
            parts.push(format!("{} changed", file.path));
        }
    }
    if before.text != plan.file.text {
        let steps = differing::steps(&before.text, &plan.file.text);
        if steps.is_empty() {
            parts.push("text changed".to_owned());
        }
        parts.extend(steps);
    }
    parts
}

/// When anything in the site's folders was changed last.
fn newest(root: &Path) -> Option<(usize, SystemTime)> {
    let mut count = 0;
    let mut newest = SystemTime::UNIX_EPOCH;
    for folder in ["channels", "tables", "vars"] {
        for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let changed = entry.metadata().and_then(|facts| facts.modified()).ok()?;
            newest = newest.max(changed);
            count += 1;
        }
    }
    Some((count, newest))
}
