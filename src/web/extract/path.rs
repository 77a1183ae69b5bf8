//! Path segments as typed values: anything else is not found.

use std::str::FromStr;

use actix_web::HttpRequest;

use crate::core::text;
use crate::web::error::AppError;

/// A segment of the path as an id or another typed value.
///
/// **Errors** [`AppError::NotFound`] for anything that is none.
pub fn segment<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, AppError> {
    request.match_info().get(name).and_then(|text| text.parse().ok()).ok_or(AppError::NotFound)
}

/// A segment that must be a slug.
///
/// **Errors** [`AppError::NotFound`] for anything that is none.
pub fn slug<'a>(request: &'a HttpRequest, name: &str) -> Result<&'a str, AppError> {
    request.match_info().get(name).filter(|slug| text::is_slug(slug)).ok_or(AppError::NotFound)
}
