//! One channel file, compiled into what runs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use ::channel::{CHANNEL_FIELDS, Channel, DESTINATION_FIELDS, SOURCE_FIELDS, Tables, only};
use config::{
    CodeTable, Companion, Diagnostics, Name, Profile, Scope, Section, SiteFile, Span, Table,
};
use connectors::SourceSettings;
use jiff::tz::TimeZone;
use store::NewRevision;

use super::{Surroundings, kinds};
use crate::keys;
use crate::outbound::Settings;
use crate::retry::{LANE_FIELDS, LaneSettings};

/// Everything that decides what a channel does: its file and the code tables that it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelFile {
    /// The file's stem.
    pub name: Name,
    /// What it says.
    pub text: String,
    /// The code tables that it uses, by name.
    pub tables: Vec<SiteFile>,
    /// The scripts and profiles that it uses, by path.
    pub companions: Vec<Companion>,
}

impl ChannelFile {
    /// The texts of a stored revision; nothing when they cannot be read.
    pub fn stored(revision: &store::Revision) -> Option<ChannelFile> {
        let files: BTreeMap<String, String> = serde_json::from_str(&revision.files).ok()?;
        let (companions, tables): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(name, _)| name.contains('/'));
        let companions = companions.into_iter().map(|(path, text)| Companion { path, text });
        let tables = tables.into_iter().map(|(name, text)| {
            let path = format!("tables/{name}.csv");
            Some(SiteFile { name: Name::new(&name).ok()?, path, text })
        });
        Some(ChannelFile {
            name: revision.summary.channel.clone(),
            text: revision.text.clone(),
            tables: tables.collect::<Option<Vec<_>>>()?,
            companions: companions.collect(),
        })
    }

    /// The texts as the store keeps them.
    pub fn revision(&self) -> NewRevision {
        let tables = self.tables.iter().map(|table| (table.name.to_string(), table.text.clone()));
        let companions = self.companions.iter().map(|file| (file.path.clone(), file.text.clone()));
        NewRevision { text: self.text.clone(), files: tables.chain(companions).collect() }
    }

    /// What names this revision to people: equal texts have equal hashes.
    pub fn hash(&self) -> String {
        self.revision().hash().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A channel ready to run.
#[derive(Clone)]
pub struct ChannelPlan {
    /// What it was compiled from.
    pub file: ChannelFile,
    /// Where it gets its messages; none when only other channels hand them to it.
    pub source: Option<SourceSettings>,
    /// What it does with them.
    pub channel: Arc<Channel>,
    /// Where it sends them, in the order of the file and of the program.
    pub destinations: Vec<DestinationPlan>,
    /// Where the file says what it listens on.
    pub source_span: Span,
}

/// A destination ready to run.
#[derive(Clone)]
pub struct DestinationPlan {
    /// Its name.
    pub name: Name,
    /// How it is reached and how its lane behaves.
    pub settings: Settings,
    /// The tag of its definition of order.
    pub scheme: u16,
    /// The profile that it is kept to, when it is not for both.
    pub only: Option<Profile>,
    /// Its `order_by`, as written, for comparing.
    pub order_by: String,
    /// Where the file says which channel it hands messages to, or gets acknowledgements by.
    pub way_span: Span,
}

impl DestinationPlan {
    /// Whether messages go there in this profile.
    pub fn is_for(&self, profile: Profile) -> bool {
        self.only.is_none_or(|only| only == profile)
    }
}

/// What reading a channel file gives, before it is joined with its texts.
pub(super) struct Read {
    source: Option<SourceSettings>,
    channel: Channel,
    destinations: Vec<DestinationPlan>,
    source_span: Span,
}

impl ChannelPlan {
    pub(super) fn new(file: ChannelFile, read: Read) -> ChannelPlan {
        ChannelPlan {
            file,
            source: read.source,
            channel: Arc::new(read.channel),
            destinations: read.destinations,
            source_span: read.source_span,
        }
    }

    /// The address of its listener.
    pub fn listens_on(&self) -> Option<SocketAddr> {
        self.source.as_ref().and_then(SourceSettings::listens_on)
    }
}

/// Remembers what a channel asked for.
pub(super) struct Watched<'a> {
    tables: &'a dyn Tables,
    used: RefCell<BTreeSet<Name>>,
    companions: RefCell<BTreeSet<String>>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(tables: &'a dyn Tables) -> Watched<'a> {
        Watched { tables, used: RefCell::default(), companions: RefCell::default() }
    }

    /// The names of its code tables, and the paths of its scripts and profiles.
    pub(super) fn used(self) -> (Vec<Name>, Vec<String>) {
        let (tables, companions) = (self.used.into_inner(), self.companions.into_inner());
        (tables.into_iter().collect(), companions.into_iter().collect())
    }
}

impl Tables for Watched<'_> {
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>> {
        self.used.borrow_mut().insert(name.clone());
        self.tables.table(name)
    }

    fn names(&self) -> Vec<Name> {
        self.tables.names()
    }

    fn companion(&self, path: &str) -> Option<Arc<str>> {
        self.companions.borrow_mut().insert(path.to_owned());
        self.tables.companion(path)
    }

    fn zone(&self) -> TimeZone {
        self.tables.zone()
    }
}

struct StoredTables {
    tables: BTreeMap<Name, Arc<CodeTable>>,
    companions: Vec<Companion>,
    zone: TimeZone,
}

impl Tables for StoredTables {
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>> {
        self.tables.get(name).cloned()
    }

    fn names(&self) -> Vec<Name> {
        self.tables.keys().cloned().collect()
    }

    fn companion(&self, path: &str) -> Option<Arc<str>> {
        companion(&self.companions, path)
    }

    fn zone(&self) -> TimeZone {
        self.zone.clone()
    }
}

/// The script or profile at a path.
pub(super) fn companion(companions: &[Companion], path: &str) -> Option<Arc<str>> {
    let found = companions.iter().find(|file| file.path == path)?;
    Some(Arc::from(found.text.as_str()))
}

/// Compiles a channel from texts that were stored as a revision.
pub fn compile(
    file: ChannelFile,
    surroundings: &Surroundings,
) -> (Option<ChannelPlan>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let mut tables = BTreeMap::new();
    for table in &file.tables {
        if let Some(read) =
            CodeTable::parse(table.name.clone(), &table.path, &table.text, &mut diagnostics)
        {
            tables.insert(table.name.clone(), Arc::new(read));
        }
    }
    let path = format!("channels/{}.toml", file.name);
    let companions = file.companions.clone();
    let tables = StoredTables { tables, companions, zone: surroundings.zone.clone() };
    let read_plan = read(&path, &file.text, &tables, surroundings, &mut diagnostics);
    let plan = match read_plan {
        Some(read) if !diagnostics.has_errors() => Some(ChannelPlan::new(file, read)),
        _ => None,
    };
    (plan, diagnostics)
}

/// Reads a channel file by everybody's declarations and reports everything that is wrong with it.
pub(super) fn read(
    path: &str,
    text: &str,
    tables: &dyn Tables,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<Read> {
    let root = config::parse_toml(diagnostics, path, text.to_owned())?;
    let scope = Scope::none()
        .with_vars(&surroundings.vars)
        .with_secrets(&surroundings.secrets)
        .with_paths(&surroundings.paths);
    let top = Section::read(&root, &[CHANNEL_FIELDS], &scope.without_vars(), diagnostics);
    let source = top.table_of("source");
    let source = source.and_then(|t| {
        Section::tagged(t, "type", &kinds::sources(), &[SOURCE_FIELDS], &scope, diagnostics)
    });
    let tables_of_destinations = top.tables("destination");
    let destinations: Vec<Option<(&'static str, Section<'_>)>> = tables_of_destinations
        .into_iter()
        .map(|table| destination_section(table, &scope, diagnostics))
        .collect();
    let source_settings =
        source.as_ref().and_then(|(kind, section)| kinds::source(kind, section, diagnostics));
    let plans: Vec<Option<DestinationPlan>> = destinations
        .iter()
        .map(|read| {
            read.as_ref().and_then(|(kind, section)| destination(kind, section, diagnostics))
        })
        .collect();
    let sections: Vec<&Section<'_>> =
        destinations.iter().flatten().map(|(_, section)| section).collect();
    let channel = Channel::compile(
        &top,
        source.as_ref().map(|(_, section)| section),
        &sections,
        tables,
        diagnostics,
    );
    if let Some(channel) = &channel {
        let read = destinations.iter().flatten();
        // An MLLP receiver knows a message that is sent again by its control id.
        for (_, section) in read.filter(|(kind, _)| *kind == "mllp") {
            channel.program().warn_of_one_control_id(section, diagnostics);
        }
    }
    let source_span = source
        .as_ref()
        .map(|(kind, section)| section.span_of(if *kind == "file" { "folder" } else { "listen" }));
    Some(Read {
        source: source_settings?,
        channel: channel?,
        destinations: plans.into_iter().collect::<Option<Vec<_>>>()?,
        source_span: source_span?,
    })
}

/// A script makes another body, in which nothing finds the fields of the message.
fn fields_of_a_made_body(section: &Section<'_>, key: &str, diagnostics: &mut Diagnostics) {
    let Some(text) = section.text(key).filter(|text| text.value.contains('{')) else { return };
    let inside = text.value.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let Some(field) = inside.into_iter().find(|inside| inside.contains('-')) else { return };
    diagnostics
        .error(
            "C0107",
            text.span,
            format!("`{{{field}}}` is not in the body that the script makes"),
        )
        .label("a field of the message")
        .help("write `{id}` for the message, with `{part}` where it is split");
}

fn destination_section<'t>(
    table: &'t Table,
    scope: &Scope<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(&'static str, Section<'t>)> {
    Section::tagged(
        table,
        "type",
        &kinds::destinations(),
        &[DESTINATION_FIELDS, LANE_FIELDS],
        scope,
        diagnostics,
    )
}

fn destination(
    kind: &str,
    section: &Section<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<DestinationPlan> {
    let order_by: Vec<&str> =
        section.texts("order_by").iter().map(|text| text.value.as_str()).collect();
    let order_by = order_by.join(" ");
    let lane = LaneSettings::read(section, !order_by.is_empty());
    if lane.unordered && !order_by.is_empty() {
        diagnostics
            .error(
                "C0107",
                section.span_of("order"),
                "`order = \"none\"` and `order_by` contradict each other",
            )
            .label("either an order or none");
    }
    for key in ["idempotency_key", "name"].into_iter().filter(|_| section.is_given("script")) {
        fields_of_a_made_body(section, key, diagnostics);
    }
    let way = kinds::way(kind, section, diagnostics);
    let name = section.text("name").and_then(|name| Name::new(&name.value).ok());
    let scheme = keys::tag(if lane.unordered { "none" } else { &order_by });
    Some(DestinationPlan {
        name: name?,
        settings: Settings { way: way?, lane },
        scheme,
        only: only(section),
        order_by,
        way_span: section.span_of(if kind == "channel" { "channel" } else { "application_acks" }),
    })
}
