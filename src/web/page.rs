//! What every page has besides its own content: the shells of public pages, of the desk and of the bare
//! pages (sign-in, setup), and the errors of a form.
//!
//! The shells are plain data, filled once per request; `templates/base.html`, `desk.html` and `bare.html`
//! draw them. A page's template struct holds one as its field `page`.

use askama::Template;

/// A reader's choice of appearance, kept in a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Theme {
    /// As the device says.
    #[default]
    Auto,
    /// Dark text on paper.
    Light,
    /// Light text on a dark ground.
    Dark,
}

impl Theme {
    /// Reads the cookie's or the form's word; none for any other word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Auto, Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == word)
    }

    /// The word of cookie and form: `auto`, `light`, `dark`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The value of `color-scheme` in the page's head.
    pub fn color_scheme(self) -> &'static str {
        match self {
            Self::Auto => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The three choices of the Appearance control, with their labels.
const THEMES: [(Theme, &str); 3] = [(Theme::Auto, "Auto"), (Theme::Light, "Light"), (Theme::Dark, "Dark")];

/// One link of a menu.
#[derive(Clone, Debug, Default)]
pub struct NavLink {
    /// The words of the link.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// Whether the page shown is in this part of the site.
    pub current: bool,
}

/// A feed announced in the page's head.
#[derive(Clone, Debug)]
pub struct FeedLink {
    /// Its title, "Harbour Health, articles".
    pub title: String,
    /// Its address.
    pub href: String,
    /// `application/atom+xml` or `application/feed+json`.
    pub media_type: &'static str,
}

/// A picture that stands for a page elsewhere.
#[derive(Clone, Debug)]
pub struct SharedPicture {
    /// Its absolute address.
    pub href: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What it shows; may be empty.
    pub alt: String,
}

/// The shell of a public page.
#[derive(Clone, Debug, Default)]
pub struct PublicShell {
    /// The site's own name; the product's is not shown to readers.
    pub site_name: String,
    /// What this page is, for the window's title; none on the front page, where the site's name is enough.
    pub title: Option<String>,
    /// A form on the page was refused: the title begins with "Error: ".
    pub has_errors: bool,
    /// BCP 47 tag of the page's language.
    pub lang: String,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// The reader's choice.
    pub theme: Theme,
    /// The owner chose "System fonts only": no font file is requested.
    pub system_fonts: bool,
    /// Absolute address of the page, for search engines.
    pub canonical: Option<String>,
    /// One or two sentences for search engines and previews.
    pub description: Option<String>,
    /// The page is not meant for search engines.
    pub noindex: bool,
    /// What the page is for previews elsewhere, where it is more than a part of a site: `article`, `profile`.
    pub kind: Option<&'static str>,
    /// The picture of previews elsewhere.
    pub picture: Option<SharedPicture>,
    /// First publication and last change, for previews elsewhere.
    pub times: Option<(String, String)>,
    /// The front page.
    pub home_href: String,
    /// The search page, once there is one.
    pub search_href: Option<String>,
    /// The main menu, at most six.
    pub nav: Vec<NavLink>,
    /// Feeds of this page.
    pub feeds: Vec<FeedLink>,
    /// One sentence in the footer.
    pub footer_line: String,
    /// House pages: about, corrections, privacy.
    pub footer_links: Vec<NavLink>,
    /// The site's feed, linked from the footer.
    pub feed_href: Option<String>,
    /// Where the Appearance control is posted.
    pub appearance_href: String,
    /// Path and query of this page, where the Appearance control leads back to.
    pub return_to: String,
}

impl PublicShell {
    /// The choices of the Appearance control: word, label, whether it is the present one.
    pub fn appearances(&self) -> [(&'static str, &'static str, bool); 3] {
        THEMES.map(|(theme, label)| (theme.as_str(), label, theme == self.theme))
    }
}

/// One link of the staff menu.
#[derive(Clone, Debug)]
pub struct DeskLink {
    /// The words of the link.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// The icon's name in the sprite.
    pub icon: &'static str,
    /// Whether the page shown is in this part of the desk.
    pub current: bool,
    /// What waits there, already written ("27", "1,000+"); none when nothing does.
    pub count: Option<String>,
}

/// How a notice looks: its colour and its icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Neutral.
    Info,
    /// Something was done.
    Ok,
    /// Something needs care.
    Warn,
    /// Something failed.
    Danger,
}

impl NoticeKind {
    /// The class of the notice.
    pub fn class(self) -> &'static str {
        match self {
            Self::Info => "notice",
            Self::Ok => "notice notice--ok",
            Self::Warn => "notice notice--warn",
            Self::Danger => "notice notice--danger",
        }
    }

    /// The icon's name in the sprite.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Ok => "check",
            Self::Warn | Self::Danger => "triangle-alert",
        }
    }
}

/// The result of the last action, above the page. It stays until the person moves on.
#[derive(Clone, Debug)]
pub struct Flash {
    /// How it looks.
    pub kind: NoticeKind,
    /// One or two sentences.
    pub text: String,
    /// How to take the action back, where that can be done.
    pub undo: Option<Undo>,
}

/// The form of an Undo button.
#[derive(Clone, Debug)]
pub struct Undo {
    /// Where it is posted.
    pub action: String,
    /// Hidden fields besides the token: name and value.
    pub fields: Vec<(String, String)>,
}

/// The shell of a staff page.
#[derive(Clone, Debug, Default)]
pub struct DeskShell {
    /// The site's name.
    pub site_name: String,
    /// What this page is, for the window's title: "Held (23), Comments".
    pub title: String,
    /// A form on the page was refused: the title begins with "Error: ".
    pub has_errors: bool,
    /// BCP 47 tag of the desk's language.
    pub lang: String,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// The person's choice.
    pub theme: Theme,
    /// The person's name.
    pub staff_name: String,
    /// The person's role in words: "Editor".
    pub role_label: String,
    /// At most two letters for the avatar.
    pub initials: String,
    /// The session's token for forms.
    pub csrf_token: String,
    /// The staff menu, as far as this person may go.
    pub nav: Vec<DeskLink>,
    /// The desk's first page.
    pub desk_href: String,
    /// The public site.
    pub site_href: String,
    /// Where signing out is posted.
    pub sign_out_href: String,
    /// The result of the last action.
    pub flash: Option<Flash>,
}

/// The shell of a page that stands alone: sign-in, first run, a failure of the server.
#[derive(Clone, Debug, Default)]
pub struct BareShell {
    /// The site's name; "Stet" before there is one.
    pub site_name: String,
    /// What this page is, for the window's title.
    pub title: String,
    /// A form on the page was refused: the title begins with "Error: ".
    pub has_errors: bool,
    /// BCP 47 tag of the page's language.
    pub lang: String,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// The person's choice.
    pub theme: Theme,
}

/// What was wrong with a form: a sentence per field, in the order of the fields.
#[derive(Clone, Debug, Default)]
pub struct FormErrors(Vec<FormError>);

/// One mistake in a form.
#[derive(Clone, Debug)]
pub struct FormError {
    /// The field's name; its element has the id `f-NAME`.
    pub field: &'static str,
    /// What to do about it: "Enter your name".
    pub message: String,
}

impl FormErrors {
    /// Adds a mistake; the summary shows them in the order they were added.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push(FormError { field, message: message.into() });
    }

    /// The first mistake in this field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of the fields.
    pub fn iter(&self) -> std::slice::Iter<'_, FormError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a FormErrors {
    type Item = &'a FormError;
    type IntoIter = std::slice::Iter<'a, FormError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// 403: not for this person.
#[derive(Debug, Template)]
#[template(path = "errors/403.html")]
pub struct Forbidden {
    /// The shell.
    pub page: PublicShell,
}

/// 404: nothing here, or nothing this person may know of.
#[derive(Debug, Template)]
#[template(path = "errors/404.html")]
pub struct NotFound {
    /// The shell.
    pub page: PublicShell,
    /// Words of the address, for the search box.
    pub words: String,
    /// Articles with a like title, at most three.
    pub suggestions: Vec<NavLink>,
}

/// 410: an article that was taken back.
#[derive(Debug, Template)]
#[template(path = "errors/410.html")]
pub struct Gone {
    /// The shell.
    pub page: PublicShell,
    /// The day it was withdrawn, in words.
    pub withdrawn_on: String,
    /// The same day for programs, `2026-05-03`.
    pub withdrawn_on_iso: String,
    /// Why, if the site says so in public.
    pub reason: Option<String>,
}

/// 429: too many requests.
#[derive(Debug, Template)]
#[template(path = "errors/429.html")]
pub struct TooManyRequests {
    /// The shell.
    pub page: PublicShell,
}

/// 500: our fault. Needs neither database nor settings.
#[derive(Debug, Template)]
#[template(path = "errors/500.html")]
pub struct ServerFailed {
    /// The shell.
    pub page: BareShell,
    /// The number under which the failure stands in the log.
    pub reference: String,
    /// The front page.
    pub home_href: String,
}

/// 503: no database, or not for the moment. Needs neither database nor settings.
#[derive(Debug, Template)]
#[template(path = "errors/503.html")]
pub struct Unavailable {
    /// The shell.
    pub page: BareShell,
    /// The page that was asked for.
    pub again_href: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

    use scraper::{Html, Selector};

    use super::*;

    #[derive(Template)]
    #[template(source = r#"{% extends "base.html" %}{% block content %}<h1>A page</h1>{% endblock %}"#, ext = "html")]
    struct Plain {
        page: PublicShell,
    }

    #[derive(Template)]
    #[template(source = r#"{% extends "desk.html" %}{% block content %}<h1>A page</h1>{% endblock %}"#, ext = "html")]
    struct Work {
        page: DeskShell,
    }

    #[derive(Template)]
    #[template(
        source = r#"{% extends "bare.html" %}
{%- import "components/fields.html" as fields -%}
{%- import "components/notices.html" as notices -%}
{% block content %}{{ notices::error_summary(errors) }}{{ notices::notice(NoticeKind::Warn, "Held.") }}
{{ fields::line("name", "Name", "A first name is fine.", name, errors, f_autocomplete="name") }}
{{ fields::line("email", "Email", "", "", errors, f_kind="email") }}
{{ fields::text("body", "Your comment", "", "<b>\nkept", errors, f_rows=3) }}
{{ fields::tick("notify", "Email me", "One email per reply.", "replies", true) }}{% endblock %}"#,
        ext = "html"
    )]
    struct Form<'a> {
        page: BareShell,
        name: &'a str,
        errors: FormErrors,
    }

    fn public() -> PublicShell {
        PublicShell {
            site_name: "Harbour Health".into(),
            title: Some("Sleep & <light>".into()),
            lang: "en-GB".into(),
            dir: "ltr",
            theme: Theme::Dark,
            home_href: "/".into(),
            nav: vec![NavLink { label: "Sleep".into(), href: "/topics/sleep".into(), current: true }],
            appearance_href: "/appearance".into(),
            return_to: "/sleep".into(),
            ..PublicShell::default()
        }
    }

    fn draw(template: &impl Template) -> Html {
        let text = template.render().unwrap();
        assert!(!text.contains(" style=") && !text.contains("<style"), "the policy forbids inline styles");
        let page = Html::parse_document(&text);
        assert!(page.errors.is_empty(), "{:?}\n{text}", page.errors);
        page
    }

    fn attribute(page: &Html, selector: &str, name: &str) -> Option<String> {
        let selector = Selector::parse(selector).unwrap();
        page.select(&selector).next().and_then(|element| element.attr(name)).map(str::to_owned)
    }

    fn text(page: &Html, selector: &str) -> String {
        let selector = Selector::parse(selector).unwrap();
        page.select(&selector).flat_map(|element| element.text()).collect::<String>().trim().to_owned()
    }

    #[test]
    fn a_public_page_has_its_title_landmarks_and_the_readers_theme() {
        let page = draw(&Plain { page: public() });
        assert_eq!(text(&page, "title"), "Sleep & <light> – Harbour Health");
        assert_eq!(attribute(&page, "html", "data-theme").as_deref(), Some("dark"));
        assert_eq!(attribute(&page, "meta[name=color-scheme]", "content").as_deref(), Some("dark"));
        assert_eq!(attribute(&page, "body > a.skip", "href").as_deref(), Some("#main"));
        assert_eq!(text(&page, "main > h1"), "A page");
        assert_eq!(text(&page, ".masthead__nav [aria-current=true]"), "Sleep");
        assert_eq!(text(&page, ".foot__nav a"), "Sleep", "the menu without script");
        assert_eq!(text(&page, "form[method=post] .theme button[aria-pressed=true]"), "Dark");
        assert_eq!(
            attribute(&page, "form[action='/appearance'] input[name=return]", "value").as_deref(),
            Some("/sleep")
        );
        assert_eq!(attribute(&page, "link[rel=preload]", "as").as_deref(), Some("font"));
        assert!(text(&page, "script").is_empty(), "no script in the page itself");
    }

    #[test]
    fn the_front_page_is_called_after_the_site_and_a_refused_form_says_error() {
        let mut shell = PublicShell { title: None, theme: Theme::Auto, ..public() };
        shell.system_fonts = true;
        shell.has_errors = true;
        let page = draw(&Plain { page: shell });
        assert_eq!(text(&page, "title"), "Error: Harbour Health");
        assert_eq!(attribute(&page, "html", "data-theme"), None);
        assert_eq!(attribute(&page, "html", "data-fonts").as_deref(), Some("system"));
        assert_eq!(attribute(&page, "link[rel=preload]", "href"), None, "no font is asked for");
    }

    #[test]
    fn the_desk_shows_who_works_there_and_signs_out_by_a_form_with_the_token() {
        let shell = DeskShell {
            site_name: "Harbour Health".into(),
            title: "Today".into(),
            lang: "en-GB".into(),
            dir: "ltr",
            staff_name: "Miriam Achebe".into(),
            role_label: "Editor".into(),
            initials: "MA".into(),
            csrf_token: "t0k3n".into(),
            nav: vec![DeskLink {
                label: "Comments".into(),
                href: "/desk/comments".into(),
                icon: "message-square",
                current: true,
                count: Some("27".into()),
            }],
            desk_href: "/desk".into(),
            site_href: "/".into(),
            sign_out_href: "/desk/sign-out".into(),
            flash: Some(Flash {
                kind: NoticeKind::Ok,
                text: "Approved Petra L.’s comment".into(),
                undo: Some(Undo { action: "/desk/undo".into(), fields: vec![("id".into(), "7".into())] }),
            }),
            ..DeskShell::default()
        };
        let page = draw(&Work { page: shell });
        assert_eq!(text(&page, ".side [aria-current=page]"), "Comments 27");
        assert_eq!(text(&page, ".side .side__me bdi"), "Miriam Achebe");
        let token = "form[action='/desk/sign-out'] input[name=csrf_token]";
        assert_eq!(attribute(&page, token, "value").as_deref(), Some("t0k3n"));
        assert_eq!(text(&page, "main .notice--ok p"), "Approved Petra L.’s comment");
        assert_eq!(attribute(&page, "[action='/desk/undo'] input[name=id]", "value").as_deref(), Some("7"));
    }

    #[test]
    fn a_field_is_tied_to_its_hint_and_its_error_and_keeps_what_was_typed() {
        let mut errors = FormErrors::default();
        errors.add("name", "Enter your name");
        let shell = BareShell { lang: "en".into(), dir: "ltr", has_errors: true, ..BareShell::default() };
        let page = draw(&Form { page: shell, name: "\"><script>", errors });
        assert_eq!(attribute(&page, ".errsum a", "href").as_deref(), Some("#f-name"));
        assert_eq!(text(&page, ".errsum a"), "Enter your name");
        assert_eq!(text(&page, "#f-name-e"), "Error: Enter your name");
        let described = attribute(&page, "#f-name", "aria-describedby");
        assert_eq!(described.as_deref(), Some("f-name-h f-name-e"));
        assert_eq!(attribute(&page, "#f-name", "aria-invalid").as_deref(), Some("true"));
        assert_eq!(attribute(&page, "#f-name", "value").as_deref(), Some("\"><script>"));
        assert_eq!(attribute(&page, "#f-email", "aria-describedby"), None);
        assert_eq!(attribute(&page, "#f-email", "aria-invalid"), None);
        assert_eq!(text(&page, "#f-body"), "<b>\nkept");
        assert!(attribute(&page, "#f-notify", "checked").is_some());
    }

    #[test]
    fn error_pages_say_what_happened_and_what_to_do_next() {
        let search = PublicShell { search_href: Some("/search".into()), ..public() };
        let near = vec![NavLink { label: "Blackout".into(), href: "/blackout".into(), current: false }];
        let page = draw(&NotFound { page: search, words: "black out".into(), suggestions: near });
        assert_eq!(text(&page, "h1"), "Page not found");
        assert_eq!(attribute(&page, "form[role=search] input", "value").as_deref(), Some("black out"));
        assert_eq!(attribute(&page, ".related a", "href").as_deref(), Some("/blackout"));

        let page = draw(&NotFound { page: public(), words: String::new(), suggestions: Vec::new() });
        assert!(attribute(&page, "form[role=search]", "action").is_none(), "no search, no search box");

        let gone = Gone {
            page: public(),
            withdrawn_on: "3 May 2026".into(),
            withdrawn_on_iso: "2026-05-03".into(),
            reason: None,
        };
        assert!(text(&draw(&gone), "main").contains("It was withdrawn on 3 May 2026."));
        assert!(text(&draw(&Forbidden { page: public() }), "main").contains("it may have ended"));
        assert!(text(&draw(&TooManyRequests { page: public() }), "main").contains("Wait a minute"));

        let bare = || BareShell { site_name: "Harbour".into(), lang: "en".into(), dir: "ltr", ..BareShell::default() };
        let failed = ServerFailed { page: bare(), reference: "4f2a".into(), home_href: "/".into() };
        assert_eq!(text(&draw(&failed), "code"), "4f2a");
        let away = Unavailable { page: bare(), again_href: "/sleep".into() };
        assert!(text(&draw(&away), "main").contains("Harbour is being updated"));
    }

    #[test]
    fn a_theme_is_one_of_three_words() {
        assert_eq!(Theme::parse("dark"), Some(Theme::Dark));
        assert_eq!(Theme::parse("auto"), Some(Theme::Auto));
        assert_eq!(Theme::parse("Dark"), None);
        assert_eq!(Theme::parse("\"><script>"), None);
    }
}
