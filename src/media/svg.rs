//! SVG made safe: read as strict XML, kept only as far as it is a still drawing, written anew.
//!
//! What could run, fetch or link is refused with its name, so that nobody wonders why a drawing looks different.
//! What drawing programs add for themselves (their own elements and attributes, comments) is left out. The files are
//! shown with `img` and served with a sandbox of their own on top of this (decisions 23).

use crate::render::html::push_escaped;

/// A clean drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The file, written anew.
    pub text: String,
    /// Pixels across, from `width` or `viewBox`.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Why a drawing cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SvgError {
    /// No well-formed SVG.
    #[error("That file is no SVG this site can read. Save it again as plain SVG")]
    Malformed,
    /// It holds something that could run, fetch or link.
    #[error("That drawing holds “{0}”, which can’t be shown here. Take it out and try again")]
    Refused(String),
    /// Neither `width` and `height` nor `viewBox`.
    #[error("That drawing doesn’t say how large it is. Give it a viewBox")]
    NoSize,
}

/// Elements that are kept.
const ELEMENTS: &[&str] = &[
    "svg",
    "g",
    "defs",
    "symbol",
    "use",
    "title",
    "desc",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "pattern",
    "marker",
];

/// Elements that are refused, not just left out.
const REFUSED_ELEMENTS: &[&str] = &[
    "script",
    "style",
    "foreignObject",
    "a",
    "image",
    "feImage",
    "animate",
    "animateTransform",
    "animateMotion",
    "set",
    "iframe",
    "object",
    "embed",
    "link",
    "audio",
    "video",
    "handler",
    "listener",
];

/// Attributes that are kept.
const ATTRIBUTES: &[&str] = &[
    "id",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "dx",
    "dy",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "fx",
    "fy",
    "width",
    "height",
    "viewBox",
    "preserveAspectRatio",
    "d",
    "points",
    "pathLength",
    "transform",
    "gradientUnits",
    "gradientTransform",
    "spreadMethod",
    "offset",
    "clipPathUnits",
    "maskUnits",
    "maskContentUnits",
    "patternUnits",
    "patternContentUnits",
    "patternTransform",
    "markerWidth",
    "markerHeight",
    "markerUnits",
    "refX",
    "refY",
    "orient",
    "fill",
    "fill-opacity",
    "fill-rule",
    "stroke",
    "stroke-width",
    "stroke-opacity",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-dasharray",
    "stroke-dashoffset",
    "opacity",
    "color",
    "stop-color",
    "stop-opacity",
    "clip-path",
    "clip-rule",
    "mask",
    "marker-start",
    "marker-mid",
    "marker-end",
    "font-family",
    "font-size",
    "font-weight",
    "font-style",
    "letter-spacing",
    "text-anchor",
    "dominant-baseline",
    "text-decoration",
    "textLength",
    "lengthAdjust",
    "rotate",
    "paint-order",
    "vector-effect",
    "role",
    "aria-label",
    "aria-labelledby",
    "aria-describedby",
    "aria-hidden",
    "lang",
    "display",
    "visibility",
];

/// Elements inside one another; deeper files are no drawings.
const DEPTH_MAX: usize = 64;

/// Reads a drawing and writes it anew.
pub fn clean(source: &str) -> Result<Drawing, SvgError> {
    let mut reader =
        Reader { rest: source, out: String::with_capacity(source.len()), open: Vec::new(), size: None, is_done: false };
    while !reader.rest.is_empty() {
        reader.step()?;
    }
    if !reader.open.is_empty() || !reader.is_done {
        return Err(SvgError::Malformed);
    }
    let (width, height) = reader.size.ok_or(SvgError::NoSize)?;
    Ok(Drawing { text: reader.out, width, height })
}

struct Reader<'s> {
    rest: &'s str,
    out: String,
    /// Names of the open elements, and whether each is kept.
    open: Vec<(&'s str, bool)>,
    size: Option<(u32, u32)>,
    /// The root has been closed.
    is_done: bool,
}

impl<'s> Reader<'s> {
    fn step(&mut self) -> Result<(), SvgError> {
        if self.rest.starts_with("<!--") {
            self.skip("-->")
        } else if self.rest.starts_with("<?xml") && self.open.is_empty() && !self.is_done {
            self.skip("?>")
        } else if self.rest.starts_with("<!DOCTYPE") {
            self.doctype()
        } else if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
            Err(SvgError::Refused(self.rest.chars().take(9).collect()))
        } else if self.rest.starts_with("</") {
            self.close()
        } else if self.rest.starts_with('<') {
            self.element()
        } else {
            self.text()
        }
    }

    fn take_until(&mut self, end: &str) -> Result<&'s str, SvgError> {
        let (taken, rest) = self.rest.split_once(end).ok_or(SvgError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn skip(&mut self, end: &str) -> Result<(), SvgError> {
        self.take_until(end).map(|_| ())
    }

    /// The plain one old programs write is left out; one with entities is refused.
    fn doctype(&mut self) -> Result<(), SvgError> {
        let taken = self.take_until(">")?;
        if taken.contains('[') || !self.open.is_empty() || self.is_done {
            return Err(SvgError::Refused("<!DOCTYPE".into()));
        }
        Ok(())
    }

    fn is_kept(&self) -> bool {
        self.open.last().is_none_or(|(_, is_kept)| *is_kept)
    }

    fn text(&mut self) -> Result<(), SvgError> {
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end).ok_or(SvgError::Malformed)?;
        self.rest = rest;
        let text = unescape(text)?;
        if self.open.is_empty() {
            return if text.trim().is_empty() { Ok(()) } else { Err(SvgError::Malformed) };
        }
        if self.is_kept() {
            push_escaped(&mut self.out, &text);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), SvgError> {
        self.rest = self.rest.strip_prefix("</").ok_or(SvgError::Malformed)?;
        let name = self.take_until(">")?.trim_end();
        let (opened, is_kept) = self.open.pop().ok_or(SvgError::Malformed)?;
        if opened != name {
            return Err(SvgError::Malformed);
        }
        if is_kept {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        self.is_done = self.open.is_empty();
        Ok(())
    }

    fn element(&mut self) -> Result<(), SvgError> {
        self.rest = self.rest.strip_prefix('<').ok_or(SvgError::Malformed)?;
        let name = self.name()?;
        if self.is_done || self.open.len() >= DEPTH_MAX || (self.open.is_empty() && name != "svg") {
            return Err(SvgError::Malformed);
        }
        let local = name.rsplit(':').next().unwrap_or(name);
        if REFUSED_ELEMENTS.iter().any(|refused| refused.eq_ignore_ascii_case(local)) {
            return Err(SvgError::Refused(local.to_owned()));
        }
        let is_kept = self.is_kept() && ELEMENTS.contains(&name);
        let is_root = self.open.is_empty();
        let (attributes, is_empty) = self.attributes()?;
        if is_root {
            self.size = size(&attributes);
        }
        if is_kept {
            self.write(name, &attributes, is_root, is_empty);
        }
        if is_empty {
            self.is_done = is_root;
        } else {
            self.open.push((name, is_kept));
        }
        Ok(())
    }

    fn name(&mut self) -> Result<&'s str, SvgError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
        let end = self.rest.find(|c| !is_name(c)).ok_or(SvgError::Malformed)?;
        let (name, rest) = self.rest.split_at_checked(end).ok_or(SvgError::Malformed)?;
        self.rest = rest;
        if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            Ok(name)
        } else {
            Err(SvgError::Malformed)
        }
    }

    /// The attributes that are kept, and whether the element is empty (`/>`).
    fn attributes(&mut self) -> Result<(Attributes<'s>, bool), SvgError> {
        let mut kept: Attributes<'s> = Vec::new();
        loop {
            let after = self.rest.trim_start();
            let had_space = after.len() < self.rest.len();
            self.rest = after;
            if let Some(rest) = self.rest.strip_prefix("/>") {
                self.rest = rest;
                return Ok((kept, true));
            }
            if let Some(rest) = self.rest.strip_prefix('>') {
                self.rest = rest;
                return Ok((kept, false));
            }
            if !had_space {
                return Err(SvgError::Malformed);
            }
            let name = self.name()?;
            self.rest = self.rest.trim_start().strip_prefix('=').ok_or(SvgError::Malformed)?.trim_start();
            let quote = if self.rest.starts_with('\'') { "'" } else { "\"" };
            self.rest = self.rest.strip_prefix(quote).ok_or(SvgError::Malformed)?;
            let raw = self.take_until(quote)?;
            if raw.contains('<') || kept.iter().any(|(other, _)| *other == name) {
                return Err(SvgError::Malformed);
            }
            let value = unescape(raw)?;
            if may_keep(name, &value)? {
                kept.push((name, value));
            }
        }
    }

    fn write(&mut self, name: &str, attributes: &[(&str, String)], is_root: bool, is_empty: bool) {
        self.out.push('<');
        self.out.push_str(name);
        if is_root {
            self.out.push_str(" xmlns=\"http://www.w3.org/2000/svg\"");
        }
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            push_escaped(&mut self.out, value);
            self.out.push('"');
        }
        self.out.push_str(if is_empty { "/>" } else { ">" });
    }
}

/// Whether an attribute is kept; an error where it could run or fetch something.
fn may_keep(name: &str, value: &str) -> Result<bool, SvgError> {
    let local = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
    if local.starts_with("on") || local == "style" || local == "class" || local == "base" {
        return Err(SvgError::Refused(name.to_owned()));
    }
    if local == "href" {
        return if value.starts_with('#') && name == "href" {
            Ok(true)
        } else {
            Err(SvgError::Refused(name.to_owned()))
        };
    }
    if !ATTRIBUTES.contains(&name) {
        return Ok(false);
    }
    let lower: String = value.to_ascii_lowercase().split_whitespace().collect();
    let fetches = lower.replace("url(#", "").contains("url(")
        || lower.contains("javascript:")
        || lower.contains("data:")
        || value.contains('\\');
    if fetches { Err(SvgError::Refused(name.to_owned())) } else { Ok(true) }
}

/// Text with the five named entities and numbers read; any other is refused.
fn unescape(text: &str) -> Result<String, SvgError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, after) =
            after.split_once(';').filter(|(entity, _)| entity.len() <= 8).ok_or(SvgError::Malformed)?;
        let number = entity
            .strip_prefix("#x")
            .map(|hex| u32::from_str_radix(hex, 16))
            .or_else(|| entity.strip_prefix('#').map(str::parse));
        out.push(match (entity, number) {
            ("amp", _) => '&',
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("quot", _) => '"',
            ("apos", _) => '\'',
            (_, Some(Ok(number))) => char::from_u32(number).ok_or(SvgError::Malformed)?,
            _ => return Err(SvgError::Refused(format!("&{entity};"))),
        });
        rest = after;
    }
    out.push_str(rest);
    if crate::core::text::has_control(&out) { Err(SvgError::Malformed) } else { Ok(out) }
}

/// Pixels from `width` and `height`, else from `viewBox`.
fn size(attributes: &[(&str, String)]) -> Option<(u32, u32)> {
    let find = |name: &str| attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
    let given = find("width").and_then(pixels).zip(find("height").and_then(pixels));
    given.or_else(|| {
        let numbers: Vec<&str> =
            find("viewBox")?.split([' ', ',', '\n', '\t']).filter(|part| !part.is_empty()).collect();
        let [_, _, width, height] = numbers.as_slice() else { return None };
        pixels(width).zip(pixels(height))
    })
}

fn pixels(text: &str) -> Option<u32> {
    let number: f64 = text.trim().trim_end_matches("px").parse().ok()?;
    let whole = number.ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 20,000")]
    (1.0..=20_000.0).contains(&whole).then_some(whole as u32)
}

/// Names and values of an element's attributes, in order.
type Attributes<'s> = Vec<(&'s str, String)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_drawing_comes_out_the_same() {
        let drawing = clean("<?xml version=\"1.0\"?>\n<!-- x --><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 400.5\" role='img'><title>A &amp; b</title><g fill=\"#FFF\"><path d=\"M0 0H10\"/></g></svg>\n").unwrap();
        assert_eq!(
            drawing.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 400.5\" role=\"img\"><title>A &amp; b</title><g fill=\"#FFF\"><path d=\"M0 0H10\"/></g></svg>"
        );
        assert_eq!((drawing.width, drawing.height), (800, 401));
        assert_eq!(clean(&drawing.text).unwrap(), drawing, "cleaning again changes nothing");
    }

    #[test]
    fn what_could_run_fetch_or_link_is_refused() {
        let around = |inside: &str| {
            clean(&format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{inside}</svg>"))
        };
        for inside in [
            "<script>alert(1)</script>",
            "<SCRIPT/>",
            "<svg:script/>",
            "<style>*{}</style>",
            "<foreignObject><p/></foreignObject>",
            "<a href=\"#x\"><path/></a>",
            "<image href=\"x.png\"/>",
            "<path onload=\"x()\"/>",
            "<path ONCLICK='x()'/>",
            "<path style=\"fill:url(https://evil.example)\"/>",
            "<path fill=\"url(https://evil.example/x)\"/>",
            "<path fill=\"u\\72l(x)\"/>",
            "<path fill=\"URL ( x )\"/>",
            "<use href=\"https://evil.example/x.svg#a\"/>",
            "<use xlink:href=\"#a\"/>",
            "<use href=\"data:image/svg+xml,x\"/>",
            "<animate attributeName=\"href\"/>",
            "<metadata><script/></metadata>",
            "<![CDATA[<script>]]>",
            "<?php x ?>",
            "<text>&xxe;</text>",
        ] {
            assert!(matches!(around(inside), Err(SvgError::Refused(_))), "{inside}: {:?}", around(inside));
        }
        assert!(clean("<!DOCTYPE svg [<!ENTITY a \"b\">]><svg viewBox=\"0 0 1 1\"/>").is_err());
    }

    #[test]
    fn what_programs_add_for_themselves_is_left_out() {
        let drawing = clean("<svg xmlns:inkscape=\"x\" viewBox=\"0 0 1 1\" data-x=\"1\"><metadata><rdf>words</rdf></metadata><path inkscape:label=\"a\" d=\"M0 0\"/></svg>").unwrap();
        assert_eq!(
            drawing.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><path d=\"M0 0\"/></svg>"
        );
    }

    #[test]
    fn broken_files_are_refused() {
        for broken in [
            "",
            "<svg",
            "<svg>",
            "<svg viewBox=\"0 0 1 1\"><g></svg>",
            "<svg viewBox=\"0 0 1 1\"/><svg/>",
            "<p/>",
            "x<svg viewBox=\"0 0 1 1\"/>",
            "<svg viewBox=\"0 0 1 1\"a=\"b\"/>",
            "<svg viewBox=0/>",
            "<svg viewBox=\"0 0 1 1\"><g id=\"<\"/></svg>",
            "</svg>",
        ] {
            assert!(clean(broken).is_err(), "{broken}");
        }
        assert_eq!(clean("<svg/>"), Err(SvgError::NoSize));
        let deep = format!("<svg viewBox=\"0 0 1 1\">{}{}</svg>", "<g>".repeat(70), "</g>".repeat(70));
        assert_eq!(clean(&deep), Err(SvgError::Malformed));
    }
}
