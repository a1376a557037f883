use crate::name::Name;
use crate::site::{Paths, Secrets};
use crate::vars::Vars;

/// What a section may refer to; whatever is not given may not be referred to, or is not checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    pub(crate) vars: Option<&'a Vars>,
    pub(crate) secrets: Option<&'a Secrets>,
    pub(crate) tables: Option<&'a [Name]>,
    pub(crate) paths: Option<&'a Paths>,
}

impl<'a> Scope<'a> {
    /// Nothing: `{ var }` is refused, and names of secrets and tables are taken as they are.
    pub fn none() -> Scope<'a> {
        Scope::default()
    }

    /// `{ var = "..." }` is allowed and comes from here.
    pub fn with_vars(self, vars: &'a Vars) -> Scope<'a> {
        Scope { vars: Some(vars), ..self }
    }

    /// The same scope without variables, for steps: a revision holds everything that decides what they do.
    pub fn without_vars(self) -> Scope<'a> {
        Scope { vars: None, ..self }
    }

    /// A `{ secret = "..." }` must be found here.
    pub fn with_secrets(self, secrets: &'a Secrets) -> Scope<'a> {
        Scope { secrets: Some(secrets), ..self }
    }

    /// A code table must be one of these.
    pub fn with_tables(self, tables: &'a [Name]) -> Scope<'a> {
        Scope { tables: Some(tables), ..self }
    }

    /// Paths of files are resolved from here.
    pub fn with_paths(self, paths: &'a Paths) -> Scope<'a> {
        Scope { paths: Some(paths), ..self }
    }
}
