//! How much room the store takes, and giving back what nothing is in.

use config::StoreUrl;

use crate::error::StoreError;
use crate::sql::{statements, values};
use crate::store::Store;

statements! {
    BYTES = "select (select page_count from pragma_page_count()) * (select page_size from pragma_page_size())",
        postgres: "select pg_database_size(current_database())";
    FREE = "select (select freelist_count from pragma_freelist_count()) * (select page_size from pragma_page_size())",
        postgres: "select 0::bigint";
}

/// How much room a store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSize {
    /// All of it, bytes.
    pub bytes: i64,
    /// What nothing is in. A server does not say.
    pub free: i64,
}

impl Store {
    /// How much room it takes.
    pub async fn size(&self) -> Result<StoreSize, StoreError> {
        let reader = &self.inner.reader;
        let int = async |statement| {
            let row = reader.row(statement, values![]).await?;
            row.map_or(Ok(0), |row| row.int(0))
        };
        Ok(StoreSize { bytes: int(BYTES).await?, free: int(FREE).await? })
    }

    /// Gives the space that nothing is in back to the file system.
    ///
    /// The embedded database does so in small steps between groups and empties its log. A server vacuums the tables beside everything else.
    pub async fn give_back(&self, url: &StoreUrl) -> Result<(), StoreError> {
        match url {
            StoreUrl::Sqlite(_) => {
                let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
                while desk.give_back().await? {}
                Ok(())
            }
            StoreUrl::Postgres { url, password } => {
                crate::postgres::vacuum(url, password.as_ref()).await
            }
        }
    }
}
