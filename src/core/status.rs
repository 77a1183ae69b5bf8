//! The product's words: states and kinds, as they stand in the database, in forms and in addresses.

use crate::text_enum;

text_enum! {
    /// Where a comment is; it is in exactly one.
    pub enum CommentStatus { Held = "held", Approved = "approved", Spam = "spam", Trash = "trash" }
}

text_enum! {
    /// Badge of a staff comment, copied onto it when written and kept after a role change.
    pub enum Badge { Author = "author", Reviewer = "reviewer", Staff = "staff" }
}

text_enum! {
    /// Where an article is.
    pub enum ArticleState {
        Draft = "draft", InReview = "in_review", Scheduled = "scheduled",
        Published = "published", Withdrawn = "withdrawn", Trash = "trash",
    }
}

text_enum! {
    /// An article, or a house page that is in no list or feed.
    pub enum ArticleKind { Article = "article", Page = "page" }
}

text_enum! {
    /// Whether an article takes comments.
    pub enum CommentsMode { Open = "open", Closed = "closed", Off = "off" }
}

text_enum! {
    /// Who waits for a moderator: nobody, those nobody has approved before, everyone.
    pub enum ModerationMode { None = "none", Newcomers = "newcomers", Everyone = "everyone" }
}

text_enum! {
    /// Why a revision was made.
    pub enum RevisionCause {
        Save = "save", Publish = "publish", Schedule = "schedule", Restore = "restore",
        Merge = "merge", Import = "import", Source = "source",
    }
}

text_enum! {
    /// How a person is credited on a revision.
    pub enum CreditRole { Author = "author", Reviewer = "reviewer", Editor = "editor", Contributor = "contributor" }
}

text_enum! {
    /// What a term is: a subject finer than a topic, or a row of articles in order.
    pub enum TermKind { Tag = "tag", Series = "series" }
}

text_enum! {
    /// What kind of public change a correction note tells of.
    pub enum CorrectionClass { Correction = "correction", Update = "update", Clarification = "clarification" }
}

text_enum! {
    /// What is known of a cited work after publication.
    pub enum Retraction { None = "none", Retracted = "retracted", Concern = "concern", Corrected = "corrected" }
}

text_enum! {
    /// What kind of study a cited work is, strongest first; what says nothing about people comes last.
    pub enum Evidence {
        None = "none", Guideline = "guideline", MetaAnalysis = "meta_analysis",
        SystematicReview = "systematic_review", Rct = "rct", Trial = "trial", Cohort = "cohort",
        CaseControl = "case_control", CrossSectional = "cross_sectional", CaseReport = "case_report",
        Review = "review", Opinion = "opinion", Animal = "animal", InVitro = "in_vitro",
    }
}

text_enum! {
    /// A style of citation, by the name of its CSL file's subject.
    pub enum CitationStyle { Ama = "ama", Vancouver = "vancouver", Apa = "apa" }
}

text_enum! {
    /// A staff role; what each may do is the table in `staff/roles.rs`.
    pub enum Role {
        Owner = "owner", Administrator = "administrator", Editor = "editor",
        Author = "author", Reviewer = "reviewer", Moderator = "moderator",
    }
}

text_enum! {
    /// Whether a person on the team may sign in; `Profile` is only credited on articles.
    pub enum StaffState { Invited = "invited", Active = "active", Suspended = "suspended", Profile = "profile" }
}

text_enum! {
    /// What a one-time staff link is good for.
    pub enum LinkPurpose { Setup = "setup", Invite = "invite", Reset = "reset" }
}

text_enum! {
    /// What a link is good for that a reader asks for by mail: seeing and erasing what is kept about their address, or
    /// choosing which mails they get.
    pub enum DoorPurpose { Data = "data", Preferences = "preferences" }
}

text_enum! {
    /// Where such a link is: in a mailbox, or opened by its press.
    pub enum DoorStage { Mailed = "mailed", Opened = "opened" }
}

text_enum! {
    /// What a reader's word is worth to the rules.
    pub enum Trust { New = "new", Trusted = "trusted", AlwaysHold = "always_hold" }
}

text_enum! {
    /// What a subscription is about.
    pub enum SubscriptionScope { Replies = "replies", Thread = "thread", Article = "article" }
}

text_enum! {
    /// How often an address wants mail: one a comment, or what gathered since the last one.
    pub enum MailFrequency { Instant = "instant", Hourly = "hourly", Daily = "daily", Weekly = "weekly" }
}

text_enum! {
    /// Where a mail of the outbox is.
    pub enum MailState { Queued = "queued", Sent = "sent", Failed = "failed", Withdrawn = "withdrawn" }
}

text_enum! {
    /// Where a job is.
    pub enum JobState { Waiting = "waiting", Running = "running", Done = "done", GaveUp = "gave_up" }
}

text_enum! {
    /// What a word list does to a comment that holds one of its words.
    pub enum WordListOutcome { Hold = "hold", Spam = "spam" }
}
