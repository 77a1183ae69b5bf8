//! Markdown to a tree, under limits, so that no text takes more than linear time (requirements S5).

use std::cell::Cell;

use comrak::nodes::Node;
use comrak::{Arena, Options, try_parse_document};

use crate::core::limits::{MARKS_A_LINE_MAX, NESTING_MAX};

/// Why a text cannot be rendered. Each can be shown to the writer as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// More characters than the limit; never cut (requirements S2).
    #[error("the text has {chars} characters; the limit is {max}")]
    TooLong {
        /// How many it has.
        chars: usize,
        /// How many it may have.
        max: usize,
    },
    /// More lines than the limit.
    #[error("the text has {lines} lines; the limit is {max}")]
    TooManyLines {
        /// How many it has.
        lines: usize,
        /// How many it may have.
        max: usize,
    },
    /// Lists, quotes or emphasis inside one another more than [`NESTING_MAX`] times.
    #[error("line {line} is nested too deeply; {NESTING_MAX} levels are the limit")]
    TooDeep {
        /// The line, from 1.
        line: usize,
    },
    /// Too many parts: marks, links, cells.
    #[error("the text has too many parts; split it")]
    TooMany,
    /// The HTML would be larger than the limit.
    #[error("the text is too large once laid out; split it")]
    TooLarge,
}

/// How much the parser may take on.
#[derive(Debug, Clone, Copy)]
pub struct ParseLimits {
    /// Characters of the text.
    pub chars: usize,
    /// Lines of the text.
    pub lines: usize,
    /// Steps of the parser: a line, an inline or a node each.
    pub steps: u32,
}

/// Every how many steps the parser asks whether to go on (comrak's own constant).
const STEPS_A_QUESTION: u32 = 256;

/// Parses `source` within `limits`.
///
/// **Errors**: as [`RenderError`] says; nothing is ever cut.
pub fn parse<'a>(
    arena: &'a Arena<'a>,
    source: &str,
    options: &Options<'_>,
    limits: ParseLimits,
) -> Result<Node<'a>, RenderError> {
    let chars = source.chars().count();
    if chars > limits.chars {
        return Err(RenderError::TooLong {
            chars,
            max: limits.chars,
        });
    }
    let lines = source.lines().count();
    if lines > limits.lines {
        return Err(RenderError::TooManyLines {
            lines,
            max: limits.lines,
        });
    }
    if let Some(line) = overmarked_line(source) {
        return Err(RenderError::TooDeep { line });
    }
    let questions = Cell::new(0_u32);
    let past_budget = || {
        questions.set(questions.get().saturating_add(1));
        questions.get().saturating_mul(STEPS_A_QUESTION) > limits.steps
    };
    let root = try_parse_document(arena, source, options, &past_budget)
        .map_err(|_| RenderError::TooMany)?;
    check_depth(root)?;
    Ok(root)
}

/// The first line, from 1, that opens more lists and quotes than [`MARKS_A_LINE_MAX`], or that is indented so far
/// that it could stand inside as many.
fn overmarked_line(source: &str) -> Option<usize> {
    source
        .lines()
        .position(|line| marks(line) > MARKS_A_LINE_MAX)
        .map(|at| at + 1)
}

/// How many quote and list marks start a line; two columns of indentation before one count as one, being what it
/// takes to stay inside a list. A line of dashes or stars alone is a rule, not a list.
fn marks(line: &str) -> usize {
    if line
        .chars()
        .all(|char| matches!(char, '-' | '*' | '_' | ' ' | '\t'))
    {
        return 0;
    }
    let mut marks = 0;
    let mut indent = 0;
    let mut rest = line;
    loop {
        let Some(first) = rest.chars().next() else {
            return marks;
        };
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            ' ' => indent += 1,
            '\t' => indent += 4,
            '>' => marks += 1,
            '-' | '*' | '+' if after.starts_with([' ', '\t']) => marks += 1 + indent / 2,
            '0'..='9' => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let Some(tail) = rest
                    .get(digits..)
                    .and_then(|tail| tail.strip_prefix(['.', ')']))
                else {
                    return marks;
                };
                if digits > 9 || !tail.starts_with([' ', '\t']) {
                    return marks;
                }
                marks += 1 + indent / 2;
                indent = 0;
                rest = tail;
                continue;
            }
            _ => return marks,
        }
        if !matches!(first, ' ' | '\t') {
            indent = 0;
        }
        rest = after;
    }
}

/// Refuses a tree deeper than [`NESTING_MAX`], without recursion.
fn check_depth(root: Node<'_>) -> Result<(), RenderError> {
    let mut stack = vec![(root, 0_usize)];
    while let Some((node, depth)) = stack.pop() {
        if depth > NESTING_MAX {
            return Err(RenderError::TooDeep {
                line: node.data().sourcepos.start.line,
            });
        }
        stack.extend(node.children().map(|child| (child, depth + 1)));
    }
    Ok(())
}
