//! The front-end assets, embedded: style sheets, scripts, fonts, icons.
//!
//! `build.rs` bundles `static/` and writes the table; every file has a fingerprint in its name, so an answer
//! may be kept for ever and a changed file has a new address. Compressed forms are made at build time with
//! the slowest settings, so serving one is a copy.

use std::fmt;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::web::compress::{accepts, header_text, names_tag};

/// One embedded file.
struct Asset {
    /// What templates call it: `reader.css`.
    name: &'static str,
    /// Its fingerprinted name, the last segment of its address: `reader.3f2a….css`.
    file: &'static str,
    url: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A year, the longest a cache is asked to keep anything (RFC 9111 names no larger figure in use); the name
/// changes with the content, so it never needs asking again.
const CACHE_FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The icon's address carries no fingerprint: kept a day.
const CACHE_A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// The address of an asset by its logical name, such as `reader.css` or
/// `source-serif-4-latin-wght-normal.woff2`.
///
/// A name that does not exist is a mistake in a template: a debug build panics, a release build links to
/// a page that answers 404. A unit test reads every template for it.
pub fn url(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    debug_assert!(found.is_some(), "no asset is called {name}");
    found.map_or("/static/missing", |asset| asset.url)
}

/// The address of one drawing of the icon sprite, by lucide's name: `/static/icons.HASH.svg#check`.
pub fn icon(name: &str) -> IconAddress<'_> {
    IconAddress(name)
}

/// See [`icon`]. Written straight into the page, without an allocation: a long thread shows hundreds.
#[derive(Clone, Copy, Debug)]
pub struct IconAddress<'a>(&'a str);

impl fmt::Display for IconAddress<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(url("icons.svg"))?;
        formatter.write_str("#")?;
        formatter.write_str(self.0)
    }
}

/// `GET /static/{file}`: an asset under its fingerprinted name, 404 for any other.
pub async fn serve(request: HttpRequest, file: web::Path<String>) -> HttpResponse {
    match ASSETS.iter().find(|asset| asset.file == file.as_str()) {
        Some(asset) => answer(&request, asset, CACHE_FOR_EVER),
        None => HttpResponse::NotFound().finish(),
    }
}

/// `GET /favicon.ico`, for browsers that ask before they read the page.
pub async fn favicon(request: HttpRequest) -> HttpResponse {
    match ASSETS.iter().find(|asset| asset.name == "favicon.ico") {
        Some(asset) => answer(&request, asset, CACHE_A_DAY),
        None => HttpResponse::NotFound().finish(),
    }
}

fn answer(request: &HttpRequest, asset: &Asset, caching: HeaderValue) -> HttpResponse {
    let accepted = header_text(request.headers(), &header::ACCEPT_ENCODING);
    let (bytes, encoding) = match (asset.brotli, asset.gzip) {
        (Some(brotli), _) if accepts(accepted, "br") => (brotli, Some("br")),
        (_, Some(gzip)) if accepts(accepted, "gzip") => (gzip, Some("gzip")),
        _ => (asset.plain, None),
    };
    // The fingerprint is in the name already; the encoding makes the tag strong (RFC 9110, 8.8.3.3).
    let tag = format!("\"{}-{}\"", asset.file, encoding.unwrap_or("plain"));
    let known = names_tag(header_text(request.headers(), &header::IF_NONE_MATCH), &tag);

    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::CACHE_CONTROL, caching));
    response.insert_header((header::ETAG, tag));
    if asset.gzip.is_some() || asset.brotli.is_some() {
        response.insert_header((header::VARY, "Accept-Encoding"));
    }
    if known {
        return response.finish();
    }
    if let Some(encoding) = encoding {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    response.insert_header((header::CONTENT_TYPE, asset.content_type));
    response.body(Bytes::from_static(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

    use std::io::Read as _;
    use std::path::Path;

    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;
    use actix_web::{App, test};

    use super::*;

    fn asset(name: &str) -> &'static Asset {
        ASSETS.iter().find(|asset| asset.name == name).unwrap_or_else(|| panic!("no asset {name}"))
    }

    fn value<'a>(headers: &'a header::HeaderMap, name: &str) -> &'a str {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    async fn ask(request: TestRequest) -> (StatusCode, header::HeaderMap, Bytes) {
        let app = test::init_service(
            App::new().route("/static/{file}", web::get().to(serve)).route("/favicon.ico", web::get().to(favicon)),
        )
        .await;
        let response = test::call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, test::read_body(response).await)
    }

    #[actix_web::test]
    async fn an_asset_is_served_for_ever_in_the_best_form_the_browser_takes() {
        let url = url("reader.css");
        let brotli = TestRequest::get().uri(url).insert_header(("accept-encoding", "gzip, br;q=0.9"));
        let (status, headers, body) = ask(brotli).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(value(&headers, "content-encoding"), "br");
        assert_eq!(value(&headers, "content-type"), "text/css; charset=utf-8");
        assert_eq!(value(&headers, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(value(&headers, "vary"), "Accept-Encoding");
        let mut plain = Vec::new();
        brotli::Decompressor::new(body.as_ref(), 4096).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, asset("reader.css").plain);

        let gzip = TestRequest::get().uri(url).insert_header(("accept-encoding", "gzip, br;q=0"));
        let (_, headers, body) = ask(gzip).await;
        assert_eq!(value(&headers, "content-encoding"), "gzip");
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body.as_ref()).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, asset("reader.css").plain);

        let (_, headers, body) = ask(TestRequest::get().uri(url)).await;
        assert!(!headers.contains_key("content-encoding"));
        assert_eq!(body, asset("reader.css").plain);
    }

    #[actix_web::test]
    async fn a_browser_that_has_the_file_gets_no_second_copy_but_one_of_another_encoding_does() {
        let url = url("reader.js");
        let first = TestRequest::get().uri(url).insert_header(("accept-encoding", "br"));
        let tag = value(&ask(first).await.1, "etag").to_owned();

        let again = TestRequest::get()
            .uri(url)
            .insert_header(("accept-encoding", "br"))
            .insert_header(("if-none-match", tag.as_str()));
        let (status, headers, body) = ask(again).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(value(&headers, "etag"), tag);
        assert_eq!(value(&headers, "cache-control"), "public, max-age=31536000, immutable");

        let other = TestRequest::get().uri(url).insert_header(("if-none-match", tag.as_str()));
        assert_eq!(ask(other).await.0, StatusCode::OK);
    }

    #[actix_web::test]
    async fn an_unknown_file_and_a_path_out_of_the_folder_are_not_found() {
        for uri in ["/static/reader.css", "/static/reader.000000000000.css", "/static/..%2FCargo.toml"] {
            assert_eq!(ask(TestRequest::get().uri(uri)).await.0, StatusCode::NOT_FOUND, "{uri}");
        }
    }

    #[actix_web::test]
    async fn the_icon_of_the_site_is_an_icon_of_32_pixels() {
        let (status, headers, body) = ask(TestRequest::get().uri("/favicon.ico")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(value(&headers, "content-type"), "image/x-icon");
        assert_eq!(body[..8], [0, 0, 1, 0, 1, 0, 32, 32]);
        let claimed = u32::from_le_bytes([body[14], body[15], body[16], body[17]]) as usize;
        assert_eq!(claimed + 22, body.len());
    }

    #[actix_web::test]
    async fn a_coding_is_taken_by_name_or_star_and_refused_at_weight_nought() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("*", "br"));
        assert!(accepts("BR; q=0.1", "br"));
        assert!(!accepts("br;q=0, *", "br"));
        assert!(!accepts("br;q=0.000", "br"));
        assert!(!accepts("br;q=much", "br"));
        assert!(!accepts("", "br"));
        assert!(!accepts("brotli", "br"));
    }

    #[actix_web::test]
    async fn style_sheets_name_only_files_that_are_served() {
        let css = std::str::from_utf8(asset("reader.css").plain).unwrap();
        let named: Vec<&str> = css
            .split("url(")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap_or_default().trim_matches(['"', '\'']))
            .collect();
        assert_eq!(named.len(), 14, "five subsets, upright and italic, and four icons");
        for url in named {
            assert!(ASSETS.iter().any(|asset| asset.url == url), "{url}");
        }
        assert!(css.starts_with("@layer reset,tokens,base,layout,prose,components,pages,utilities;"));
    }

    #[actix_web::test]
    async fn bundles_stay_inside_their_budgets() {
        // design-language.md, section 6; gzip.
        for (name, budget_kb) in [("reader.css", 14), ("staff.css", 20), ("reader.js", 10), ("desk.js", 25)] {
            let size = asset(name).gzip.map_or(asset(name).plain.len(), <[u8]>::len);
            assert!(size <= budget_kb * 1024, "{name} is {size} bytes");
        }
    }

    #[actix_web::test]
    async fn every_icon_and_asset_a_template_names_exists() {
        let sprite = std::str::from_utf8(asset("icons.svg").plain).unwrap();
        let (mut icons, mut assets) = (0, 0);
        for text in templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")) {
            for name in quoted(&text, "icon(\"").chain(quoted(&text, "icon_flip(\"")) {
                assert!(sprite.contains(&format!("<symbol id=\"{name}\"")), "no icon is called {name}");
                icons += 1;
            }
            for name in quoted(&text, "assets::url(\"") {
                assert!(ASSETS.iter().any(|asset| asset.name == name), "no asset is called {name}");
                assets += 1;
            }
        }
        assert!(icons > 0 && assets > 0, "the test reads nothing: {icons} icons, {assets} assets");
        assert!(!sprite.contains("class=") && !sprite.contains("stroke-width"));
    }

    fn templates(folder: &Path) -> Vec<String> {
        let mut texts = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts.extend(templates(&path));
            } else {
                texts.push(std::fs::read_to_string(&path).unwrap());
            }
        }
        texts
    }

    fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
    }
}
