//! Which sources count as trusted, and how they are printed: the owner's settings, and every record judged by them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use crate::audit::{self, Entry};
use crate::core::ids::ReferenceId;
use crate::core::limits::REFERENCES_A_STEP;
use crate::db::schema::reference_records;
use crate::db::{DbError, Tx};
use crate::references::{model, store, trust};
use crate::settings::{self, Sources};
use crate::staff::authority::MayChangeSettings;

/// Saves the settings of sources and judges every record by them; answers how many count otherwise now.
/// Every page is purged: badges, counts and the printed references follow at once. Numbers stay.
///
/// Locks the library against imports.
pub async fn set_sources(tx: &mut Tx, who: &MayChangeSettings, sources: &Sources) -> Result<usize, DbError> {
    store::lock_library(tx).await?;
    settings::save(tx, sources).await?;
    let changed = judge(tx, sources).await?;
    let detail = json!({ "setting": "sources", "style": sources.style, "records": changed });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "setting.save",
            subject: "setting",
            subject_id: None,
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(changed)
}

/// Goes over all records in steps and sets `trusted` where it has changed.
async fn judge(tx: &mut Tx, sources: &Sources) -> Result<usize, DbError> {
    let mut changed = 0;
    let mut after = ReferenceId(0);
    loop {
        let records: Vec<(ReferenceId, Value, bool)> = reference_records::table
            .filter(reference_records::id.gt(after))
            .order(reference_records::id)
            .limit(REFERENCES_A_STEP)
            .select((reference_records::id, reference_records::csl, reference_records::trusted))
            .load(tx.conn())
            .await?;
        let Some((last, ..)) = records.iter().next_back() else { return Ok(changed) };
        after = *last;
        for verdict in [true, false] {
            let ids: Vec<ReferenceId> = records
                .iter()
                .filter(|(_, csl, trusted)| {
                    *trusted != verdict && trust::is_trusted(&model::read(csl), sources) == verdict
                })
                .map(|(id, ..)| *id)
                .collect();
            changed += diesel::update(reference_records::table.filter(reference_records::id.eq_any(ids)))
                .set(reference_records::trusted.eq(verdict))
                .execute(tx.conn())
                .await?;
        }
    }
}
