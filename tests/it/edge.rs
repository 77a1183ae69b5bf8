//! The edge: headers of every answer, refusals, health.

use reqwest::{Method, StatusCode};

use crate::support::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_protect_its_reader() {
    let site = Site::start().await;
    for address in ["/no-such-page", "/healthz", "/static/none", "/a%00b", "/%ff"] {
        let page = site.browser().look(address).await;
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("object-src 'none'") && !policy.contains("unsafe"), "{address}: {policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{address}");
        assert_eq!(page.header("referrer-policy"), Some("strict-origin-when-cross-origin"), "{address}");
        assert!(page.header("server").is_none(), "{address}");
        assert!(page.header("set-cookie").is_none(), "{address}");
        assert!(!page.status.is_server_error(), "{address}: {}", page.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_a_page_and_a_slash_too_many_leads_on() {
    let site = Site::start().await;
    let page = site.browser().look("/no/such/page").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert_eq!(page.text_at("h1"), "Page not found");
    let page = site.browser().look("/healthz/?a=1").await;
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::PERMANENT_REDIRECT, Some("/healthz?a=1")));
    let page = site.browser().look("//evil.example/").await;
    assert_ne!(page.location().as_deref(), Some("//evil.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told() {
    let site = Site::start().await;
    let page = site.browser().look("/appearance").await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_appearance_is_kept_and_leads_back_only_within_the_site() {
    let site = Site::start().await;
    let browser = site.browser();
    let form = browser.look("/no-such-page").await.form("form[data-appearance]").choose("theme", "dark");
    let page = browser.submit(&form).await;
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::SEE_OTHER, Some("/no-such-page")));
    assert_eq!(browser.look("/no-such-page").await.attribute("html", "data-theme").as_deref(), Some("dark"));
    let page = browser.submit(&form.clone().fill("return", "//evil.example")).await;
    assert_eq!(page.location().as_deref(), Some("/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_from_elsewhere_are_refused_and_from_here_taken() {
    let site = Site::start().await;
    let browser = site.browser();
    let body = || Some("theme=dark&return=%2F".to_owned());
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let page = browser.send(Method::POST, "/appearance", headers, body()).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    for kind in ["text/plain", "application/json", "multipart/form-data; boundary=x"] {
        let page = browser.send(Method::POST, "/appearance", &[("content-type", kind)], body()).await;
        assert_eq!(page.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    for wrong in ["theme=dark&theme=light", "theme=dark&role=owner", "theme=%00", "theme=purple"] {
        let page =
            browser.send(Method::POST, "/appearance", &[("sec-fetch-site", "same-origin")], Some(wrong.into())).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let page = browser.send(Method::POST, "/appearance", &[("sec-fetch-site", "same-origin")], body()).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let site = Site::start().await;
    let body = format!("theme=dark&return={}", "a".repeat(70_000));
    let page = site.browser().send(Method::POST, "/appearance", &[("sec-fetch-site", "same-origin")], Some(body)).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(page.text_at("h1"), "That is too large");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_says_whether_it_lives_and_can_serve() {
    let site = Site::start().await;
    assert_eq!(site.browser().look("/healthz").await.text, "ok\n");
    let ready = site.browser().look("/readyz").await;
    assert_eq!((ready.status, ready.text.as_str()), (StatusCode::OK, "ready\n"));
    let metrics = site.browser().look("/metrics").await;
    assert!(metrics.text.contains("stet_answers_total{class=\"2xx\"}"), "{}", metrics.text);
    let proxied = site.browser().send(Method::GET, "/metrics", &[("x-forwarded-for", "203.0.113.9")], None).await;
    assert_eq!(proxied.status, StatusCode::NOT_FOUND);
}
