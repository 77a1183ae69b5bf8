//! What a handler answers when it cannot do what was asked. `web/error_pages.rs` draws the page.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use chrono::{DateTime, Utc};

use crate::db::DbError;

/// A refusal or a failure, as a person meets it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Nothing here, or nothing this person may know of.
    #[error("not found")]
    NotFound,
    /// It is at another path of ours now.
    #[error("moved")]
    Moved(String),
    /// An article that was taken back.
    #[error("withdrawn")]
    Gone {
        /// When.
        withdrawn_at: DateTime<Utc>,
        /// Why, as readers are told; may be empty.
        reason: String,
    },
    /// Nobody is signed in; what was asked for is kept for after the sign-in (decisions 9).
    #[error("signed out")]
    SignedOut(Box<crate::web::extract::authority::Again>),
    /// Not for this person.
    #[error("forbidden")]
    Forbidden,
    /// A form that was sent from another site.
    #[error("the form was not sent from this site")]
    CrossSite,
    /// A request that no page of ours makes; the sentence says what was wrong.
    #[error("bad request: {0}")]
    BadRequest(&'static str),
    /// A body larger than the form may be.
    #[error("the form is too large")]
    TooLarge,
    /// A body in another encoding than forms use.
    #[error("forms are sent as application/x-www-form-urlencoded")]
    UnsupportedForm,
    /// The body did not arrive in time.
    #[error("the form took too long to arrive")]
    TooSlow,
    /// A ceiling was reached.
    #[error("too many requests")]
    TooMany {
        /// When it may work again.
        retry_after_seconds: u64,
    },
    /// The database is away or overloaded; the same request may work in a minute.
    #[error("unavailable")]
    Unavailable,
    /// Our fault; the cause stands in the log under a number, never on the page.
    #[error("internal error {reference}")]
    Internal {
        /// The number under which it stands in the log.
        reference: String,
    },
}

impl AppError {
    /// Our fault: logs the cause once, under the number the page will show.
    #[must_use]
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        let reference = reference();
        tracing::error!(error.reference = %reference, error.cause = %Causes(cause), "a request failed");
        Self::Internal { reference }
    }
}

/// A number for the page and the log.
#[must_use]
pub fn reference() -> String {
    let mut bytes = [0; 4];
    crate::core::rng::Rng::system().fill(&mut bytes);
    data_encoding::HEXLOWER.encode(&bytes)
}

// A database error's text can hold the values of a row; only its kind and constraint are logged.
struct Causes<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut next = Some(self.0);
        let mut separator = "";
        while let Some(error) = next {
            f.write_str(separator)?;
            match error.downcast_ref::<diesel::result::Error>() {
                Some(diesel::result::Error::DatabaseError(kind, info)) => {
                    write!(
                        f,
                        "database error {kind:?}, constraint {:?}, table {:?}, column {:?}",
                        info.constraint_name(),
                        info.table_name(),
                        info.column_name()
                    )?;
                    if info.constraint_name().is_none() {
                        write!(f, ": {}", info.message())?;
                    }
                    return Ok(());
                }
                Some(diesel::result::Error::DeserializationError(inner)) => {
                    return write!(f, "a row could not be read: {inner}");
                }
                Some(_) | None => write!(f, "{error}")?,
            }
            separator = ": ";
            next = error.source();
        }
        Ok(())
    }
}

impl From<DbError> for AppError {
    fn from(error: DbError) -> Self {
        if error.is_passing() { Self::Unavailable } else { Self::internal(&error) }
    }
}

impl From<diesel::result::Error> for AppError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<askama::Error> for AppError {
    fn from(error: askama::Error) -> Self {
        Self::internal(&error)
    }
}

impl ResponseError for AppError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Moved(_) => StatusCode::MOVED_PERMANENTLY,
            Self::Gone { .. } => StatusCode::GONE,
            Self::SignedOut(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    // No body: the outermost middleware draws the page.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::TooMany { retry_after_seconds } => {
                response.insert_header(("Retry-After", retry_after_seconds.to_string()));
            }
            Self::Unavailable => {
                response.insert_header(("Retry-After", "30"));
            }
            Self::Moved(path) => {
                response.insert_header(("Location", path.as_str()));
            }
            Self::NotFound
            | Self::Gone { .. }
            | Self::SignedOut(_)
            | Self::Forbidden
            | Self::CrossSite
            | Self::BadRequest(_)
            | Self::TooLarge
            | Self::UnsupportedForm
            | Self::TooSlow
            | Self::Internal { .. } => {}
        }
        response.finish()
    }
}
