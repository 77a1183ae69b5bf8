//! Forms: read within limits, refused when they come from another site, and only with the fields they have.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::core::{limits, text};
use crate::web::compress::header_text;
use crate::web::error::AppError;
use crate::web::extract::multipart;

/// A form: its fields as a struct of texts, checked further by its handler.
///
/// Every field is `String` or `Option<String>` (a tick box), repeated ones `Vec<String>`; `#[serde(default)]`
/// on the struct makes an absent field an empty one.
pub trait Fields: DeserializeOwned {
    /// Every field name the form may send. Others are refused, so that nothing is ever bound from input by chance.
    const NAMES: &'static [&'static str];
    /// Those of them that may come more than once.
    const REPEATED: &'static [&'static str] = &[];
    /// Size of the body, bytes.
    const BYTES_MAX: usize = limits::FORM_BODY_BYTES_MAX;
    /// Whether fields the form does not have are passed over instead of refused: only for addresses that
    /// programs of others post to (one-click unsubscribe).
    const TOLERANT: bool = false;
    /// How its body may be written.
    const BODY: Body = Body::Fields;
    /// Whether the token in the address is the whole authority, cookies none. Such pages tell other sites nothing of
    /// themselves (`Referrer-Policy: no-referrer`), and browsers then say `Origin: null` of their own forms: that alone
    /// is no refusal here.
    const BY_TOKEN: bool = false;
}

/// How a form's body may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Fields only, urlencoded.
    Fields,
    /// Fields, urlencoded or in parts: one may be a file of text.
    WithFile,
}

/// Where a form was sent from, by the browser's own headers (decisions 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A page of this site.
    OwnPage,
    /// Neither header present: no browser of today. Taken as anonymous; cookies are ignored.
    Unknown,
}

/// A form as an extractor. Cross-site, null-origin and foreign-origin posts are refused.
#[derive(Debug)]
pub struct Form<T> {
    /// The fields.
    pub fields: T,
    /// Where it came from.
    pub sender: Sender,
}

impl<T: Fields + 'static> FromRequest for Form<T> {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let sender = if T::BY_TOKEN { sender_by_token(&request)? } else { sender(&request)? };
            let pairs = read(&request, payload, T::BYTES_MAX, T::BODY).await?;
            Ok(Self { fields: bind(pairs)?, sender })
        })
    }
}

/// Whether a post comes from this site.
///
/// **Errors** [`AppError::CrossSite`].
pub fn sender(request: &HttpRequest) -> Result<Sender, AppError> {
    let headers = request.headers();
    let site = header_text(headers, &header::HeaderName::from_static("sec-fetch-site"));
    let origin = header_text(headers, &header::ORIGIN);
    let origin_known = headers.contains_key(header::ORIGIN);
    // A browser that says where the form came from is believed; "none" is an address typed by hand.
    if !site.is_empty() {
        return if matches!(site, "same-origin" | "none") { Ok(Sender::OwnPage) } else { Err(AppError::CrossSite) };
    }
    if !origin_known {
        return Ok(Sender::Unknown);
    }
    if is_our_origin(request, origin) { Ok(Sender::OwnPage) } else { Err(AppError::CrossSite) }
}

/// [`sender`] of a form whose page sends no referrer.
fn sender_by_token(request: &HttpRequest) -> Result<Sender, AppError> {
    let headers = request.headers();
    let says_where = headers.contains_key("sec-fetch-site");
    if !says_where && header_text(headers, &header::ORIGIN) == "null" {
        return Ok(Sender::Unknown);
    }
    sender(request)
}

// Ours: the configured address, or the host this very request was sent to (a site reached under a second name).
fn is_our_origin(request: &HttpRequest, origin: &str) -> bool {
    let configured = request.app_data::<web::Data<App>>().is_some_and(|app| {
        let base = app.base_url(&app.parts.settings.last_known());
        base.origin().ascii_serialization() == origin
    });
    let host = header_text(request.headers(), &header::HOST);
    let same_host = origin
        .split_once("://")
        .is_some_and(|(scheme, rest)| matches!(scheme, "http" | "https") && !host.is_empty() && rest == host);
    configured || same_host
}

/// Reads a body of at most `bytes_max` as pairs, within the time limit.
///
/// **Errors** a wrong encoding, too many bytes, too slow, text that is not UTF-8, or a control character.
pub async fn read(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
    body: Body,
) -> Result<Vec<(String, String)>, AppError> {
    let content_type = header_text(request.headers(), &header::CONTENT_TYPE);
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let boundary = multipart::boundary(content_type).filter(|_| body == Body::WithFile);
    if boundary.is_none() && !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(AppError::UnsupportedForm);
    }
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(AppError::UnsupportedForm);
    }
    let declared: Option<usize> = header_text(request.headers(), &header::CONTENT_LENGTH).parse().ok();
    if declared.is_some_and(|length| length > bytes_max) {
        return Err(AppError::TooLarge);
    }
    let body = tokio::time::timeout(limits::BODY_TIMEOUT, collect(payload, bytes_max))
        .await
        .map_err(|_| AppError::TooSlow)??;
    match boundary {
        Some(boundary) => multipart::pairs(&body, boundary),
        None => pairs(&body),
    }
}

async fn collect(mut payload: Payload, bytes_max: usize) -> Result<Vec<u8>, AppError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| AppError::BadRequest("The form did not arrive whole. Send it again."))?;
        if body.len() + chunk.len() > bytes_max {
            return Err(AppError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Takes a body apart into its pairs, in order.
///
/// **Errors** bytes that are not UTF-8, or a control character.
pub fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, AppError> {
    const NOT_TEXT: AppError =
        AppError::BadRequest("The form holds bytes that are not text. Remove unusual characters and send it again.");
    let mut pairs = Vec::new();
    for part in body.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        let mut sides = part.splitn(2, |byte| *byte == b'=');
        let name = decode(sides.next().unwrap_or_default()).ok_or(NOT_TEXT)?;
        let value = decode(sides.next().unwrap_or_default()).ok_or(NOT_TEXT)?;
        if text::has_control(&name) || text::has_control(&value) {
            return Err(AppError::BadRequest("The form holds a control character. Remove it and send the form again."));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decode(part: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_encoding::percent_decode(&spaced).collect()).ok()
}

/// Binds pairs to a form's fields.
///
/// **Errors** an unknown or repeated field.
pub fn bind<T: Fields>(pairs: Vec<(String, String)>) -> Result<T, AppError> {
    let mut seen = Vec::with_capacity(pairs.len());
    let mut kept = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let Some(known) = T::NAMES.iter().find(|known| **known == name) else {
            if T::TOLERANT {
                continue;
            }
            return Err(AppError::BadRequest(
                "The form holds a field this page does not have. Load the page again and send it from there.",
            ));
        };
        if seen.contains(known) && !T::REPEATED.contains(known) {
            return Err(AppError::BadRequest(
                "The form holds a field twice. Load the page again and send it from there.",
            ));
        }
        seen.push(known);
        kept.push((name, value));
    }
    let encoded = serde_html_form::to_string(&kept).map_err(|_| AppError::BadRequest("The form can’t be read."))?;
    serde_html_form::from_str(&encoded)
        .map_err(|_| AppError::BadRequest("The form can’t be read. Load the page again and send it from there."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize, PartialEq)]
    #[serde(default)]
    struct Sample {
        name: String,
        picked: Vec<String>,
    }
    impl Fields for Sample {
        const NAMES: &'static [&'static str] = &["name", "picked"];
        const REPEATED: &'static [&'static str] = &["picked"];
    }

    fn form(body: &str) -> Result<Sample, AppError> {
        bind(pairs(body.as_bytes())?)
    }

    #[test]
    fn fields_are_bound_and_repeated_ones_listed() {
        assert_eq!(
            form("name=A+%C3%A9&picked=1&picked=2").unwrap(),
            Sample { name: "A é".into(), picked: vec!["1".into(), "2".into()] }
        );
        assert_eq!(form("").unwrap(), Sample::default());
        assert_eq!(form("name=a%26b%3Dc").unwrap().name, "a&b=c");
    }

    #[test]
    fn unknown_and_doubled_fields_and_controls_are_refused() {
        for body in ["status=approved", "name=a&name=b", "name=%00", "name=%1b", "name=%ff"] {
            assert!(matches!(form(body), Err(AppError::BadRequest(_))), "{body}");
        }
    }
}
