//! A mail of the outbox as the bytes a mail server takes.
//!
//! Messages are made by lettre's builder alone. Line ends and NUL in a header are refused, bodies are always
//! encoded (requirements S23).

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use serde::{Deserialize, Serialize};

use crate::core::secret::Secret;

/// What a mail carries besides its text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Headers {
    /// What it answers: a comment's or an article's stable id.
    pub in_reply_to: Option<String>,
    /// The conversation, outermost first.
    pub references: Vec<String>,
    /// Name and id of the list: `("Harbour Health comments", "comments.harbour.example")`.
    pub list: Option<(String, String)>,
    /// Where one POST stops these mails (RFC 8058).
    pub unsubscribe: Option<String>,
}

/// The words of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content<'a> {
    /// Who gets it.
    pub recipient: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// The text for programs that show text.
    pub text: &'a str,
    /// The same as HTML.
    pub html: &'a str,
    /// `<…@host>`.
    pub message_id: &'a str,
    /// The rest.
    pub headers: &'a Headers,
}

/// Why no message can be made; the mail is given up.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unsendable {
    /// A line end or NUL where a header would break.
    #[error("a header holds a line end")]
    BrokenHeader,
    /// The address is none.
    #[error("the address is not one mail can be sent to")]
    Address,
    /// The builder refused.
    #[error("the message could not be made")]
    Build,
}

/// A stable `Message-ID` of what a mail is about: the same for every try, worth nothing to a guesser, and another
/// one on a site made anew, so that no mail program takes its mails for copies.
#[must_use]
pub fn message_id(secret: &Secret, host: &str, unique_key: &str) -> String {
    let mac = secret.mac("message-id", unique_key.as_bytes());
    format!("<{}@{host}>", HEXLOWER.encode(mac.get(..16).unwrap_or(&mac)))
}

/// The address mail goes to: the local part as it was typed, the domain in the form mail servers take.
#[must_use]
pub fn recipient(typed: &str, canonical: &str) -> String {
    match (typed.rsplit_once('@'), canonical.rsplit_once('@')) {
        (Some((local, _)), Some((_, domain))) => format!("{local}@{domain}"),
        _ => canonical.to_owned(),
    }
}

/// Makes the message.
///
/// **Errors** [`Unsendable`].
pub fn build(from: &Mailbox, content: &Content<'_>, at: DateTime<Utc>) -> Result<Message, Unsendable> {
    let headers = content.headers;
    let lines = [content.recipient, content.subject, content.message_id];
    let optional = headers.in_reply_to.iter().chain(&headers.references).chain(&headers.unsubscribe);
    let listed = headers.list.iter().flat_map(|(name, id)| [name, id]);
    if lines.into_iter().chain(optional.chain(listed).map(String::as_str)).any(breaks_a_header) {
        return Err(Unsendable::BrokenHeader);
    }
    let to: Address = content.recipient.parse().map_err(|_| Unsendable::Address)?;
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(content.subject)
        .date(at.into())
        .message_id(Some(content.message_id.to_owned()))
        .header(AutoSubmitted("auto-generated".into()));
    if let Some(id) = &headers.in_reply_to {
        builder = builder.in_reply_to(id.clone());
    }
    if !headers.references.is_empty() {
        builder = builder.references(headers.references.join(" "));
    }
    if let Some((name, id)) = &headers.list {
        builder = builder.header(ListId(list_id(name, id)));
    }
    if let Some(address) = &headers.unsubscribe {
        builder = builder
            .header(ListUnsubscribe(format!("<{address}>")))
            .header(ListUnsubscribePost("List-Unsubscribe=One-Click".into()));
    }
    let parts = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, content.text)?)
        .singlepart(part(ContentType::TEXT_HTML, content.html)?);
    builder.multipart(parts).map_err(|_| Unsendable::Build)
}

fn part(kind: ContentType, text: &str) -> Result<SinglePart, Unsendable> {
    let body = Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::QuotedPrintable)
        .map_err(|_| Unsendable::Build)?;
    Ok(SinglePart::builder().header(kind).body(body))
}

/// `Harbour Health <comments.harbour.example>` (RFC 2919). A name with characters of its own meaning is quoted.
fn list_id(name: &str, id: &str) -> String {
    let plain = name.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c));
    if plain {
        return format!("{name} <{id}>");
    }
    let quoted: String = name.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
    format!("\"{quoted}\" <{id}>")
}

fn breaks_a_header(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\r' | '\n' | '\0' | '\u{85}' | '\u{2028}' | '\u{2029}'))
}

macro_rules! plain_header {
    ($type:ident, $name:literal) => {
        #[derive(Debug, Clone)]
        struct $type(String);

        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(text.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    };
}

plain_header!(AutoSubmitted, "Auto-Submitted");
plain_header!(ListId, "List-Id");
plain_header!(ListUnsubscribe, "List-Unsubscribe");
plain_header!(ListUnsubscribePost, "List-Unsubscribe-Post");

#[cfg(test)]
mod tests {
    use super::*;

    fn content<'a>(subject: &'a str, text: &'a str, headers: &'a Headers) -> Content<'a> {
        Content {
            recipient: "ruth@mail.example",
            subject,
            text,
            html: "<p>Hello</p>",
            message_id: "<1@site.example>",
            headers,
        }
    }

    fn built(subject: &str, text: &str, headers: &Headers) -> Result<String, Unsendable> {
        let from = "Harbour Health <desk@site.example>".parse().unwrap();
        let message = build(&from, &content(subject, text, headers), DateTime::UNIX_EPOCH)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_mail_says_that_it_is_automatic_and_how_to_stop_it() {
        let headers = Headers {
            in_reply_to: Some("<comment.2@site.example>".into()),
            references: vec!["<comment.1@site.example>".into(), "<comment.2@site.example>".into()],
            list: Some(("Harbour Health, comments".into(), "comments.site.example".into())),
            unsubscribe: Some("https://site.example/mail/unsubscribe/abc".into()),
        };
        let text = built("Miriam replied to you: Über", "One\nTwo", &headers).unwrap();
        for line in [
            "Auto-Submitted: auto-generated\r\n",
            "In-Reply-To: <comment.2@site.example>\r\n",
            "References: <comment.1@site.example> <comment.2@site.example>\r\n",
            "List-Id: \"Harbour Health, comments\" <comments.site.example>\r\n",
            "List-Unsubscribe: <https://site.example/mail/unsubscribe/abc>\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "Message-ID: <1@site.example>\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Transfer-Encoding: quoted-printable\r\n",
        ] {
            assert!(text.contains(line), "{line:?} is missing in\n{text}");
        }
        assert!(text.is_ascii(), "headers and bodies are encoded");
    }

    #[test]
    fn nothing_can_add_a_header() {
        for subject in ["a\r\nBcc: x@evil.example", "a\nb", "a\rb", "a\0b"] {
            assert_eq!(built(subject, "text", &Headers::default()), Err(Unsendable::BrokenHeader), "{subject:?}");
        }
        let headers = Headers { list: Some(("a\r\nBcc: x@evil.example".into(), "b".into())), ..Headers::default() };
        assert_eq!(built("a", "text", &headers), Err(Unsendable::BrokenHeader));
        let from = "desk@site.example".parse().unwrap();
        for recipient in ["a@b\r\nBcc: c@d", "", "a", "a@b, c@d"] {
            let headers = Headers::default();
            let content = Content { recipient, ..content("a", "b", &headers) };
            assert!(build(&from, &content, DateTime::UNIX_EPOCH).is_err(), "{recipient:?}");
        }
    }

    #[test]
    fn a_body_cannot_end_the_message() {
        let text = built("a", "one\n.\nMAIL FROM:<x@evil.example>\r.\r\u{0}", &Headers::default()).unwrap();
        assert!(text.split("\r\n").all(|line| !line.contains(['\r', '\n', '\0']) && line.len() < 998));
    }

    #[test]
    fn a_message_id_is_the_same_for_every_try() {
        let secret = Secret::new([1; 32]);
        let id = message_id(&secret, "site.example", "reply:381:12");
        assert_eq!(id, message_id(&secret, "site.example", "reply:381:12"));
        assert_ne!(id, message_id(&secret, "site.example", "reply:381:13"));
        assert_ne!(id, message_id(&Secret::new([2; 32]), "site.example", "reply:381:12"));
        assert!(id.ends_with("@site.example>"));
    }

    #[test]
    fn domains_are_sent_in_ascii() {
        assert_eq!(recipient("Ruth@Bücher.example", "ruth@xn--bcher-kva.example"), "Ruth@xn--bcher-kva.example");
    }
}
