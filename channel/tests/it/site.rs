//! A channel compiled from text, the way the engine does it.

use channel::{CHANNEL_FIELDS, Channel, DESTINATION_FIELDS, SOURCE_FIELDS, Tables};
use config::{CodeTable, Diagnostics, Name, Scope, Section, parse_toml};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Code tables by name.
#[derive(Default)]
pub struct Shelf(BTreeMap<Name, Arc<CodeTable>>);

impl Shelf {
    /// Adds a table of `from,to` rows.
    pub fn with(mut self, name: &str, text: &str) -> Shelf {
        let name = Name::new(name).unwrap();
        let path = format!("tables/{name}.csv");
        let table = CodeTable::parse(name.clone(), &path, text, &mut Diagnostics::new()).unwrap();
        self.0.insert(name, Arc::new(table));
        self
    }

    /// Every `.csv` of a folder.
    pub fn read(folder: &Path) -> Shelf {
        let files =
            std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|kind| kind == "csv")).fold(
            Shelf::default(),
            |shelf, path| {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                shelf.with(&name, &std::fs::read_to_string(&path).unwrap())
            },
        )
    }
}

impl Tables for Shelf {
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<Name> {
        self.0.keys().cloned().collect()
    }
}

/// Compiles a channel file whose source and destinations say nothing about connectors.
pub fn compile(text: &str, tables: &Shelf) -> (Option<Channel>, Diagnostics) {
    let mut diags = Diagnostics::new();
    let Some(root) = parse_toml(&mut diags, "channel.toml", text.to_owned()) else {
        return (None, diags);
    };
    let scope = Scope::none();
    let top = Section::read(&root, &[CHANNEL_FIELDS], &scope, &mut diags);
    let source = top
        .table_of("source")
        .map(|table| Section::read(table, &[SOURCE_FIELDS], &scope, &mut diags));
    let destinations: Vec<Section<'_>> = top
        .tables("destination")
        .into_iter()
        .map(|table| Section::read(table, &[DESTINATION_FIELDS], &scope, &mut diags))
        .collect();
    let sections: Vec<&Section<'_>> = destinations.iter().collect();
    let channel = Channel::compile(&top, source.as_ref(), &sections, tables, &mut diags);
    (channel.filter(|_| !diags.has_errors()), diags)
}

/// What is warned of when the destinations of a channel know messages by their control ids.
pub fn warnings_of_ids(text: &str) -> Vec<String> {
    let channel = channel(text, &Shelf::default());
    let mut diags = Diagnostics::new();
    let root = parse_toml(&mut diags, "channel.toml", text.to_owned()).unwrap();
    let top = Section::read(&root, &[CHANNEL_FIELDS], &Scope::none(), &mut diags);
    for table in top.tables("destination") {
        let section = Section::read(table, &[DESTINATION_FIELDS], &Scope::none(), &mut diags);
        channel.program().warn_of_one_control_id(&section, &mut diags);
    }
    diags.sorted().iter().map(|found| format!("{} {}", found.code(), found.title())).collect()
}

/// Compiles what must be right.
pub fn channel(text: &str, tables: &Shelf) -> Channel {
    let (channel, diags) = compile(text, tables);
    channel.unwrap_or_else(|| panic!("{}", diags.render(false)))
}

/// A channel of these steps and one destination that wants everything.
pub fn steps(steps: &str) -> Channel {
    let tables = Shelf::default().with("codes", "from,to,note\nIN,I,\nX,|^~\\&|,\n");
    channel(
        &format!("[source]\n[transform]\nsteps = [\n{steps}\n]\n[[destination]]\nname = \"out\"\n"),
        &tables,
    )
}
