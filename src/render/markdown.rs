//! Articles: Markdown to HTML, numbered citations, contents, products and findings (interface.md, Article text).
//!
//! Choices the grammar leaves open:
//! - **Raw HTML** is shown as text and reported. `<br>`, `<sub>`, `<sup>` and `<kbd>` without attributes are marks
//!   like any other.
//! - **Headings** are h2 to h4; `#` is drawn as h2 and `#####` as h4, with a finding.
//! - **Adjacent citation groups** are drawn as one.
//! - **Pictures** come from this site only: `media:ID`, or a path under `/media/`. After a picture alone in its
//!   paragraph, braces may hold `wide` and `decorative`: `![](media:3){wide decorative}`.
//! - **Row headers** and column widths: see [`crate::render::tables`].

use std::collections::{HashMap, HashSet};

use comrak::nodes::{AlertType, AstNode, ListType, Node, NodeFootnoteReference, NodeLink, NodeList, NodeValue};
use comrak::{Arena, Options};
use unicode_segmentation::UnicodeSegmentation;

use crate::core::limits::{
    ARTICLE_CHARS_MAX, ARTICLE_HTML_BYTES_MAX, ARTICLE_LINES_MAX, ARTICLE_STEPS_MAX, HEADINGS_MAX, PRODUCTS_MAX,
};
use crate::render::citations::{self, Cited, MarkStyle, Numbering, Piece};
use crate::render::containers::{self, Action, Product};
use crate::render::finding::{Finding, FindingLevel};
use crate::render::html::{Address, push_attribute, push_escaped};
use crate::render::outline::{self, Heading, HeadingIds};
pub use crate::render::parse::RenderError;
use crate::render::parse::{ParseLimits, parse};
use crate::render::sanitize::{self, SanitizedHtml};
use crate::render::tables;

/// Raised whenever an unchanged text would be drawn differently; stored HTML of a lower version is made again.
pub const RENDERER_VERSION: i32 = 2;

/// Joined before a mark, so that a line never starts with it (reader.md 2).
const WORD_JOINER: char = '\u{2060}';

/// What an article may name and the caller knows: references and pictures.
pub trait Resolve {
    /// The record behind a citation key, as the caller numbers its records. Keys come as written, without `@`;
    /// identifiers come as `doi:10.1000/x` (lower case) and `pmid:123`. Two keys of one record give one number.
    fn reference(&self, key: &str) -> Option<i64>;

    /// The picture behind `media:ID`; nothing by default.
    fn picture(&self, id: i64) -> Option<Picture> {
        let _ = id;
        None
    }
}

impl<S: std::hash::BuildHasher> Resolve for HashMap<String, i64, S> {
    fn reference(&self, key: &str) -> Option<i64> {
        self.get(key).copied()
    }
}

/// A stored picture as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its path on this site: `/media/{hash}/{name}`.
    pub path: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Who made it, as the page says; may be empty. It ends the caption of a figure.
    pub credit: String,
}

/// An article laid out, with everything the page around it needs to know.
#[derive(Debug, Clone)]
pub struct RenderedArticle {
    /// The body.
    pub html: SanitizedHtml,
    /// The body's words without marks, a block a line: for search and feeds.
    pub plain: String,
    /// Headings in order.
    pub outline: Vec<Heading>,
    /// Works cited, in order of their numbers.
    pub citations: Vec<Cited>,
    /// What is wrong with the text, in order of lines.
    pub findings: Vec<Finding>,
    /// Products, in order.
    pub products: Vec<Product>,
    /// The call to action.
    pub action: Option<Action>,
    /// Words of the body.
    pub word_count: u32,
    /// Slugs linked to as `/slug`, each once, in order.
    pub internal_links: Vec<String>,
    /// Pictures used, each once, in order, those of products included.
    pub media: Vec<i64>,
    /// How many tables.
    pub table_count: u32,
    /// How many figures.
    pub figure_count: u32,
}

/// Lays out an article. `kept` are the headings of its last version.
///
/// The work is linear in the text and bounded by `core/limits.rs`; it needs no I/O, but takes milliseconds: call it
/// off the request threads.
///
/// **Errors**: only the limits; every other fault of the text is a finding.
pub fn article(source: &str, resolve: &dyn Resolve, kept: &HeadingIds) -> Result<RenderedArticle, RenderError> {
    let arena = Arena::new();
    let limits = ParseLimits { chars: ARTICLE_CHARS_MAX, lines: ARTICLE_LINES_MAX, steps: ARTICLE_STEPS_MAX };
    let root = parse(&arena, source, &options(), limits)?;
    let (headings, anchors) = headings(root, kept)?;
    let mut writer = Writer::new(source, resolve, anchors);
    writer.document(root)?;
    writer.check_fragments();
    if sanitize::is_costly(&writer.out) {
        return Err(RenderError::TooMany);
    }
    Ok(writer.finish(headings))
}

pub(super) fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.extension.block_directive = true;
    // `\[@key]` must stay text: without these nodes it could not be told from a citation.
    options.parse.escaped_char_spans = true;
    options
}

/// A heading's anchors, by its node.
type Anchors = HashMap<*const AstNode<'static>, (String, Vec<String>)>;

/// Only compared, never followed.
fn address(node: Node<'_>) -> *const AstNode<'static> {
    std::ptr::from_ref(node).cast()
}

/// The headings that get an anchor: those of the body and of accordions.
fn headings(root: Node<'_>, kept: &HeadingIds) -> Result<(Vec<Heading>, Anchors), RenderError> {
    let mut nodes = Vec::new();
    let mut texts = Vec::new();
    for node in root.descendants() {
        if let NodeValue::Heading(heading) = node.data().value
            && node.parent().is_some_and(may_hold_anchors)
        {
            texts.push((heading.level.clamp(2, 4), citations::strip(&node.collect_text()).trim().to_owned()));
            nodes.push(node);
        }
    }
    if texts.len() > HEADINGS_MAX {
        return Err(RenderError::TooMany);
    }
    let outline = outline::assign(&texts, kept);
    let anchors = nodes
        .into_iter()
        .zip(&outline)
        .map(|(node, heading)| (address(node), (heading.id.clone(), heading.aliases.clone())))
        .collect();
    Ok((outline, anchors))
}

fn may_hold_anchors(parent: Node<'_>) -> bool {
    match &parent.data().value {
        NodeValue::Document => true,
        NodeValue::BlockDirective(directive) => {
            directive.info.split_whitespace().next() == Some("accordion")
                && parent.parent().is_some_and(|parent| matches!(parent.data().value, NodeValue::Document))
        }
        _ => false,
    }
}

/// The state of one layout.
pub(super) struct Writer<'s> {
    pub(super) out: String,
    pub(super) lines: Vec<&'s str>,
    pub(super) mark_style: MarkStyle,
    pub(super) table_count: u32,
    resolve: &'s dyn Resolve,
    anchors: Anchors,
    plain: String,
    /// Where the text of the current block starts in `out`.
    block_start: usize,
    numbering: Numbering,
    findings: Vec<Finding>,
    products: Vec<Product>,
    action: Option<Action>,
    internal_links: Vec<String>,
    fragments: Vec<(String, usize)>,
    media: Vec<i64>,
    figure_count: u32,
    heading_level: u8,
}

impl<'s> Writer<'s> {
    fn new(source: &'s str, resolve: &'s dyn Resolve, anchors: Anchors) -> Self {
        Self {
            out: String::with_capacity(source.len() * 2),
            lines: source.lines().collect(),
            mark_style: MarkStyle::Raised,
            table_count: 0,
            resolve,
            anchors,
            plain: String::with_capacity(source.len()),
            block_start: 0,
            numbering: Numbering::default(),
            findings: Vec::new(),
            products: Vec::new(),
            action: None,
            internal_links: Vec::new(),
            fragments: Vec::new(),
            media: Vec::new(),
            figure_count: 0,
            heading_level: 1,
        }
    }

    fn finish(mut self, outline: Vec<Heading>) -> RenderedArticle {
        self.findings.sort_by_key(|finding| finding.line);
        let word_count = u32::try_from(self.plain.unicode_words().count()).unwrap_or(u32::MAX);
        RenderedArticle {
            html: sanitize::article(&self.out),
            plain: self.plain.trim().to_owned(),
            outline,
            citations: self.numbering.into_cited(),
            findings: self.findings,
            products: self.products,
            action: self.action,
            word_count,
            internal_links: self.internal_links,
            media: self.media,
            table_count: self.table_count,
            figure_count: self.figure_count,
        }
    }

    pub(super) fn find(&mut self, code: &str, level: FindingLevel, line: usize, text: &str, subject: &str) {
        self.findings.push(Finding::new(code, level, line, text, subject));
    }

    /// Links to places on the page that are not there.
    fn check_fragments(&mut self) {
        let known: HashSet<&str> = self
            .anchors
            .values()
            .flat_map(|(id, aliases)| std::iter::once(id.as_str()).chain(aliases.iter().map(String::as_str)))
            .collect();
        for (fragment, line) in &self.fragments {
            if !known.contains(fragment.as_str()) && !outline::is_reserved(fragment) {
                let text = "This link leads to a heading that isn’t in the article.";
                self.findings.push(Finding::new("link.fragment", FindingLevel::Warns, *line, text, fragment));
            }
        }
    }

    // Blocks

    /// The body, then the notes. The parser has moved notes to the end.
    fn document(&mut self, root: Node<'_>) -> Result<(), RenderError> {
        let is_note = |node: &Node<'_>| matches!(node.data().value, NodeValue::FootnoteDefinition(_));
        let (notes, body): (Vec<_>, Vec<_>) = root.children().partition(is_note);
        self.block_list(&body)?;
        if notes.is_empty() {
            return Ok(());
        }
        self.out.push_str(r#"<section class="notes" role="doc-endnotes" aria-label="Notes">"#);
        self.out.push_str("\n<ol>\n");
        for (at, note) in notes.into_iter().enumerate() {
            self.note(note, at + 1)?;
        }
        self.out.push_str("</ol>\n</section>\n");
        Ok(())
    }

    fn note(&mut self, note: Node<'_>, number: usize) -> Result<(), RenderError> {
        self.out.push_str("<li");
        push_attribute(&mut self.out, "id", &format!("fn-{number}"));
        self.out.push('>');
        self.blocks(note)?;
        self.out.push_str("<a");
        push_attribute(&mut self.out, "href", &format!("#fnref-{number}"));
        push_attribute(&mut self.out, "role", "doc-backlink");
        push_attribute(&mut self.out, "aria-label", &format!("Back to note {number} in the text"));
        self.out.push_str(">↩</a></li>\n");
        Ok(())
    }

    fn blocks(&mut self, parent: Node<'_>) -> Result<(), RenderError> {
        let children: Vec<_> = parent.children().collect();
        self.block_list(&children)
    }

    fn block_list(&mut self, blocks: &[Node<'_>]) -> Result<(), RenderError> {
        let captions = tables::captions(blocks);
        for (at, block) in blocks.iter().enumerate() {
            if captions.is_caption(at) {
                continue;
            }
            let caption = captions.of(at).and_then(|at| blocks.get(at)).copied();
            self.block(block, caption)?;
            if self.out.len() > ARTICLE_HTML_BYTES_MAX {
                return Err(RenderError::TooLarge);
            }
        }
        Ok(())
    }

    fn block<'a>(&mut self, node: Node<'a>, caption: Option<Node<'a>>) -> Result<(), RenderError> {
        let line = line(node);
        match &node.data().value {
            NodeValue::Paragraph => self.paragraph(node),
            NodeValue::Heading(heading) => self.heading(node, heading.level),
            NodeValue::ThematicBreak => self.out.push_str("<hr>\n"),
            NodeValue::BlockQuote => {
                self.check_callout(node);
                self.wrap("<blockquote>\n", node, "</blockquote>\n")?;
            }
            NodeValue::Alert(alert) => self.callout(node, alert.alert_type, alert.title.as_deref())?,
            NodeValue::List(list) => self.list(node, list)?,
            NodeValue::Item(_) => self.wrap("<li>", node, "</li>\n")?,
            NodeValue::CodeBlock(code) => {
                self.out.push_str("<pre tabindex=\"0\"><code>");
                push_escaped(&mut self.out, &code.literal);
                self.out.push_str("</code></pre>\n");
                self.end_block(&code.literal);
            }
            NodeValue::HtmlBlock(html) => {
                self.raw_html(line, &html.literal);
                self.out.push_str("<p>");
                push_escaped(&mut self.out, html.literal.trim());
                self.out.push_str("</p>\n");
                self.end_block(&html.literal);
            }
            NodeValue::Table(table) => self.table(node, table, caption)?,
            NodeValue::BlockDirective(directive) => self.container(node, &directive.info)?,
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

    /// Adds text to the plain form and ends its line.
    fn end_block(&mut self, text: &str) {
        self.plain.push_str(text.trim_end());
        self.plain.push('\n');
    }

    /// The inlines of a block between two tags.
    pub(super) fn line_of(&mut self, open: &str, node: Node<'_>, close: &str) {
        self.out.push_str(open);
        self.block_start = self.out.len();
        self.inlines(node);
        self.out.push_str(close);
        self.end_block("");
    }

    fn paragraph(&mut self, node: Node<'_>) {
        if let Some((image, words)) = lone_image(node) {
            self.figure(image, &words);
        } else if in_tight_item(node) {
            self.line_of("", node, "\n");
        } else {
            self.line_of("<p>", node, "</p>\n");
        }
    }

    fn heading(&mut self, node: Node<'_>, written: u8) {
        let line = line(node);
        let level = written.clamp(2, 4);
        if level != written {
            let text = "Headings in the text are of level 2 to 4 (## to ####).";
            self.find("heading.level", FindingLevel::Warns, line, text, &node.collect_text());
        } else if level > self.heading_level + 1 {
            let text = "This heading skips a level.";
            self.find("heading.skipped", FindingLevel::Note, line, text, &node.collect_text());
        }
        self.heading_level = level;
        let _ = std::fmt::Write::write_fmt(&mut self.out, format_args!("<h{level}"));
        let anchors = self.anchors.get(&address(node)).cloned();
        if let Some((id, aliases)) = anchors {
            push_attribute(&mut self.out, "id", &id);
            self.out.push('>');
            for alias in &aliases {
                self.out.push_str("<span class=\"alias\"");
                push_attribute(&mut self.out, "id", alias);
                self.out.push_str("></span>");
            }
        } else {
            self.out.push('>');
        }
        self.line_of("", node, &format!("</h{level}>\n"));
    }

    fn list(&mut self, node: Node<'_>, list: &NodeList) -> Result<(), RenderError> {
        match list.list_type {
            ListType::Bullet => self.wrap("<ul>\n", node, "</ul>\n"),
            ListType::Ordered if list.start == 1 => self.wrap("<ol>\n", node, "</ol>\n"),
            ListType::Ordered => self.wrap(&format!("<ol start=\"{}\">\n", list.start), node, "</ol>\n"),
        }
    }

    /// A quote that starts like a callout but is none.
    fn check_callout(&mut self, node: Node<'_>) {
        let text = node.first_child().map(comrak::arena_tree::Node::collect_text).unwrap_or_default();
        if let Some(kind) = text.strip_prefix("[!").and_then(|rest| rest.split_once(']')).map(|(kind, _)| kind) {
            let text = "Callouts are NOTE, TIP, IMPORTANT, WARNING or CAUTION.";
            self.find("callout.unknown", FindingLevel::Warns, line(node), text, kind);
        }
    }

    /// Three kinds are drawn: Note, Caution and Urgent (decisions 22). The title stands after the kind
    /// (`[!NOTE] Title`) or is a first line all in bold; without one the kind's name is the title.
    fn callout(&mut self, node: Node<'_>, kind: AlertType, title: Option<&str>) -> Result<(), RenderError> {
        let (class, word) = match kind {
            AlertType::Note | AlertType::Tip | AlertType::Important => ("callout callout--note", "Note"),
            AlertType::Warning => ("callout", "Caution"),
            AlertType::Caution => ("callout callout--urgent", "Urgent"),
        };
        self.out.push_str("<div");
        push_attribute(&mut self.out, "class", class);
        self.out.push_str(" role=\"note\">");
        match (title, bold_first_line(node)) {
            (None, Some(bold)) => self.line_of("<b>", bold, "</b>"),
            (title, _) => {
                self.out.push_str("<b>");
                self.block_start = self.out.len();
                self.text_run(title.unwrap_or(word), line(node));
                self.out.push_str("</b>");
                self.end_block("");
            }
        }
        let children: Vec<_> = node.children().collect();
        match children.as_slice() {
            [only] if matches!(only.data().value, NodeValue::Paragraph) && lone_image(only).is_none() => {
                self.line_of("", only, "");
            }
            blocks => self.block_list(blocks)?,
        }
        self.out.push_str("</div>\n");
        Ok(())
    }

    fn container(&mut self, node: Node<'_>, info: &str) -> Result<(), RenderError> {
        let (kind, rest) = info.trim().split_once(char::is_whitespace).unwrap_or((info.trim(), ""));
        let first = line(node);
        let last = node.data().sourcepos.end.line;
        let closed = last > first && self.lines.get(last - 1).is_some_and(|line| line.trim_start().starts_with(":::"));
        if !closed {
            let text = "This block is never closed. End it with a line of “:::”.";
            self.find("container.unclosed", FindingLevel::Blocks, first, text, kind);
        }
        match kind {
            "product" | "action" => {
                let top = node.parent().is_some_and(|parent| matches!(parent.data().value, NodeValue::Document));
                if !top {
                    let text = "Products and calls to action can’t stand inside another block.";
                    self.find("container.nested", FindingLevel::Blocks, first, text, kind);
                    return Ok(());
                }
                let end = if closed { last - 1 } else { last };
                let lines: Vec<&str> = self.lines.get(first..end).unwrap_or_default().to_vec();
                if kind == "product" { self.product(&lines, first) } else { self.action(&lines, first) }
            }
            "accordion" => {
                let title = rest.trim();
                if title.is_empty() {
                    let text = "An accordion needs a title: “::: accordion Title”.";
                    self.find("accordion.title", FindingLevel::Warns, first, text, "");
                }
                self.out.push_str("<details class=\"accordion\"><summary>");
                push_escaped(&mut self.out, if title.is_empty() { "More" } else { title });
                self.out.push_str("</summary>\n");
                self.end_block(title);
                self.blocks(node)?;
                self.out.push_str("</details>\n");
            }
            _ => {
                let text = "There is no such block. Blocks are product, action and accordion.";
                self.find("container.unknown", FindingLevel::Warns, first, text, kind);
                self.blocks(node)?;
            }
        }
        Ok(())
    }

    fn product(&mut self, lines: &[&str], first: usize) {
        let Some(product) = containers::product(lines, first, &mut self.findings) else {
            return;
        };
        if self.products.len() >= PRODUCTS_MAX {
            let text = format!("At most {PRODUCTS_MAX} products are shown.");
            self.find("product.count", FindingLevel::Warns, first, &text, &product.name);
            return;
        }
        if let Some(id) = containers::media_id(&product.image) {
            self.use_media(id);
        }
        self.products.push(product);
    }

    fn action(&mut self, lines: &[&str], first: usize) {
        let Some(action) = containers::action(lines, first, &mut self.findings) else {
            return;
        };
        if self.action.is_some() {
            let text = "Only one call to action is shown.";
            self.find("action.count", FindingLevel::Warns, first, text, &action.heading);
            return;
        }
        self.action = Some(action);
    }

    // Pictures

    fn use_media(&mut self, id: i64) {
        if !self.media.contains(&id) {
            self.media.push(id);
        }
    }

    fn figure(&mut self, image: Node<'_>, words: &[String]) {
        let NodeValue::Image(link) = &image.data().value else {
            return;
        };
        let line = line(image);
        for word in words.iter().filter(|word| !matches!(word.as_str(), "wide" | "decorative")) {
            self.find(
                "image.word",
                FindingLevel::Warns,
                line,
                "After a picture, braces hold wide or decorative.",
                word,
            );
        }
        self.figure_count += 1;
        let wide = if words.iter().any(|word| word == "wide") { "fig is-wide" } else { "fig" };
        self.out.push_str("<figure");
        push_attribute(&mut self.out, "class", wide);
        push_attribute(&mut self.out, "id", &format!("fig-{}", self.figure_count));
        self.out.push_str(">\n<div class=\"fig__box\">");
        let described = !words.iter().any(|word| word == "decorative");
        self.picture(image, link, if described { Described::Needed } else { Described::Decorative });
        self.out.push_str("</div>\n");
        self.figure_caption(link, line);
        self.out.push_str("</figure>\n");
    }

    /// A bold first phrase, then the rest, then whom the picture is by.
    fn figure_caption(&mut self, link: &NodeLink, line: usize) {
        let caption = link.title.trim();
        let picture = containers::media_id(&link.url).and_then(|id| self.resolve.picture(id));
        let credit = picture.map(|picture| picture.credit).unwrap_or_default();
        let credit = if caption.contains(credit.trim()) { "" } else { credit.trim() };
        if caption.is_empty() && credit.is_empty() {
            return;
        }
        self.out.push_str("<figcaption>");
        if !caption.is_empty() {
            let (phrase, rest) = first_phrase(caption);
            self.out.push_str("<b>");
            self.block_start = self.out.len();
            self.text_run(phrase, line);
            self.out.push_str("</b>");
            if !rest.is_empty() {
                self.out.push(' ');
                self.plain.push(' ');
                self.text_run(rest, line);
            }
        }
        if !credit.is_empty() {
            if !caption.is_empty() {
                self.out.push(' ');
            }
            push_escaped(&mut self.out, credit);
        }
        self.out.push_str("</figcaption>\n");
        self.end_block("");
    }

    /// The `img`, or a finding and the description as text.
    fn picture(&mut self, image: Node<'_>, link: &NodeLink, described: Described) {
        let line = line(image);
        let alt = citations::strip(&image.collect_text()).trim().to_owned();
        if alt.is_empty() && described == Described::Needed {
            let text = "Describe this picture for people who can’t see it, or mark it {decorative}.";
            self.find("image.undescribed", FindingLevel::Blocks, line, text, &link.url);
        }
        let picture = if let Some(id) = containers::media_id(&link.url) {
            self.use_media(id);
            self.resolve.picture(id).map(|picture| (picture.path, Some((picture.width, picture.height))))
        } else if containers::is_media_path(&link.url) {
            Some((link.url.clone(), None))
        } else {
            let text = "Pictures come from the media library (media:ID), never from other sites.";
            self.find("image.address", FindingLevel::Blocks, line, text, &link.url);
            push_escaped(&mut self.out, &alt);
            return;
        };
        let Some((path, size)) = picture else {
            self.find(
                "image.missing",
                FindingLevel::Blocks,
                line,
                "This picture isn’t in the media library.",
                &link.url,
            );
            push_escaped(&mut self.out, &alt);
            return;
        };
        self.out.push_str("<img");
        push_attribute(&mut self.out, "src", &path);
        push_attribute(&mut self.out, "alt", if described == Described::Decorative { "" } else { &alt });
        if let Some((width, height)) = size {
            push_attribute(&mut self.out, "width", &width.to_string());
            push_attribute(&mut self.out, "height", &height.to_string());
        }
        push_attribute(&mut self.out, "loading", "lazy");
        push_attribute(&mut self.out, "decoding", "async");
        self.out.push('>');
    }

    // Inlines

    /// The children of a block or mark. Text and soft breaks in a row are one run, in which citations are found.
    pub(super) fn inlines(&mut self, parent: Node<'_>) {
        let mut run = String::new();
        let mut run_line = 0;
        for node in parent.children() {
            if run.is_empty() {
                run_line = line(node);
            }
            match &node.data().value {
                NodeValue::Text(text) => run.push_str(text),
                NodeValue::SoftBreak => run.push('\n'),
                _ => {
                    self.text_run(&run, run_line);
                    run.clear();
                    self.inline(node);
                }
            }
        }
        self.text_run(&run, run_line);
    }

    /// Running text that starts on `line`.
    fn text_run(&mut self, text: &str, line: usize) {
        for piece in citations::split(text) {
            match piece {
                Piece::Text(text) => self.text(text),
                Piece::Group(items, at) => {
                    let breaks = text.get(..at).unwrap_or_default().matches('\n').count();
                    self.citation(&items, line + breaks);
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        push_escaped(&mut self.out, text);
        self.plain.push_str(text);
    }

    fn citation(&mut self, items: &[citations::CitationItem], line: usize) {
        let found: Vec<(Option<i64>, &str)> =
            items.iter().map(|item| (self.resolve.reference(&item.key), item.locator.as_str())).collect();
        for (item, _) in items.iter().zip(&found).filter(|(_, (reference, _))| reference.is_none()) {
            let text = "This mark has no source behind it.";
            self.find("citation.unresolved", FindingLevel::Blocks, line, text, &item.key);
        }
        if self.mark_style != MarkStyle::Plain && self.out.len() > self.block_start {
            self.out.push(WORD_JOINER);
        }
        self.numbering.push_mark(&mut self.out, &found, self.mark_style);
    }

    fn marked(&mut self, open: &str, node: Node<'_>, close: &str) {
        self.out.push_str(open);
        self.inlines(node);
        self.out.push_str(close);
    }

    fn inline(&mut self, node: Node<'_>) {
        match &node.data().value {
            NodeValue::LineBreak => {
                self.out.push_str("<br>\n");
                self.plain.push('\n');
            }
            NodeValue::Code(code) => {
                self.out.push_str("<code>");
                self.text(&code.literal);
                self.out.push_str("</code>");
            }
            NodeValue::Escaped => {
                let text = node.collect_text();
                self.text(&text);
            }
            NodeValue::HtmlInline(html) => self.inline_html(html, line(node)),
            NodeValue::Emph => self.marked("<em>", node, "</em>"),
            NodeValue::Strong => self.marked("<strong>", node, "</strong>"),
            NodeValue::Strikethrough => self.marked("<del>", node, "</del>"),
            NodeValue::Link(link) => self.link(node, &link.url),
            NodeValue::Image(link) => {
                self.find(
                    "image.inline",
                    FindingLevel::Note,
                    line(node),
                    "A picture alone in its paragraph is a figure; this one stands in the text.",
                    &link.url,
                );
                self.picture(node, link, Described::Needed);
            }
            NodeValue::FootnoteReference(note) => self.note_mark(note),
            _ => self.inlines(node),
        }
    }

    fn inline_html(&mut self, html: &str, line: usize) {
        let tag = html.to_ascii_lowercase();
        match tag.as_str() {
            "<br>" | "<br/>" | "<br />" => {
                self.out.push_str("<br>\n");
                self.plain.push('\n');
            }
            "<sub>" | "</sub>" | "<sup>" | "</sup>" | "<kbd>" | "</kbd>" => self.out.push_str(&tag),
            _ => {
                self.raw_html(line, html);
                self.text(html);
            }
        }
    }

    fn raw_html(&mut self, line: usize, html: &str) {
        let subject: String = html.trim().chars().take(60).collect();
        let text = "HTML isn’t part of the text; readers see it as it is written.";
        self.find("html.raw", FindingLevel::Warns, line, text, &subject);
    }

    fn link(&mut self, node: Node<'_>, url: &str) {
        if self.mark_style == MarkStyle::Unlinked {
            self.inlines(node);
            return;
        }
        let Some(address) = Address::parse(url) else {
            let text = "Links are https://…, mailto:… or a path of this site such as /slug.";
            self.find("link.address", FindingLevel::Warns, line(node), text, url);
            self.inlines(node);
            return;
        };
        self.out.push_str("<a");
        push_attribute(&mut self.out, "href", &address.href());
        match address {
            Address::Web(_) => push_attribute(&mut self.out, "rel", "noopener"),
            Address::Mail(_) => {}
            Address::Path(path) => self.use_link(&path),
            Address::Fragment(fragment) => self.fragments.push((fragment, line(node))),
        }
        self.out.push('>');
        let style = std::mem::replace(&mut self.mark_style, MarkStyle::Unlinked);
        self.inlines(node);
        self.mark_style = style;
        self.out.push_str("</a>");
    }

    fn use_link(&mut self, path: &str) {
        let slug = path.trim_start_matches('/').split(['?', '#']).next().unwrap_or_default().to_owned();
        if !slug.is_empty() && !self.internal_links.contains(&slug) {
            self.internal_links.push(slug);
        }
    }

    fn note_mark(&mut self, note: &NodeFootnoteReference) {
        let number = note.ix;
        if self.mark_style == MarkStyle::Unlinked {
            return;
        }
        let id = if note.ref_num == 1 { format!("fnref-{number}") } else { format!("fnref-{number}-{}", note.ref_num) };
        self.out.push_str("<sup class=\"note-mark\"><a");
        push_attribute(&mut self.out, "id", &id);
        push_attribute(&mut self.out, "href", &format!("#fn-{number}"));
        push_attribute(&mut self.out, "role", "doc-noteref");
        push_attribute(&mut self.out, "aria-label", &format!("Note n{number}"));
        let _ = std::fmt::Write::write_fmt(&mut self.out, format_args!(">n{number}</a></sup>"));
    }
}

/// Whether a picture needs a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Described {
    Needed,
    Decorative,
}

/// The line a node starts on, from 1.
pub(super) fn line(node: Node<'_>) -> usize {
    node.data().sourcepos.start.line
}

/// Whether a paragraph belongs to an item of a tight list, where it gets no tags.
pub(super) fn in_tight_item(node: Node<'_>) -> bool {
    let Some(item) = node.parent() else {
        return false;
    };
    let Some(list) = item.parent() else {
        return false;
    };
    matches!(item.data().value, NodeValue::Item(_)) && matches!(list.data().value, NodeValue::List(list) if list.tight)
}

/// The image of a paragraph that holds nothing else, with the words of a `{…}` after it.
fn lone_image(paragraph: Node<'_>) -> Option<(Node<'_>, Vec<String>)> {
    let mut children = paragraph.children();
    let image = children.next().filter(|node| matches!(node.data().value, NodeValue::Image(_)))?;
    let words = match children.next() {
        None => Vec::new(),
        Some(next) => match &next.data().value {
            NodeValue::Text(text) => {
                let words = text.trim().strip_prefix('{')?.strip_suffix('}')?;
                words.split_whitespace().map(str::to_owned).collect()
            }
            _ => return None,
        },
    };
    children.next().is_none().then_some((image, words))
}

/// Takes a first line that is all bold out of a callout's first paragraph.
fn bold_first_line(callout: Node<'_>) -> Option<Node<'_>> {
    let paragraph = callout.first_child().filter(|node| matches!(node.data().value, NodeValue::Paragraph))?;
    let bold = paragraph.first_child().filter(|node| matches!(node.data().value, NodeValue::Strong))?;
    match bold.next_sibling() {
        None => paragraph.detach(),
        Some(next) if matches!(next.data().value, NodeValue::SoftBreak | NodeValue::LineBreak) => {
            next.detach();
            bold.detach();
        }
        Some(_) => return None,
    }
    Some(bold)
}

/// Splits a caption after its first sentence.
fn first_phrase(caption: &str) -> (&str, &str) {
    let end = [". ", "? ", "! ", ": "].iter().filter_map(|mark| caption.find(mark)).min();
    end.and_then(|end| caption.split_at_checked(end + 1)).map_or((caption, ""), |(phrase, rest)| (phrase, rest.trim()))
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use scraper::{Html, Selector};

    use super::*;

    fn library() -> HashMap<String, i64> {
        (1..=20).map(|number| (format!("k{number}"), number * 100)).chain([("doi:10.1000/x".to_owned(), 100)]).collect()
    }

    struct WithPictures(HashMap<String, i64>);

    impl Resolve for WithPictures {
        fn reference(&self, key: &str) -> Option<i64> {
            self.0.get(key).copied()
        }

        fn picture(&self, id: i64) -> Option<Picture> {
            let credit = if id == 5 { "Illustration: Harbour Health." } else { "" }.to_owned();
            (id < 100).then(|| Picture { path: format!("/media/hash/{id}.svg"), width: 640, height: 262, credit })
        }
    }

    fn render(source: &str) -> RenderedArticle {
        article(source, &WithPictures(library()), &HeadingIds::default()).unwrap()
    }

    fn dom(article: &RenderedArticle) -> Html {
        Html::parse_fragment(article.html.as_str())
    }

    fn texts(html: &Html, selector: &str) -> Vec<String> {
        html.select(&Selector::parse(selector).unwrap()).map(|element| element.text().collect()).collect()
    }

    fn attributes(html: &Html, selector: &str, name: &str) -> Vec<String> {
        html.select(&Selector::parse(selector).unwrap())
            .filter_map(|element| element.attr(name).map(str::to_owned))
            .collect()
    }

    fn codes(article: &RenderedArticle) -> Vec<(&str, usize)> {
        article.findings.iter().map(|finding| (finding.code.as_str(), finding.line)).collect()
    }

    #[test]
    fn works_are_numbered_by_first_use_and_marks_join_the_word_before() {
        let article =
            render("Nurses sleep less [@k7]. Lapses add up\n[@k3; @k7, p. 4].\n\nAlso [@doi:10.1000/X] and [@k1].");
        let html = dom(&article);
        assert_eq!(texts(&html, ".cite"), ["[1]", "[1 (p. 4), 2]", "[3]", "[3]"]);
        assert!(article.html.as_str().contains("less\u{2060}<span class=\"cite\">[<a id=\"c1-1\" href=\"#r1\""));
        assert_eq!(attributes(&html, ".cite a", "aria-label")[1], "Reference 1, p. 4");
        assert_eq!(article.citations.iter().map(|cited| cited.reference).collect::<Vec<_>>(), [700, 300, 100]);
        assert_eq!(article.citations[0].marks, ["c1-1", "c1-2"]);
        assert_eq!(article.citations[0].locators, ["p. 4"]);
        assert_eq!(article.citations[2].marks, ["c3-1", "c3-2"], "two keys of one record are one number");
        assert!(article.findings.is_empty());
        assert_eq!(article.plain, "Nurses sleep less. Lapses add up.\nAlso and.");
    }

    #[test]
    fn a_citation_put_in_front_renumbers_the_rest() {
        let numbers = |source: &str| texts(&dom(&render(source)), ".cite");
        assert_eq!(numbers("a [@k1] b [@k2] c [@k1]"), ["[1]", "[2]", "[1]"]);
        assert_eq!(numbers("z [@k9] a [@k1] b [@k2] c [@k1]"), ["[1]", "[2]", "[3]", "[2]"]);
    }

    #[test]
    fn an_unknown_key_is_a_question_mark_and_blocks() {
        let article = render("First.\n\nOne\ntwo [@nobody] three [@k1; @noone].");
        assert_eq!(texts(&dom(&article), ".cite"), ["[?]", "[1, ?]"]);
        assert_eq!(codes(&article), [("citation.unresolved", 4), ("citation.unresolved", 4)]);
        assert_eq!(article.findings[0].subject, "nobody");
        assert_eq!(article.findings[0].level, FindingLevel::Blocks);
    }

    #[test]
    fn escaped_and_quoted_marks_stay_text() {
        let article = render("Write \\[@k1] or `[@k1]`.\n\n    [@k1]\n");
        assert!(article.citations.is_empty());
        assert_eq!(texts(&dom(&article), "p"), ["Write [@k1] or [@k1]."]);
    }

    #[test]
    fn a_table_is_drawn_as_in_the_mock_up() {
        let article = render(
            "Table: Measures for *shorter* sleep [@k2]\n\n| **Measure** | Effect | n | Sources |\n|---|---|--:|---|\n\
             | Anchor | 40 min | 3 | [@k1; @k2; @k3] |\n| Light | | 2 | [@nobody] |\n",
        );
        let html = dom(&article);
        assert_eq!(
            texts(&html, "div.tbl.is-wide > span.tbl__cap#t1"),
            ["Table 1. Measures for shorter sleep\u{2060}[1]"]
        );
        assert_eq!(attributes(&html, ".tbl > .tbl__scroll[role=region][tabindex='0']", "aria-labelledby"), ["t1"]);
        assert_eq!(texts(&html, "table > caption"), ["Measures for shorter sleep"]);
        assert_eq!(texts(&html, "thead th[scope=col]"), ["Measure", "Effect", "n", "Sources"]);
        assert_eq!(texts(&html, "tbody th[scope=row]"), ["Anchor", "Light"]);
        assert_eq!(texts(&html, "td.is-end"), ["3", "2"]);
        assert_eq!(texts(&html, "tbody td:last-child"), ["1, 2, 3", "[?]"]);
        assert!(texts(&html, "td .cite").is_empty());
        assert_eq!(codes(&article), [("citation.unresolved", 6)]);
    }

    #[test]
    fn captions_find_their_tables() {
        let table = "| a | b |\n|---|---|\n| c | d |\n";
        let caps = |source: &str| texts(&dom(&render(source)), ".tbl__cap");
        assert_eq!(caps(&format!("Table: One\n\n{table}\nTable: Two\n\n{table}")), ["Table 1. One", "Table 2. Two"]);
        assert_eq!(caps(&format!("{table}\nTable: One\n\n{table}\nTable: Two\n")), ["Table 1. One", "Table 2. Two"]);
        assert_eq!(caps(&format!("{table}Table: One\n\n{table}Table: Two\n")), ["Table 1. One", "Table 2. Two"]);
        assert_eq!(caps(&format!("Table: One\n{table}\nTable: Two\n{table}")), ["Table 1. One", "Table 2. Two"]);
        assert_eq!(caps(&format!("{table}\nTable: Two\n{table}")), ["Table 1", "Table 2. Two"]);
        assert_eq!(codes(&render(table)), [("table.caption", 1)]);
        assert_eq!(texts(&dom(&render("Table: of contents\n")), "p"), ["Table: of contents"]);
    }

    #[test]
    fn first_cells_are_row_headers_where_they_can_name_their_rows() {
        let rows = |source: &str| texts(&dom(&render(source)), "tbody th[scope=row]");
        assert_eq!(rows("| a | b |\n|---|---|\n| **c** | d |\n| e | f |\n"), ["c", "e"]);
        for data in [
            "| a | b |\n|---|---|\n| c | d |\n| | f |\n",
            "| a | b |\n|---|---|\n| c | d |\n| c | f |\n",
            "| a | b |\n|:---|---|\n| c | d |\n",
            "| a | b |\n|---:|---|\n| 1 | d |\n",
            "| Sources | b |\n|---|---|\n| [@k1] | d |\n",
            "| a |\n|---|\n| c |\n",
        ] {
            assert!(rows(data).is_empty(), "{data}");
        }
    }

    #[test]
    fn a_bold_first_line_is_a_callouts_title() {
        let article = render(
            "> [!TIP]\n> **A card**\n> for the door [@k1].\n\n> [!NOTE]\n> **Not** a title.\n\n> [!NOTE]\n> **Alone**\n>\n> Text.\n",
        );
        let html = dom(&article);
        assert_eq!(texts(&html, ".callout > b"), ["A card", "Note", "Alone"]);
        assert_eq!(texts(&html, ".callout"), ["A cardfor the door\u{2060}[1].", "NoteNot a title.", "AloneText."]);
    }

    #[test]
    fn a_picture_alone_is_a_figure() {
        let article = render(
            "![A chart of a week](media:3 \"One rotation. The block moves [@k1].\"){wide}\n\n![](media:4){decorative}\n",
        );
        let html = dom(&article);
        assert_eq!(attributes(&html, "figure.fig.is-wide#fig-1 > .fig__box > img", "src"), ["/media/hash/3.svg"]);
        assert_eq!(attributes(&html, "#fig-1 img", "width"), ["640"]);
        assert_eq!(texts(&html, "#fig-1 figcaption > b"), ["One rotation."]);
        assert_eq!(texts(&html, "#fig-1 figcaption"), ["One rotation. The block moves\u{2060}[1]."]);
        assert_eq!(attributes(&html, "#fig-2 img", "alt"), [""]);
        assert_eq!(article.media, [3, 4]);
        assert!(article.findings.is_empty(), "{:?}", article.findings);
    }

    #[test]
    fn a_caption_ends_with_the_credit_once() {
        let captions = |source: &str| texts(&dom(&render(source)), "figcaption");
        assert_eq!(
            captions("![x](media:5 \"One week. It moves.\")"),
            ["One week. It moves. Illustration: Harbour Health."]
        );
        assert_eq!(captions("![x](media:5)"), ["Illustration: Harbour Health."]);
        assert_eq!(
            captions("![x](media:5 \"A. Illustration: Harbour Health.\")"),
            ["A. Illustration: Harbour Health."]
        );
        assert!(captions("![x](media:3)").is_empty());
    }

    #[test]
    fn pictures_without_description_or_from_elsewhere_block() {
        let article = render("![](media:3)\n\n![x](https://evil.example/pixel.png)\n\n![x](media:500)\n");
        assert_eq!(codes(&article), [("image.undescribed", 1), ("image.address", 3), ("image.missing", 5)]);
        assert_eq!(attributes(&dom(&article), "img", "src"), ["/media/hash/3.svg"]);
        assert!(finding_blocks(&article));
    }

    fn finding_blocks(article: &RenderedArticle) -> bool {
        crate::render::finding::any_blocks(&article.findings)
    }

    #[test]
    fn callouts_are_drawn_in_three_kinds() {
        let article = render(
            "> [!TIP]\n> Try it.\n\n> [!warning] Driving home\n> Stop [@k1].\n>\n> Then nap.\n\n> [!CAUTION]\n> Call.\n\n> [!FOO]\n> x\n",
        );
        let html = dom(&article);
        assert_eq!(texts(&html, ".callout--note[role=note]"), ["NoteTry it."]);
        assert_eq!(texts(&html, ".callout > b"), ["Note", "Driving home", "Urgent"]);
        assert_eq!(texts(&html, ".callout--urgent"), ["UrgentCall."]);
        assert_eq!(texts(&html, ".callout p").len(), 2);
        assert_eq!(codes(&article), [("callout.unknown", 12)]);
    }

    #[test]
    fn containers_are_collected_with_their_lines() {
        let article = render(
            "Before.\n\n::: product\nname: Amber glasses\nprice: £18\nurl: https://shop.example/a\n:::\n\n\
             ::: action\nheading: Help?\nbutton: Book\nurl: /book\n:::\n\n::: accordion How we *searched*\n## Method\n\nText [@k1].\n:::\n\nAfter.\n",
        );
        assert_eq!(article.products[0].name, "Amber glasses");
        assert_eq!(article.action.as_ref().unwrap().url, "/book");
        let html = dom(&article);
        assert_eq!(texts(&html, "details.accordion > summary"), ["How we *searched*"]);
        assert_eq!(texts(&html, "details h2#method"), ["Method"]);
        assert!(!article.html.as_str().contains("Amber"));
        assert!(article.findings.is_empty(), "{:?}", article.findings);
        let article = render(
            "x\n\n::: product\nname: A\ncolour: red\nurl: nowhere\n:::\n\n::: box\ny\n:::\n\n::: accordion\nz\n",
        );
        assert_eq!(
            codes(&article),
            [
                ("product.field", 3),
                ("product.field", 5),
                ("container.unknown", 9),
                ("container.unclosed", 13),
                ("accordion.title", 13)
            ]
        );
        assert!(article.products.is_empty());
    }

    #[test]
    fn headings_keep_to_three_levels_and_know_their_old_ids() {
        let source = "# Upper\n\n## Comments\n\n### Light [@k1]\n\n##### Deep\n\n> ## quoted\n";
        let article = render(source);
        let outline: Vec<(u8, &str)> =
            article.outline.iter().map(|heading| (heading.level, heading.id.as_str())).collect();
        assert_eq!(outline, [(2, "upper"), (2, "section-comments"), (3, "light"), (4, "deep")]);
        assert_eq!(codes(&article), [("heading.level", 1), ("heading.level", 7)]);
        let renamed = super::article(
            &source.replace("Light", "Light on purpose"),
            &library(),
            &HeadingIds::from(article.outline.as_slice()),
        )
        .unwrap();
        let html = dom(&renamed);
        assert_eq!(texts(&html, "h3#light-on-purpose > span.alias#light").len(), 1);
    }

    #[test]
    fn links_are_kept_by_kind() {
        let article = render(
            "[a](https://example.org/ü) [b](/night-shift?x#y) [c](mailto:a@b.example) [d](javascript:alert(1)) [e](#light) [f](#nowhere)\n\n## Light\n\n[g](//evil.example) www.example.org [h [@k1]](/two)",
        );
        let html = dom(&article);
        assert_eq!(
            attributes(&html, "a[href]", "href"),
            [
                "https://example.org/%C3%BC",
                "/night-shift?x#y",
                "mailto:a@b.example",
                "#light",
                "#nowhere",
                "http://www.example.org/",
                "/two"
            ]
        );
        assert_eq!(attributes(&html, "a[rel=noopener]", "href").len(), 2);
        assert_eq!(article.internal_links, ["night-shift", "two"]);
        assert_eq!(codes(&article), [("link.address", 1), ("link.fragment", 1), ("link.address", 5)]);
    }

    #[test]
    fn raw_html_is_text_and_small_marks_are_marks() {
        let article = render("<div onclick=\"x\">\nhi\n</div>\n\nCO<sub>2</sub> <b>bold</b> a<br>b <!-- c -->\n");
        let html = dom(&article);
        assert_eq!(texts(&html, "sub"), ["2"]);
        assert!(texts(&html, "b").is_empty());
        assert_eq!(texts(&html, "p").len(), 2);
        assert!(texts(&html, "p")[0].starts_with("<div onclick"));
        assert_eq!(codes(&article), [("html.raw", 1), ("html.raw", 5), ("html.raw", 5), ("html.raw", 5)]);
    }

    #[test]
    fn notes_stand_at_the_end_and_lead_back() {
        let article = render("One[^a] two[^b] three[^a].\n\n[^a]: First [@k1].\n[^b]: Second.\n");
        let html = dom(&article);
        assert_eq!(attributes(&html, "sup.note-mark > a", "id"), ["fnref-1", "fnref-2", "fnref-1-2"]);
        assert_eq!(texts(&html, "section.notes[role=doc-endnotes] li").len(), 2);
        assert_eq!(attributes(&html, "section.notes a[role=doc-backlink]", "href"), ["#fnref-1", "#fnref-2"]);
    }

    #[test]
    fn lists_quotes_and_code_are_plain() {
        let article = render("3. a\n4. b\n\n- c\n\n  d\n\n> e\n\n```rust\n<x>\n```\n\n---\n\n~~f~~ **g** *h*  \ni");
        let html = dom(&article);
        assert_eq!(attributes(&html, "ol", "start"), ["3"]);
        assert_eq!(texts(&html, "ol > li"), ["a\n", "b\n"]);
        assert_eq!(texts(&html, "ul > li > p"), ["c", "d"]);
        assert_eq!(texts(&html, "pre[tabindex='0'] > code"), ["<x>\n"]);
        assert_eq!(texts(&html, "del, strong, em"), ["f", "g", "h"]);
        assert_eq!(html.select(&Selector::parse("hr, p > br").unwrap()).count(), 2);
    }

    #[test]
    fn ids_on_a_page_are_unique() {
        let article = render(
            "## A [@k1; @k2; @k3]\n\n## A\n\nx [@k1; @k2; @k3] [^n] y[^n] [@k2]\n\n[^n]: z [@k1]\n\n| a | b |\n|-|-|\n| c | [@k3] |\n\n![d](media:1)\n",
        );
        let mut ids = attributes(&dom(&article), "[id]", "id");
        let total = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), total);
        let all: HashSet<String> = ids.into_iter().collect();
        assert!(article.citations.iter().flat_map(|cited| &cited.marks).all(|mark| all.contains(mark)));
    }

    #[test]
    fn the_limits_refuse_and_never_cut() {
        let too_long = "a".repeat(ARTICLE_CHARS_MAX + 1);
        assert!(matches!(article(&too_long, &library(), &HeadingIds::default()), Err(RenderError::TooLong { .. })));
        let deep = format!("ok\n\n{}x", "> ".repeat(150));
        assert_eq!(article(&deep, &library(), &HeadingIds::default()).unwrap_err(), RenderError::TooDeep { line: 3 });
        let many = "## h\n\n".repeat(HEADINGS_MAX + 1);
        assert_eq!(article(&many, &library(), &HeadingIds::default()).unwrap_err(), RenderError::TooMany);
    }
}
