//! A writer takes their comment back. Replies to it stay, under a line that says so.

use crate::comments::edit::{self, EditError, Own};
use crate::core::ids::CommentId;
use crate::db::Tx;
use crate::moderation::decide;
use crate::readers::browser::Browser;

/// Withdraws a comment of this browser's; one that is withdrawn already stays so.
pub async fn withdraw(tx: &mut Tx, browser: &Browser, id: CommentId) -> Result<Own, EditError> {
    let own = edit::find_own(tx.conn(), browser, id).await?.ok_or(EditError::NotFound)?;
    if own.is_living() {
        decide::withdraw(tx, id).await?;
    }
    Ok(own)
}
