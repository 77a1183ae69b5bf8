//! The names of the team, which no reader may take (requirements D7).

use std::collections::HashSet;
use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::kept::Kept;
use crate::core::page_store::{PageStore, Tag};
use crate::db::DbError;
use crate::db::schema::staff;

/// The skeletons of all names ([`text::skeleton`](crate::core::text::skeleton)), in memory.
#[derive(Debug)]
pub struct Cached(Kept<HashSet<String>>);

impl Cached {
    /// Nothing read yet.
    #[must_use]
    pub fn new(pages: Arc<PageStore>) -> Self {
        Self(Kept::new(pages, Tag::Team))
    }

    /// The names as they are now.
    pub async fn skeletons(&self, conn: &mut AsyncPgConnection) -> Result<Arc<HashSet<String>>, DbError> {
        self.0
            .get(async || {
                let names: Vec<String> = staff::table.select(staff::name_skeleton).load(conn).await?;
                Ok(names.into_iter().collect())
            })
            .await
    }
}
