//! What every mail says about its sender: the site's name, its address for links, its key for signatures.

use askama::Template;
use chrono_tz::Tz;

use crate::core::ids::{AddressId, ArticleId, CommentId, SubscriptionId};
use crate::core::secret::Secret;
use crate::core::status::{DoorPurpose, LinkPurpose};
use crate::db::DbError;
use crate::mail::message;
use crate::notifications::unsubscribe;
use crate::urls;

/// The sender of a mail.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// The site's name.
    pub site: String,
    /// The configured address without a slash at the end: links never follow a request's `Host` (requirements S13).
    pub base_url: String,
    /// The site's key.
    pub secret: Secret,
    /// The site's zone: when digests go out.
    pub zone: Tz,
}

impl Letterhead {
    /// A letterhead of the site `site` at `base_url`.
    #[must_use]
    pub fn new(site: &str, base_url: &str, secret: Secret, zone: Tz) -> Self {
        Self { site: site.to_owned(), base_url: base_url.trim_end_matches('/').to_owned(), secret, zone }
    }

    /// The host in `Message-ID` and `List-Id`; `localhost` when the address has none.
    #[must_use]
    pub fn host(&self) -> String {
        let host = url::Url::parse(&self.base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.map_or_else(|| "localhost".into(), |host| host.trim_matches(['[', ']']).replace(':', "."))
    }

    /// `Message-ID` of the mail with this key.
    #[must_use]
    pub fn message_id(&self, unique_key: &str) -> String {
        message::message_id(&self.secret, &self.host(), unique_key)
    }

    /// A comment as a link of a conversation (`In-Reply-To`, `References`).
    #[must_use]
    pub fn comment_mark(&self, id: CommentId) -> String {
        format!("<comment.{id}@{}>", self.host())
    }

    /// An article as the beginning of a conversation.
    #[must_use]
    pub fn article_mark(&self, id: ArticleId) -> String {
        format!("<article.{id}@{}>", self.host())
    }

    /// Name and id of the list all mails about comments belong to.
    #[must_use]
    pub fn list(&self) -> (String, String) {
        (self.site.clone(), format!("comments.{}", self.host()))
    }

    /// Where a comment can be read.
    #[must_use]
    pub fn comment_link(&self, id: CommentId) -> String {
        format!("{}{}", self.base_url, urls::comment(id))
    }

    /// Where one subscription is ended.
    #[must_use]
    pub fn stop_link(&self, id: SubscriptionId) -> String {
        format!("{}{}", self.base_url, urls::mail_unsubscribe(&unsubscribe::token_for(&self.secret, id)))
    }

    /// Where every mail to an address is stopped.
    #[must_use]
    pub fn stop_all_link(&self, id: AddressId) -> String {
        format!("{}{}", self.base_url, urls::mail_unsubscribe(&unsubscribe::token_for_all(&self.secret, id)))
    }

    /// Where readers ask for the link to what they follow and how often mail comes.
    #[must_use]
    pub fn preferences_link(&self) -> String {
        format!("{}{}", self.base_url, urls::door(DoorPurpose::Preferences))
    }

    /// Where an address is confirmed.
    #[must_use]
    pub fn confirm_link(&self, token: &str) -> String {
        format!("{}{}", self.base_url, urls::mail_confirm(token))
    }

    /// Where a reader opens a page about their address.
    #[must_use]
    pub fn door_link(&self, purpose: DoorPurpose, token: &str) -> String {
        format!("{}{}", self.base_url, urls::door_mailed(purpose, token))
    }

    /// Where a person on the team chooses a password.
    #[must_use]
    pub fn password_link(&self, purpose: LinkPurpose, token: &str) -> String {
        let path = match purpose {
            LinkPurpose::Invite => urls::invite(token),
            LinkPurpose::Reset => urls::reset(token),
            LinkPurpose::Setup => urls::setup(token),
        };
        format!("{}{path}", self.base_url)
    }

    /// Where staff choose their mails.
    #[must_use]
    pub fn account_link(&self) -> String {
        format!("{}{}", self.base_url, urls::account())
    }
}

/// A template's text.
pub(super) fn rendered(template: &impl Template) -> Result<String, DbError> {
    template.render().map_err(|error| DbError::Query(diesel::result::Error::SerializationError(Box::new(error))))
}

/// Subject and body of a text template, which begins with a line `Subject: …`.
#[must_use]
pub fn split_subject(rendered: &str) -> (&str, &str) {
    let (first, rest) = rendered.split_once('\n').unwrap_or((rendered, ""));
    (first.trim_start_matches("Subject:").trim(), rest.trim_start_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stand_on_the_configured_address() {
        let head = Letterhead::new("Harbour Health", "https://harbour.example/", Secret::new([3; 32]), Tz::UTC);
        assert_eq!(head.comment_link(CommentId(7)), "https://harbour.example/comments/7");
        assert_eq!(head.comment_mark(CommentId(7)), "<comment.7@harbour.example>");
        assert_eq!(head.list().1, "comments.harbour.example");
        assert_eq!(Letterhead::new("", "http://127.0.0.1:8080", Secret::new([3; 32]), Tz::UTC).host(), "127.0.0.1");
        assert_eq!(split_subject("Subject: One\n\nTwo\nThree"), ("One", "Two\nThree"));
    }
}
