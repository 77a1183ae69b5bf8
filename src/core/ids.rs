//! Ids as types of their own, so that a comment's id cannot be given where an article's is asked for.

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::BigInt;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow, Serialize, Deserialize)]
        #[diesel(sql_type = BigInt)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text).map(Self)
            }
        }

        impl ToSql<BigInt, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(&self.0.to_be_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl FromSql<BigInt, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <i64 as FromSql<BigInt, Pg>>::from_sql(value).map(Self)
            }
        }
    )+};
}

ids!(
    /// A person on the team.
    StaffId,
    /// A staff session.
    SessionId,
    /// An e-mail address as a record.
    AddressId,
    /// A reader who proved an address.
    ReaderId,
    /// A reader's browser (cookie `stet_reader`).
    BrowserId,
    /// A topic.
    TopicId,
    /// A tag or a series.
    TermId,
    /// A media file.
    MediaId,
    /// A record of the reference library.
    ReferenceId,
    /// An article or page.
    ArticleId,
    /// A revision of an article.
    RevisionId,
    /// A correction note.
    CorrectionId,
    /// A comment.
    CommentId,
    /// A decision on a comment.
    DecisionId,
    /// A reader's report about a comment; the number they are told.
    ReportId,
    /// A subscription to mail.
    SubscriptionId,
    /// A job in the queue.
    JobId,
    /// A mail in the outbox.
    MailId,
    /// An entry of the audit log.
    AuditId,
);

/// A text that is no id: ids are whole numbers from 1, written in digits alone.
#[derive(Debug, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

fn parse(text: &str) -> Result<i64, NotAnId> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(NotAnId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_positive_numbers_are_ids() {
        assert_eq!("381".parse::<CommentId>().unwrap(), CommentId(381));
        for wrong in ["", "0", "-1", "+1", "01", " 1", "1 ", "9223372036854775808", "١"] {
            assert!(wrong.parse::<CommentId>().is_err(), "{wrong:?}");
        }
    }
}
