//! What is wrong with a text, for the checks panel: one sentence, its place, and how much it matters.

use serde::{Deserialize, Serialize};

/// How much a finding matters, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingLevel {
    /// Publishing needs a reason.
    Blocks,
    /// Counted on the checks tab.
    Warns,
    /// Said, not counted.
    Note,
}

/// One thing to mend in a text or its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind, `area.what`: stable, for filters, tests and "fine here".
    pub code: String,
    /// How much it matters.
    pub level: FindingLevel,
    /// Line in the Markdown text, from 1; 0 when the finding is not about a place in the text.
    pub line: usize,
    /// Where in the text, in UTF-16 units as editors count; `None` where only the line is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// One sentence for the writer.
    pub text: String,
    /// What it is about: a key, an address, a heading; empty when the sentence says it all.
    pub subject: String,
}

impl Finding {
    /// A finding at a line.
    pub fn new(code: &str, level: FindingLevel, line: usize, text: &str, subject: &str) -> Self {
        Self { code: code.to_owned(), level, line, offset: None, text: text.to_owned(), subject: subject.to_owned() }
    }
}

/// Whether any finding stops publishing.
pub fn any_blocks(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.level == FindingLevel::Blocks)
}
