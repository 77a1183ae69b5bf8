//! Who sends a request, and what they may: a handler takes a [`Session`] or a capability as an argument, and a
//! form of the desk as [`StaffForm`], which also asks for the session's token (decisions 8).
//!
//! Without a session the answer is 401 with a sign-in form, which carries what was posted on (decisions 9); without
//! the right, 403.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::core::limits;
use crate::core::rng::Token;
use crate::staff::authority::{
    Capability, MayChangeSettings, MayDecide, MayEdit, MayHandOver, MayManageStaff, MayPublish, MayReview, MayRule,
    MaySeeAudit, MaySeeDrafts, MaySeeMail, Session,
};
use crate::staff::session::{self, Whence};
use crate::web::compress::header_text;
use crate::web::cookies;
use crate::web::error::AppError;
use crate::web::extract::client_address;
use crate::web::extract::form::{self, Body, Fields, Sender};
use crate::web::{rate_limit, shell};

/// The field of every staff form that carries the session's token.
pub const CSRF_FIELD: &str = "csrf_token";

/// What somebody without a session asked for, to be done after signing in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Again {
    /// Path and query.
    pub address: String,
    /// Fields that were posted; empty for a page that was only looked at.
    pub carried: Vec<(String, String)>,
    /// Whether it was a form.
    pub is_post: bool,
}

/// The session of a request, read once a request. `None`: nobody is signed in.
///
/// **Errors** the database is away, or the network's ceiling is reached.
pub async fn session_of(app: &App, request: &HttpRequest) -> Result<Option<Session>, AppError> {
    if let Some(known) = request.extensions().get::<Known>() {
        return Ok(known.0.clone());
    }
    let Some(token) = cookies::read(app, request, cookies::SESSION).and_then(|text| Token::parse(&text)) else {
        return Ok(None);
    };
    rate_limit::count(app, request)?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let found = session::find(&mut conn, app.secret(), &token, app.now(), &settings.people).await?;
    drop(conn);
    let session = match found {
        None => None,
        Some(found) => {
            if found.is_due {
                let session = &found.session;
                app.db.transact(async |tx| session::saw(tx, session).await).await?;
            }
            Some(found.session)
        }
    };
    request.extensions_mut().insert(Known(session.clone()));
    Ok(session)
}

struct Known(Option<Session>);

/// From where a request comes, for a session that begins with it.
pub struct Origin {
    network: crate::core::network::Network,
    user_agent: String,
    device: Option<Token>,
}

impl Origin {
    /// Of a request.
    #[must_use]
    pub fn of(app: &App, request: &HttpRequest) -> Self {
        Self {
            network: client_address::of(app, request),
            user_agent: header_text(request.headers(), &header::USER_AGENT).to_owned(),
            device: cookies::read(app, request, cookies::DEVICE).and_then(|text| Token::parse(&text)),
        }
    }

    /// As `staff::session` takes it.
    #[must_use]
    pub fn whence(&self) -> Whence<'_> {
        Whence { network: self.network, user_agent: &self.user_agent, device: self.device.as_ref() }
    }
}

async fn need(request: &HttpRequest) -> Result<Session, AppError> {
    let app = request.app_data::<web::Data<App>>().cloned().ok_or(AppError::NotFound)?;
    let again = || Again { address: shell::address_of(request), ..Again::default() };
    session_of(&app, request).await?.ok_or_else(|| AppError::SignedOut(Box::new(again())))
}

macro_rules! extracted {
    ($($who:ident),+ $(,)?) => {$(
        impl FromRequest for $who {
            type Error = AppError;
            type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                Box::pin(async move {
                    let session = need(&request).await?;
                    $who::of(&session).map_err(|_| AppError::Forbidden)
                })
            }
        }
    )+};
}

extracted!(
    Session,
    MayDecide,
    MayEdit,
    MaySeeDrafts,
    MayPublish,
    MayReview,
    MayRule,
    MayManageStaff,
    MayChangeSettings,
    MaySeeMail,
    MaySeeAudit,
    MayHandOver,
);

/// A form of the desk: who sends it, what they may, and the fields. `C` is a capability, or [`Session`] for
/// anybody signed in.
///
/// Refused are forms of other sites, forms without our origin or `Sec-Fetch-Site`, and forms without this
/// session's token.
#[derive(Debug)]
pub struct StaffForm<C, T> {
    /// Who sends it, as the right they need.
    pub who: C,
    /// The fields, without the token.
    pub fields: T,
}

impl<C: Capability + 'static, T: Fields + 'static> FromRequest for StaffForm<C, T> {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let app = request.app_data::<web::Data<App>>().cloned().ok_or(AppError::NotFound)?;
            let sender = form::sender(&request)?;
            let Some(session) = session_of(&app, &request).await? else {
                let carried = read_of_nobody(&request, payload, T::BYTES_MAX, T::BODY).await?;
                return Err(AppError::SignedOut(Box::new(Again {
                    address: shell::address_of(&request),
                    carried: without_token(carried).1,
                    is_post: true,
                })));
            };
            if sender != Sender::OwnPage {
                return Err(AppError::CrossSite);
            }
            let who = C::of(&session).map_err(|_| AppError::Forbidden)?;
            let (token, fields) = without_token(form::read(&request, payload, T::BYTES_MAX, T::BODY).await?);
            if !token.is_some_and(|token| session.csrf_matches(&token)) {
                return Err(AppError::CrossSite);
            }
            Ok(Self { who, fields: form::bind(fields)? })
        })
    }
}

/// Takes the token out of a form's fields; two of them are none.
pub(crate) fn without_token(pairs: Vec<(String, String)>) -> (Option<String>, Vec<(String, String)>) {
    let (tokens, fields): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == CSRF_FIELD);
    let mut tokens = tokens.into_iter();
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) => (Some(token), fields),
        (None | Some(_), _) => (None, fields),
    }
}

/// Reads what somebody without a session posted. Large bodies, such as an article, are read a few at a time:
/// strangers must not be able to fill the memory with them.
///
/// **Errors** as [`form::read`]; [`AppError::Unavailable`] when too many are being read.
pub(crate) async fn read_of_nobody(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
    body: Body,
) -> Result<Vec<(String, String)>, AppError> {
    static LARGE: Semaphore = Semaphore::const_new(limits::LARGE_BODIES_OF_NOBODY);
    let declared: usize = header_text(request.headers(), &header::CONTENT_LENGTH).parse().unwrap_or(0);
    if declared <= limits::FORM_BODY_BYTES_MAX {
        return form::read(request, payload, limits::FORM_BODY_BYTES_MAX.min(bytes_max), body).await;
    }
    let _place = LARGE.try_acquire().map_err(|_| AppError::Unavailable)?;
    form::read(request, payload, bytes_max, body).await
}

/// A form that holds nothing but the token: sign out, revoke.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct NoFields {}

impl Fields for NoFields {
    const NAMES: &'static [&'static str] = &[];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_taken_out_and_two_are_none() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (token, rest) = without_token(vec![pair("a", "1"), pair(CSRF_FIELD, "t"), pair("a", "2")]);
        assert_eq!(token.as_deref(), Some("t"));
        assert_eq!(rest, [pair("a", "1"), pair("a", "2")]);
        assert_eq!(without_token(vec![pair(CSRF_FIELD, "t"), pair(CSRF_FIELD, "t")]).0, None);
        assert_eq!(without_token(Vec::new()).0, None);
    }
}
