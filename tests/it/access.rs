//! Who may ask for what: every route of the table × everybody, on one's own and on another's records.
//!
//! The table of routes says who may; this list of roles says what that means. A handler that forgot its right,
//! a right too many and a route whose pattern is not known here all fail.

use reqwest::{Method, StatusCode};
use stet::core::ids::StaffId;
use stet::core::network::Network;
use stet::core::status::Role;
use stet::staff::session::{self, Whence};
use stet::web::routes::{Access, ROUTES};

use crate::support::browser::{Browser, Page};
use crate::support::cluster;
use crate::support::people::Member;
use crate::support::site::Site;

/// What a role is by, in the order of the answers below.
const ROLES: [Role; 6] =
    [Role::Owner, Role::Administrator, Role::Editor, Role::Author, Role::Reviewer, Role::Moderator];

/// What a person may with an address that is about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    Always,
    OwnOnly,
    Never,
}

fn may(access: Access, role: Role) -> May {
    use May::{Always, Never, OwnOnly};
    match (access, role) {
        (Access::Program, _) => Never,
        (Access::Anyone | Access::TokenHolder | Access::Staff, _) | (_, Role::Owner) => Always,
        (Access::Administers, Role::Administrator) => Always,
        (Access::Administers, Role::Editor | Role::Author | Role::Reviewer | Role::Moderator) => Never,
        (Access::Decides, Role::Administrator | Role::Editor | Role::Moderator) => Always,
        (Access::Decides, Role::Author) => OwnOnly,
        (Access::Decides, Role::Reviewer) => Never,
        (Access::Writes, Role::Administrator | Role::Editor) => Always,
        (Access::Writes, Role::Author) => OwnOnly,
        (Access::Writes, Role::Reviewer | Role::Moderator) => Never,
        (Access::SeesDrafts, Role::Administrator | Role::Editor | Role::Reviewer) => Always,
        (Access::SeesDrafts, Role::Author) => OwnOnly,
        (Access::SeesDrafts, Role::Moderator) => Never,
        (Access::Publishes, Role::Administrator | Role::Editor) => Always,
        (Access::Publishes, Role::Author | Role::Reviewer | Role::Moderator) => Never,
    }
}

/// Whose record the address is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Own,
    Others,
}

/// Records of the site: an article by the author with a held comment, and one by the editor with another.
struct Records {
    own_article: i64,
    others_article: i64,
    own_comment: i64,
    others_comment: i64,
}

async fn article(site: &Site, slug: &str, writer: StaffId) -> (i64, i64) {
    let client = cluster::connect(&site.database.owner_url).await;
    let row = client
        .query_one(
            &format!(
                "with a as (insert into articles (slug, created_by, created_at) values ('{slug}', {writer}, '2026-11-01T08:00Z') returning id),
                      d as (insert into article_drafts (article_id, title, slug, credits, saved_at)
                            select id, '{slug}', '{slug}', '[{{\"staff_id\": {writer}, \"role\": \"author\"}}]', '2026-11-01T08:00Z' from a),
                      r as (insert into revisions (article_id, number, cause, title, slug, dek, takeaways, body, language, description, made_at)
                            select id, 1, 'publish', '{slug}', '{slug}', '', '{{}}', 'Text.', 'en', '', '2026-11-01T08:00Z' from a returning id, article_id)
                 select article_id, id from r"
            ),
            &[],
        )
        .await
        .unwrap();
    let (article, revision): (i64, i64) = (row.get(0), row.get(1));
    client
        .batch_execute(&format!(
            "insert into revision_credits values ({revision}, {writer}, 'author', 0);
             insert into revision_renderings (revision_id, renderer_version, html, outline, word_count, rendered_at) values ({revision}, 1, '<p>Text.</p>', '[]', 1, '2026-11-01T08:00Z');
             update articles set state = 'published', published_revision_id = {revision}, first_published_at = '2026-11-01T08:00Z',
                    published_at = '2026-11-01T08:00Z', updated_at = '2026-11-01T08:00Z' where id = {article};
             insert into comments (article_id, revision_id, root_id, depth, status, status_reason, name, name_skeleton, body, html, renderer_version, created_at, status_changed_at)
             values ({article}, {revision}, 0, 0, 'held', 'first_comment', 'Dele', 'dele', 'A secret of {slug}.', '<p>A secret of {slug}.</p>', 1, '2026-11-02T08:00Z', '2026-11-02T08:00Z')"
        ))
        .await
        .unwrap();
    let comment = client.query_one("select max(id) from comments", &[]).await.unwrap().get(0);
    (article, comment)
}

async fn browser_of(site: &Site, member: &Member) -> Browser {
    let whence = Whence { network: Network::of([203, 0, 113, 9].into()), user_agent: "Test", device: None };
    let opened =
        site.app.db.transact(async |tx| session::open(tx, site.app.rng(), member.id, &whence).await).await.unwrap();
    let browser = site.browser();
    browser.jar.add_cookie_str(&format!("stet_session={}", opened.token.reveal()), &site.base.parse().unwrap());
    browser
}

fn fill(pattern: &str, whose: Whose, records: &Records, member: i64) -> String {
    let of_comment = pattern.contains("/comments/{id}");
    let (article, comment) = match whose {
        Whose::Own => (records.own_article, records.own_comment),
        Whose::Others => (records.others_article, records.others_comment),
    };
    let slug = if whose == Whose::Own { "by-the-author" } else { "by-the-editor" };
    let id = if of_comment {
        comment
    } else if pattern.starts_with("/desk/articles/") {
        article
    } else if pattern.starts_with("/desk/staff/") {
        member
    } else {
        999_999
    };
    let filled = pattern
        .replace("{id}", &id.to_string())
        .replace("{slug}", slug)
        .replace("{token}", "A2345678901234567890123456789012345678901234")
        .replace("{revision}", "999999")
        .replace("{number}", "999999")
        .replace("{year}", "2026")
        .replace("{month}", "11")
        .replace("{root}", &comment.to_string())
        .replace("{file}", "none")
        .replace("{hash}", &"0".repeat(64))
        .replace("{name}", "none.svg");
    assert!(!filled.contains('{'), "teach this test the pattern {pattern}");
    filled
}

async fn ask(browser: &Browser, method: &str, address: &str, csrf: Option<&str>) -> Page {
    if method == "get" {
        return browser.look(address).await;
    }
    let token = csrf.map(|token| format!("csrf_token={token}")).unwrap_or_default();
    // Whole enough that the right over the record is what decides.
    let fields = if address.ends_with("/decision") {
        "&to=approved&revision=1&submission_key=abcdefghijklmnopqrstuv"
    } else if address.ends_with("/pin") {
        "&to=pin"
    } else {
        ""
    };
    browser.send(Method::POST, address, &[("sec-fetch-site", "same-origin")], Some(format!("{token}{fields}"))).await
}

fn is_refused(page: &Page) -> bool {
    let to_sign_in = page.location().is_some_and(|address| address.starts_with("/desk/sign-in"));
    matches!(page.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || to_sign_in
}

async fn csrf(browser: &Browser) -> String {
    browser.look("/desk").await.attribute("input[name=csrf_token]", "value").expect("the desk has forms with a token")
}

struct House {
    site: Site,
    members: Vec<(Role, Member)>,
    records: Records,
}

async fn house() -> House {
    let site = Site::start_with(&[("STET_REQUESTS_A_MINUTE", "0")]).await;
    let mut members = Vec::new();
    for role in ROLES {
        members.push((role, site.member(&format!("Person {role}"), role).await));
    }
    let of = |wanted: Role| members.iter().find(|(role, _)| *role == wanted).unwrap().1.id;
    let (own_article, own_comment) = article(&site, "by-the-author", of(Role::Author)).await;
    let (others_article, others_comment) = article(&site, "by-the-editor", of(Role::Editor)).await;
    House { records: Records { own_article, others_article, own_comment, others_comment }, site, members }
}

// Acts that end the session or the person asking are asked by a fresh session each time.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_says() {
    let house = house().await;
    let spare = house.site.member("Spare Person", Role::Reviewer).await;
    let mut wrong = Vec::new();
    for route in ROUTES {
        // What is open to everyone is asked by two: the right is the same for all.
        let is_open = matches!(route.access, Access::Anyone | Access::TokenHolder | Access::Program);
        for (role, member) in
            house.members.iter().filter(|(role, _)| !is_open || matches!(role, Role::Owner | Role::Moderator))
        {
            for whose in [Whose::Own, Whose::Others] {
                let address = fill(route.pattern, whose, &house.records, spare.id.0);
                let is_about_a_record = fill(route.pattern, Whose::Own, &house.records, 0)
                    != fill(route.pattern, Whose::Others, &house.records, 0);
                let expected = match may(route.access, *role) {
                    May::Always => true,
                    May::Never => false,
                    May::OwnOnly => !is_about_a_record || whose == Whose::Own,
                };
                let browser = browser_of(&house.site, member).await;
                let token = csrf(&browser).await;
                let page = ask(&browser, route.method, &address, Some(&token)).await;
                // Another's record may be hidden instead of refused (goal sheet M43).
                let signed_out = address == "/desk/sign-out" && page.status == StatusCode::SEE_OTHER;
                let let_in = (signed_out || !is_refused(&page))
                    && !(whose == Whose::Others && !expected && page.status == StatusCode::NOT_FOUND);
                if let_in != expected || page.status.is_server_error() {
                    wrong.push(format!(
                        "{} {address} as {role} ({whose:?}): {} but {}",
                        route.method,
                        page.status,
                        if expected { "may" } else { "may not" }
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_forged_forms_are_kept_out() {
    let house = house().await;
    let owner = &house.members[0].1;
    let mut wrong = Vec::new();
    for route in ROUTES.iter().filter(|route| !matches!(route.access, Access::Anyone | Access::TokenHolder)) {
        let address = fill(route.pattern, Whose::Own, &house.records, owner.id.0);
        let page = ask(&house.site.browser(), route.method, &address, None).await;
        if !is_refused(&page) {
            wrong.push(format!("{} {address} without a session: {}", route.method, page.status));
        }
        if route.method == "post" && route.access != Access::Program {
            let browser = browser_of(&house.site, owner).await;
            let other = csrf(&browser_of(&house.site, &house.members[1].1).await).await;
            let own = csrf(&browser).await;
            for (what, headers, token) in [
                ("without a token", &[("sec-fetch-site", "same-origin")][..], None),
                ("with another session's token", &[("sec-fetch-site", "same-origin")], Some(other.as_str())),
                ("from another site", &[("sec-fetch-site", "cross-site")], Some(own.as_str())),
                ("from a null origin", &[("origin", "null")], Some(own.as_str())),
            ] {
                let body = token.map(|token| format!("csrf_token={token}")).unwrap_or_default();
                let page = browser.send(Method::POST, &address, headers, Some(body)).await;
                if !matches!(page.status, StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST) {
                    wrong.push(format!("{} {address} {what}: {}", route.method, page.status));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_changes_nothing_and_sets_no_cookie() {
    let house = house().await;
    let before: i64 = house.site.one("select count(*) + coalesce(sum(version), 0) from comments").await;
    for route in ROUTES.iter().filter(|route| route.method == "get" && route.access == Access::Anyone) {
        let address = fill(route.pattern, Whose::Own, &house.records, 0);
        for method in [Method::GET, Method::HEAD] {
            let page = house.site.browser().send(method.clone(), &address, &[], None).await;
            assert!(page.header("set-cookie").is_none(), "{method} {address} sets a cookie");
            assert!(!page.status.is_server_error(), "{method} {address}: {}", page.status);
            assert!(!page.text.contains("A secret of"), "{method} {address} shows a held comment");
        }
    }
    let after: i64 = house.site.one("select count(*) + coalesce(sum(version), 0) from comments").await;
    assert_eq!(before, after);
}

#[test]
fn no_article_can_hide_an_address_of_ours() {
    for route in ROUTES {
        let first = route.pattern.trim_start_matches('/').split('/').next().unwrap_or_default();
        let word = first.trim_start_matches('.').split('.').next().unwrap_or_default();
        assert!(
            first.is_empty() || first.starts_with('{') || stet::urls::is_reserved(word),
            "{first} is not in urls::RESERVED_SLUGS"
        );
    }
}
