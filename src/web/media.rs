//! Pictures by their content: immutable, with a policy of their own.

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::articles::page;
use crate::core::text;
use crate::media::store::{self, MediaStore};
use crate::staff::roles::Act;
use crate::web::error::AppError;
use crate::web::extract::authority;
use crate::web::{compress, rate_limit};

/// Nothing in a picture may run, load or be navigated, wherever it is opened (decisions 23).
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// `/media/{hash}/{name}`: a picture of something public; one of a draft for whoever may see drafts.
pub async fn serve(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let part = |name: &str| {
        request
            .match_info()
            .get(name)
            .filter(|part| part.len() <= 100 && !text::has_control(part))
            .ok_or(AppError::NotFound)
    };
    let (hash, name) = (part("hash")?, part("name")?);
    rate_limit::count(&app, &request)?;
    let picture = {
        let mut conn = app.db.read().await?;
        let picture = store::find(&mut conn, hash, name).await?.ok_or(AppError::NotFound)?;
        let is_public = page::shows_media(&mut conn, picture.id).await?;
        drop(conn);
        if !is_public && !may_see_drafts(&app, &request).await? {
            return Err(AppError::NotFound);
        }
        (picture, is_public)
    };
    let (picture, is_public) = picture;
    let etag = format!("\"{}\"", picture.hash);
    let known = compress::names_tag(compress::header_text(request.headers(), &header::IF_NONE_MATCH), &etag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, etag));
    response.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    response.insert_header((HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"));
    response.insert_header((
        header::CACHE_CONTROL,
        if is_public { "public, max-age=31536000, immutable" } else { "private, no-store" },
    ));
    if known {
        return Ok(response.finish());
    }
    let files = MediaStore::new(&app.parts.data_dir);
    let hash = picture.hash.clone();
    let bytes = web::block(move || files.read(&hash)).await.map_err(|error| AppError::internal(&error))?;
    let bytes = bytes.map_err(|error| AppError::internal(&error))?.ok_or(AppError::NotFound)?;
    response.insert_header((header::CONTENT_TYPE, picture.content_type));
    Ok(response.body(bytes))
}

async fn may_see_drafts(app: &App, request: &HttpRequest) -> Result<bool, AppError> {
    Ok(authority::session_of(app, request).await?.is_some_and(|session| session.may(Act::SeeDrafts)))
}
