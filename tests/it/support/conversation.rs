//! An article with its people, and writing under it: helpers of the tests of comments and moderation.

use chrono::TimeDelta;
use reqwest::Url;
use stet::core::rng::Rng;

use super::browser::{Browser, Filled, Page};
use super::cluster;
use super::site::Site;

/// The article's address.
pub const ARTICLE: &str = "/night-shift";

/// Runs statements as the database's owner.
pub async fn sql(site: &Site, statements: &str) {
    cluster::connect(&site.database.owner_url).await.batch_execute(statements).await.unwrap();
}

/// A site with the article "Sleeping well on the night shift" by Miriam Achebe (staff 1, author), Dr Tomas Hale
/// (staff 2, moderator, sleep physician) and Ana Novak (staff 3, editor).
pub async fn site() -> Site {
    site_with(&[]).await
}

/// The same with settings.
pub async fn site_with(settings: &[(&str, &str)]) -> Site {
    let site = Site::start_with(settings).await;
    sql(
        &site,
        "insert into staff (email, email_canonical, name, name_skeleton, slug, title, role, state, password_hash, created_at) values
            ('miriam@team.example', 'miriam@team.example', 'Miriam Achebe', 'x1', 'miriam-achebe', '', 'author', 'active', 'x', '2026-11-14T08:00:00Z'),
            ('tomas@team.example', 'tomas@team.example', 'Dr Tomas Hale', 'x2', 'tomas-hale', 'Sleep physician', 'moderator', 'active', 'x', '2026-11-14T08:00:00Z'),
            ('ana@team.example', 'ana@team.example', 'Ana Novak', 'x3', 'ana-novak', '', 'editor', 'active', 'x', '2026-11-14T08:00:00Z');",
    )
    .await;
    for (id, name) in [(1, "Miriam Achebe"), (2, "Dr Tomas Hale"), (3, "Ana Novak")] {
        sql(&site, &format!("update staff set name_skeleton = '{}' where id = {id}", stet::core::text::skeleton(name)))
            .await;
    }
    article(&site, "night-shift", "Sleeping well on the night shift").await;
    sql(&site, "insert into revision_credits values (1, 1, 'author', 0)").await;
    site
}

/// One more published article.
pub async fn article(site: &Site, slug: &str, title: &str) {
    sql(
        site,
        &format!(
            "with a as (insert into articles (slug, created_at) values ('{slug}', '2026-11-14T08:00:00Z') returning id),
                  r as (insert into revisions (article_id, number, cause, title, slug, dek, takeaways, body, language, description, made_at)
                        select id, 1, 'publish', '{title}', '{slug}', '', '{{}}', 'Text.', 'en', '', '2026-11-14T08:00:00Z' from a returning id)
             insert into revision_renderings (revision_id, renderer_version, html, outline, word_count, rendered_at)
             select id, 1, '<p>Text.</p>', '[]', 1, '2026-11-14T08:00:00Z' from r;
             update articles set state = 'published', published_revision_id = (select id from revisions where slug = '{slug}'),
                    first_published_at = '2026-11-14T08:00:00Z', published_at = '2026-11-14T08:00:00Z', updated_at = '2026-11-14T08:00:00Z' where slug = '{slug}';"
        ),
    )
    .await;
}

/// A browser in which this person of the team is signed in.
pub async fn signed_in(site: &Site, staff: i64) -> Browser {
    let token = Rng::system().token();
    let hash: String = token.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    sql(
        site,
        &format!(
            "insert into staff_sessions (staff_id, token_hash, created_at, last_seen_at, expires_at)
             values ({staff}, '\\x{hash}', '2026-11-14T09:59:00Z', '2026-11-14T09:59:00Z', '2027-01-01T00:00:00Z')"
        ),
    )
    .await;
    let browser = site.browser();
    browser.jar.add_cookie_str(&format!("stet_session={}", token.reveal()), &site.base.parse::<Url>().unwrap());
    browser
}

/// The comment form of a page, filled in by Dele.
pub fn written(page: &Page, body: &str) -> Filled {
    page.form("#reply form")
        .fill("body", body)
        .fill("name", "Dele A.")
        .fill("email", "dele@mail.example")
        .choose("act", "post")
}

/// Writes a comment as Dele on the article's page, taking ten seconds.
pub async fn post(site: &Site, browser: &Browser, body: &str) -> Page {
    let form = written(&browser.look(ARTICLE).await, body);
    site.later(TimeDelta::seconds(10));
    browser.submit(&form).await
}

/// Makes the address of a comment one that a reader confirmed in this browser, with one approved comment.
pub async fn confirm(site: &Site, email: &str) {
    sql(
        site,
        &format!(
            "update addresses set confirmed_at = '2026-11-14T09:00:00Z' where canonical = '{email}';
             insert into readers (address_id, created_at) select id, '2026-11-14T09:00:00Z' from addresses where canonical = '{email}' on conflict do nothing;
             update comments set reader_id = (select r.id from readers r join addresses a on a.id = r.address_id where a.canonical = '{email}')
              where address_id = (select id from addresses where canonical = '{email}');
             update reader_browsers set reader_id = (select r.id from readers r join addresses a on a.id = r.address_id where a.canonical = '{email}')
              where id in (select browser_id from comments where address_id = (select id from addresses where canonical = '{email}'));"
        ),
    )
    .await;
}

/// Approves every held comment at the desk.
pub async fn approve_all(desk: &Browser) {
    loop {
        let queue = desk.look("/desk/comments?queue=held").await;
        if !queue.has(".row form.row__acts") {
            return;
        }
        let answer = desk.submit(&queue.form(".row form.row__acts").choose("to", "approved")).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    }
}

/// Takes the database away from the site: no new connection, and the open ones are cut.
pub async fn database_away(site: &Site) {
    let name = site.database.owner_url.rsplit_once('/').unwrap().1;
    // A role may end its own connections, and only those.
    let app = super::cluster::connect(&site.database.url).await;
    sql(site, &format!("revoke connect on database {name} from public, stet_app")).await;
    app.batch_execute(&format!(
        "select pg_terminate_backend(pid) from pg_stat_activity
          where datname = '{name}' and usename = 'stet_app' and pid <> pg_backend_pid()"
    ))
    .await
    .unwrap();
}

/// Gives it back.
pub async fn database_back(site: &Site) {
    let name = site.database.owner_url.rsplit_once('/').unwrap().1;
    sql(site, &format!("grant connect on database {name} to public, stet_app")).await;
}

/// A browser in which a reader has confirmed this address.
pub async fn reader(site: &Site, email: &str) -> Browser {
    let token = Rng::system().token();
    let hash: String = token.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    sql(
        site,
        &format!(
            "with a as (insert into addresses (canonical, email, created_at, confirmed_at)
                        values ('{email}', '{email}', '2026-11-14T08:00:00Z', '2026-11-14T08:00:00Z') returning id),
                  r as (insert into readers (address_id, created_at) select id, '2026-11-14T08:00:00Z' from a returning id)
             insert into reader_browsers (token_hash, reader_id, created_at, expires_at)
             select '\\x{hash}', id, '2026-11-14T08:00:00Z', '2027-01-01T00:00:00Z' from r"
        ),
    )
    .await;
    let browser = site.browser();
    browser.jar.add_cookie_str(&format!("stet_reader={}", token.reveal()), &site.base.parse::<Url>().unwrap());
    browser
}

/// Public comments as rows: writers' names and what each answers, with ids from 1.
pub async fn public_comments(site: &Site, written: &[(&str, Option<i64>)]) {
    for (number, (name, parent)) in written.iter().enumerate() {
        let (at, parent) = (
            format!("timestamptz '2026-11-14T09:00:00Z' + {number} * interval '1 second'"),
            parent.map_or_else(|| "null".to_owned(), |id| id.to_string()),
        );
        sql(
            site,
            &format!(
                "insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
                 values (1, 1, {parent}, 0, 0, 'approved', '{name}', 'x', 'The words of {name}.', '<p>The words of {name}.</p>', 1, {at}, {at}, {at});
                 update comments set public_replies = public_replies + 1 where id = (select root_id from comments where id = (select max(id) from comments) and parent_id is not null);
                 update articles set comment_count = comment_count + 1 where id = 1;"
            ),
        )
        .await;
    }
}
