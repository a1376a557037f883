//! A channel compiled from text, the way the engine does it.

use channel::{CHANNEL_FIELDS, Channel, DESTINATION_FIELDS, SOURCE_FIELDS, Tables};
use config::{CodeTable, Diagnostics, Name, Scope, Section, parse_toml};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Code tables by name, and scripts by path.
#[derive(Default)]
pub struct Shelf {
    tables: BTreeMap<Name, Arc<CodeTable>>,
    scripts: BTreeMap<String, Arc<str>>,
}

impl Shelf {
    /// Adds a table of `from,to` rows.
    pub fn with(mut self, name: &str, text: &str) -> Shelf {
        let name = Name::new(name).unwrap();
        let path = format!("tables/{name}.csv");
        let table = CodeTable::parse(name.clone(), &path, text, &mut Diagnostics::new()).unwrap();
        self.tables.insert(name, Arc::new(table));
        self
    }

    /// Adds a script.
    pub fn with_script(mut self, path: &str, text: &str) -> Shelf {
        self.scripts.insert(path.to_owned(), Arc::from(text));
        self
    }

    /// Every `.csv` of a folder, and every `.js` of the folders in it.
    pub fn read(folder: &Path) -> Shelf {
        let mut shelf = Shelf::default();
        for path in entries(folder) {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.extension().is_some_and(|kind| kind == "csv") {
                shelf = shelf.with(&name, &std::fs::read_to_string(&path).unwrap());
            }
            for script in entries(&path) {
                let path = format!("{name}/{}", script.file_name().unwrap().to_str().unwrap());
                shelf = shelf.with_script(&path, &std::fs::read_to_string(&script).unwrap());
            }
        }
        shelf
    }
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

impl Tables for Shelf {
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>> {
        self.tables.get(name).cloned()
    }

    fn names(&self) -> Vec<Name> {
        self.tables.keys().cloned().collect()
    }

    fn companion(&self, path: &str) -> Option<Arc<str>> {
        self.scripts.get(path).cloned()
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

/// Looks at everything that a message has, and changes nothing that is there.
const ALL: &str = r#"
export default function (msg, ctx) {
  for (const obr of msg.all("OBR")) {
    for (const obx of obr.all("OBX")) {
      let number = null;
      try { number = obx.number("OBX-5"); } catch (odd) { ctx.note(String(odd)); }
      try { obx.time("OBX-14"); obx.repeats("OBX-5"); obx.get("OBX-3.1"); } catch (odd) { ctx.note(String(odd)); }
      if (number !== null && number !== number) throw new Error("no number");
    }
  }
  const made = msg.add("ZQS");
  made.set("ZQS-1", ctx.part);
  ctx.note(ctx.table("codes").get("IN"));
}
"#;

/// A channel of these steps and one destination that wants everything.
pub fn steps(steps: &str) -> Channel {
    let tables = Shelf::default().with("codes", "from,to,note\nIN,I,\nX,|^~\\&|,\n");
    let tables = tables.with_script("busy/all.js", ALL);
    channel(
        &format!("[source]\n[transform]\nsteps = [\n{steps}\n]\n[[destination]]\nname = \"out\"\n"),
        &tables,
    )
}
