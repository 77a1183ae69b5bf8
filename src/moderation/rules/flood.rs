//! More comments under one article than anybody can read: newcomers wait until it is over.

use serde_json::json;

use crate::core::limits;
use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, hold};

/// Holds newcomers' comments while an article is flooded.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    let recent = case.facts.recent_on_article;
    if recent < limits::FLOOD_COMMENTS || case.facts.standing.approved_as_reader > 0 {
        return None;
    }
    let minutes = limits::FLOOD_WINDOW.as_secs() / 60;
    let badge = format!("Held: {recent} comments in {minutes} minutes");
    let sentence =
        format!("This article got {recent} comments in {minutes} minutes; while that lasts, newcomers wait.");
    Some(hold(RuleId::Flood, 1, badge, sentence, json!({"comments": recent, "minutes": minutes})))
}
