//! Every address of the site: builders for pages, mails and redirects, and the words no slug may take.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::core::ids::{ArticleId, AuditId, CommentId, MailId, ReferenceId, RevisionId, SessionId, StaffId};
use crate::core::status::{ArticleKind, ArticleState, DoorPurpose};

/// Characters escaped in a query value.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// First segments of the route table: no article may have one as its slug. `tests/it` compares it with the table.
pub const RESERVED_SLUGS: &[&str] = &[
    "admin",
    "appearance",
    "authors",
    "comments",
    "corrections",
    "desk",
    "events",
    "favicon",
    "feed",
    "healthz",
    "hooks",
    "latest",
    "mail",
    "media",
    "metrics",
    "my",
    "oembed",
    "preview",
    "privacy",
    "readyz",
    "robots",
    "search",
    "series",
    "sitemap",
    "static",
    "tags",
    "topics",
    "well-known",
    "wp-admin",
];

/// The house page whose text the privacy page shows.
pub const PRIVACY_SLUG: &str = "privacy";
/// The house page that the badge "Trusted source" leads to, where there is one.
pub const TRUSTED_SLUG: &str = "what-trusted-source-means";

/// The house page that says how comments are moderated.
pub const MODERATION_SLUG: &str = "how-we-moderate";
/// The house page that says why comments are removed.
pub const REMOVAL_SLUG: &str = "why-comments-are-removed";

/// Whether a slug would hide one of the site's own addresses.
#[must_use]
pub fn is_reserved(slug: &str) -> bool {
    RESERVED_SLUGS.contains(&slug)
}

/// `/`
#[must_use]
pub fn home() -> String {
    "/".into()
}

/// `/{slug}`
#[must_use]
pub fn article(slug: &str) -> String {
    format!("/{slug}")
}

/// `/{slug}?reply={id}#reply`: the page with the form under a comment.
#[must_use]
pub fn reply(slug: &str, comment: CommentId) -> String {
    format!("/{slug}?reply={comment}#reply")
}

/// `/{slug}?at={root}#comment-{id}`: the page of the thread that holds a comment.
#[must_use]
pub fn comment_in_place(slug: &str, root: CommentId, comment: CommentId) -> String {
    format!("/{slug}?at={root}#comment-{comment}")
}

/// `/{slug}/comments`: where the form posts.
#[must_use]
pub fn comments_of(slug: &str) -> String {
    format!("/{slug}/comments")
}

/// `/comments/{id}`: the permalink.
#[must_use]
pub fn comment(id: CommentId) -> String {
    format!("/comments/{id}")
}

/// `/comments/{id}/edit`
#[must_use]
pub fn comment_edit(id: CommentId) -> String {
    format!("/comments/{id}/edit")
}

/// `/comments/{id}/withdraw`
#[must_use]
pub fn comment_withdraw(id: CommentId) -> String {
    format!("/comments/{id}/withdraw")
}

/// `/comments/{id}/helpful`
#[must_use]
pub fn comment_helpful(id: CommentId) -> String {
    format!("/comments/{id}/helpful")
}

/// `/comments/{id}/report`
#[must_use]
pub fn comment_report(id: CommentId) -> String {
    format!("/comments/{id}/report")
}

/// `/comments/{id}/report?done=…`: what became of a report that was just sent.
#[must_use]
pub fn comment_reported(id: CommentId, is_repeat: bool) -> String {
    format!("/comments/{id}/report?done={}", if is_repeat { "again" } else { "1" })
}

/// `/{slug}/threads/{root}`: one long thread.
#[must_use]
pub fn thread(slug: &str, root: CommentId) -> String {
    format!("/{slug}/threads/{root}")
}

/// `/{slug}/threads/{root}?after={reply}`: further down in one long thread.
#[must_use]
pub fn thread_after(slug: &str, root: CommentId, after: CommentId) -> String {
    format!("/{slug}/threads/{root}?after={after}")
}

/// Which part of a conversation an address asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TalkPart {
    /// The first page.
    First,
    /// The page after a top comment; by number of replies or votes as they stood at that second (Unix time).
    After(CommentId, Option<i64>),
    /// All on one page.
    All,
}

/// `/{slug}` with a page of its threads: parameters in a fixed order, those that say nothing left out.
#[must_use]
pub fn talk_page(slug: &str, sort: Option<&str>, part: TalkPart) -> String {
    let mut address = article(slug);
    let mut mark = '?';
    let mut add = |name: &str, value: &dyn std::fmt::Display| {
        let _ = write!(address, "{mark}{name}={value}");
        mark = '&';
    };
    if let Some(sort) = sort {
        add("sort", &sort);
    }
    match part {
        TalkPart::First => {}
        TalkPart::After(after, as_of) => {
            add("after", &after);
            if let Some(as_of) = as_of {
                add("as_of", &as_of);
            }
        }
        TalkPart::All => add("all", &1),
    }
    address
}

/// `/topics/{slug}`
#[must_use]
pub fn topic(slug: &str) -> String {
    format!("/topics/{slug}")
}

/// `/tags/{slug}`
#[must_use]
pub fn tag(slug: &str) -> String {
    format!("/tags/{slug}")
}

/// `/series/{slug}`
#[must_use]
pub fn series(slug: &str) -> String {
    format!("/series/{slug}")
}

/// `/authors/{slug}`
#[must_use]
pub fn author(slug: &str) -> String {
    format!("/authors/{slug}")
}

/// `/media/{hash}/{name}`
#[must_use]
pub fn media(hash: &str, name: &str) -> String {
    format!("/media/{hash}/{name}")
}

/// `/mail/confirm/{token}`
#[must_use]
pub fn mail_confirm(token: &str) -> String {
    format!("/mail/confirm/{token}")
}

/// `/privacy/data`, `/mail/preferences`: where a link by mail is asked for.
#[must_use]
pub fn door(purpose: DoorPurpose) -> String {
    match purpose {
        DoorPurpose::Data => "/privacy/data".into(),
        DoorPurpose::Preferences => "/mail/preferences".into(),
    }
}

/// `/privacy/data/{token}`: what the mailed link names.
#[must_use]
pub fn door_mailed(purpose: DoorPurpose, token: &str) -> String {
    format!("{}/{token}", door(purpose))
}

/// `/privacy/data/open/{token}`: what its press opens.
#[must_use]
pub fn door_opened(purpose: DoorPurpose, token: &str) -> String {
    format!("{}/open/{token}", door(purpose))
}

/// `/privacy/data/open/{token}/data.json`
#[must_use]
pub fn data_file(token: &str) -> String {
    format!("{}/data.json", door_opened(DoorPurpose::Data, token))
}

/// `/privacy/data/open/{token}/erase`
#[must_use]
pub fn data_erase(token: &str) -> String {
    format!("{}/erase", door_opened(DoorPurpose::Data, token))
}

/// `/privacy/data?erased={choice}`: what is said after everything was erased.
#[must_use]
pub fn data_erased(choice: &str) -> String {
    format!("{}?erased={choice}", door(DoorPurpose::Data))
}

/// `/my/comments/{token}`: where a comment is, for its writer.
#[must_use]
pub fn my_comment(token: &str) -> String {
    format!("/my/comments/{token}")
}

/// `/mail/unsubscribe/{token}`
#[must_use]
pub fn mail_unsubscribe(token: &str) -> String {
    format!("/mail/unsubscribe/{token}")
}

/// `/desk/settings/comments`
#[must_use]
pub fn desk_comment_settings() -> String {
    "/desk/settings/comments".into()
}

/// `/hooks/mail-events`
#[must_use]
pub fn mail_events() -> String {
    "/hooks/mail-events".into()
}

/// `/desk`
#[must_use]
pub fn desk() -> String {
    "/desk".into()
}

/// `/desk/sign-in`, coming back to `next` (a path of ours) afterwards.
#[must_use]
pub fn sign_in(next: Option<&str>) -> String {
    match next {
        Some(next) => format!("/desk/sign-in?next={}", utf8_percent_encode(next, QUERY)),
        None => "/desk/sign-in".into(),
    }
}

/// `/desk/sign-out`
#[must_use]
pub fn sign_out() -> String {
    "/desk/sign-out".into()
}

/// `/desk/staff`: people on the team.
#[must_use]
pub fn people() -> String {
    "/desk/staff".into()
}

/// `/desk/staff/{id}/{act}`: role, suspend, reinstate, invite, reset.
#[must_use]
pub fn person_act(id: StaffId, act: &str) -> String {
    format!("/desk/staff/{id}/{act}")
}

/// `/desk/audit`: the activity log.
#[must_use]
pub fn activity() -> String {
    "/desk/audit".into()
}

/// `/desk/audit?before={id}`
#[must_use]
pub fn activity_before(id: AuditId) -> String {
    format!("/desk/audit?before={id}")
}

/// `/desk/account`
#[must_use]
pub fn account() -> String {
    "/desk/account".into()
}

/// `/desk/account/password`
#[must_use]
pub fn account_password() -> String {
    "/desk/account/password".into()
}

/// `/desk/account/sessions/{id}`: ends one.
#[must_use]
pub fn account_session(id: SessionId) -> String {
    format!("/desk/account/sessions/{id}")
}

/// `/desk/account/sessions`: ends all others.
#[must_use]
pub fn account_sessions() -> String {
    "/desk/account/sessions".into()
}

/// `/desk/setup/{token}`
#[must_use]
pub fn setup(token: &str) -> String {
    format!("/desk/setup/{token}")
}

/// `/desk/invite/{token}`
#[must_use]
pub fn invite(token: &str) -> String {
    format!("/desk/invite/{token}")
}

/// `/desk/reset`: asks for a link.
#[must_use]
pub fn forgotten() -> String {
    "/desk/reset".into()
}

/// `/desk/reset/{token}`
#[must_use]
pub fn reset(token: &str) -> String {
    format!("/desk/reset/{token}")
}

/// `/desk/comments`
#[must_use]
pub fn desk_comments() -> String {
    "/desk/comments".into()
}

/// `/desk/comments?queue=…`
#[must_use]
pub fn queue(queue: &str) -> String {
    format!("/desk/comments?queue={queue}")
}

/// `/desk/comments?open={id}#r{id}`: one comment at the desk, in the list it is in.
#[must_use]
pub fn desk_comment(id: CommentId) -> String {
    format!("/desk/comments?open={id}#r{id}")
}

/// `/desk/comments/bulk`
#[must_use]
pub fn desk_bulk() -> String {
    "/desk/comments/bulk".into()
}

/// `/desk/comments/undo`
#[must_use]
pub fn desk_undo() -> String {
    "/desk/comments/undo".into()
}

/// `/desk/comments/{id}/decision`
#[must_use]
pub fn decision(id: CommentId) -> String {
    format!("/desk/comments/{id}/decision")
}

/// `/desk/comments/{id}/pin`
#[must_use]
pub fn desk_pin(id: CommentId) -> String {
    format!("/desk/comments/{id}/pin")
}

/// `/desk/articles`
#[must_use]
pub fn desk_articles() -> String {
    "/desk/articles".into()
}

/// `/desk/articles/{id}`
#[must_use]
pub fn desk_article(id: ArticleId) -> String {
    format!("/desk/articles/{id}")
}

/// `/desk/articles/{id}/revisions`
#[must_use]
pub fn desk_revisions(id: ArticleId) -> String {
    format!("/desk/articles/{id}/revisions")
}

/// `/desk/articles/{id}/revisions/{revision}`
#[must_use]
pub fn desk_revision(id: ArticleId, revision: RevisionId) -> String {
    format!("/desk/articles/{id}/revisions/{revision}")
}

/// `/desk/settings`
#[must_use]
pub fn desk_settings() -> String {
    "/desk/settings".into()
}

/// `/desk/mail`: the outbox.
#[must_use]
pub fn desk_outbox() -> String {
    "/desk/mail".into()
}

/// `/desk/mail?state=…`: one state of the outbox, or all.
#[must_use]
pub fn desk_outbox_of(state: Option<&str>) -> String {
    state.map_or_else(desk_outbox, |state| format!("/desk/mail?state={state}"))
}

/// The part of the outbox before a mail.
#[must_use]
pub fn desk_outbox_before(state: Option<&str>, before: MailId) -> String {
    match state {
        Some(state) => format!("/desk/mail?state={state}&before={before}"),
        None => format!("/desk/mail?before={before}"),
    }
}

/// The outbox with a receipt.
#[must_use]
pub fn desk_outbox_done(code: &str) -> String {
    format!("/desk/mail?done={code}")
}

/// `/desk/mail/{id}/retry`
#[must_use]
pub fn desk_mail_retry(id: MailId) -> String {
    format!("/desk/mail/{id}/retry")
}

/// `/desk/mail/{id}`
#[must_use]
pub fn desk_mail(id: MailId) -> String {
    format!("/desk/mail/{id}")
}

/// `/search?q=…`
#[must_use]
pub fn search(query: &str) -> String {
    let mut address = String::from("/search?q=");
    let _ = write!(address, "{}", utf8_percent_encode(query, QUERY));
    address
}

/// `/search`: where the form leads.
#[must_use]
pub fn search_page() -> String {
    "/search".into()
}

/// `/search?q=…&in=…&after=…`: one part of the results, a page of them.
#[must_use]
pub fn search_in(query: &str, part: &str, after: Option<&str>) -> String {
    let mut address = search(query);
    let _ = write!(address, "&in={part}");
    if let Some(after) = after {
        let _ = write!(address, "&after={after}");
    }
    address
}

/// `/privacy`
#[must_use]
pub fn privacy() -> String {
    "/privacy".into()
}

/// `/latest`: all articles.
#[must_use]
pub fn latest() -> String {
    "/latest".into()
}

/// `/latest/{year}`: what was published in a year.
#[must_use]
pub fn year(year: i32) -> String {
    format!("/latest/{year}")
}

/// `/latest/{year}/{month}`: what was published in a month.
#[must_use]
pub fn month(year: i32, month: u32) -> String {
    format!("/latest/{year}/{month:02}")
}

/// `/corrections`
#[must_use]
pub fn corrections() -> String {
    "/corrections".into()
}

/// `/corrections/feed.xml`
#[must_use]
pub fn corrections_feed() -> String {
    "/corrections/feed.xml".into()
}

/// `/{slug}/changes/{number}`: what a published version changed.
#[must_use]
pub fn changes(slug: &str, number: i32) -> String {
    format!("/{slug}/changes/{number}")
}

/// `/topics/{slug}/feed.xml`
#[must_use]
pub fn topic_feed(slug: &str) -> String {
    format!("/topics/{slug}/feed.xml")
}

/// `/topics/{slug}/feed.json`
#[must_use]
pub fn topic_json_feed(slug: &str) -> String {
    format!("/topics/{slug}/feed.json")
}

/// `/tags/{slug}/feed.xml`
#[must_use]
pub fn tag_feed(slug: &str) -> String {
    format!("/tags/{slug}/feed.xml")
}

/// `/tags/{slug}/feed.json`
#[must_use]
pub fn tag_json_feed(slug: &str) -> String {
    format!("/tags/{slug}/feed.json")
}

/// `/authors/{slug}/feed.xml`
#[must_use]
pub fn author_feed(slug: &str) -> String {
    format!("/authors/{slug}/feed.xml")
}

/// `/authors/{slug}?list=…&after=…`: one of a person's lists, a page of it.
#[must_use]
pub fn author_list(slug: &str, list: &str, after: Option<ArticleId>) -> String {
    let address = format!("/authors/{slug}?list={list}");
    after.map_or_else(|| address.clone(), |after| older(&address, after))
}

/// `/feed.json`
#[must_use]
pub fn json_feed() -> String {
    "/feed.json".into()
}

/// `/oembed`
#[must_use]
pub fn oembed() -> String {
    "/oembed".into()
}

/// `/oembed?url=…&format=json`: a card of a page, by its whole address.
#[must_use]
pub fn oembed_of(page: &str) -> String {
    format!("/oembed?url={}&format=json", utf8_percent_encode(page, QUERY))
}

/// `/sitemap.xml`
#[must_use]
pub fn site_map() -> String {
    "/sitemap.xml".into()
}

/// `/sitemap/{file}`: a part of it.
#[must_use]
pub fn site_map_part(file: &str) -> String {
    format!("/sitemap/{file}")
}

/// `/feed.xml`
#[must_use]
pub fn feed() -> String {
    "/feed.xml".into()
}

/// `/appearance`: where the Appearance control is posted.
#[must_use]
pub fn appearance() -> String {
    "/appearance".into()
}

/// `{path}?after={id}`: the next page of a list.
#[must_use]
pub fn older(path: &str, last: ArticleId) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}after={last}")
}

/// `/{slug}/comments.xml`
#[must_use]
pub fn comment_feed(slug: &str) -> String {
    format!("/{slug}/comments.xml")
}

/// `/{slug}/references.{ending}`: an article's references as a file (`bib`, `ris`, `json`).
#[must_use]
pub fn article_references(slug: &str, ending: &str) -> String {
    format!("/{slug}/references.{ending}")
}

/// `/desk/settings/sources`
#[must_use]
pub fn desk_source_settings() -> String {
    "/desk/settings/sources".to_owned()
}

/// `/desk/articles?state=…&before=…`
#[must_use]
pub fn desk_articles_of(state: Option<ArticleState>, before: Option<ArticleId>) -> String {
    let state = state.map(|state| format!("state={state}"));
    let before = before.map(|before| format!("before={before}"));
    let query = [state, before].into_iter().flatten().collect::<Vec<_>>().join("&");
    if query.is_empty() { desk_articles() } else { format!("{}?{query}", desk_articles()) }
}

/// `/desk/articles/new`, for an article or a house page.
#[must_use]
pub fn desk_new_article(kind: ArticleKind) -> String {
    match kind {
        ArticleKind::Article => "/desk/articles/new".into(),
        ArticleKind::Page => "/desk/articles/new?kind=page".into(),
    }
}

/// `/desk/articles/{id}?done=…`: the editor with a receipt.
#[must_use]
pub fn desk_article_done(id: ArticleId, done: &str) -> String {
    format!("/desk/articles/{id}?done={done}")
}

/// `/desk/references`, searched and paged.
#[must_use]
pub fn desk_references(query: &str, before: Option<ReferenceId>) -> String {
    let query = (!query.is_empty()).then(|| format!("q={}", utf8_percent_encode(query, QUERY)));
    let before = before.map(|before| format!("before={before}"));
    let query = [query, before].into_iter().flatten().collect::<Vec<_>>().join("&");
    if query.is_empty() { "/desk/references".into() } else { format!("/desk/references?{query}") }
}

/// `/desk/references/new`
#[must_use]
pub fn desk_new_reference() -> String {
    "/desk/references/new".into()
}

/// `/desk/references/{id}`
#[must_use]
pub fn desk_reference(id: ReferenceId) -> String {
    format!("/desk/references/{id}")
}

/// `/desk/references/import`
#[must_use]
pub fn desk_import_references() -> String {
    "/desk/references/import".into()
}
