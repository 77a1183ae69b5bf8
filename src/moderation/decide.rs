//! Deciding: the only place that writes a comment's status after it was inserted.
//!
//! A decision is made on the version a person saw. The row is locked, the version compared, the move looked up
//! in one table; then the comment, the counters readers see, the decision, the audit entry and the mails to be
//! sent change together. Lock order, here and in `comments/create.rs`: thread top, comment, article.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor};
use crate::core::ids::{ArticleId, CommentId, DecisionId, StaffId};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::{CommentStatus, CreditRole, MailState};
use crate::db::schema::{articles, comment_decisions, comments, mail_messages, revision_credits, staff};
use crate::db::{DbError, Tx};
use crate::moderation::model::{Reason, ReportOutcome, RuleId, Screening};
use crate::moderation::{pin, report};
use crate::notifications;
use crate::staff::authority::MayDecide;

/// What a person decided.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// The comment.
    pub comment: CommentId,
    /// Where it goes.
    pub to: CommentStatus,
    /// Its version as the person saw it.
    pub version: i32,
    /// Why; left out, the usual reason of the place it goes to.
    pub reason: Option<Reason>,
    /// Key of the form: the same form sent twice decides once.
    pub submission_key: Option<&'a str>,
}

/// A decision that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// For undoing it.
    pub decision: DecisionId,
    /// The comment.
    pub comment: CommentId,
    /// The article it stands under.
    pub article: ArticleId,
    /// Where it was.
    pub from: CommentStatus,
    /// Where it is.
    pub to: CommentStatus,
    /// The staff reply that was posted with it, if any.
    pub reply: Option<CommentId>,
}

/// What happened to a comment while somebody was reading an older version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meanwhile {
    /// The comment.
    pub comment: CommentId,
    /// Where it is now.
    pub status: CommentStatus,
    /// Its version now.
    pub version: i32,
    /// The last decision on it, if that made this version; else its writer changed the text.
    pub decision: Option<MadeMeanwhile>,
}

/// Somebody else's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeMeanwhile {
    /// Who decided; `None` for the writer or a rule.
    pub by: Option<String>,
    /// What they decided.
    pub to: CommentStatus,
    /// The rule or reason given.
    pub reason: Option<String>,
    /// Whether they took an earlier decision back.
    pub is_undo: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// Why a decision was not made.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// No such comment, or not under an article this person answers for.
    #[error("no such comment")]
    NotFound,
    /// It changed since the person saw it.
    #[error("the comment changed meanwhile")]
    Stale(Box<Meanwhile>),
    /// A comment cannot go from there to there.
    #[error("a comment cannot go from {from} to {to}")]
    NotAllowed {
        /// Where it is.
        from: CommentStatus,
        /// Where it was to go.
        to: CommentStatus,
    },
    /// Too long ago, or taken back already.
    #[error("this decision cannot be taken back any more")]
    UndoIsOver,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(DecideError);

/// THE table of legal moves. People make those marked so; rules and writers make the others.
/// Taking back goes against the arrows and needs no entry.
#[must_use]
pub fn is_legal(from: CommentStatus, to: CommentStatus, by: By) -> bool {
    use CommentStatus::{Approved, Held, Spam, Trash};
    match (from, to) {
        (Held, Approved | Spam | Trash)
        | (Approved, Spam | Trash)
        | (Spam, Approved | Trash)
        | (Trash, Approved | Spam) => by == By::Person || to == Trash,
        (Approved, Held) => by == By::Rule,
        _ => false,
    }
}

/// Who moves a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Somebody on the team.
    Person,
    /// A rule, or the writer through one.
    Rule,
}

/// Decides on a comment; enqueues the mails an approval brings, closes the reports there are. An approved comment
/// that readers reported may be approved once more: it is kept.
///
/// **Errors** [`DecideError::Stale`] with what happened meanwhile when the version seen is not the present one.
pub async fn decide(tx: &mut Tx, who: &MayDecide, decision: Decision<'_>) -> Result<Decided, DecideError> {
    let locked = lock(tx, decision.comment).await?.ok_or(DecideError::NotFound)?;
    if !covers(tx.conn(), who, locked.article_id).await? {
        return Err(DecideError::NotFound);
    }
    // Under the lock and after the right: of two equal posts the later one finds the earlier, and a key alone
    // tells nobody what was decided.
    if let Some(made) = find_made(tx.conn(), decision).await? {
        return Ok(made);
    }
    if locked.version != decision.version {
        return Err(DecideError::Stale(Box::new(meanwhile(tx.conn(), &locked).await?)));
    }
    if locked.is_empty() || !locked.is_kept_by(decision.to) && !is_legal(locked.status, decision.to, By::Person) {
        return Err(DecideError::NotAllowed { from: locked.status, to: decision.to });
    }
    let reason = match decision.to {
        CommentStatus::Approved => None,
        CommentStatus::Held | CommentStatus::Trash => Some(decision.reason.unwrap_or(Reason::StaffTrash).as_str()),
        CommentStatus::Spam => Some(decision.reason.unwrap_or(Reason::StaffSpam).as_str()),
    };
    let change = Move {
        to: decision.to,
        reason,
        staff_id: Some(who.staff_id()),
        submission_key: decision.submission_key,
        undoes: None,
        forget_publication: false,
    };
    apply(tx, &locked, who.actor(), change).await
}

/// Notes that a reply was posted with a decision, so that undoing takes both back.
pub async fn link_reply(tx: &mut Tx, decision: DecisionId, reply: CommentId) -> Result<(), DbError> {
    diesel::update(comment_decisions::table.find(decision))
        .set(comment_decisions::reply_id.eq(reply))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The writer takes a comment back: it is trash with that reason. Replies to it stay.
pub async fn withdraw(tx: &mut Tx, comment: CommentId) -> Result<Decided, DecideError> {
    let locked = lock(tx, comment).await?.ok_or(DecideError::NotFound)?;
    if !is_legal(locked.status, CommentStatus::Trash, By::Rule) {
        return Err(DecideError::NotAllowed { from: locked.status, to: CommentStatus::Trash });
    }
    let change = Move {
        to: CommentStatus::Trash,
        reason: Some(Reason::Withdrawn.as_str()),
        staff_id: None,
        submission_key: None,
        undoes: None,
        forget_publication: false,
    };
    apply(tx, &locked, Actor::Reader, change).await
}

/// Holds an approved comment again because its changed text runs into rules; stores what they said.
pub async fn hold_again(tx: &mut Tx, comment: CommentId, screening: &Screening) -> Result<Decided, DecideError> {
    let locked = lock(tx, comment).await?.ok_or(DecideError::NotFound)?;
    if !is_legal(locked.status, CommentStatus::Held, By::Rule) {
        return Err(DecideError::NotAllowed { from: locked.status, to: CommentStatus::Held });
    }
    diesel::update(comments::table.find(comment))
        .set(comments::screening.eq(screening.to_column()))
        .execute(tx.conn())
        .await?;
    let change = Move {
        to: CommentStatus::Held,
        reason: Some(RuleId::Edited.as_str()),
        staff_id: None,
        submission_key: None,
        undoes: None,
        forget_publication: false,
    };
    apply(tx, &locked, Actor::System, change).await
}

/// Holds an approved comment because enough readers reported it.
pub(super) async fn hold_reported(tx: &mut Tx, comment: CommentId) -> Result<Decided, DecideError> {
    let locked = lock(tx, comment).await?.ok_or(DecideError::NotFound)?;
    if !is_legal(locked.status, CommentStatus::Held, By::Rule) {
        return Err(DecideError::NotAllowed { from: locked.status, to: CommentStatus::Held });
    }
    let change = Move {
        to: CommentStatus::Held,
        reason: Some(RuleId::Reports.as_str()),
        staff_id: None,
        submission_key: None,
        undoes: None,
        forget_publication: false,
    };
    apply(tx, &locked, Actor::System, change).await
}

/// What undoing a decision did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The comment, back where it was.
    pub decided: Decided,
    /// Whether a mail about the reply that was taken back had gone out already.
    pub mail_has_gone: bool,
}

/// Takes a decision back within 30 days, with the reply posted with it.
///
/// **Errors** [`DecideError::Stale`] when the comment was changed since.
pub async fn undo(tx: &mut Tx, who: &MayDecide, decision: DecisionId) -> Result<Undone, DecideError> {
    let comment: CommentId = comment_decisions::table
        .find(decision)
        .select(comment_decisions::comment_id)
        .get_result(tx.conn())
        .await
        .optional()?
        .ok_or(DecideError::NotFound)?;
    let locked = lock(tx, comment).await?.ok_or(DecideError::NotFound)?;
    let made: Made = comment_decisions::table.find(decision).select(Made::as_select()).get_result(tx.conn()).await?;
    if !covers(tx.conn(), who, locked.article_id).await? {
        return Err(DecideError::NotFound);
    }
    if locked.is_empty() || made.undone_at.is_some() || made.decided_at < tx.now - limits::UNDO_WINDOW {
        return Err(DecideError::UndoIsOver);
    }
    if locked.version != made.version {
        return Err(DecideError::Stale(Box::new(meanwhile(tx.conn(), &locked).await?)));
    }
    diesel::update(comment_decisions::table.find(decision))
        .set(comment_decisions::undone_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    let mail_has_gone = match made.reply_id {
        Some(reply) => take_reply_back(tx, who, reply).await?,
        None => false,
    };
    let forget_publication =
        locked.published_at == Some(made.decided_at) && !has_public_replies(tx.conn(), locked.id).await?;
    let change = Move {
        to: made.from_status,
        reason: made.from_reason.as_deref(),
        staff_id: Some(who.staff_id()),
        submission_key: None,
        undoes: Some(decision),
        forget_publication,
    };
    Ok(Undone { decided: apply(tx, &locked, who.actor(), change).await?, mail_has_gone })
}

async fn take_reply_back(tx: &mut Tx, who: &MayDecide, reply: CommentId) -> Result<bool, DecideError> {
    if let Some(locked) = lock(tx, reply).await?
        && locked.status == CommentStatus::Approved
    {
        let forget_publication = !has_public_replies(tx.conn(), reply).await?;
        let change = Move {
            to: CommentStatus::Trash,
            reason: Some(Reason::Undone.as_str()),
            staff_id: Some(who.staff_id()),
            submission_key: None,
            undoes: None,
            forget_publication,
        };
        apply(tx, &locked, who.actor(), change).await?;
    }
    Ok(mail_has_gone(tx.conn(), reply).await?)
}

/// Whether a mail about a comment was sent.
pub(super) async fn mail_has_gone(conn: &mut AsyncPgConnection, comment: CommentId) -> Result<bool, DbError> {
    let sent = mail_messages::table
        .filter(mail_messages::comment_id.eq(comment))
        .filter(mail_messages::state.eq(MailState::Sent));
    Ok(diesel::select(exists(sent)).get_result(conn).await?)
}

async fn has_public_replies(conn: &mut AsyncPgConnection, comment: CommentId) -> Result<bool, DbError> {
    let replies = comments::table.filter(comments::parent_id.eq(comment)).filter(comments::published_at.is_not_null());
    Ok(diesel::select(exists(replies)).get_result(conn).await?)
}

/// Whether a person answers for the comments of an article: all, or those under articles they began or are
/// credited on as author.
pub async fn covers(conn: &mut AsyncPgConnection, who: &MayDecide, article: ArticleId) -> Result<bool, DbError> {
    let Some(own) = who.bound_to() else { return Ok(true) };
    Ok(people_of(conn, article).await?.contains(&own))
}

/// The people an article belongs to: who began it and its credited authors.
pub async fn people_of(conn: &mut AsyncPgConnection, article: ArticleId) -> Result<Vec<StaffId>, DbError> {
    let began: Option<StaffId> =
        articles::table.find(article).select(articles::created_by).get_result(conn).await.optional()?.flatten();
    let mut people: Vec<StaffId> = articles::table
        .inner_join(
            revision_credits::table.on(articles::published_revision_id.eq(revision_credits::revision_id.nullable())),
        )
        .filter(articles::id.eq(article))
        .filter(revision_credits::role.eq(CreditRole::Author))
        .select(revision_credits::staff_id)
        .load(conn)
        .await?;
    people.extend(began);
    Ok(people)
}

/// Locks comments and the tops of their threads, in the one order; of those that exist.
pub async fn lock_all(tx: &mut Tx, ids: &[CommentId]) -> Result<(), DbError> {
    let roots: Vec<CommentId> =
        comments::table.filter(comments::id.eq_any(ids)).select(comments::root_id).load(tx.conn()).await?;
    let mut all: Vec<CommentId> = ids.iter().copied().chain(roots).collect();
    all.sort_unstable();
    all.dedup();
    let _: Vec<CommentId> = comments::table
        .filter(comments::id.eq_any(all))
        .select(comments::id)
        .order(comments::id)
        .for_no_key_update()
        .load(tx.conn())
        .await?;
    Ok(())
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = comments, check_for_backend(diesel::pg::Pg))]
struct Locked {
    id: CommentId,
    article_id: ArticleId,
    parent_id: Option<CommentId>,
    root_id: CommentId,
    status: CommentStatus,
    status_reason: Option<String>,
    version: i32,
    published_at: Option<DateTime<Utc>>,
    open_reports: i32,
    body: String,
}

impl Locked {
    /// Whether its writer was erased and it is only a place where answers hang: it stays what it is.
    fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Whether approving it says that what was reported may stay.
    fn is_kept_by(&self, to: CommentStatus) -> bool {
        self.status == CommentStatus::Approved && to == CommentStatus::Approved && self.open_reports > 0
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = comment_decisions, check_for_backend(diesel::pg::Pg))]
struct Made {
    id: DecisionId,
    comment_id: CommentId,
    from_status: CommentStatus,
    from_reason: Option<String>,
    to_status: CommentStatus,
    version: i32,
    reply_id: Option<CommentId>,
    decided_at: DateTime<Utc>,
    undone_at: Option<DateTime<Utc>>,
}

struct Move<'a> {
    to: CommentStatus,
    reason: Option<&'a str>,
    staff_id: Option<StaffId>,
    submission_key: Option<&'a str>,
    undoes: Option<DecisionId>,
    /// Whether it is to be as if readers had never seen it: an approval taken back at once.
    forget_publication: bool,
}

async fn lock(tx: &mut Tx, comment: CommentId) -> Result<Option<Locked>, DbError> {
    lock_all(tx, &[comment]).await?;
    Ok(comments::table.find(comment).select(Locked::as_select()).get_result(tx.conn()).await.optional()?)
}

async fn find_made(conn: &mut AsyncPgConnection, decision: Decision<'_>) -> Result<Option<Decided>, DbError> {
    let Some(key) = decision.submission_key else { return Ok(None) };
    let made: Option<(Made, ArticleId)> = comment_decisions::table
        .inner_join(comments::table.on(comment_decisions::comment_id.eq(comments::id)))
        .filter(comment_decisions::submission_key.eq(key))
        .filter(comment_decisions::comment_id.eq(decision.comment))
        .select((Made::as_select(), comments::article_id))
        .get_result(conn)
        .await
        .optional()?;
    Ok(made.map(|(made, article)| Decided {
        decision: made.id,
        comment: made.comment_id,
        article,
        from: made.from_status,
        to: made.to_status,
        reply: made.reply_id,
    }))
}

async fn meanwhile(conn: &mut AsyncPgConnection, locked: &Locked) -> Result<Meanwhile, DbError> {
    type Last = (CommentStatus, Option<String>, i32, Option<DecisionId>, DateTime<Utc>, Option<String>);
    let last: Option<Last> = comment_decisions::table
        .left_join(staff::table)
        .filter(comment_decisions::comment_id.eq(locked.id))
        .order(comment_decisions::id.desc())
        .select((
            comment_decisions::to_status,
            comment_decisions::reason,
            comment_decisions::version,
            comment_decisions::undoes_id,
            comment_decisions::decided_at,
            staff::name.nullable(),
        ))
        .first(conn)
        .await
        .optional()?;
    let decision = last
        .filter(|(_, _, version, ..)| *version == locked.version)
        .map(|(to, reason, _, undoes, at, by)| MadeMeanwhile { by, to, reason, is_undo: undoes.is_some(), at });
    Ok(Meanwhile { comment: locked.id, status: locked.status, version: locked.version, decision })
}

async fn apply(tx: &mut Tx, locked: &Locked, actor: Actor, change: Move<'_>) -> Result<Decided, DecideError> {
    let version = locked.version + 1;
    let published_at = match change.to {
        CommentStatus::Approved => Some(locked.published_at.unwrap_or(tx.now)),
        CommentStatus::Held | CommentStatus::Spam | CommentStatus::Trash => {
            locked.published_at.filter(|_| !change.forget_publication)
        }
    };
    diesel::update(comments::table.find(locked.id))
        .set((
            comments::status.eq(change.to),
            comments::status_reason.eq(change.reason),
            comments::version.eq(version),
            comments::published_at.eq(published_at),
            comments::status_changed_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    let decision: DecisionId = diesel::insert_into(comment_decisions::table)
        .values((
            comment_decisions::comment_id.eq(locked.id),
            comment_decisions::from_status.eq(locked.status),
            comment_decisions::from_reason.eq(&locked.status_reason),
            comment_decisions::to_status.eq(change.to),
            comment_decisions::reason.eq(change.reason),
            comment_decisions::version.eq(version),
            comment_decisions::staff_id.eq(change.staff_id),
            comment_decisions::submission_key.eq(change.submission_key),
            comment_decisions::undoes_id.eq(change.undoes),
            comment_decisions::decided_at.eq(tx.now),
        ))
        .returning(comment_decisions::id)
        .get_result(tx.conn())
        .await?;
    settle_reports(tx, locked, decision, &change).await?;
    show_to_the_public(tx, locked, change.to).await?;
    let detail = json!({"from": locked.status, "to": change.to, "reason": change.reason, "version": version, "undoes": change.undoes, "reports": locked.open_reports});
    let action = match (change.undoes, change.to) {
        (Some(_), _) => "comment.undo",
        (None, to @ CommentStatus::Approved) if locked.is_kept_by(to) => "comment.keep",
        (None, CommentStatus::Approved) => "comment.approve",
        (None, CommentStatus::Held) => "comment.hold",
        (None, CommentStatus::Spam) => "comment.spam",
        (None, CommentStatus::Trash) => "comment.trash",
    };
    audit::append(
        tx,
        audit::Entry { actor, action, subject: "comment", subject_id: Some(locked.id.0), detail, evidence: None },
    )
    .await?;
    Ok(Decided {
        decision,
        comment: locked.id,
        article: locked.article_id,
        from: locked.status,
        to: change.to,
        reply: None,
    })
}

/// A decision closes what readers reported; taking it back opens that again.
async fn settle_reports(tx: &mut Tx, locked: &Locked, decision: DecisionId, change: &Move<'_>) -> Result<(), DbError> {
    if let Some(undone) = change.undoes {
        return report::reopen(tx, locked.id, undone).await;
    }
    let outcome = match change.to {
        CommentStatus::Held => return Ok(()),
        CommentStatus::Approved => ReportOutcome::Kept,
        CommentStatus::Spam => ReportOutcome::Spam,
        CommentStatus::Trash if change.reason == Some(Reason::Withdrawn.as_str()) => ReportOutcome::Withdrawn,
        CommentStatus::Trash => ReportOutcome::Removed,
    };
    if locked.open_reports == 0 {
        return Ok(());
    }
    report::close(tx, locked.id, &report::Closing { decision, by: change.staff_id, outcome }).await
}

/// Counters and pages, where the public view changes; and the mails of an approval.
async fn show_to_the_public(tx: &mut Tx, locked: &Locked, to: CommentStatus) -> Result<(), DbError> {
    let was_public = locked.status == CommentStatus::Approved;
    let is_public = to == CommentStatus::Approved;
    if was_public != is_public {
        let by = if is_public { 1 } else { -1 };
        count_public(tx, locked.article_id, locked.parent_id.map(|_| locked.root_id), by).await?;
    } else if locked.published_at.is_some() && locked.status != to {
        tx.touch(Tag::Article(locked.article_id)); // a tombstone may say something else now
    }
    if was_public && !is_public {
        pin::gone(tx, locked.id).await?;
    }
    if is_public && !was_public {
        notifications::reply::enqueue(tx, locked.id).await?;
        if locked.published_at.is_none() {
            notifications::approved::enqueue(tx, locked.id).await?;
        }
    }
    Ok(())
}

/// Counts a comment in or out of what everyone sees: `root` is the top of its thread, `None` for a top comment.
async fn count_public(tx: &mut Tx, article: ArticleId, root: Option<CommentId>, by: i32) -> Result<(), DbError> {
    if let Some(root) = root {
        count_replies(tx, root, by).await?;
    }
    count_comments(tx, article, by).await
}

/// Counts replies in or out of what everyone sees of a thread, whose top is `root`.
pub async fn count_replies(tx: &mut Tx, root: CommentId, by: i32) -> Result<(), DbError> {
    diesel::update(comments::table.find(root))
        .set(comments::public_replies.eq(comments::public_replies + by))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Counts comments in or out of what everyone sees of an article.
pub async fn count_comments(tx: &mut Tx, article: ArticleId, by: i32) -> Result<(), DbError> {
    diesel::update(articles::table.find(article))
        .set(articles::comment_count.eq(articles::comment_count + by))
        .execute(tx.conn())
        .await?;
    tx.touch(Tag::Article(article));
    tx.touch(Tag::Listing); // lists show how many comments an article has
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use CommentStatus::{Approved, Held, Spam, Trash};

    #[test]
    fn people_move_comments_anywhere_but_back_to_held() {
        for &from in CommentStatus::ALL {
            for &to in CommentStatus::ALL {
                assert_eq!(is_legal(from, to, By::Person), from != to && to != Held, "{from} to {to}");
            }
        }
    }

    #[test]
    fn rules_and_writers_hold_and_withdraw_only() {
        assert!(is_legal(Approved, Held, By::Rule));
        assert!(is_legal(Held, Trash, By::Rule) && is_legal(Approved, Trash, By::Rule));
        assert!(
            !is_legal(Held, Approved, By::Rule)
                && !is_legal(Spam, Approved, By::Rule)
                && !is_legal(Trash, Spam, By::Rule)
        );
    }
}
