//! Approving and answering in one act: both happen or neither (goal sheet M05).

use crate::comments::create::{self, CreateError, Post};
use crate::core::ids::CommentId;
use crate::core::status::CommentStatus;
use crate::db::{DbError, Tx};
use crate::moderation::decide::{self, DecideError, Decided, Decision};
use crate::staff::authority::MayDecide;

/// Why neither happened.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The decision was not made.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The reply was not posted.
    #[error(transparent)]
    Reply(#[from] CreateError),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(AnswerError);

/// An answer that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The decision, where the comment was not approved already.
    pub decided: Option<Decided>,
    /// The reply.
    pub reply: CommentId,
}

/// Approves a comment, unless it is approved, and posts a reply to it. `decision.to` is not looked at; the
/// reply's parent is the comment.
pub async fn answer(
    tx: &mut Tx,
    who: &MayDecide,
    decision: Decision<'_>,
    post: Post<'_>,
) -> Result<Answered, AnswerError> {
    let decision = Decision { to: CommentStatus::Approved, ..decision };
    let post = Post { parent: Some(decision.comment), ..post };
    let decided = match decide::decide(tx, who, decision).await {
        Ok(decided) => Some(decided),
        Err(DecideError::NotAllowed { from: CommentStatus::Approved, .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(reply) = decided.and_then(|decided| decided.reply) {
        return Ok(Answered { decided, reply });
    }
    let reply = create::create_as_staff(tx, who.session(), post).await?.id;
    let Some(mut decided) = decided else { return Ok(Answered { decided: None, reply }) };
    decide::link_reply(tx, decided.decision, reply).await?;
    decided.reply = Some(reply);
    Ok(Answered { decided: Some(decided), reply })
}
