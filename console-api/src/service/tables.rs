//! Services of code tables.

use auth::{Permission, Permit, grants};
use config::Name;
use engine::TableText;
use store::Scope;

use super::{Service, Why, reason_needed};
use crate::problem::Problem;

impl Service {
    /// The code tables that somebody may see.
    pub fn tables(&self, permit: &Permit<grants::ChannelRead>) -> Vec<TableText> {
        self.engine.tables(permit.scope())
    }

    /// Writes a table's file, where the site allows it; gives the hash of its text. A table belongs to every channel that uses it, so it
    /// is for whoever may apply them all.
    pub async fn edit_table(
        &self,
        permit: &Permit<grants::ChannelApply>,
        (table, text): (&Name, &str),
        expected: Option<&str>,
        why: &Why,
    ) -> Result<String, Problem> {
        if *permit.scope() != Scope::All {
            return Err(Problem::denied(Permission::ChannelApply).detail(
                "a table is of the whole site: it is for whoever may apply every channel",
            ));
        }
        let act = self.act(permit, "table.edit", &reason_needed(why)?);
        Ok(self.engine.edit_table(&act, (table, text), expected).await?)
    }
}
