//! Reports: what readers say is wrong with a public comment (reader.md "Report", decisions 19).
//!
//! One report a confirmed reader and comment, else one a network. Enough reports of different confirmed readers hold
//! the comment, unless somebody on the team wrote it; the others only put it on the list "Reported". Whoever decides
//! on the comment closes what is open about it; undoing the decision opens it again.

use chrono::{DateTime, Utc};
use diesel::dsl::count_star;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor};
use crate::core::ids::{CommentId, DecisionId, ReaderId, ReportId, StaffId};
use crate::core::limits;
use crate::core::network::Network;
use crate::core::secret::Secret;
use crate::core::status::{ArticleState, CommentStatus};
use crate::db::schema::{articles, comments, reports};
use crate::db::{DbError, Tx};
use crate::moderation::decide::{self, DecideError};
use crate::moderation::model::{ReportOutcome, ReportReason, in_words, in_words_capital};
use crate::render::sanitize::SanitizedHtml;

/// What a reader says is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    // Invariant: "something else" has words; never more than `limits::REPORT_WORDS_CHARS_MAX`.
    reason: ReportReason,
    words: String,
}

/// What is wrong with a report, as its writer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing was chosen.
    #[error("Choose what is wrong with the comment")]
    NoReason,
    /// Something else, and not a word of what.
    #[error("Tell us what we should know")]
    NoWords,
    /// Too many words.
    #[error("What you tell us must be {most} characters or fewer. You have used {used}", most = limits::REPORT_WORDS_CHARS_MAX)]
    TooLong {
        /// How many.
        used: usize,
    },
}

impl Complaint {
    /// Reads a form's two fields.
    ///
    /// **Errors** every fault there is: of the choice, of the words.
    pub fn parse(reason: &str, words: &str) -> Result<Self, Vec<Fault>> {
        let reason = reason.trim().parse::<ReportReason>();
        let words = words.trim().replace("\r\n", "\n");
        let chars = words.chars().count();
        let mut faults = Vec::new();
        if reason.is_err() {
            faults.push(Fault::NoReason);
        }
        if words.is_empty() && matches!(reason, Ok(ReportReason::Other)) {
            faults.push(Fault::NoWords);
        }
        if chars > limits::REPORT_WORDS_CHARS_MAX {
            faults.push(Fault::TooLong { used: chars });
        }
        match reason {
            Ok(reason) if faults.is_empty() => Ok(Self { reason, words }),
            Ok(_) | Err(_) => Err(faults),
        }
    }
}

/// Who reports.
#[derive(Debug, Clone)]
pub struct Reporter {
    reader: Option<ReaderId>,
    network_key: Vec<u8>,
}

impl Reporter {
    /// A reader who confirmed an address in this browser, or somebody on a network.
    #[must_use]
    pub fn new(reader: Option<ReaderId>, network: Network, secret: &Secret) -> Self {
        Self { reader, network_key: network.key(secret) }
    }
}

/// A report that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// The number its writer is told.
    pub number: ReportId,
    /// Whether they had reported it before: nothing was changed.
    pub is_repeat: bool,
}

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No such comment that everyone can see.
    #[error("no such comment")]
    NotFound,
    /// Too many reports from one network.
    #[error("too many reports from one network")]
    TooFast {
        /// When the next one is taken.
        again_at: DateTime<Utc>,
    },
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(ReportError);

impl From<DecideError> for ReportError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Db(error) => Self::Db(error),
            DecideError::NotFound
            | DecideError::Stale(_)
            | DecideError::NotAllowed { .. }
            | DecideError::UndoIsOver => Self::NotFound,
        }
    }
}

/// A public comment, as far as the form needs it.
#[derive(Debug, Clone)]
pub struct About {
    /// Its writer.
    pub name: String,
    /// What it says, as everyone sees it.
    pub html: SanitizedHtml,
}

/// What a report would be about, if everyone can see it.
pub async fn about(conn: &mut AsyncPgConnection, comment: CommentId) -> Result<Option<About>, DbError> {
    let found: Option<(String, String)> = comments::table
        .inner_join(articles::table)
        .filter(comments::id.eq(comment))
        .filter(comments::status.eq(CommentStatus::Approved))
        .filter(articles::state.eq(ArticleState::Published))
        .select((comments::name, comments::html))
        .get_result(conn)
        .await
        .optional()?;
    Ok(found.map(|(name, html)| About { name, html: SanitizedHtml::from_comment_column(html) }))
}

/// The number of what this reporter said of a comment before, whatever became of it.
pub async fn find_earlier(
    conn: &mut AsyncPgConnection,
    comment: CommentId,
    by: &Reporter,
) -> Result<Option<ReportId>, DbError> {
    let query = reports::table.select(reports::id).filter(reports::comment_id.eq(comment)).into_boxed::<Pg>();
    let query = match by.reader {
        Some(reader) => query.filter(reports::reader_id.eq(reader)),
        None => query.filter(reports::network_key.eq(&by.network_key)).filter(reports::is_proved.eq(false)),
    };
    Ok(query.get_result(conn).await.optional()?)
}

/// Takes a report. `reports_to_hold` open ones of different confirmed readers hold the comment; 0: none ever does.
pub async fn report(
    tx: &mut Tx,
    comment: CommentId,
    by: &Reporter,
    complaint: &Complaint,
    reports_to_hold: i64,
) -> Result<Reported, ReportError> {
    decide::lock_all(tx, &[comment]).await?;
    let writer: Option<Option<StaffId>> = comments::table
        .inner_join(articles::table)
        .filter(comments::id.eq(comment))
        .filter(comments::status.eq(CommentStatus::Approved))
        .filter(articles::state.eq(ArticleState::Published))
        .select(comments::staff_id)
        .get_result(tx.conn())
        .await
        .optional()?;
    let is_by_staff = writer.ok_or(ReportError::NotFound)?.is_some();
    if let Some(number) = find_earlier(tx.conn(), comment, by).await? {
        return Ok(Reported { number, is_repeat: true });
    }
    check_pace(tx, by).await?;
    let number = insert(tx, comment, by, complaint).await?;
    if by.reader.is_some() && !is_by_staff && reports_to_hold > 0 {
        let proved: i64 = reports::table
            .filter(reports::comment_id.eq(comment))
            .filter(reports::closed_at.is_null())
            .filter(reports::is_proved)
            .count()
            .get_result(tx.conn())
            .await?;
        if proved >= reports_to_hold {
            decide::hold_reported(tx, comment).await?;
        }
    }
    Ok(Reported { number, is_repeat: false })
}

/// The ceiling of a network, read from the reports themselves (decisions 7).
async fn check_pace(tx: &mut Tx, by: &Reporter) -> Result<(), ReportError> {
    let since = tx.now - limits::REPORT_WINDOW;
    let full_since: Option<DateTime<Utc>> = reports::table
        .filter(reports::network_key.eq(&by.network_key))
        .filter(reports::created_at.gt(since))
        .order(reports::created_at.desc())
        .select(reports::created_at)
        .offset(limits::REPORTS_PER_NETWORK - 1)
        .first(tx.conn())
        .await
        .optional()?;
    match full_since {
        Some(oldest) => Err(ReportError::TooFast { again_at: oldest + limits::REPORT_WINDOW }),
        None => Ok(()),
    }
}

/// Takes a reader who is erased out of reports: their own words and networks, and what others said of their comments
/// where it names them (`said`: names and addresses).
pub async fn forget_reader(
    tx: &mut Tx,
    reader: Option<ReaderId>,
    written: &[CommentId],
    said: &[&str],
    networks: &[&[u8]],
) -> Result<(), DbError> {
    if let Some(reader) = reader {
        diesel::update(reports::table.filter(reports::reader_id.eq(reader)))
            .set((reports::words.eq(""), reports::network_key.eq(None::<Vec<u8>>)))
            .execute(tx.conn())
            .await?;
    }
    diesel::update(reports::table.filter(reports::network_key.eq_any(networks)))
        .set(reports::network_key.eq(None::<Vec<u8>>))
        .execute(tx.conn())
        .await?;
    let about: Vec<(ReportId, String)> = reports::table
        .filter(reports::comment_id.eq_any(written))
        .filter(reports::words.ne(""))
        .select((reports::id, reports::words))
        .load(tx.conn())
        .await?;
    let said: Vec<String> = said.iter().map(|words| words.to_lowercase()).collect();
    let naming: Vec<ReportId> = about
        .into_iter()
        .filter(|(_, words)| said.iter().any(|said| words.to_lowercase().contains(said)))
        .map(|(id, _)| id)
        .collect();
    diesel::update(reports::table.filter(reports::id.eq_any(naming)))
        .set(reports::words.eq(""))
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn insert(tx: &mut Tx, comment: CommentId, by: &Reporter, complaint: &Complaint) -> Result<ReportId, DbError> {
    let number: ReportId = diesel::insert_into(reports::table)
        .values((
            reports::comment_id.eq(comment),
            reports::reason.eq(complaint.reason),
            reports::words.eq(&complaint.words),
            reports::is_proved.eq(by.reader.is_some()),
            reports::reader_id.eq(by.reader),
            reports::network_key.eq(&by.network_key),
            reports::created_at.eq(tx.now),
        ))
        .returning(reports::id)
        .get_result(tx.conn())
        .await?;
    diesel::update(comments::table.find(comment))
        .set(comments::open_reports.eq(comments::open_reports + 1))
        .execute(tx.conn())
        .await?;
    let detail = json!({"report": number.0, "reason": complaint.reason, "is_proved": by.reader.is_some()});
    let entry = audit::Entry {
        actor: Actor::Reader,
        action: "comment.report",
        subject: "comment",
        subject_id: Some(comment.0),
        detail,
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(number)
}

/// How what is open about a comment ends with a decision; the comment is locked.
pub(super) struct Closing {
    pub(super) decision: DecisionId,
    pub(super) by: Option<StaffId>,
    pub(super) outcome: ReportOutcome,
}

/// Closes what is open about a comment.
pub(super) async fn close(tx: &mut Tx, comment: CommentId, closing: &Closing) -> Result<(), DbError> {
    diesel::update(reports::table)
        .filter(reports::comment_id.eq(comment))
        .filter(reports::closed_at.is_null())
        .set((
            reports::closed_at.eq(tx.now),
            reports::closed_by.eq(closing.by),
            reports::decision_id.eq(closing.decision),
            reports::outcome.eq(closing.outcome),
        ))
        .execute(tx.conn())
        .await?;
    diesel::update(comments::table.find(comment)).set(comments::open_reports.eq(0)).execute(tx.conn()).await?;
    Ok(())
}

/// Opens again what a decision closed, because it was taken back; the comment is locked.
pub(super) async fn reopen(tx: &mut Tx, comment: CommentId, decision: DecisionId) -> Result<(), DbError> {
    let opened = diesel::update(reports::table)
        .filter(reports::comment_id.eq(comment))
        .filter(reports::decision_id.eq(decision))
        .set((
            reports::closed_at.eq(None::<DateTime<Utc>>),
            reports::closed_by.eq(None::<StaffId>),
            reports::decision_id.eq(None::<DecisionId>),
            reports::outcome.eq(None::<ReportOutcome>),
        ))
        .execute(tx.conn())
        .await?;
    if opened > 0 {
        let opened = i32::try_from(opened).unwrap_or(i32::MAX);
        diesel::update(comments::table.find(comment))
            .set(comments::open_reports.eq(comments::open_reports + opened))
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// What is open about one comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Open {
    /// How many say what, most first.
    pub reasons: Vec<(ReportReason, i64)>,
    /// How many of them are confirmed readers'.
    pub proved: i64,
}

impl Open {
    /// How many.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.reasons.iter().map(|(_, count)| count).sum()
    }

    /// "Reported by 3: unsafe advice 2, spam 1".
    #[must_use]
    pub fn badge(&self) -> String {
        format!("Reported by {}: {}", self.total(), self.list())
    }

    /// "unsafe advice 2, spam 1"
    fn list(&self) -> String {
        let one = |(reason, count): &(ReportReason, i64)| format!("{} {count}", reason.short());
        self.reasons.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// "Three readers reported it, two with a confirmed email: unsafe advice 2, spam 1."
    #[must_use]
    pub fn sentence(&self) -> String {
        let number = |count: i64| usize::try_from(count).unwrap_or(0);
        let (total, proved) = (number(self.total()), number(self.proved));
        let readers = if total == 1 { "reader" } else { "readers" };
        let proved = match proved {
            0 if total == 1 => "without".to_owned(),
            0 => "none with".to_owned(),
            1 if total == 1 => "with".to_owned(),
            _ if total == proved => "all with".to_owned(),
            _ => format!("{} with", in_words(proved)),
        };
        format!("{} {readers} reported it, {proved} a confirmed email: {}.", in_words_capital(total), self.list())
    }
}

/// What is open about each of these comments; those without any are left out.
pub(super) async fn list_open(
    conn: &mut AsyncPgConnection,
    of: &[CommentId],
) -> Result<Vec<(CommentId, Open)>, DbError> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(CommentId, ReportReason, bool, i64)> = reports::table
        .filter(reports::comment_id.eq_any(of))
        .filter(reports::closed_at.is_null())
        .group_by((reports::comment_id, reports::reason, reports::is_proved))
        .select((reports::comment_id, reports::reason, reports::is_proved, count_star()))
        .load(conn)
        .await?;
    let mut all: Vec<(CommentId, Open)> = Vec::new();
    for (comment, reason, is_proved, count) in rows {
        if !all.iter().any(|(known, _)| *known == comment) {
            all.push((comment, Open::default()));
        }
        let Some((_, open)) = all.iter_mut().find(|(known, _)| *known == comment) else { continue };
        open.proved += if is_proved { count } else { 0 };
        match open.reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += count,
            None => open.reasons.push((reason, count)),
        }
    }
    for (_, open) in &mut all {
        open.reasons.sort_by_key(|(reason, count)| (-count, *reason));
    }
    Ok(all)
}

/// What reporters said in their own words of what is open about a comment, oldest first, at most
/// [`limits::REPORT_WORDS_SHOWN`].
pub async fn words(conn: &mut AsyncPgConnection, comment: CommentId) -> Result<Vec<(ReportReason, String)>, DbError> {
    let rows = reports::table
        .filter(reports::comment_id.eq(comment))
        .filter(reports::closed_at.is_null())
        .filter(reports::words.ne(""))
        .order(reports::id)
        .limit(limits::REPORT_WORDS_SHOWN)
        .select((reports::reason, reports::words))
        .load(conn)
        .await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_else_needs_words_and_the_others_do_not() {
        assert!(Complaint::parse("spam", " ").is_ok());
        assert!(Complaint::parse("other", "It is my letter.").is_ok());
        assert_eq!(Complaint::parse("other", " \n").unwrap_err(), [Fault::NoWords]);
        assert_eq!(Complaint::parse("", "").unwrap_err(), [Fault::NoReason]);
        assert_eq!(
            Complaint::parse("dislike", &"x".repeat(501)).unwrap_err(),
            [Fault::NoReason, Fault::TooLong { used: 501 }]
        );
        assert!(Complaint::parse("abuse", &"é".repeat(500)).is_ok());
    }

    #[test]
    fn a_moderator_is_told_how_many_say_what() {
        let open = Open { reasons: vec![(ReportReason::Unsafe, 2), (ReportReason::Spam, 1)], proved: 2 };
        assert_eq!(open.badge(), "Reported by 3: unsafe advice 2, spam 1");
        assert_eq!(open.sentence(), "Three readers reported it, two with a confirmed email: unsafe advice 2, spam 1.");
        let one = Open { reasons: vec![(ReportReason::Illegal, 1)], proved: 0 };
        assert_eq!(
            (one.badge().as_str(), one.sentence().as_str()),
            (
                "Reported by 1: illegal content 1",
                "One reader reported it, without a confirmed email: illegal content 1."
            )
        );
    }
}
