//! The audit log: who did what to which record. Append-only; sealed in batches with a hash chain by the worker.
//!
//! Rows hold ids and codes. Words a decision was based on go to `audit_evidence`, which can be erased.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::core::ids::{AuditId, StaffId};
use crate::db::schema::{audit_entries, audit_evidence, audit_seals};
use crate::db::{DbError, Tx};

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in person.
    Staff(StaffId),
    /// A reader, known or not.
    Reader,
    /// A rule, a schedule, the worker.
    System,
    /// A command on the server's console.
    Console,
}

impl Actor {
    fn columns(self) -> (&'static str, Option<StaffId>) {
        match self {
            Self::Staff(id) => ("staff", Some(id)),
            Self::Reader => ("reader", None),
            Self::System => ("system", None),
            Self::Console => ("console", None),
        }
    }
}

/// One entry to be.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Who acts.
    pub actor: Actor,
    /// A code such as `comment.approve` or `staff.sign_in`.
    pub action: &'a str,
    /// Kind of the record: `comment`, `article`, `staff`, `reference`, `setting`…
    pub subject: &'a str,
    /// Its id, where it has one.
    pub subject_id: Option<i64>,
    /// Ids and codes only: `{"from": "held", "to": "approved", "rule": "links"}`.
    pub detail: Value,
    /// Words the act was based on; kept apart, erasable.
    pub evidence: Option<&'a str>,
}

crate::statement! {
    struct Insert<'a> -> BigInt {
        "insert into audit_entries (at, actor, staff_id, action, subject, subject_id, detail, digest)
         select at, actor, staff_id, action, subject, subject_id, detail, digest
           from unnest(" actors: Array<Text> = Vec<&'a str>,
        ", " staff_ids: Array<Nullable<BigInt>> = Vec<Option<i64>>,
        ", " actions: Array<Text> = Vec<&'a str>,
        ", " subjects: Array<Text> = Vec<&'a str>,
        ", " subject_ids: Array<Nullable<BigInt>> = Vec<Option<i64>>,
        ", " details: Array<Jsonb> = Vec<&'a Value>,
        ", " digests: Array<Binary> = Vec<Vec<u8>>,
        ") with ordinality as entry (actor, staff_id, action, subject, subject_id, detail, digest, place)
          cross join (select " at: Timestamptz = DateTime<Utc>,
    } " as at) as now
          order by place
         returning id"
}

/// Adds an entry in the transaction of the change it tells of.
pub async fn append(tx: &mut Tx, entry: Entry<'_>) -> Result<(), DbError> {
    append_all(tx, &[entry]).await
}

/// [`append`] for several entries, in one statement.
pub async fn append_all(tx: &mut Tx, entries: &[Entry<'_>]) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row<'_>> = entries.iter().map(|entry| entry.row(tx.now)).collect();
    let statement = Insert {
        actors: rows.iter().map(|row| row.actor).collect(),
        staff_ids: rows.iter().map(|row| row.staff_id).collect(),
        actions: rows.iter().map(|row| row.action).collect(),
        subjects: rows.iter().map(|row| row.subject).collect(),
        subject_ids: rows.iter().map(|row| row.subject_id).collect(),
        details: rows.iter().map(|row| row.detail).collect(),
        digests: rows.iter().map(Row::digest).collect(),
        at: tx.now,
    };
    let ids: Vec<AuditId> = statement.load(tx.conn()).await?;
    let evidence: Vec<_> = ids
        .into_iter()
        .zip(entries)
        .filter_map(|(id, entry)| Some((id, entry.evidence?)))
        .map(|(id, words)| (audit_evidence::entry_id.eq(id), audit_evidence::evidence.eq(words)))
        .collect();
    if !evidence.is_empty() {
        diesel::insert_into(audit_evidence::table).values(evidence).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Erases the words kept beside entries about these records; the entries stay.
pub async fn erase_evidence(tx: &mut Tx, subject: &str, ids: &[i64]) -> Result<(), DbError> {
    let entries = audit_entries::table
        .filter(audit_entries::subject.eq(subject))
        .filter(audit_entries::subject_id.eq_any(ids))
        .select(audit_entries::id);
    diesel::update(audit_evidence::table)
        .filter(audit_evidence::evidence.is_not_null())
        .filter(audit_evidence::entry_id.eq_any(entries))
        .set((audit_evidence::evidence.eq(None::<String>), audit_evidence::erased_at.eq(tx.now)))
        .execute(tx.conn())
        .await?;
    Ok(())
}

impl Entry<'_> {
    fn row(&self, at: DateTime<Utc>) -> Row<'_> {
        let (actor, staff_id) = self.actor.columns();
        Row {
            at,
            actor,
            staff_id: staff_id.map(|id| id.0),
            action: self.action,
            subject: self.subject,
            subject_id: self.subject_id,
            detail: &self.detail,
        }
    }
}

struct Row<'a> {
    at: DateTime<Utc>,
    actor: &'a str,
    staff_id: Option<i64>,
    action: &'a str,
    subject: &'a str,
    subject_id: Option<i64>,
    detail: &'a Value,
}

impl Row<'_> {
    // Each part is preceded by its length, so that no two rows have the same bytes. jsonb keeps keys in its own
    // order and serde_json sorts them: both sides are hashed from serde_json's text.
    fn digest(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        let parts = [
            self.at.timestamp_micros().to_string(),
            self.actor.to_owned(),
            self.staff_id.map(|id| id.to_string()).unwrap_or_default(),
            self.action.to_owned(),
            self.subject.to_owned(),
            self.subject_id.map(|id| id.to_string()).unwrap_or_default(),
            self.detail.to_string(),
        ];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().to_vec()
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_entries)]
struct Stored {
    id: i64,
    at: DateTime<Utc>,
    actor: String,
    staff_id: Option<i64>,
    action: String,
    subject: String,
    subject_id: Option<i64>,
    detail: Value,
    digest: Vec<u8>,
}

impl Stored {
    fn is_whole(&self) -> bool {
        let row = Row {
            at: self.at,
            actor: &self.actor,
            staff_id: self.staff_id,
            action: &self.action,
            subject: &self.subject,
            subject_id: self.subject_id,
            detail: &self.detail,
        };
        row.digest() == self.digest
    }
}

/// Entries one seal covers at most.
const SEAL_ENTRIES_MAX: i64 = 10_000;
/// Entries younger than this are left for the next seal: a slower transaction may still bring a lower id.
/// Statements end after 10 seconds and idle transactions after 20 (`core/limits.rs`).
const SEAL_AGE_SECONDS: i64 = 120;

/// Seals what was written more than two minutes ago; answers how many entries. The worker calls it on schedule.
pub async fn seal(tx: &mut Tx) -> Result<usize, DbError> {
    diesel::sql_query("select pg_advisory_xact_lock(1937007980)").execute(tx.conn()).await?;
    let last: Option<(i64, Vec<u8>)> = audit_seals::table
        .select((audit_seals::last_entry_id, audit_seals::hash))
        .order(audit_seals::id.desc())
        .first(tx.conn())
        .await
        .optional()?;
    let (after, previous) = last.unwrap_or((0, vec![0; 32]));
    let before = tx.now - chrono::TimeDelta::seconds(SEAL_AGE_SECONDS);
    let rows: Vec<(i64, Vec<u8>)> = audit_entries::table
        .select((audit_entries::id, audit_entries::digest))
        .filter(audit_entries::id.gt(after))
        .filter(audit_entries::at.lt(before))
        .order(audit_entries::id)
        .limit(SEAL_ENTRIES_MAX)
        .load(tx.conn())
        .await?;
    let (Some((first_id, _)), Some((last_id, _))) = (rows.as_slice().first(), rows.as_slice().last()) else {
        return Ok(0);
    };
    let hash = chain(&previous, rows.iter().map(|(_, digest)| digest.as_slice()));
    diesel::insert_into(audit_seals::table)
        .values((
            audit_seals::first_entry_id.eq(first_id),
            audit_seals::last_entry_id.eq(last_id),
            audit_seals::entry_count.eq(i64::try_from(rows.len()).unwrap_or(i64::MAX)),
            audit_seals::previous_hash.eq(&previous),
            audit_seals::hash.eq(hash),
            audit_seals::sealed_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    Ok(rows.len())
}

fn chain<'a>(previous: &[u8], digests: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(previous);
    for digest in digests {
        hash.update(digest);
    }
    hash.finalize().to_vec()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_seals)]
struct Seal {
    id: i64,
    first_entry_id: i64,
    last_entry_id: i64,
    entry_count: i64,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

/// What [`verify`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry is as it was written and every seal fits; the number of entries read.
    Whole(usize),
    /// An entry was changed after it was written.
    Changed(AuditId),
    /// Entries of this seal are missing, were added or were exchanged.
    Broken(i64),
}

/// Reads the whole log and compares every digest and seal: for `stet check`. Costs a full read.
pub async fn verify(conn: &mut AsyncPgConnection) -> Result<Verdict, DbError> {
    let seals: Vec<Seal> = audit_seals::table.select(Seal::as_select()).order(audit_seals::id).load(conn).await?;
    let (mut read, mut previous, mut after) = (0, vec![0; 32], 0);
    for seal in seals {
        let rows = entries(conn, after, seal.last_entry_id).await?;
        read += rows.len();
        if let Some(changed) = rows.iter().find(|row| !row.is_whole()) {
            return Ok(Verdict::Changed(AuditId(changed.id)));
        }
        let hash = chain(&previous, rows.iter().map(|row| row.digest.as_slice()));
        let first = rows.as_slice().first().map(|row| row.id);
        let same_rows = i64::try_from(rows.len()) == Ok(seal.entry_count) && first == Some(seal.first_entry_id);
        if !same_rows || seal.previous_hash != previous || seal.hash != hash {
            return Ok(Verdict::Broken(seal.id));
        }
        (previous, after) = (hash, seal.last_entry_id);
    }
    let rest = entries(conn, after, i64::MAX).await?;
    read += rest.len();
    Ok(rest.iter().find(|row| !row.is_whole()).map_or(Verdict::Whole(read), |row| Verdict::Changed(AuditId(row.id))))
}

async fn entries(conn: &mut AsyncPgConnection, after: i64, last: i64) -> Result<Vec<Stored>, DbError> {
    let rows = audit_entries::table
        .select(Stored::as_select())
        .filter(audit_entries::id.gt(after))
        .filter(audit_entries::id.le(last))
        .order(audit_entries::id)
        .load(conn)
        .await?;
    Ok(rows)
}

/// One line of the log for people.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit_entries)]
pub struct Line {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: DateTime<Utc>,
    /// `staff`, `reader`, `system` or `console`.
    pub actor: String,
    /// Who, for staff.
    pub staff_id: Option<StaffId>,
    /// What.
    pub action: String,
    /// To which kind of record.
    pub subject: String,
    /// To which record.
    pub subject_id: Option<i64>,
    /// Ids and codes.
    pub detail: Value,
}

/// The log newest first, at most `limit` lines before the entry `before`.
pub async fn list(conn: &mut AsyncPgConnection, before: Option<AuditId>, limit: i64) -> Result<Vec<Line>, DbError> {
    let lines = audit_entries::table
        .select(Line::as_select())
        .filter(audit_entries::id.lt(before.map_or(i64::MAX, |id| id.0)))
        .order(audit_entries::id.desc())
        .limit(limit)
        .load(conn)
        .await?;
    Ok(lines)
}
