//! Code tables as people look at them: what runs, what the file says, what was looked up in vain.

use std::collections::BTreeMap;
use std::fs;

use config::{CodeTable, Diagnostics, Name, SiteFiles};
use store::{Act, Scope};

use crate::engine::Engine;
use crate::texts::EditError;

/// A longer table is none that a person edits.
const TEXT_MAX: usize = 4 << 20;

/// A code table of the site.
pub struct TableText {
    /// Its name.
    pub name: Name,
    /// What its file says.
    pub text: String,
    /// What names that text: equal texts have equal hashes.
    pub hash: String,
    /// Channels that run with it, whether that is the same text, and how many values each has not found in it since the start.
    pub used_by: Vec<(Name, bool, u64)>,
}

impl Engine {
    /// The tables of the site, by name. A table belongs to the whole site, so only those who reach every channel see all of them.
    pub fn tables(&self, scope: &Scope) -> Vec<TableText> {
        let files = SiteFiles::read(&self.inner.paths.site, &mut Diagnostics::new());
        let mut uses: BTreeMap<Name, Vec<(Name, bool, u64)>> = BTreeMap::new();
        for running in self.running() {
            let channel = running.inlet.name().clone();
            if !scope.holds(channel.as_str()) {
                continue;
            }
            for table in running.inlet.plan().channel.program().tables() {
                let file = files.tables.iter().find(|file| file.name == *table.name());
                let same = file.is_some_and(|file| CodeTable::hash_of(&file.text) == table.hash());
                let used = (channel.clone(), same, table.misses());
                uses.entry(table.name().clone()).or_default().push(used);
            }
        }
        let mut shown = Vec::new();
        for file in files.tables {
            let used_by = uses.remove(&file.name);
            if *scope == Scope::All || used_by.is_some() {
                shown.push(TableText {
                    hash: CodeTable::hash_of(&file.text),
                    used_by: used_by.unwrap_or_default(),
                    name: file.name,
                    text: file.text,
                });
            }
        }
        shown
    }

    /// Writes a table's file: whole, and only over the text that whoever writes has seen. Recorded before it is there; what runs stays
    /// as it is until the channels that use it are applied.
    pub async fn edit_table(
        &self,
        act: &Act,
        (table, text): (&Name, &str),
        expected: Option<&str>,
    ) -> Result<String, EditError> {
        self.edits_allowed()?;
        if text.len() > TEXT_MAX {
            return Err(EditError::Refused("a table has at most 4 MiB".to_owned()));
        }
        let _one_at_a_time = self.inner.applying.lock().await;
        let relative = format!("tables/{table}.csv");
        let mut diagnostics = Diagnostics::new();
        if CodeTable::parse(table.clone(), &relative, text, &mut diagnostics).is_none() {
            return Err(EditError::Refused(diagnostics.render(false)));
        }
        let is = fs::read_to_string(self.inner.paths.site.join(&relative)).ok();
        let is = is.map(|text| CodeTable::hash_of(&text));
        if is.as_deref() != expected {
            return Err(EditError::TableOvertaken(table.to_string()));
        }
        let hash = CodeTable::hash_of(text);
        let target = store::Target { kind: "table", id: Some(table.to_string()), channel: None };
        self.store().record(act, target, store::ActOutcome::Success, None).await?;
        self.write(&relative, text.as_bytes(), expected.is_some())?;
        Ok(hash)
    }
}
