//! What the rules say: outcomes with their evidence, as they are stored in `comments.screening`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::status::CommentStatus;
use crate::text_enum;

text_enum! {
    /// What a rule does to a comment.
    pub enum Verdict { Hold = "hold", Spam = "spam" }
}

text_enum! {
    /// The rules, by the code that stands in `screening` and `status_reason`.
    pub enum RuleId {
        Trap = "trap", Speed = "speed", Words = "words", Links = "links", SameText = "same_text", Flood = "flood",
        AlwaysHold = "always_hold", AfterRemoval = "after_removal", FirstTime = "first_time",
        Unproven = "unproven", Throwaway = "throwaway", Everything = "everything", Edited = "edited", Reports = "reports",
    }
}

impl RuleId {
    /// As staff know it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Trap => "Hidden field",
            Self::Speed => "Speed",
            Self::Words => "Words",
            Self::Links => "Links",
            Self::SameText => "Same text",
            Self::Flood => "Flood",
            Self::AlwaysHold => "This writer always waits",
            Self::AfterRemoval => "After a removal",
            Self::FirstTime => "First comment",
            Self::Unproven => "Email not confirmed",
            Self::Throwaway => "Short-lived email",
            Self::Everything => "Every comment waits",
            Self::Edited => "Edited after approval",
            Self::Reports => "Reported by readers",
        }
    }
}

/// What one rule found. The words are stored as they were said, so that a later change of rules or texts does
/// not change why this comment was held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The rule.
    pub rule: RuleId,
    /// Its version when it spoke.
    pub version: u32,
    /// What it does.
    pub verdict: Verdict,
    /// The short form, in a row.
    pub badge: String,
    /// The whole sentence, in the open row.
    pub sentence: String,
    /// Matched text, counts: what the sentence was made from.
    pub evidence: Value,
}

/// All outcomes for one comment, in the order of the rules; empty means that nothing speaks against it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Screening(pub Vec<Outcome>);

impl Screening {
    /// From the stored column; one that cannot be read is as good as none and is logged.
    #[must_use]
    pub fn from_column(value: Value) -> Self {
        serde_json::from_value(value).unwrap_or_else(|_| {
            tracing::warn!("stored screening data cannot be read");
            Self::default()
        })
    }

    /// For the column.
    #[must_use]
    pub fn to_column(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| Value::Array(Vec::new()))
    }

    /// Where the comment goes, and the rule that sends it there: spam before held before approved.
    #[must_use]
    pub fn decision(&self) -> (CommentStatus, Option<RuleId>) {
        let first = |verdict| self.0.iter().find(|outcome| outcome.verdict == verdict).map(|outcome| outcome.rule);
        if let Some(rule) = first(Verdict::Spam) {
            return (CommentStatus::Spam, Some(rule));
        }
        match first(Verdict::Hold) {
            Some(rule) => (CommentStatus::Held, Some(rule)),
            None => (CommentStatus::Approved, None),
        }
    }

    /// For the audit log: rules and versions, no words.
    #[must_use]
    pub fn codes(&self) -> Value {
        self.0.iter().map(|outcome| serde_json::json!({"rule": outcome.rule, "version": outcome.version})).collect()
    }
}

text_enum! {
    /// Why a person filed a comment as they did; stands in `status_reason` beside the rules' codes.
    pub enum Reason {
        StaffSpam = "staff_spam", StaffTrash = "staff_trash", Withdrawn = "withdrawn", Undone = "undone",
        Abuse = "abuse", OffTopic = "off_topic", Private = "private", Unsafe = "unsafe",
    }
}

impl Reason {
    /// As staff know it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::StaffSpam => "Spam",
            Self::StaffTrash => "Removed",
            Self::Withdrawn => "Withdrawn by its writer",
            Self::Undone => "Taken back",
            Self::Abuse => "Abusive or hateful",
            Self::OffTopic => "Off the subject",
            Self::Private => "Shares private details",
            Self::Unsafe => "Unsafe health advice",
        }
    }
}

text_enum! {
    /// What a reader says is wrong with a comment (reader.md 4, decisions 19), in the order of the form.
    pub enum ReportReason {
        Spam = "spam", Unsafe = "unsafe", Abuse = "abuse", Private = "private", Illegal = "illegal", Other = "other",
    }
}

impl ReportReason {
    /// As the form says it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Spam => "Spam or selling something",
            Self::Unsafe => "Unsafe health advice",
            Self::Abuse => "Abusive or hateful",
            Self::Private => "Shares private details",
            Self::Illegal => "Illegal content",
            Self::Other => "Something else",
        }
    }

    /// As staff read it in a row.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Unsafe => "unsafe advice",
            Self::Abuse => "abuse",
            Self::Private => "private details",
            Self::Illegal => "illegal content",
            Self::Other => "something else",
        }
    }
}

text_enum! {
    /// How a report ended.
    pub enum ReportOutcome { Kept = "kept", Spam = "spam", Removed = "removed", Withdrawn = "withdrawn" }
}

/// The words for a stored `status_reason`, whether a rule's or a person's.
#[must_use]
pub fn reason_label(code: &str) -> &'static str {
    code.parse::<RuleId>()
        .map(RuleId::label)
        .or_else(|_| code.parse::<Reason>().map(Reason::label))
        .unwrap_or("Imported")
}

/// A small number in words, as sentences want it: "two"; from ten on in digits.
#[must_use]
pub fn in_words(number: usize) -> String {
    const WORDS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    WORDS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

/// The same with a capital, for the start of a sentence.
#[must_use]
pub fn in_words_capital(number: usize) -> String {
    let word = in_words(number);
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
