//! A channel while it is being translated.

use crate::name::Names;
use crate::note::Notes;
use crate::toml_text::Block;
use crate::values::Variables;
use crate::walk::Removal;
use std::collections::{BTreeMap, BTreeSet};

/// A variable of `vars/`: what it is for, and its value in the two environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) development: String,
    /// None where the export does not say it.
    pub(crate) production: Option<String>,
}

/// What holds for the whole export.
#[derive(Default)]
pub(crate) struct Export {
    /// Names of channels by their ids.
    pub(crate) channels: BTreeMap<String, String>,
    /// Names of those that are disabled.
    pub(crate) disabled: BTreeSet<String>,
    /// Ports that channels of the export listen on.
    pub(crate) ports: BTreeSet<String>,
}

/// A mapped variable, to be told about when it is known whether anything uses it.
pub(crate) struct Mapped {
    pub(crate) name: String,
    pub(crate) connector: Option<String>,
    pub(crate) step: String,
    pub(crate) line: usize,
    pub(crate) template: Option<String>,
}

/// Destinations taken out by the source's steps.
pub(crate) struct TakenOut {
    pub(crate) removal: Removal,
    pub(crate) step: String,
    pub(crate) line: usize,
    /// What the condition asks was written afterwards.
    pub(crate) is_stale: bool,
}

/// Everything that comes out of one channel.
pub(crate) struct Draft<'a> {
    pub(crate) export: &'a Export,
    /// Its name in the site.
    pub(crate) name: String,
    pub(crate) notes: Notes,
    pub(crate) files: Vec<(String, String)>,
    pub(crate) vars: Vec<Var>,
    pub(crate) var_names: Names,
    pub(crate) file_names: Names,
    /// Sources of the steps that stay scripts.
    pub(crate) scripts: Vec<String>,
    /// Variables that those ask for, so that something must put them into the map.
    pub(crate) needed: BTreeSet<String>,
    pub(crate) variables: Variables,
    pub(crate) used: BTreeSet<String>,
    pub(crate) mapped: Vec<Mapped>,
    /// Variables that steps put into a map.
    pub(crate) put: BTreeSet<String>,
    pub(crate) taken_out: Vec<TakenOut>,
    /// Segments that steps write to and that a message need not have.
    pub(crate) written: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(export: &'a Export, name: &str, needed: BTreeSet<String>) -> Draft<'a> {
        Draft {
            export,
            name: name.to_owned(),
            notes: Notes::default(),
            files: Vec::new(),
            vars: Vec::new(),
            var_names: Names::default(),
            file_names: Names::default(),
            scripts: Vec::new(),
            needed,
            variables: Variables::default(),
            used: BTreeSet::new(),
            mapped: Vec::new(),
            put: BTreeSet::new(),
            taken_out: Vec::new(),
            written: BTreeSet::new(),
        }
    }

    /// Adds a file to the channel's folder, and gives its path below `channels/`.
    pub(crate) fn file(&mut self, stem: &str, ending: &str, text: &str) -> String {
        let stem = self.file_names.take(stem, "script");
        let path = format!("{}/{stem}.{ending}", self.name);
        self.files.push((format!("channels/{path}"), text.to_owned()));
        path
    }

    /// Adds a variable, and gives its name.
    pub(crate) fn var(
        &mut self,
        what: &str,
        about: String,
        development: String,
        production: Option<String>,
    ) -> String {
        let name = format!("{}_{what}", self.name).replace(['-', '.'], "_");
        let name = self.var_names.take(&name, "address");
        self.vars.push(Var { name: name.clone(), about, development, production });
        name
    }

    /// Writes what is left by hand, and is not written so far, as comments.
    pub(crate) fn mark(&mut self, block: &mut Block) {
        self.notes.take_unmarked().into_iter().for_each(|text| block.comment(text));
    }

    /// Tells what a script uses that is not there. `line` is that of its first line in the export.
    pub(crate) fn tell_foreign(&mut self, source: &str, line: usize) {
        for (offset, reason) in crate::foreign::findings(source) {
            self.notes.by_hand(line + offset, format!("the script {reason}"));
        }
    }
}
