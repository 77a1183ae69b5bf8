//! The frame of every page of the desk: menu, name, receipt of the last act.

use actix_web::HttpRequest;

use crate::app::App;
use crate::core::text;
use crate::moderation::queue::shown_count;
use crate::settings::Settings;
use crate::staff::authority::Session;
use crate::staff::roles::Act;
use crate::urls;
use crate::web::page::{DeskLink, DeskShell, Flash, NoticeKind};
use crate::web::shell;

/// The frame of a page called `title`, for this person.
#[must_use]
pub fn frame(app: &App, settings: &Settings, request: &HttpRequest, session: &Session, title: &str) -> DeskShell {
    DeskShell {
        site_name: settings.site.name.clone(),
        title: title.to_owned(),
        has_errors: false,
        lang: "en".into(),
        dir: "ltr",
        theme: shell::theme_of(request),
        staff_name: session.name().to_owned(),
        role_label: session.role_label().to_owned(),
        initials: text::initials(session.name()),
        csrf_token: session.csrf().to_owned(),
        nav: nav(session, request.path()),
        desk_href: urls::desk(),
        site_href: app.base_url(settings).path().to_owned(),
        sign_out_href: urls::sign_out(),
        flash: None,
    }
}

/// A receipt above the page.
#[must_use]
pub fn receipt(text: impl Into<String>) -> Flash {
    Flash { kind: NoticeKind::Ok, text: text.into(), undo: None }
}

/// Puts what waits in a part of the desk beside its name in the menu; nothing when nothing waits.
pub fn waiting(shell: &mut DeskShell, href: &str, count: i64) {
    for link in shell.nav.iter_mut().filter(|link| link.href == href) {
        link.count = (count > 0).then(|| shown_count(count));
    }
}

/// The menu as far as the person may go. Pages that are not built are not in it.
fn nav(session: &Session, path: &str) -> Vec<DeskLink> {
    let links: [(&str, String, &'static str, bool); 9] = [
        ("Today", urls::desk(), "layout-grid", true),
        ("Comments", urls::desk_comments(), "message-square", session.may(Act::Decide)),
        ("Articles", urls::desk_articles(), "file-text", session.may(Act::SeeDrafts)),
        ("References", urls::desk_references("", None), "book-open", session.may(Act::SeeDrafts)),
        ("People", urls::people(), "users", session.may(Act::ManageStaff)),
        ("Mail", urls::desk_outbox(), "mail", session.may(Act::SeeMail)),
        ("Settings", urls::desk_settings(), "settings", session.may(Act::ChangeSettings)),
        ("Activity", urls::activity(), "scroll-text", session.may(Act::SeeAudit)),
        ("Your account", urls::account(), "user", true),
    ];
    links
        .into_iter()
        .filter(|(.., shown)| *shown)
        .map(|(label, href, icon, _)| DeskLink {
            label: label.to_owned(),
            current: is_in(path, &href),
            href,
            icon,
            count: None,
        })
        .collect()
}

fn is_in(path: &str, href: &str) -> bool {
    path == href || (href != urls::desk() && path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_belongs_to_one_part_of_the_menu() {
        assert!(is_in("/desk", "/desk") && !is_in("/desk/people", "/desk"));
        assert!(is_in("/desk/articles/3", "/desk/articles") && !is_in("/desk/articlesx", "/desk/articles"));
    }
}
