//! Where a reader's comment is and why, in words its writer understands: for every page that tells them (goal sheet
//! M24, N18). Nobody's comment is ever filed away without them being able to learn it.

use crate::core::status::CommentStatus;
use crate::moderation::model::{Reason, RuleId};

/// Where a comment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// "Waiting for a moderator".
    pub words: &'static str,
    /// Why, one sentence; may be empty.
    pub why: &'static str,
    /// What kind of place it is, for the look of the page.
    pub place: Place,
}

/// What kind of place a comment is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everyone sees it.
    Public,
    /// A moderator has yet to look.
    Waiting,
    /// Taken for spam.
    Spam,
    /// Removed by a person.
    Removed,
    /// Taken back by its writer.
    Withdrawn,
}

/// Where a comment with this status and code is.
#[must_use]
pub fn of(status: CommentStatus, code: Option<&str>) -> Whereabouts {
    let rule = code.and_then(|code| code.parse::<RuleId>().ok());
    let reason = code.and_then(|code| code.parse::<Reason>().ok());
    match status {
        CommentStatus::Approved => Whereabouts { words: "Public", why: "Everyone can read it.", place: Place::Public },
        CommentStatus::Held => {
            Whereabouts { words: "Waiting for a moderator", why: rule.map_or("", held), place: Place::Waiting }
        }
        CommentStatus::Spam => Whereabouts {
            words: "Filed as spam",
            why: match (rule, reason) {
                (Some(rule), _) => spam(rule),
                (None, _) => "A moderator took it for spam.",
            },
            place: Place::Spam,
        },
        CommentStatus::Trash if reason == Some(Reason::Withdrawn) => {
            Whereabouts { words: "Withdrawn", why: "Its writer took it back.", place: Place::Withdrawn }
        }
        CommentStatus::Trash => {
            Whereabouts { words: "Removed by a moderator", why: reason.map_or("", removed), place: Place::Removed }
        }
    }
}

/// Why a comment waits. Each rule says something, and none how to get around it.
#[must_use]
pub const fn held(rule: RuleId) -> &'static str {
    match rule {
        RuleId::FirstTime => "It is the first comment from this email.",
        RuleId::Unproven => "We don’t know yet that this email is yours.",
        RuleId::Throwaway => "It came from a short-lived email address.",
        RuleId::Links => "It has several links.",
        RuleId::Everything => "Every comment is looked at first.",
        RuleId::SameText => "The same text was posted elsewhere.",
        RuleId::Edited => "It was changed after it was approved.",
        RuleId::Reports => "Readers reported it.",
        RuleId::Words => "It has words that a moderator looks at first.",
        RuleId::Flood => "Many comments are coming in under this article.",
        RuleId::AlwaysHold => "Comments from this email are looked at first.",
        RuleId::AfterRemoval => "A comment from this email was removed not long ago.",
        RuleId::Trap | RuleId::Speed => "It arrived in the way programs send comments.",
    }
}

/// Why a rule filed a comment as spam.
#[must_use]
pub const fn spam(rule: RuleId) -> &'static str {
    match rule {
        RuleId::Trap | RuleId::Speed => "It arrived in the way programs send comments.",
        RuleId::Words => "It has words that are on this site’s list for spam.",
        RuleId::FirstTime
        | RuleId::Unproven
        | RuleId::Throwaway
        | RuleId::Links
        | RuleId::Everything
        | RuleId::SameText
        | RuleId::Edited
        | RuleId::Reports
        | RuleId::Flood
        | RuleId::AlwaysHold
        | RuleId::AfterRemoval => "A rule took it for spam.",
    }
}

const fn removed(reason: Reason) -> &'static str {
    match reason {
        Reason::Abuse => "The reason given: abusive or hateful.",
        Reason::OffTopic => "The reason given: off the subject.",
        Reason::Private => "The reason given: it shares private details.",
        Reason::Unsafe => "The reason given: unsafe health advice.",
        Reason::StaffSpam => "The reason given: spam.",
        Reason::Undone => "A decision about it was taken back.",
        Reason::StaffTrash => "No particular reason was given.",
        Reason::Withdrawn => "Its writer took it back.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_a_comment_can_be_in_is_told_with_its_reason() {
        for rule in RuleId::ALL {
            assert!(!of(CommentStatus::Held, Some(rule.as_str())).why.is_empty(), "held: {rule}");
            assert!(!of(CommentStatus::Spam, Some(rule.as_str())).why.is_empty(), "spam: {rule}");
        }
        for reason in Reason::ALL {
            assert!(!of(CommentStatus::Trash, Some(reason.as_str())).why.is_empty(), "trash: {reason}");
        }
        assert_eq!(of(CommentStatus::Trash, Some("withdrawn")).place, Place::Withdrawn);
        assert_eq!(of(CommentStatus::Trash, Some("abuse")).place, Place::Removed);
        assert_eq!(of(CommentStatus::Approved, None).words, "Public");
    }
}
