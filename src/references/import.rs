//! Bringing references in from a file.

use crate::audit::Actor;
use crate::db::{Db, DbError};
use crate::references::csl::Item;
use crate::references::model::ItemError;
use crate::references::store::{self, AddError, Placed};
use crate::settings::Sources;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// New records.
    pub added: usize,
    /// Works that were there already.
    pub merged: usize,
    /// Items whose record has another key than the file says: the file's key and the record's.
    pub renamed: Vec<(String, String)>,
    /// Items that could not be taken: their place in the file, from 1, and why.
    pub refused: Vec<(usize, ItemError)>,
}

/// Items that share a transaction.
const BATCH: usize = 500;

/// Adds or merges every item, in batches of a transaction each; running it again changes nothing.
pub async fn import(db: &Db, actor: Actor, items: &[Item], sources: &Sources) -> Result<Report, DbError> {
    let mut report = Report::default();
    for (batch, items) in items.chunks(BATCH).enumerate() {
        let placed = db
            .transact(async |tx| {
                let mut placed = Vec::with_capacity(items.len());
                for item in items {
                    placed.push(match store::add(tx, actor, item.clone(), None, sources).await {
                        Ok(done) => Ok(done),
                        Err(AddError::Item(error)) => Err(error),
                        Err(AddError::Key) => Err(ItemError::Control), // no key was asked for
                        Err(AddError::Db(error)) => return Err(error),
                    });
                }
                Ok::<_, DbError>(placed)
            })
            .await?;
        for (at, (done, item)) in placed.into_iter().zip(items).enumerate() {
            report.count(batch * BATCH + at + 1, done, item);
        }
    }
    Ok(report)
}

impl Report {
    fn count(&mut self, at: usize, done: Result<Placed, ItemError>, item: &Item) {
        let placed = match done {
            Ok(placed) => placed,
            Err(error) => {
                self.refused.push((at, error));
                return;
            }
        };
        match &placed {
            Placed::Added { .. } => self.added += 1,
            Placed::Merged { .. } => self.merged += 1,
        }
        let (_, key) = placed.record();
        if !item.id.is_empty() && item.id != key {
            self.renamed.push((item.id.clone(), key.to_owned()));
        }
    }
}
