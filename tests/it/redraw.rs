//! Texts an older renderer drew are drawn again after an update (requirements D1).

use stet::render::markdown::RENDERER_VERSION;
use stet::worker::redraw;

use crate::support::scratch::Scratch;

const ARTICLE: &str = "/night-shift";

/// The furnished article and its comments, as an older renderer drew them.
async fn drawn_long_ago() -> Scratch {
    let site = Scratch::start(None).await;
    site.furnish().await;
    site.sql(
        "insert into revision_renderings (revision_id, renderer_version, html, outline, word_count, rendered_at)
            values (1, 1, '<p>Drawn long ago.</p>', '[]', 1, '2026-11-14T08:00:00Z');
         update comments set html = '<p>Said and drawn long ago.</p>', renderer_version = 1;
         update comments set status = 'trash', status_reason = 'withdrawn', body = '' where id = 3",
    )
    .await;
    site
}

async fn outdated(site: &Scratch, table: &str) -> i64 {
    site.number(&format!("select count(*) from {table} where renderer_version < {RENDERER_VERSION}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_draws_every_text_again_once_and_the_kept_pages_follow() {
    let site = drawn_long_ago().await;
    let reader = site.site.browser();
    let before = reader.look(ARTICLE).await;
    assert!(before.text.contains("Drawn long ago.") && before.text.contains("Said and drawn long ago."));

    redraw::enqueue_if_due(&site.app.db).await.unwrap();
    redraw::enqueue_if_due(&site.app.db).await.unwrap();
    assert_eq!(site.work().await, 1, "queued once however many nodes start");
    assert_eq!((outdated(&site, "comments").await, outdated(&site, "revision_renderings").await), (0, 0));
    let after = reader.look(ARTICLE).await;
    assert!(!after.text.contains("long ago"), "{}", after.text);
    assert!(after.text.contains("<p>Text.</p>"));
    assert!(after.text_at("#comment-1").contains("Does this hold for rotating shifts?"));
    assert_eq!(site.number("select count(*) from comments where version > 1").await, 0, "nobody edited anything");

    redraw::enqueue_if_due(&site.app.db).await.unwrap();
    assert_eq!(site.work().await, 0, "the next start finds nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_sources_are_gone_stays_as_it_was_and_stops_nothing() {
    let site = drawn_long_ago().await;
    site.sql(
        "insert into reference_records (key, csl, title, created_at, updated_at)
            values ('moved2020', '{\"title\": \"Shifts\"}', 'Shifts', '2026-11-14T08:00:00Z', '2026-11-14T08:00:00Z');
         insert into revision_citations values (1, 1, 1, '{cite-1}', '{\"title\": \"Shifts\"}')",
    )
    .await;
    redraw::enqueue_if_due(&site.app.db).await.unwrap();
    assert_eq!(site.work().await, 1);
    assert_eq!((outdated(&site, "comments").await, outdated(&site, "revision_renderings").await), (0, 1));
    assert!(site.site.browser().look(ARTICLE).await.text.contains("Drawn long ago."));
}
