//! One decision on many comments, with one undo.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::core::ids::{CommentId, DecisionId};
use crate::core::limits;
use crate::core::status::CommentStatus;
use crate::db::Tx;
use crate::db::schema::comment_decisions;
use crate::moderation::decide::{self, DecideError, Decided, Decision};
use crate::staff::authority::MayDecide;

/// What a bulk decision did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bulk {
    /// For undoing the lot: id of its first decision. `None` when nothing was decided.
    pub bulk: Option<DecisionId>,
    /// Comments decided on.
    pub decided: usize,
    /// Comments left as they are: they changed since the page was loaded, or cannot go there.
    pub left: usize,
}

/// Decides on comments as their picker saw them, in one transaction; what changed since is left and counted.
/// The first [`limits::BULK_MAX`] are taken.
pub async fn bulk(
    tx: &mut Tx,
    who: &MayDecide,
    picked: &[(CommentId, i32)],
    to: CommentStatus,
    key: Option<&str>,
) -> Result<Bulk, DecideError> {
    let mut picked: Vec<(CommentId, i32)> = picked.iter().copied().take(limits::BULK_MAX).collect();
    picked.sort_unstable();
    picked.dedup_by_key(|(id, _)| *id);
    let ids: Vec<CommentId> = picked.iter().map(|(id, _)| *id).collect();
    decide::lock_all(tx, &ids).await?;
    let mut outcome = Bulk::default();
    let mut made: Vec<DecisionId> = Vec::new();
    for (comment, version) in picked {
        match decide::decide(tx, who, Decision { comment, to, version, reason: None, submission_key: key }).await {
            Ok(decided) => made.push(decided.decision),
            Err(
                DecideError::NotFound
                | DecideError::Stale(_)
                | DecideError::NotAllowed { .. }
                | DecideError::UndoIsOver,
            ) => outcome.left += 1,
            Err(error @ DecideError::Db(_)) => return Err(error),
        }
    }
    outcome.decided = made.len();
    outcome.bulk = made.iter().min().copied();
    if let Some(bulk) = outcome.bulk {
        diesel::update(comment_decisions::table.filter(comment_decisions::id.eq_any(&made)))
            .set(comment_decisions::bulk_id.eq(bulk.0))
            .execute(tx.conn())
            .await?;
    }
    Ok(outcome)
}

/// Takes a bulk decision back; what somebody changed since is left and counted.
pub async fn undo(tx: &mut Tx, who: &MayDecide, bulk: DecisionId) -> Result<Bulk, DecideError> {
    let decisions: Vec<(DecisionId, CommentId)> = comment_decisions::table
        .filter(comment_decisions::bulk_id.eq(bulk.0))
        .filter(comment_decisions::undone_at.is_null())
        .order(comment_decisions::comment_id)
        .select((comment_decisions::id, comment_decisions::comment_id))
        .load(tx.conn())
        .await?;
    let ids: Vec<CommentId> = decisions.iter().map(|(_, comment)| *comment).collect();
    decide::lock_all(tx, &ids).await?;
    let mut outcome = Bulk { bulk: Some(bulk), ..Bulk::default() };
    for (decision, _) in decisions {
        let undone: Result<Decided, DecideError> = decide::undo(tx, who, decision).await.map(|undone| undone.decided);
        match undone {
            Ok(_) => outcome.decided += 1,
            Err(
                DecideError::NotFound
                | DecideError::Stale(_)
                | DecideError::NotAllowed { .. }
                | DecideError::UndoIsOver,
            ) => outcome.left += 1,
            Err(error @ DecideError::Db(_)) => return Err(error),
        }
    }
    Ok(outcome)
}
