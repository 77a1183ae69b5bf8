//! Everybody waits, where the site or the article says so.

use serde_json::json;

use crate::core::status::ModerationMode;
use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, hold};

/// Holds every comment.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    if case.policy.mode != ModerationMode::Everyone {
        return None;
    }
    let sentence = if case.policy.mode_is_of_article {
        "This article holds every comment."
    } else {
        "This site holds every comment."
    };
    Some(hold(RuleId::Everything, 1, "Held: every comment waits".into(), sentence.into(), json!({})))
}
