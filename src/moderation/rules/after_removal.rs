//! Somebody whose comment was removed lately waits, and so does a reader a person has set to always wait.

use serde_json::json;

use crate::core::status::Trust;
use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, hold};
use crate::readers::trust::REMOVAL_DAYS;

/// Holds after a removal, and those who always wait.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    if case.facts.standing.trust == Trust::AlwaysHold {
        let sentence = "Somebody on your team set this reader’s comments to wait, always.";
        return Some(hold(RuleId::AlwaysHold, 1, "Held: always waits".into(), sentence.into(), json!({})));
    }
    if !case.facts.standing.address_was_removed {
        return None;
    }
    let sentence = format!("A comment from this email was removed in the last {REMOVAL_DAYS} days.");
    Some(hold(RuleId::AfterRemoval, 1, "Held: after a removal".into(), sentence, json!({"days": REMOVAL_DAYS})))
}
