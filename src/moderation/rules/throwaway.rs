//! Addresses that live for minutes, of domains on the site's list.

use serde_json::json;

use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, hold};

/// Holds what comes from such an address: an answer would reach nobody.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    case.is_throwaway.then(|| {
        let sentence = "The email is of a service for short-lived addresses, which is on your list.";
        hold(RuleId::Throwaway, 1, "Held: short-lived email".into(), sentence.into(), json!({}))
    })
}
