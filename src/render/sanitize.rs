//! The sanitiser: the only maker of HTML that reaches a page (requirements D1, S1).
//!
//! Both profiles are closed lists of what our own writers produce; people's raw HTML never gets this far, it is
//! escaped before. The lists therefore guard against mistakes of the writers, not against the web.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use askama::filters::HtmlSafe;
use askama::{FastWritable, Values};

use crate::core::limits::ESCAPE_WORK_MAX;
use crate::render::html::{Address, push_escaped};

/// HTML that is safe to put into a page as it stands. Templates print it unescaped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
// Invariant: the string came out of one of the two profiles of this file, here or before it was stored.
pub struct SanitizedHtml(String);

impl SanitizedHtml {
    /// HTML read back from `revision_renderings.html`, which only ever receives [`SanitizedHtml`].
    pub(crate) fn from_revision_column(html: String) -> Self {
        Self(html)
    }

    /// HTML read back from a comment's rendered column, which only ever receives [`SanitizedHtml`].
    pub(crate) fn from_comment_column(html: String) -> Self {
        Self(html)
    }

    /// The same on another page than the one its marks of references lead to: `#r12` is at `page#r12` then.
    #[must_use]
    pub fn away_from(&self, page: &str) -> Self {
        let mut to = String::new();
        push_escaped(&mut to, page);
        Self(self.0.replace("<a href=\"#r", &format!("<a href=\"{to}#r")))
    }

    /// The HTML, to be stored or measured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SanitizedHtml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for SanitizedHtml {}

impl FastWritable for SanitizedHtml {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

/// Sanitises what the article writer wrote. Relative addresses stay only as `/path` and `#fragment`; pictures only
/// from this site.
pub(super) fn article(html: &str) -> SanitizedHtml {
    static PROFILE: LazyLock<Builder<'static>> = LazyLock::new(article_profile);
    SanitizedHtml(PROFILE.clean(html).to_string())
}

/// Sanitises what the comment writer wrote: no pictures, headings, tables, ids or classes; every link carries
/// `rel="nofollow ugc noopener"` (requirements D2).
pub(super) fn comment(html: &str) -> SanitizedHtml {
    static PROFILE: LazyLock<Builder<'static>> = LazyLock::new(comment_profile);
    SanitizedHtml(PROFILE.clean(html).to_string())
}

/// Whether writing this HTML out again would take long: the serialiser under the sanitiser looks at the rest of a
/// text once for each `&` and each byte C2 in it (seen in html5ever 0.40), so a long text full of them costs their
/// product.
pub(super) fn is_costly(html: &str) -> bool {
    html.split(['<', '>']).any(|part| {
        let signs = part.bytes().filter(|byte| matches!(byte, b'&' | 0xC2)).count();
        signs.saturating_mul(part.len()) > ESCAPE_WORK_MAX
    })
}

fn set(items: &'static [&'static str]) -> HashSet<&'static str> {
    items.iter().copied().collect()
}

fn map(items: &'static [(&'static str, &'static [&'static str])]) -> HashMap<&'static str, HashSet<&'static str>> {
    items.iter().map(|(name, values)| (*name, set(values))).collect()
}

fn article_profile() -> Builder<'static> {
    let mut profile = Builder::empty();
    profile
        .tags(set(&[
            "a",
            "b",
            "blockquote",
            "br",
            "caption",
            "code",
            "del",
            "details",
            "div",
            "em",
            "figcaption",
            "figure",
            "h2",
            "h3",
            "h4",
            "hr",
            "img",
            "kbd",
            "li",
            "ol",
            "p",
            "pre",
            "section",
            "span",
            "strong",
            "sub",
            "summary",
            "sup",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .clean_content_tags(set(&["script", "style", "template", "noscript", "iframe", "svg", "math"]))
        .tag_attributes(map(&[
            ("a", &["href", "id", "rel", "role", "aria-label"]),
            ("div", &["role", "aria-labelledby", "tabindex"]),
            ("figure", &["id"]),
            ("h2", &["id"]),
            ("h3", &["id"]),
            ("h4", &["id"]),
            ("img", &["src", "alt", "width", "height", "loading", "decoding"]),
            ("li", &["id"]),
            ("ol", &["start"]),
            ("pre", &["tabindex"]),
            ("section", &["role", "aria-label"]),
            ("span", &["id"]),
            ("th", &["scope"]),
        ]))
        .allowed_classes(map(&[
            ("caption", &["visually-hidden"]),
            ("details", &["accordion"]),
            ("div", &["tbl", "tbl__scroll", "is-wide", "fig__box", "callout", "callout--note", "callout--urgent"]),
            ("figure", &["fig", "is-wide"]),
            ("section", &["notes"]),
            ("span", &["cite", "cite--missing", "tbl__cap", "alias"]),
            ("sup", &["note-mark"]),
            ("td", &["is-center", "is-end"]),
            ("th", &["is-center", "is-end"]),
        ]))
        .url_schemes(set(&["http", "https", "mailto"]))
        .url_relative(UrlRelative::Custom(Box::new(local_only)))
        .link_rel(None)
        .attribute_filter(article_attribute);
    profile
}

fn comment_profile() -> Builder<'static> {
    let mut profile = Builder::empty();
    profile
        .tags(set(&["a", "blockquote", "br", "code", "del", "em", "li", "ol", "p", "pre", "strong", "ul"]))
        .clean_content_tags(set(&["script", "style", "template", "noscript", "iframe", "svg", "math"]))
        .tag_attributes(map(&[
            ("a", &["href"]),
            ("li", &["dir"]),
            ("ol", &["start"]),
            ("p", &["dir"]),
            ("pre", &["tabindex"]),
        ]))
        .url_schemes(set(&["http", "https", "mailto"]))
        .url_relative(UrlRelative::Custom(Box::new(reference_only)))
        .link_rel(Some("nofollow ugc noopener"))
        .attribute_filter(comment_attribute);
    profile
}

fn local_only(url: &str) -> Option<Cow<'_, str>> {
    matches!(Address::parse(url), Some(Address::Path(_) | Address::Fragment(_))).then_some(Cow::Borrowed(url))
}

fn reference_only(url: &str) -> Option<Cow<'_, str>> {
    let number = url.strip_prefix("#r")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(Cow::Borrowed(url))
}

fn article_attribute<'v>(tag: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    let kept = match (tag, attribute) {
        (_, "id" | "aria-labelledby") => {
            !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }
        (_, "tabindex") => value == "0",
        ("a", "href") => Address::parse(value).is_some(),
        ("a", "rel") => value == "noopener",
        ("a", "role") => matches!(value, "doc-noteref" | "doc-backlink"),
        ("div", "role") => matches!(value, "region" | "note"),
        ("section", "role") => value == "doc-endnotes",
        ("th", "scope") => matches!(value, "col" | "row"),
        ("img", "src") => matches!(Address::parse(value), Some(Address::Path(_))),
        ("img", "loading") => value == "lazy",
        ("img", "decoding") => value == "async",
        ("img", "width" | "height") | ("ol", "start") => {
            !value.is_empty() && value.len() < 10 && value.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => true,
    };
    kept.then_some(Cow::Borrowed(value))
}

fn comment_attribute<'v>(tag: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    let kept = match (tag, attribute) {
        ("a", "href") => match Address::parse(value) {
            Some(Address::Web(_) | Address::Mail(_)) => true,
            Some(Address::Fragment(_)) => reference_only(value).is_some(),
            Some(Address::Path(_)) | None => false,
        },
        (_, "dir") => value == "auto",
        (_, "tabindex") => value == "0",
        ("ol", "start") => !value.is_empty() && value.len() < 10 && value.bytes().all(|byte| byte.is_ascii_digit()),
        _ => true,
    };
    kept.then_some(Cow::Borrowed(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::{BTreeSet, HashMap};

    use scraper::{Html, Node};
    use url::Url;

    use super::*;
    use crate::render::comment_markup::comment as render_comment;
    use crate::render::markdown::article as render_article;
    use crate::render::outline::HeadingIds;

    /// Attempts to run script, load something or break out, in HTML and in Markdown. Our own collection of the known
    /// families.
    const PAYLOADS: &[&str] = &[
        "<script>alert(1)</script>",
        "<ScRiPt src=//evil.example/x.js></sCrIpT>",
        "<script/x>alert(1)</script/x>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<<script>alert(1)//<</script>",
        "</p><script>alert(1)</script><p>",
        "<script\u{0}>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<img src=\"x\" onerror=\"alert(1)\"",
        "<img/src=x/onerror=alert(1)>",
        "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\">",
        "<img src=`x`onerror=alert(1)>",
        "<img src='x'\nonerror\n=\nalert(1)>",
        "<img srcset=\"//evil.example/p 1x\">",
        "<img src=\"javascript:alert(1)\">",
        "<image src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
        "<svg><animate attributeName=href values=javascript:alert(1) /><a id=x><text>y</text></a></svg>",
        "<svg><foreignObject><iframe src=javascript:alert(1)></iframe></foreignObject></svg>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<svg><desc><![CDATA[</desc><img src=x onerror=alert(1)>]]></svg>",
        "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'/>#x\"></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<math><mi><a xlink:href=\"javascript:alert(1)\">x</a></mi></math>",
        "<math><annotation-xml encoding=\"text/html\"><script>alert(1)</script></annotation-xml></math>",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<template><script>alert(1)</script></template>",
        "<textarea><img title=\"</textarea><img src=x onerror=alert(1)>\"></textarea>",
        "<title><a title=\"</title><img src=x onerror=alert(1)>\"></title>",
        "<xmp><a title=\"</xmp><img src=x onerror=alert(1)>\"></xmp>",
        "<plaintext><script>alert(1)</script>",
        "<listing>&lt;img onerror=alert(1) src=x&gt;</listing>",
        "<select><option><script>alert(1)</script></select>",
        "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<object data=javascript:alert(1)></object>",
        "<embed src=\"data:text/html,<script>alert(1)</script>\">",
        "<base href=//evil.example/>",
        "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
        "<link rel=stylesheet href=//evil.example/x.css>",
        "<style>@import '//evil.example/x.css';</style>",
        "<p style=\"background:url(//evil.example/x)\">x</p>",
        "<body onload=alert(1)>",
        "<details open ontoggle=alert(1)>x</details>",
        "<input autofocus onfocus=alert(1)>",
        "<button formaction=javascript:alert(1)>x</button>",
        "<form action=javascript:alert(1)><input type=submit></form>",
        "<isindex action=javascript:alert(1)>",
        "<video><source onerror=alert(1)></video>",
        "<audio src=x onerror=alert(1)>",
        "<marquee onstart=alert(1)>x</marquee>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<a href=\"&#106;avascript:alert(1)\">x</a>",
        "<a href=\"java&#9;script:alert(1)\">x</a>",
        "<a href=\" &#14; javascript:alert(1)\">x</a>",
        "<a href=\"javascript&colon;alert(1)\">x</a>",
        "<a href=x onclick=alert(1)>x</a>",
        "<a target=_blank href=//evil.example>x</a>",
        "<a id=comments name=getElementById>x</a>",
        "<p id=main class=btn>clobber</p>",
        "<!--><script>alert(1)</script>-->",
        "<!--[if IE]><script>alert(1)</script><![endif]-->",
        "<?xml version=\"1.0\"?><script>alert(1)</script>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<x onclick=alert(1) tabindex=1>x</x>",
        "<table background=javascript:alert(1)><tr><td>x",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](javascript&colon;alert(1))",
        "[x](&#x6A;avascript:alert(1))",
        "[x](java\\nscript:alert(1))",
        "[x](<java\tscript:alert(1)>)",
        "[x](\u{1}javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
        "[x](vbscript:msgbox(1))",
        "[x](//evil.example/\\..)",
        "[x](/\\evil.example)",
        "[x](http://a\"onmouseover=\"alert(1))",
        "[x](https://a.example \"\\\" onmouseover=alert(1) x=\\\"\")",
        "[x](https://a.example '\"><script>alert(1)</script>')",
        "![x](javascript:alert(1))",
        "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
        "![x\" onerror=\"alert(1)](media:1)",
        "![x](media:1 \"<script>alert(1)</script>\")",
        "![x](/media/a\"onerror=alert(1)//.png)",
        "![x](https://evil.example/pixel.png)",
        "<javascript:alert(1)>",
        "<https://a.example/\"onmouseover=alert(1)>",
        "https://a.example/\"onmouseover=\"alert(1)",
        "www.evil.example/<script>alert(1)</script>",
        "[x]: javascript:alert(1)\n\n[x]",
        "[x]: <javascript:alert(1)> \"<script>\"\n\n[x]",
        "`<script>alert(1)</script>`",
        "    <script>alert(1)</script>",
        "```\"><script>alert(1)</script>\nx\n```",
        "## <img src=x onerror=alert(1)>",
        "| <script>alert(1)</script> | b |\n|---|---|\n| <img src=x onerror=alert(1)> | d |",
        "Table: <script>alert(1)</script>\n\n| a | b |\n|---|---|\n| c | d |",
        "> [!NOTE] <img src=x onerror=alert(1)>\n> x",
        "::: accordion <img src=x onerror=alert(1)>\n<script>alert(1)</script>\n:::",
        "::: product\nname: <script>alert(1)</script>\nurl: javascript:alert(1)\n:::",
        "[@<script>alert(1)</script>]",
        "[@k, <img src=x onerror=alert(1)>]",
        "[@k\" onclick=\"alert(1)]",
        "x[^<script>]\n\n[^<script>]: <img src=x onerror=alert(1)>",
        "<sub onclick=alert(1)>x</sub>",
        "<sub><script>alert(1)</script></sub>",
        "<kbd></p></div><script>alert(1)</script>",
        "</div></div></article></main></body><script>alert(1)</script>",
        "[12](javascript:alert(1)) [12]\n\n[12]: javascript:alert(1)",
    ];

    /// Tags that can run, load, submit or restyle something, or that change how the rest is parsed.
    const ACTIVE: &[&str] = &[
        "script",
        "style",
        "link",
        "meta",
        "base",
        "iframe",
        "frame",
        "object",
        "embed",
        "applet",
        "svg",
        "math",
        "form",
        "input",
        "button",
        "select",
        "textarea",
        "template",
        "noscript",
        "video",
        "audio",
        "source",
        "xmp",
        "plaintext",
        "title",
        "marquee",
        "image",
        "isindex",
        "portal",
    ];

    /// Parses as a browser would, inside a page, and names the first thing that could act or that breaks the page's
    /// skeleton.
    fn active_part(html: &str) -> Option<String> {
        let page = Html::parse_document(&format!("<!doctype html><body><main>{html}</main><footer></footer></body>"));
        let skeleton = scraper::Selector::parse("body > main + footer:last-child").unwrap();
        if page.select(&skeleton).next().is_none() {
            return Some("skeleton".to_owned());
        }
        for node in page.tree.nodes() {
            match node.value() {
                Node::Comment(comment) => return Some(format!("comment {comment:?}")),
                Node::Element(element) => {
                    if ACTIVE.contains(&element.name()) {
                        return Some(element.name().to_owned());
                    }
                    for (name, value) in element.attrs() {
                        let fault = match name {
                            "href" => bad_link(value),
                            "src" => !value.starts_with("/media/"),
                            "style" | "srcset" | "target" | "name" | "action" | "formaction" | "background"
                            | "data" => true,
                            "id" => crate::render::outline::RESERVED_FOR_TESTS.contains(&value),
                            _ => name.starts_with("on") || name.contains(':'),
                        };
                        if fault {
                            return Some(format!("{} {name}={value:?}", element.name()));
                        }
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Resolves like a browser on one of our pages.
    fn bad_link(value: &str) -> bool {
        let base = Url::parse("https://site.example/article").unwrap();
        base.join(value).map_or(true, |url| {
            !matches!(url.scheme(), "http" | "https" | "mailto")
                || (!value.starts_with("http") && url.scheme() != "mailto" && url.host_str() != Some("site.example"))
        })
    }

    #[test]
    fn the_judge_sees_what_the_sanitiser_must_stop() {
        let seen = PAYLOADS.iter().filter(|payload| payload.starts_with('<') && active_part(payload).is_some()).count();
        assert!(seen >= 50, "only {seen} payloads act when left alone");
    }

    #[test]
    fn no_payload_acts_in_an_article() {
        let keys = HashMap::from([("k".to_owned(), 1)]);
        for payload in PAYLOADS {
            for source in [(*payload).to_owned(), format!("a {payload} b"), format!("- > {payload}\n\n*{payload}*")] {
                let article = render_article(&source, &keys, &HeadingIds::default()).unwrap();
                assert_eq!(active_part(article.html.as_str()), None, "{source:?} → {}", article.html);
            }
        }
    }

    #[test]
    fn no_payload_acts_in_a_comment() {
        for payload in PAYLOADS {
            for source in [(*payload).to_owned(), format!("a {payload} b"), format!("- > {payload}\n\n*{payload}*")] {
                let comment = render_comment(&source, &BTreeSet::from([12])).unwrap();
                let html = comment.html.as_str();
                assert_eq!(active_part(html), None, "{source:?} → {html}");
                let page = Html::parse_fragment(html);
                let odd = scraper::Selector::parse("img, h1, h2, h3, table, [id], [class], [title]").unwrap();
                assert!(page.select(&odd).next().is_none(), "{html}");
            }
        }
    }

    #[test]
    fn the_sanitiser_alone_stops_every_payload() {
        for payload in PAYLOADS {
            for raw in [(*payload).to_owned(), format!("<p>a {payload} b</p>"), format!("<table><tr><td>{payload}")] {
                for clean in [article(&raw), comment(&raw)] {
                    let parts = active_part(clean.as_str()).filter(|part| !part.starts_with("p id"));
                    assert!(
                        parts.is_none() || parts.as_deref() == Some("a id=\"comments\""),
                        "{raw:?} → {clean}: {parts:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn clean_html_is_left_alone() {
        // What has been cleaned once must come out of a second cleaning unchanged: no shape that changes its meaning
        // when it is parsed again.
        let keys = HashMap::from([("k".to_owned(), 1)]);
        for payload in PAYLOADS {
            let once = render_article(payload, &keys, &HeadingIds::default()).unwrap().html;
            assert_eq!(article(once.as_str()), once);
            let once = render_comment(payload, &BTreeSet::new()).unwrap().html;
            assert_eq!(comment(&once.as_str().replace(" rel=\"nofollow ugc noopener\"", "")), once);
        }
    }

    #[test]
    fn templates_print_it_as_it_stands_and_escape_the_rest() {
        #[derive(askama::Template)]
        #[template(source = "{{ html }}|{{ text }}", ext = "html")]
        struct Page<'p> {
            html: SanitizedHtml,
            text: &'p str,
        }
        let page = Page { html: comment("<p>a &amp; b</p>"), text: "<p>" };
        assert_eq!(askama::Template::render(&page).unwrap(), "<p>a &amp; b</p>|&#60;p&#62;");
    }
}
