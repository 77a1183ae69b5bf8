//! Bringing references in from a file.

use crate::audit::Actor;
use crate::db::{Db, DbError};
use crate::references::csl::Item;
use crate::references::formats::read::{Format, Hints, Reading};
use crate::references::model::ItemError;
use crate::references::store::{self, AddError, NewRecord, Origin, Placed};
use crate::settings::Sources;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The format of the file.
    pub format: Format,
    /// New records.
    pub added: usize,
    /// Works that were there already; their records are richer where the file knew more.
    pub merged: usize,
    /// Works whose record has another key than the file says: the file's key and the record's.
    pub renamed: Vec<(String, String)>,
    /// Entries that could not be taken, in order.
    pub refused: Vec<Refused>,
}

/// An entry that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line it begins on, from 1; 0 when that is not known.
    pub line: usize,
    /// What it calls itself.
    pub label: String,
    /// What is wrong with it and what to do.
    pub cause: String,
    /// Its text, so that it can be mended.
    pub source: String,
}

/// Entries that share a transaction.
const BATCH: usize = 500;

/// Adds or merges every good entry of a file, in batches of a transaction each; running it again changes nothing.
pub async fn import(db: &Db, actor: Actor, reading: Reading, sources: &Sources) -> Result<Report, DbError> {
    let mut report = Report { format: reading.format, added: 0, merged: 0, renamed: Vec::new(), refused: Vec::new() };
    let mut entries = reading.entries.into_iter();
    loop {
        let mut batch: Vec<Good> = Vec::with_capacity(BATCH);
        let mut refused = Vec::new();
        for entry in entries.by_ref().take(BATCH) {
            match entry.item {
                Ok(item) => batch.push(Good { line: entry.line, label: entry.label, item, hints: entry.hints }),
                Err(cause) => {
                    refused.push(Refused { line: entry.line, label: entry.label, cause, source: entry.source });
                }
            }
        }
        if batch.is_empty() && refused.is_empty() {
            report.refused.sort_by_key(|refused| refused.line);
            return Ok(report);
        }
        let placed = db.transact(async |tx| place(tx, actor, &batch, sources).await).await?;
        for (done, good) in placed.into_iter().zip(batch) {
            report.count(done, good);
        }
        report.refused.extend(refused);
    }
}

struct Good {
    line: usize,
    label: String,
    item: Item,
    hints: Hints,
}

async fn place(
    tx: &mut crate::db::Tx,
    actor: Actor,
    batch: &[Good],
    sources: &Sources,
) -> Result<Vec<Result<Placed, ItemError>>, DbError> {
    store::lock_library(tx).await?;
    let mut placed = Vec::with_capacity(batch.len());
    for good in batch {
        let new = NewRecord { item: good.item.clone(), key: None, hints: good.hints, origin: Origin::File, sources };
        placed.push(match store::add(tx, actor, new).await {
            Ok(done) => Ok(done),
            Err(AddError::Item(error)) => Err(error),
            Err(AddError::Key) => Err(ItemError::Control), // no key was asked for
            Err(AddError::Db(error)) => return Err(error),
        });
    }
    Ok(placed)
}

impl Report {
    /// Both together, as one report of the later one's format.
    #[must_use]
    pub fn and(mut self, later: &Self) -> Self {
        self.format = later.format;
        self.added += later.added;
        self.merged += later.merged;
        self.renamed.extend_from_slice(&later.renamed);
        self.refused.extend_from_slice(&later.refused);
        self
    }

    fn count(&mut self, done: Result<Placed, ItemError>, good: Good) {
        let placed = match done {
            Ok(placed) => placed,
            Err(error) => {
                let source = serde_json::to_string_pretty(&good.item).unwrap_or_default();
                self.refused.push(Refused { line: good.line, label: good.label, cause: error.to_string(), source });
                return;
            }
        };
        match &placed {
            Placed::Added { .. } => self.added += 1,
            Placed::Merged { .. } => self.merged += 1,
        }
        let (_, key) = placed.record();
        if !good.item.id.is_empty() && good.item.id != key {
            self.renamed.push((good.item.id, key.to_owned()));
        }
    }
}
