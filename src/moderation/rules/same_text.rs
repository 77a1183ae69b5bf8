//! The same text under several articles, however it was spaced or dressed up (goal sheet M15).

use serde_json::json;

use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, hold};

/// Holds a text that others, or the same person, posted under another article since yesterday.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    let articles = case.facts.same_text_articles;
    if articles < 2 {
        return None;
    }
    let badge = format!("Same text on {articles} articles");
    let sentence = format!("The same text was posted on {articles} articles in the last day.");
    Some(hold(RuleId::SameText, 1, badge, sentence, json!({"articles": articles})))
}
