//! Markdown to a tree, under limits, so that no text takes more than linear time (requirements S5).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// The parser gave up on it.
    #[error("the text could not be read; look for odd combinations of marks")]
    Unreadable,
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
        return Err(RenderError::TooLong { chars, max: limits.chars });
    }
    let lines = source.lines().count();
    if lines > limits.lines {
        return Err(RenderError::TooManyLines { lines, max: limits.lines });
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
    // The parser asserts where its columns do not add up; such a text is refused, not a fault of the page.
    let parse = AssertUnwindSafe(|| try_parse_document(arena, source, options, &past_budget));
    let root = catch_unwind(parse).map_err(|_| RenderError::Unreadable)?.map_err(|_| RenderError::TooMany)?;
    Ok((root, steps.get()))
}

/// The first line, from 1, that opens more lists and quotes than [`MARKS_A_LINE_MAX`], or that is indented so far
/// that it could stand inside as many, or that opens one more `:::` block than [`NESTING_MAX`] inside others.
fn overmarked_line(source: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, line) in source.lines().enumerate() {
        let (marks, rest) = marks(line);
        if let Some(info) = rest.strip_prefix(":::") {
            open = if info.trim_matches([':', ' ', '\t']).is_empty() { open.saturating_sub(1) } else { open + 1 };
        }
        if marks > MARKS_A_LINE_MAX || open > NESTING_MAX {
            return Some(at + 1);
        }
    }
    None
}

/// How many marks of quotes, lists and notes start a line, and what follows them. Two columns of indentation before
/// one count as one, being what it takes to stay inside a list. A line of dashes or stars alone is a rule, not a list.
fn marks(line: &str) -> (usize, &str) {
    if line.chars().all(|char| matches!(char, '-' | '*' | '_' | ' ' | '\t')) {
        return (0, "");
    }
    let mut marks = 0;
    let mut indent = 0;
    let mut rest = line;
    loop {
        let Some(first) = rest.chars().next() else { return (marks, rest) };
        match first {
            ' ' => indent += 1,
            '\t' => indent += 4,
            _ => {
                let Some(after) = after_mark(rest) else { return (marks, rest) };
                marks += 1 + indent / 2;
                indent = 0;
                rest = after;
                continue;
            }
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
}

/// What follows one mark: `>`, `- `, `1. ` or `[^a]:`.
fn after_mark(text: &str) -> Option<&str> {
    if let Some(after) = text.strip_prefix('>') {
        return Some(after);
    }
    if let Some(note) = text.strip_prefix("[^") {
        return note.split_once("]:").map(|(_, after)| after);
    }
    if let Some(after) = text.strip_prefix(['-', '*', '+']) {
        return after.starts_with([' ', '\t']).then_some(after);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=9).contains(&digits) {
        return None;
    }
    let after = text.get(digits..)?.strip_prefix(['.', ')'])?;
    after.starts_with([' ', '\t']).then_some(after)
}

/// Refuses a tree deeper than [`NESTING_MAX`], without recursion.
fn check_depth(root: Node<'_>) -> Result<(), RenderError> {
    let mut stack = vec![(root, 0_usize)];
    while let Some((node, depth)) = stack.pop() {
        if depth > NESTING_MAX {
            return Err(RenderError::TooDeep { line: node.data().sourcepos.start.line });
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
            // A table's missing cells are filled in: columns times rows, which the budget bounds.
            assert!(name == "short table rows" || first <= 20_000 * 8, "{name}: {first} steps for 20,000 characters");
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
        assert_eq!(overmarked_line(&format!("{}b", "[^a]: ".repeat(MARKS_A_LINE_MAX + 1))), Some(1));
        assert_eq!(overmarked_line(&"::: a\n".repeat(NESTING_MAX + 1)), Some(NESTING_MAX + 1));
        assert_eq!(overmarked_line(&"::: a\n:::\n".repeat(1_000)), None);
        assert_eq!(overmarked_line(&"- ".repeat(1_000)), None);
        assert_eq!(overmarked_line(&format!("    {}", "x > ".repeat(1_000))), None);
    }

    /// Numbers without chance, so that a failure can be had again (splitmix64).
    fn next(state: &mut u64) -> usize {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or_default()
    }

    #[test]
    fn any_mixture_of_marks_is_laid_out() {
        const PARTS: &[&str] = &[
            "a",
            " ",
            "\n",
            "\n\n",
            "    ",
            "\t",
            "[",
            "]",
            "(",
            ")",
            "[@a]",
            "[@a; @b]",
            "[@x",
            "[^n]",
            "[^n]: ",
            "![",
            "](",
            "*",
            "**",
            "_",
            "~~",
            "`",
            "```\n",
            ":::",
            "::: accordion T\n",
            "::: product\n",
            "> ",
            "> [!NOTE]\n",
            "- ",
            "1. ",
            "# ",
            "### ",
            "|",
            "|-|-|\n",
            "| a | b |\n",
            "Table: c\n",
            "<b>",
            "</b>",
            "<sub>",
            "<!--",
            "-->",
            "<",
            ">",
            "&amp;",
            "&#64;",
            "&commat;",
            "&",
            "@",
            "b@c.de",
            "www.x.de",
            "https://x.de/",
            "mailto:",
            "media:1",
            "\"",
            "'",
            "\\",
            "{wide}",
            "é",
            "漢",
            "👩‍👧",
            "\u{202E}",
            "\u{0}",
            "\r",
            "---\n",
            "===\n",
            ".",
            ":",
            ";",
            "10.1000/x",
            "[a]: /b\n",
            "&#x202e;",
            "$",
        ];
        let keys = std::collections::HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
        let mut state = 22;
        for round in 0..4_000 {
            let length = 1 + next(&mut state) % 40;
            let source: String =
                (0..length).filter_map(|_| PARTS.get(next(&mut state) % PARTS.len())).copied().collect();
            let article =
                crate::render::markdown::article(&source, &keys, &crate::render::outline::HeadingIds::default());
            assert!(article.is_ok(), "round {round}: {source:?}: {:?}", article.err());
            let comment = crate::render::comment_markup::comment(&source, &[1, 2].into());
            assert!(comment.is_ok(), "round {round}: {source:?}: {:?}", comment.err());
        }
    }

    #[test]
    fn text_that_is_slow_to_escape_is_refused() {
        for sign in ["&", "£"] {
            let source = sign.repeat(200_000);
            let keys = std::collections::HashMap::<String, i64>::new();
            let kept = crate::render::outline::HeadingIds::default();
            assert!(crate::render::markdown::article(&source, &keys, &kept).is_err(), "{sign} in a row");
            let source = format!("{sign} text\n\n").repeat(5_000);
            assert!(crate::render::markdown::article(&source, &keys, &kept).is_ok(), "{sign} in paragraphs");
        }
    }
}
