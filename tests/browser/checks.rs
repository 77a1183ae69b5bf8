//! What holds for every page, whoever looks at it and however.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::driver::{Chromium, DESKTOP, View};

/// The widths at which no page may be wider than its window (design: 400 % zoom, phone, tablet, laptop).
const WIDTHS: [u32; 4] = [320, 390, 820, 1280];

/// The rules of axe-core a page is held to.
const AXE_RUN: &str = "
    const [only, done] = arguments;
    const shown = violation => violation.id + ': ' + violation.help + '\\n'
        + violation.nodes.map(node => '    ' + node.target.join(' ') + '\\n      ' + node.html.slice(0, 160)
        + '\\n      ' + [...node.any, ...node.all, ...node.none].map(check => check.message).join('; ')).join('\\n');
    axe.run(document, { runOnly: only, resultTypes: ['violations'] })
        .then(found => done(found.violations.map(shown)), error => done([String(error)]));";

// Inline links are as high as their line; a box around a small control may be what one presses.
const SMALL_TARGETS: &str = "
    const shown = element => element.checkVisibility({ visibilityProperty: true }) && !element.closest('[inert], .visually-hidden, .skip');
    const inSentence = element => {
        if (getComputedStyle(element).display !== 'inline') return false;
        let block = element.parentElement;
        while (block && getComputedStyle(block).display === 'inline') block = block.parentElement;
        const words = [...block.querySelectorAll('a, button')].reduce((text, link) => text.replace(link.textContent, ''), block.textContent);
        return /[\\p{L}\\p{N}]/u.test(words);
    };
    const small = [];
    for (const element of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]')) {
        if (!shown(element) || inSentence(element)) continue;
        const pressed = element.matches('[type=checkbox], [type=radio]') ? element.closest('label') ?? element : element;
        const { width, height } = pressed.getBoundingClientRect();
        if (width < 23.95 || height < 23.95)
            small.push(`${width.toFixed(1)} x ${height.toFixed(1)}: ${pressed.outerHTML.slice(0, 140)}`);
    }
    return small;";

const TOO_WIDE: &str = "
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room && document.body.scrollWidth <= room) return [];
    const scrolls = element => { for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
        if (getComputedStyle(box).overflowX !== 'visible') return true; return false; };
    return ['the page is ' + document.documentElement.scrollWidth + ' wide in ' + room,
        ...[...document.body.querySelectorAll('*')].filter(element => element.getBoundingClientRect().right > room + 0.5 && !scrolls(element))
            .slice(0, 8).map(element => element.outerHTML.slice(0, 140))];";

const TWICE: &str = "
    const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
    return ids.filter((id, place) => ids.indexOf(id) !== place);";

/// axe-core finds nothing on the present page, in light and in dark colours.
pub async fn axe(browser: &Chromium) {
    axe_at(browser, DESKTOP).await;
    // The same elements in other colours: only what looks at colours can find something new, in half the time.
    let dark = DESKTOP.dark();
    browser.view(dark).await;
    let found = violations_of(browser, json!({ "type": "rule", "values": ["color-contrast"] })).await;
    none(&found, &format!("axe-core on {} at {} px, {:?}", browser.address().await, dark.width, dark.theme));
    browser.view(DESKTOP).await;
}

/// axe-core finds nothing on the present page as it is drawn at that size and in those colours.
pub async fn axe_at(browser: &Chromium, view: View) {
    browser.view(view).await;
    let found = axe_violations(browser).await;
    none(&found, &format!("axe-core on {} at {} px, {:?}", browser.address().await, view.width, view.theme));
}

/// What axe-core has against the page as it stands.
pub async fn axe_violations(browser: &Chromium) -> Vec<String> {
    let tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    violations_of(browser, json!({ "type": "tag", "values": tags })).await
}

/// What those rules of axe-core find.
async fn violations_of(browser: &Chromium, only: Value) -> Vec<String> {
    browser.script(axe_source()).await;
    lines(&browser.script_async(AXE_RUN, vec![only]).await)
}

fn axe_source() -> &'static str {
    static SOURCE: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    SOURCE.get_or_init(|| std::fs::read_to_string(env!("STET_AXE_JS")).unwrap())
}

/// The present page is no wider than its window, its targets are large enough and its ids its own, at every width.
pub async fn layout(browser: &Chromium) {
    let address = browser.address().await;
    none(&ids_given_twice(browser).await, &format!("ids given twice on {address}"));
    for width in WIDTHS {
        browser.view(DESKTOP.width(width)).await;
        none(&overflow(browser).await, &format!("{address} overflows at {width} px"));
        none(&small_targets(browser).await, &format!("targets under 24 px on {address} at {width} px"));
    }
    browser.view(DESKTOP).await;
}

/// Ids that more than one element has.
pub async fn ids_given_twice(browser: &Chromium) -> Vec<String> {
    lines(&browser.script(TWICE).await)
}

/// What is wider than the window.
pub async fn overflow(browser: &Chromium) -> Vec<String> {
    lines(&browser.script(TOO_WIDE).await)
}

/// What one presses that is smaller than a fingertip needs (WCAG 2.5.8), outside sentences.
pub async fn small_targets(browser: &Chromium) -> Vec<String> {
    lines(&browser.script(SMALL_TARGETS).await)
}

/// Everything a page is held to: axe, layout, and a quiet console.
pub async fn page(browser: &Chromium) {
    axe(browser).await;
    layout(browser).await;
    quiet(browser).await;
}

/// Nothing this browser did so far asked another origin, broke the content policy, opened a dialog or failed in script.
pub async fn quiet(browser: &Chromium) {
    none(&outside_requests(browser).await, "requests to other origins");
    none(&dialogs(browser).await, "dialogs");
    none(&complaints(browser).await, "complaints in the console");
}

/// Addresses asked for, or tried, that are not of the site's own origin and do not hold their content themselves.
pub async fn outside_requests(browser: &Chromium) -> Vec<String> {
    let events = browser.events().await;
    let requests = named(&events, "Network.requestWillBeSent").map(|sent| &sent["request"]["url"]);
    let sockets = named(&events, "Network.webSocketCreated").map(|opened| &opened["url"]);
    let own = format!("{}/", browser.origin());
    let is_outside = |url: &&str| !url.starts_with(&own) && !url.starts_with("data:") && *url != "about:blank";
    let outside: BTreeSet<&str> = requests.chain(sockets).filter_map(Value::as_str).filter(is_outside).collect();
    outside.into_iter().map(str::to_owned).collect()
}

/// Of the addresses on other origins those that were really asked: the policy stopped none of these.
pub async fn outside_answers(browser: &Chromium) -> Vec<String> {
    let events = browser.events().await;
    let stopped: BTreeSet<&str> = named(&events, "Network.loadingFailed")
        .filter(|failed| failed["blockedReason"] == "csp")
        .filter_map(|failed| failed["requestId"].as_str())
        .collect();
    let own = format!("{}/", browser.origin());
    named(&events, "Network.requestWillBeSent")
        .filter(|sent| !sent["requestId"].as_str().is_some_and(|id| stopped.contains(id)))
        .filter_map(|sent| sent["request"]["url"].as_str())
        .filter(|url| !url.starts_with(&own) && !url.starts_with("data:") && !url.starts_with("about:"))
        .map(str::to_owned)
        .collect()
}

/// What dialogs said.
pub async fn dialogs(browser: &Chromium) -> Vec<String> {
    named(&browser.events().await, "Page.javascriptDialogOpening").map(|opened| opened["message"].to_string()).collect()
}

/// Errors in the console. A page that answers 404 or 422 is itself a line there; that is no fault.
pub async fn complaints(browser: &Chromium) -> Vec<String> {
    let events = browser.events().await;
    let documents = named(&events, "Network.requestWillBeSent").filter(|sent| sent["type"] == "Document");
    let pages: BTreeSet<&str> = documents.filter_map(|sent| sent["request"]["url"].as_str()).collect();
    let text = |line: &Value| line["message"].as_str().unwrap_or_default().to_owned();
    let console = browser.console().await;
    let grave =
        console.iter().filter(|line| line["level"] == "SEVERE" || text(line).contains("Content Security Policy"));
    // The console names the fragment as well.
    let is_page = |line: &Value| {
        line["source"] == "network"
            && text(line).split([' ', '#']).next().is_some_and(|address| pages.contains(address))
    };
    grave.filter(|line| !is_page(line)).map(text).collect()
}

fn named<'a>(events: &'a [Value], method: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["method"] == method).map(|event| &event["params"])
}

fn lines(found: &Value) -> Vec<String> {
    let list = found.as_array().unwrap_or_else(|| panic!("not a list: {found}"));
    list.iter().map(|line| line.as_str().map_or_else(|| line.to_string(), str::to_owned)).collect()
}

#[track_caller]
fn none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}
