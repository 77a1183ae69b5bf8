//! Comments: paragraphs, line breaks, emphasis, links, lists, quotes and code; nothing else (interface.md).
//!
//! Headings become paragraphs, pictures become links, HTML is shown as text. A line break typed is a line break
//! shown. `[12]` links to reference 12 where the article has one (goal sheet R36). Characters that turn the
//! direction of text are dropped, and every paragraph finds its own direction (requirements S4).

use std::collections::BTreeSet;

use comrak::nodes::{ListType, Node, NodeValue};
use comrak::{Arena, Options};

use crate::core::limits::{COMMENT_CHARS_MAX, COMMENT_HTML_BYTES_MAX, COMMENT_STEPS_MAX};
use crate::render::html::{Address, is_bidi_control, push_attribute, push_escaped};
use crate::render::markdown::in_tight_item;
pub use crate::render::parse::RenderError;
use crate::render::parse::{ParseLimits, parse};
use crate::render::sanitize::{self, SanitizedHtml};

/// A comment laid out, with what screening needs to know.
#[derive(Debug, Clone)]
pub struct CommentText {
    /// What readers see.
    pub html: SanitizedHtml,
    /// The words without marks, a block a line: for mail, search and screening.
    pub plain: String,
    /// Every link, in order, repetitions included.
    pub links: Vec<CommentLink>,
    /// Numbers of references pointed at, each once, ascending.
    pub references: Vec<u32>,
}

/// A link in a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentLink {
    /// The whole address, normalised.
    pub url: String,
    /// Its host in lower case and punycode; of a mail address what follows the `@`.
    pub host: String,
}

/// Lays out a comment. `references` are the numbers of the article's reference list.
///
/// **Errors**: only the limits; the text is to be shown again for mending.
pub fn comment(source: &str, references: &BTreeSet<u32>) -> Result<CommentText, RenderError> {
    let arena = Arena::new();
    let limits = ParseLimits { chars: COMMENT_CHARS_MAX, lines: COMMENT_CHARS_MAX + 1, steps: COMMENT_STEPS_MAX };
    let root = parse(&arena, source, &options(), limits)?;
    let mut writer = Writer {
        known: references,
        out: String::with_capacity(source.len() * 2),
        plain: String::with_capacity(source.len()),
        links: Vec::new(),
        references: BTreeSet::new(),
        in_link: InLink::No,
    };
    writer.blocks(root)?;
    Ok(CommentText {
        html: sanitize::comment(&writer.out),
        plain: writer.plain.trim().to_owned(),
        links: writer.links,
        references: writer.references.into_iter().collect(),
    })
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.parse.ignore_setext = true;
    options.parse.escaped_char_spans = true;
    options
}

/// Links do not stand inside links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InLink {
    No,
    Yes,
}

struct Writer<'r> {
    known: &'r BTreeSet<u32>,
    out: String,
    plain: String,
    links: Vec<CommentLink>,
    references: BTreeSet<u32>,
    in_link: InLink,
}

impl Writer<'_> {
    fn blocks(&mut self, parent: Node<'_>) -> Result<(), RenderError> {
        for node in parent.children() {
            self.block(node)?;
            if self.out.len() > COMMENT_HTML_BYTES_MAX {
                return Err(RenderError::TooLarge);
            }
        }
        Ok(())
    }

    fn block(&mut self, node: Node<'_>) -> Result<(), RenderError> {
        match &node.data().value {
            NodeValue::Paragraph if in_tight_item(node) => self.line_of("", node, "\n"),
            NodeValue::Paragraph | NodeValue::Heading(_) => self.line_of("<p dir=\"auto\">", node, "</p>\n"),
            NodeValue::ThematicBreak => self.text_block("<p>", "* * *", "</p>\n"),
            NodeValue::BlockQuote => self.wrap("<blockquote>\n", node, "</blockquote>\n")?,
            NodeValue::List(list) => match list.list_type {
                ListType::Bullet => self.wrap("<ul>\n", node, "</ul>\n")?,
                ListType::Ordered if list.start == 1 => self.wrap("<ol>\n", node, "</ol>\n")?,
                ListType::Ordered => self.wrap(&format!("<ol start=\"{}\">\n", list.start), node, "</ol>\n")?,
            },
            NodeValue::Item(_) => self.wrap("<li dir=\"auto\">", node, "</li>\n")?,
            NodeValue::CodeBlock(code) => {
                self.text_block("<pre tabindex=\"0\"><code>", &code.literal, "</code></pre>\n");
            }
            NodeValue::HtmlBlock(html) => self.text_block("<p dir=\"auto\">", html.literal.trim(), "</p>\n"),
            _ => self.blocks(node)?,
        }
        Ok(())
    }

    fn wrap(&mut self, open: &str, node: Node<'_>, close: &str) -> Result<(), RenderError> {
        self.out.push_str(open);
        self.blocks(node)?;
        self.out.push_str(close);
        Ok(())
    }

    fn text_block(&mut self, open: &str, text: &str, close: &str) {
        self.out.push_str(open);
        self.text(text);
        self.out.push_str(close);
        self.plain.push('\n');
    }

    fn line_of(&mut self, open: &str, node: Node<'_>, close: &str) {
        self.out.push_str(open);
        self.inlines(node);
        self.out.push_str(close);
        self.plain.push('\n');
    }

    fn text(&mut self, text: &str) {
        let text: String = text.chars().filter(|char| !is_bidi_control(*char)).collect();
        push_escaped(&mut self.out, &text);
        self.plain.push_str(&text);
    }

    fn break_line(&mut self) {
        self.out.push_str("<br>\n");
        self.plain.push('\n');
    }

    fn marked(&mut self, open: &str, node: Node<'_>, close: &str) {
        self.out.push_str(open);
        self.inlines(node);
        self.out.push_str(close);
    }

    fn inlines(&mut self, parent: Node<'_>) {
        for node in parent.children() {
            self.inline(node);
        }
    }

    fn inline(&mut self, node: Node<'_>) {
        match &node.data().value {
            NodeValue::Text(text) => self.run(text),
            NodeValue::SoftBreak | NodeValue::LineBreak => self.break_line(),
            NodeValue::Code(code) => {
                self.out.push_str("<code>");
                self.text(&code.literal);
                self.out.push_str("</code>");
            }
            NodeValue::Escaped => {
                let text = node.collect_text();
                self.text(&text);
            }
            NodeValue::HtmlInline(html) => self.text(html),
            NodeValue::Emph => self.marked("<em>", node, "</em>"),
            NodeValue::Strong => self.marked("<strong>", node, "</strong>"),
            NodeValue::Strikethrough => self.marked("<del>", node, "</del>"),
            NodeValue::Link(link) | NodeValue::Image(link) => self.link(node, &link.url),
            _ => self.inlines(node),
        }
    }

    /// Text in which `[12]` may point at a reference.
    fn run(&mut self, text: &str) {
        let mut rest = text;
        while let Some((before, number, after)) = next_reference(rest) {
            self.text(before);
            if self.known.contains(&number) && self.in_link == InLink::No {
                self.references.insert(number);
                self.out.push_str("<a");
                push_attribute(&mut self.out, "href", &format!("#r{number}"));
                self.out.push('>');
                self.text(&format!("[{number}]"));
                self.out.push_str("</a>");
            } else {
                let end = rest.len() - after.len();
                self.text(rest.get(before.len()..end).unwrap_or_default());
            }
            rest = after;
        }
        self.text(rest);
    }

    fn link(&mut self, node: Node<'_>, url: &str) {
        let target = match Address::parse(url) {
            Some(Address::Web(url)) => url.host_str().map(|host| (url.as_str().to_owned(), host.to_owned())),
            Some(Address::Mail(url)) => {
                let host = url.path().rsplit_once('@').map_or("", |(_, host)| host).to_lowercase();
                Some((url.as_str().to_owned(), host))
            }
            Some(Address::Path(_) | Address::Fragment(_)) | None => None,
        };
        let (Some((url, host)), InLink::No) = (target, self.in_link) else {
            self.inlines(node);
            return;
        };
        self.out.push_str("<a");
        push_attribute(&mut self.out, "href", &url);
        self.out.push('>');
        self.in_link = InLink::Yes;
        let start = self.out.len();
        self.inlines(node);
        if self.out.len() == start {
            self.text(&url);
        }
        self.in_link = InLink::No;
        self.out.push_str("</a>");
        self.links.push(CommentLink { url, host });
    }
}

/// The text before the first `[digits]`, the number, and the text after it.
fn next_reference(text: &str) -> Option<(&str, u32, &str)> {
    let mut from = 0;
    loop {
        let open = text.get(from..)?.find('[')? + from;
        let inner = text.get(open + 1..)?;
        let digits = inner.bytes().take(5).take_while(u8::is_ascii_digit).count();
        if (1..=4).contains(&digits)
            && let Some(after) = inner.get(digits..).and_then(|tail| tail.strip_prefix(']'))
            && let Some(number) = inner.get(..digits).and_then(|digits| digits.parse().ok())
        {
            return Some((text.get(..open)?, number, after));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use scraper::{Html, Selector};

    use super::*;

    fn render(source: &str) -> CommentText {
        comment(source, &BTreeSet::from([1, 12])).unwrap()
    }

    #[test]
    fn small_markup_is_drawn_and_the_rest_is_text() {
        let text =
            render("# Hi *there*\nline two\n\n> quote\n\n- a\n- b\n\n`x < y`\n\n<b>no</b>\n\n| a | b |\n|---|---|");
        assert_eq!(
            text.html.as_str().replace('\n', ""),
            "<p dir=\"auto\">Hi <em>there</em></p><p dir=\"auto\">line two</p>\
             <blockquote><p dir=\"auto\">quote</p></blockquote><ul><li dir=\"auto\">a</li><li dir=\"auto\">b</li></ul>\
             <p dir=\"auto\"><code>x &lt; y</code></p><p dir=\"auto\">&lt;b&gt;no&lt;/b&gt;</p>\
             <p dir=\"auto\">| a | b |<br>|---|---|</p>"
        );
        assert!(text.plain.starts_with("Hi there\nline two\nquote"));
    }

    #[test]
    fn links_are_listed_with_their_host_and_marked_as_readers_links() {
        let text = render(
            "[a](https://EXÄMPLE.org/x) https://two.example/y ![pic](http://three.example/p.png) me@four.example [x](javascript:alert(1)) [y](/local)",
        );
        let hosts: Vec<&str> = text.links.iter().map(|link| link.host.as_str()).collect();
        assert_eq!(hosts, ["xn--exmple-cua.org", "two.example", "three.example", "four.example"]);
        let html = Html::parse_fragment(text.html.as_str());
        let links = Selector::parse("a").unwrap();
        assert_eq!(html.select(&links).count(), 4);
        assert!(html.select(&links).all(|link| link.attr("rel") == Some("nofollow ugc noopener")));
        assert!(html.select(&Selector::parse("img").unwrap()).next().is_none());
    }

    #[test]
    fn a_number_in_brackets_leads_to_a_reference_that_exists() {
        let text = render("See [12], [13], [12] and \\[1].");
        assert_eq!(text.references, [12]);
        assert_eq!(text.html.as_str().matches("href=\"#r12\"").count(), 2);
        assert!(text.html.as_str().contains("[13]"));
        assert_eq!(text.plain, "See [12], [13], [12] and [1].");
        assert!(text.links.is_empty());
    }

    #[test]
    fn characters_that_turn_text_are_dropped_and_scripts_survive() {
        let text = render("a\u{202E}b &#x202E;c\u{2066}d سلام שלום 漢字 👩‍👩‍👧");
        assert!(!text.html.as_str().chars().any(is_bidi_control));
        assert_eq!(text.plain, "ab cd سلام שלום 漢字 👩‍👩‍👧");
    }

    #[test]
    fn the_limit_refuses() {
        let too_long = "a".repeat(COMMENT_CHARS_MAX + 1);
        assert!(matches!(comment(&too_long, &BTreeSet::new()), Err(RenderError::TooLong { .. })));
        assert!(matches!(comment(&"> ".repeat(120), &BTreeSet::new()), Err(RenderError::TooDeep { .. })));
        assert!(comment(&"- ".repeat(2_500), &BTreeSet::new()).is_ok(), "a long rule is no list");
    }
}
