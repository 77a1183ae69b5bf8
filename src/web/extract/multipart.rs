//! Forms with a file in them (`multipart/form-data`, RFC 7578), for the pages that take one. The whole body is in memory
//! already, within the form's limit; files are text, in whatever encoding, and become fields like the others.

use crate::core::text;
use crate::web::error::AppError;

/// Parts of one form: more fields than any of ours has.
const PARTS_MAX: usize = 64;

const BROKEN: AppError = AppError::BadRequest("The form did not arrive whole. Send it again.");

/// The boundary a content type names.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').map(str::trim).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    let value = value.trim_matches('"');
    (1..=70).contains(&value.len()).then_some(value)
}

/// The fields of a body, in order. Control characters of a file are left out: a page break is no reason to refuse it.
///
/// **Errors** a body that is not what its boundary says, or too many parts.
pub(super) fn pairs(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, AppError> {
    let mark = format!("\r\n--{boundary}");
    let first = mark.trim_start();
    let mut rest = body.strip_prefix(first.as_bytes()).ok_or(BROKEN)?;
    let mut pairs = Vec::new();
    while !rest.starts_with(b"--") {
        rest = rest.strip_prefix(b"\r\n").ok_or(BROKEN)?;
        let end = find(rest, mark.as_bytes()).ok_or(BROKEN)?;
        let (part, after) = rest.split_at_checked(end).ok_or(BROKEN)?;
        pairs.push(pair(part)?);
        if pairs.len() > PARTS_MAX {
            return Err(AppError::BadRequest("The form has too many fields."));
        }
        rest = after.get(mark.len()..).unwrap_or_default();
    }
    Ok(pairs)
}

fn pair(part: &[u8]) -> Result<(String, String), AppError> {
    let end = find(part, b"\r\n\r\n").ok_or(BROKEN)?;
    let (head, value) = part.split_at_checked(end).ok_or(BROKEN)?;
    let head = std::str::from_utf8(head).map_err(|_| BROKEN)?;
    let disposition = head
        .split("\r\n")
        .find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-disposition")))
        .map(|(_, value)| value)
        .ok_or(BROKEN)?;
    let name = disposition
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("name="))
        .map(|name| name.trim_matches('"'))
        .filter(|name| !name.is_empty() && !text::has_control(name))
        .ok_or(BROKEN)?;
    let mut value = text::decode(value.get(4..).unwrap_or_default());
    if disposition.contains("filename=") {
        value.retain(|char| char >= ' ' || matches!(char, '\t' | '\n' | '\r'));
        value.retain(|char| char != '\u{7f}');
    }
    if text::has_control(&value) {
        return Err(AppError::BadRequest("The form holds a control character. Remove it and send the form again."));
    }
    Ok((name.to_owned(), value))
}

/// Where a stretch of bytes first stands; linear, for the first byte of ours, a line end, is rare in text.
fn find(body: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let mut from = 0;
    while let Some(at) = body.get(from..)?.iter().position(|byte| byte == first) {
        if body.get(from + at..)?.starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--xYz\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na\r\n--no\r\nb\r\n--xYz\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a;b.ris\"\r\nContent-Type: text/plain\r\n\r\nTY  - JOUR\x0c\r\n\r\n--xYz--\r\n";

    #[test]
    fn fields_and_files_are_read() {
        assert_eq!(boundary("multipart/form-data; boundary=\"xYz\""), Some("xYz"));
        assert_eq!(
            pairs(BODY.as_bytes(), "xYz").unwrap(),
            [("text".to_owned(), "a\r\n--no\r\nb".to_owned()), ("file".to_owned(), "TY  - JOUR\r\n".to_owned())]
        );
    }

    #[test]
    fn broken_bodies_are_refused() {
        assert_eq!(boundary("application/x-www-form-urlencoded; boundary=a"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
        for end in 0..BODY.len() - 4 {
            assert!(pairs(&BODY.as_bytes()[..end], "xYz").is_err(), "{end}");
        }
        let many = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n".repeat(100) + "--x--";
        assert!(pairs(many.as_bytes(), "x").is_err());
    }
}
