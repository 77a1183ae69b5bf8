//! The words of our own HTML without the HTML: for comparisons, structured data and feeds.
//!
//! Reads only what [`crate::render::sanitize`] wrote: well formed, attributes in double quotes, five entities.

use crate::render::sanitize::SanitizedHtml;

/// What a block of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A heading.
    Heading,
    /// An item of a list.
    Item,
    /// A row of a table, cells divided by " | ".
    Row,
    /// Anything else: a paragraph.
    Text,
}

/// A paragraph, heading, list item or table row, as readers see its words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// What it is.
    pub kind: Kind,
    /// Its words, white space folded.
    pub text: String,
}

/// Tags that begin or end a block.
const BLOCKS: &[&str] = &[
    "p",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "tr",
    "div",
    "section",
    "aside",
    "blockquote",
    "figcaption",
    "figure",
    "table",
    "thead",
    "tbody",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "pre",
    "details",
    "summary",
    "hr",
    "br",
];

/// What is not read: marks of citations and notes, and the second copy of a table's caption.
fn is_left_out(tag: &str) -> bool {
    tag.starts_with("span class=\"cite") || tag.starts_with("sup class=\"note-mark") || name(tag) == "caption"
}

fn name(tag: &str) -> &str {
    tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default()
}

/// The blocks of a text in order; empty ones are left out.
#[must_use]
pub fn blocks(html: &SanitizedHtml) -> Vec<Block> {
    read(html, is_left_out)
}

/// The words of a comment in one line, without those it quotes.
#[must_use]
pub fn own_words(html: &SanitizedHtml) -> String {
    let own = read(html, |tag| is_left_out(tag) || name(tag) == "blockquote");
    own.into_iter().map(|block| block.text).collect::<Vec<_>>().join(" ")
}

fn read(html: &SanitizedHtml, is_left_out: impl Fn(&str) -> bool) -> Vec<Block> {
    let mut reader = Reader { blocks: Vec::new(), kind: Kind::Text, text: String::new() };
    // The name of the element that is left out, and how many of that name are open inside it.
    let mut left_out: Option<(&str, usize)> = None;
    let mut rest = html.as_str();
    while let Some((text, after)) = rest.split_once('<') {
        if left_out.is_none() {
            push_decoded(&mut reader.text, text);
        }
        let Some((tag, next)) = after.split_once('>') else { break };
        rest = next;
        left_out = match left_out {
            Some((outer, depth)) if name(tag) == outer => match (tag.starts_with('/'), depth) {
                (true, 0) => None,
                (true, depth) => Some((outer, depth - 1)),
                (false, depth) => Some((outer, depth + 1)),
            },
            Some(still) => Some(still),
            None if is_left_out(tag) => Some((name(tag), 0)),
            None => {
                reader.tag(tag);
                None
            }
        };
    }
    if left_out.is_none() {
        push_decoded(&mut reader.text, rest);
    }
    reader.end(Kind::Text);
    reader.blocks
}

/// The words of a text in one line.
#[must_use]
pub fn text(html: &SanitizedHtml) -> String {
    blocks(html).into_iter().map(|block| block.text).collect::<Vec<_>>().join(" ")
}

struct Reader {
    blocks: Vec<Block>,
    kind: Kind,
    text: String,
}

impl Reader {
    fn tag(&mut self, tag: &str) {
        let name = name(tag);
        if matches!(name, "td" | "th") && tag.starts_with('/') {
            self.text.push('\u{1}');
        }
        if !BLOCKS.contains(&name) {
            return;
        }
        let kind = match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Kind::Heading,
            "li" => Kind::Item,
            "tr" => Kind::Row,
            // A paragraph inside an item is the item.
            "p" if self.kind == Kind::Item && self.text.trim().is_empty() => Kind::Item,
            _ => Kind::Text,
        };
        self.end(if tag.starts_with('/') { Kind::Text } else { kind });
    }

    /// Ends the block that is being read; what follows is of this kind.
    fn end(&mut self, next: Kind) {
        let text = std::mem::take(&mut self.text);
        let cells = text.trim_end_matches(['\u{1}', ' ', '\n']).replace('\u{1}', " | ");
        let text = cells.split_whitespace().collect::<Vec<_>>().join(" ").replace('\u{2060}', "");
        if !text.is_empty() {
            self.blocks.push(Block { kind: self.kind, text });
        }
        self.kind = next;
    }
}

fn push_decoded(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let known = [("amp;", '&'), ("lt;", '<'), ("gt;", '>'), ("quot;", '"'), ("#39;", '\''), ("nbsp;", '\u{a0}')];
        if let Some((char, next)) = known.iter().find_map(|(name, char)| Some((*char, after.strip_prefix(name)?))) {
            out.push(char);
            rest = next;
        } else {
            out.push('&');
            rest = after;
        }
    }
    out.push_str(rest);
}

/// The same HTML with addresses that work anywhere: pictures and links to this site get its address, links to places
/// on the page the page's. For feeds, which are read elsewhere.
#[must_use]
pub fn absolute(html: &str, site: &str, page: &str) -> String {
    let site = site.trim_end_matches('/');
    let places = [(" href=\"#", format!(" href=\"{page}#"))];
    let paths = [" href=\"/", " src=\"/"].map(|path| (path, path.replace('/', &format!("{site}/"))));
    let mut out = String::with_capacity(html.len() + html.len() / 8);
    let mut rest = html;
    while let Some((text, after)) = rest.split_once('<') {
        out.push_str(text);
        out.push('<');
        let (tag, next) = after.split_at(after.find('>').unwrap_or(after.len()));
        // Most tags have no address of ours.
        if tag.contains("=\"/") || tag.contains("=\"#") {
            let whole = places.iter().chain(&paths).fold(tag.to_owned(), |tag, (from, to)| tag.replace(from, to));
            out.push_str(&whole);
        } else {
            out.push_str(tag);
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(html: &str) -> SanitizedHtml {
        SanitizedHtml::from_revision_column(html.to_owned())
    }

    #[test]
    fn blocks_are_what_a_reader_sees() {
        let html = of(
            "<h2 id=\"a\">Light <i>on</i> purpose</h2>\n<p>Less\u{2060}<span class=\"cite\">[<a href=\"#r1\">1</a>]</span> &amp; <b>mo</b>re &lt;b&gt;</p><ul><li><p>One</p></li><li>Two</li></ul><table><caption class=\"visually-hidden\">T</caption><tr><th>A</th><td>B</td></tr></table>",
        );
        let found: Vec<(Kind, String)> = blocks(&html).into_iter().map(|block| (block.kind, block.text)).collect();
        let block = |kind, text: &str| (kind, text.to_owned());
        assert_eq!(
            found,
            [
                block(Kind::Heading, "Light on purpose"),
                block(Kind::Text, "Less & more <b>"),
                block(Kind::Item, "One"),
                block(Kind::Item, "Two"),
                block(Kind::Row, "A | B"),
            ]
        );
        assert_eq!(text(&of("<p>A</p><p>B &quot;c&quot;</p>")), "A B \"c\"");
        assert_eq!(
            own_words(&of("<blockquote><p>Theirs</p><blockquote>Older</blockquote></blockquote><p>Mine</p>")),
            "Mine"
        );
    }

    #[test]
    fn only_attributes_are_made_absolute() {
        let html = of(
            "<p><a href=\"/naps\">x</a> <a href=\"#r1\">1</a> <code> href=\"/naps</code><img src=\"/media/a.svg\"></p>",
        );
        assert_eq!(
            absolute(html.as_str(), "https://h.example/", "https://h.example/night"),
            "<p><a href=\"https://h.example/naps\">x</a> <a href=\"https://h.example/night#r1\">1</a> <code> href=\"/naps</code><img src=\"https://h.example/media/a.svg\"></p>"
        );
    }
}
