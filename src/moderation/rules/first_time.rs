//! Newcomers wait, where the site or the article says so. Only a confirmed reader stops being one: an address
//! that others have approved may have been typed by anybody (goal sheet R21).

use serde_json::json;

use crate::core::status::ModerationMode;
use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, hold};

/// Holds the comment of somebody nobody has approved before, or who has not shown that the address is theirs.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    let standing = case.facts.standing;
    if case.policy.mode != ModerationMode::Newcomers || standing.approved_as_reader > 0 {
        return None;
    }
    if standing.address_was_approved {
        let sentence = "This email has approved comments, but the writer has not shown that it is theirs.";
        return Some(hold(RuleId::Unproven, 1, "Held: email not confirmed".into(), sentence.into(), json!({})));
    }
    let sentence = "Nobody has approved a comment from this email yet.";
    Some(hold(RuleId::FirstTime, 1, "Held: first comment from this email".into(), sentence.into(), json!({})))
}
