//! Documents that are far too large or built to hurt: which are laid out, which are refused, and that neither takes
//! more room than its text allows. `src/README.md` tells the same as a table.

#![allow(clippy::unwrap_used, clippy::format_collect, reason = "a test may fail loudly")]

use std::collections::HashMap;

use crate::core::limits::{ARTICLE_CHARS_MAX, ARTICLE_HTML_BYTES_MAX, ARTICLE_LINES_MAX, HEADINGS_MAX};
use crate::render::markdown::{self, RenderError, RenderedArticle};
use crate::render::outline::HeadingIds;

fn lay_out(source: &str) -> Result<RenderedArticle, RenderError> {
    let works: HashMap<String, i64> = (1..=5_000).map(|number| (format!("k{number}"), number)).collect();
    markdown::article(source, &works, &HeadingIds::default())
}

/// Laid out, in no more than so many bytes for each byte of its text.
fn laid_out(source: &str, bytes_a_byte: usize) -> RenderedArticle {
    let article = lay_out(source).unwrap();
    let (bytes, text) = (article.html.as_str().len(), source.len());
    assert!(bytes <= text * bytes_a_byte, "{bytes} bytes of HTML from {text} of text");
    assert!(article.plain.len() <= text + 1, "the plain text is no longer than what was written");
    article
}

const PROSE: &str = "Small harbours share their doctors, their gossip and, in winter, their only good road.\n\n";

#[test]
fn a_million_characters_of_prose_are_laid_out_and_one_more_is_refused() {
    let long = PROSE.repeat(ARTICLE_CHARS_MAX / PROSE.len());
    assert!(long.lines().count() <= ARTICLE_LINES_MAX);
    assert_eq!(laid_out(&long, 2).word_count, u32::try_from(14 * (ARTICLE_CHARS_MAX / PROSE.len())).unwrap());
    let over = "a".repeat(ARTICLE_CHARS_MAX + 1);
    assert_eq!(
        lay_out(&over).unwrap_err(),
        RenderError::TooLong { chars: ARTICLE_CHARS_MAX + 1, max: ARTICLE_CHARS_MAX }
    );
    let lines = "a\n".repeat(ARTICLE_LINES_MAX + 1);
    assert!(matches!(lay_out(&lines).unwrap_err(), RenderError::TooManyLines { .. }));
}

#[test]
fn ten_thousand_levels_are_refused_before_they_are_parsed() {
    let deep = |mark: &str| format!("{}x", mark.repeat(10_000));
    for source in [deep("> "), deep("- "), deep("1. "), deep("[^a]: "), "::: accordion A\n".repeat(10_000)] {
        assert!(matches!(lay_out(&source).unwrap_err(), RenderError::TooDeep { .. }), "{}", &source[..10]);
    }
    // One level a line, as deep as a million characters go.
    let stairs: String = (0..1_400).map(|level| format!("{}- x\n", "  ".repeat(level))).collect();
    assert!(stairs.len() > ARTICLE_CHARS_MAX || matches!(lay_out(&stairs).unwrap_err(), RenderError::TooDeep { .. }));
    // Marks inside a line: refused where they nest, text where they do not.
    for source in [deep("*a **b "), deep("[a](b "), deep("~~a *b ")] {
        match lay_out(&source) {
            Ok(article) => assert!(article.html.as_str().len() <= source.len() * 4),
            Err(error) => assert!(matches!(error, RenderError::TooDeep { .. } | RenderError::TooMany), "{error}"),
        }
    }
    for source in [deep("["), deep("!["), deep("(")] {
        laid_out(&source, 2);
    }
}

#[test]
fn five_thousand_citations_are_laid_out_each_with_its_number() {
    let each: String = (1..=5_000).map(|number| format!("Word [@k{number}].\n\n")).collect();
    let article = laid_out(&each, 12);
    assert_eq!((article.citations.len(), article.findings.len()), (5_000, 0));
    assert_eq!(article.citations.last().map(|cited| cited.number), Some(5_000));

    let same = "Word [@k1].\n\n".repeat(5_000);
    let article = laid_out(&same, 12);
    assert_eq!(article.citations.iter().map(|cited| cited.marks.len()).collect::<Vec<_>>(), [5_000]);

    let group = format!("Word [{}].", (1..=150).map(|number| format!("@k{number}")).collect::<Vec<_>>().join("; "));
    assert_eq!(laid_out(&group, 4).citations.len(), 150, "a run is one mark");
    // A group longer than its limit is text, not a citation.
    let long = format!("Word [{}].", (1..=1_000).map(|number| format!("@k{number}")).collect::<Vec<_>>().join("; "));
    assert_eq!(laid_out(&long, 2).citations.len(), 0);
}

#[test]
fn a_thousand_columns_are_laid_out_and_a_million_cells_are_refused() {
    let row = |cell: &str, count: usize| format!("|{}\n", format!("{cell}|").repeat(count));
    let head = format!("{}{}", row("a", 1_000), row("-", 1_000));
    let article = laid_out(&format!("Table: Wide\n\n{head}{}", row("b", 1_000).repeat(10)), 12);
    assert_eq!(article.table_count, 1);
    assert_eq!(article.findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["table.wide"]);
    let cells = format!("{head}{}", row("b", 1_000).repeat(490));
    assert!(cells.len() <= ARTICLE_CHARS_MAX);
    for source in [cells, format!("{head}{}", "|b\n".repeat(20_000))] {
        match lay_out(&source) {
            Ok(article) => assert!(article.html.as_str().len() <= ARTICLE_HTML_BYTES_MAX),
            Err(error) => assert!(matches!(error, RenderError::TooMany | RenderError::TooLarge), "{error}"),
        }
    }
}

#[test]
fn more_headings_than_a_contents_list_can_hold_are_refused() {
    let headings = |count: usize| "## A heading\n\n".repeat(count);
    assert_eq!(laid_out(&headings(HEADINGS_MAX), 8).outline.len(), HEADINGS_MAX);
    assert_eq!(lay_out(&headings(HEADINGS_MAX + 1)).unwrap_err(), RenderError::TooMany);
}
