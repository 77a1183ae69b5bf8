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
    let (root, _) = counted(arena, source, options, limits.steps)?;
    check_depth(root)?;
    Ok(root)
}

/// Parses, and tells how many steps it took, to the next [`STEPS_A_QUESTION`].
fn counted<'a>(
    arena: &'a Arena<'a>,
    source: &str,
    options: &Options<'_>,
    steps_max: u32,
) -> Result<(Node<'a>, u32), RenderError> {
    let steps = Cell::new(0_u32);
    let past_budget = || {
        steps.set(steps.get().saturating_add(STEPS_A_QUESTION));
        steps.get() > steps_max
    };
    let root = try_parse_document(arena, source, options, &past_budget).map_err(|_| RenderError::TooMany)?;
    Ok((root, steps.get()))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::core::limits::ARTICLE_STEPS_MAX;

    /// Texts that make careless parsers quadratic, as long as asked for.
    fn blow_ups(length: usize) -> Vec<(&'static str, String)> {
        let fill = |unit: &str| unit.repeat(length / unit.len());
        vec![
            ("brackets", fill("[")),
            ("closed brackets", format!("{}{}", fill("[").split_at(length / 2).0, fill("]").split_at(length / 2).0)),
            ("bracket pairs", fill("[a](")),
            ("pictures", fill("![")),
            ("citations", fill("[@")),
            ("many citations", fill("[@a; @b] ")),
            ("one long citation", format!("[@a{}", fill("; @b"))),
            ("emphasis", fill("*a _b ")),
            ("stars", fill("**x")),
            ("closing stars", fill("a** ")),
            ("backticks", fill("`a``b")),
            ("strikes", fill("~~a~")),
            ("angles", fill("<a ")),
            ("comments", fill("<!-- a ")),
            ("declarations", fill("<!A ")),
            ("instructions", fill("<? a")),
            ("cdata", fill("<![CDATA[ ")),
            ("entities", fill("&amp;&#0;&bogus;")),
            ("autolinks", fill("http://a.b/( ")),
            ("www", fill("www.a_b_c.")),
            ("mail", fill("a@b.c_")),
            ("footnotes", fill("[^a]")),
            ("footnote definitions", fill("[^a]: b\n\n")),
            ("references", format!("[a]: /{}\n\n{}", "u".repeat(100), fill("[a]"))),
            ("titles", fill("[a](b \"")),
            ("quotes by line", fill("> a\n\n")),
            ("lists by line", fill("- a\n")),
            ("lists and blanks", format!("{}a{}", "- ".repeat(100), fill("\n"))),
            ("table rows", format!("|a|b|\n|-|-|\n{}", fill("|a|b|\n"))),
            ("short table rows", format!("{}\n{}\n{}", fill("|a"), fill("|-"), "|a\n".repeat(10))),
            ("callouts", fill("> [!NOTE]\n\n")),
            ("containers", fill("::: accordion a\n")),
            ("escapes", fill("\\*")),
            ("lines", fill("a\n")),
        ]
    }

    fn options() -> Options<'static> {
        crate::render::markdown::options()
    }

    #[test]
    fn the_parsers_steps_grow_no_faster_than_the_text() {
        for ((name, once), (_, twice)) in blow_ups(20_000).into_iter().zip(blow_ups(40_000)) {
            let steps = |source: &str| counted(&Arena::new(), source, &options(), u32::MAX).unwrap().1;
            let (first, second) = (steps(&once), steps(&twice));
            assert!(second <= first * 5 / 2 + 2_048, "{name}: {first} steps, then {second} for twice the text");
            assert!(first <= 20_000 * 8, "{name}: {first} steps for 20,000 characters");
        }
    }

    #[test]
    fn every_blow_up_is_laid_out_or_refused_and_its_html_is_bounded() {
        let keys = std::collections::HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
        for (name, source) in blow_ups(40_000) {
            match crate::render::markdown::article(&source, &keys, &crate::render::outline::HeadingIds::default()) {
                Ok(article) => {
                    let size = article.html.as_str().len();
                    assert!(size <= source.len() * 48 + 4_096, "{name}: {size} bytes from {}", source.len());
                }
                Err(RenderError::TooDeep { .. } | RenderError::TooMany | RenderError::TooLarge) => {}
                Err(other) => panic!("{name}: {other}"),
            }
        }
        for (name, source) in blow_ups(5_000) {
            let source: String = source.chars().take(5_000).collect();
            if let Ok(comment) = crate::render::comment_markup::comment(&source, &[1, 2].into()) {
                assert!(comment.html.as_str().len() <= crate::core::limits::COMMENT_HTML_BYTES_MAX, "{name}");
            }
        }
    }

    #[test]
    fn the_budget_of_steps_is_kept() {
        let wide = format!("{}\n{}\n{}", "|a".repeat(2_000), "|-".repeat(2_000), "|a\n".repeat(5_000));
        let arena = Arena::new();
        let limits = ParseLimits { chars: usize::MAX, lines: usize::MAX, steps: ARTICLE_STEPS_MAX };
        assert_eq!(parse(&arena, &wide, &options(), limits).err(), Some(RenderError::TooMany));
    }

    #[test]
    fn lines_of_many_marks_are_refused_and_rules_are_not() {
        let lists = format!("a\n{}b", "- ".repeat(MARKS_A_LINE_MAX + 1));
        assert_eq!(overmarked_line(&lists), Some(2));
        assert_eq!(overmarked_line(&format!("{}b", "> ".repeat(MARKS_A_LINE_MAX + 1))), Some(1));
        assert_eq!(overmarked_line(&format!("{}1. b", " ".repeat(2 * MARKS_A_LINE_MAX + 2))), Some(1));
        assert_eq!(overmarked_line(&"- ".repeat(1_000)), None);
        assert_eq!(overmarked_line(&format!("    {}", "x > ".repeat(1_000))), None);
    }
}
