//! How comments are taken: what the owner sets about it.

use serde_json::json;

use crate::audit;
use crate::db::{DbError, Tx};
use crate::settings::{self, Comments};
use crate::staff::authority::MayChangeSettings;

/// Saves how comments are taken; every page is drawn anew.
pub async fn set(tx: &mut Tx, who: &MayChangeSettings, comments: &Comments) -> Result<(), DbError> {
    settings::save(tx, comments).await?;
    let entry = audit::Entry {
        actor: who.session().actor(),
        action: "settings.comments",
        subject: "settings",
        subject_id: None,
        detail: json!({
            "moderation": comments.moderation,
            "edit_window_minutes": comments.edit_window_minutes,
            "is_paused": comments.paused.is_some(),
        }),
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(())
}
