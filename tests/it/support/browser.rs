//! A browser without script: follows links, reads real forms and sends them as a browser would.

use std::sync::Arc;

use reqwest::cookie::{CookieStore as _, Jar};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use scraper::{ElementRef, Html, Selector};

/// Keeps cookies; follows redirects only when asked.
#[derive(Clone)]
pub struct Browser {
    base: String,
    client: Client,
    /// The cookies, for tests that look at them.
    pub jar: Arc<Jar>,
}

/// An answer.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Path and query it was asked for under.
    pub address: String,
    pub text: String,
}

/// A form as it stands on a page, being filled in.
#[derive(Clone, Debug)]
pub struct Filled {
    pub action: String,
    pub method: String,
    pub fields: Vec<(String, String)>,
}

impl Browser {
    pub fn new(base: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let client = Client::builder().redirect(Policy::none()).cookie_provider(Arc::clone(&jar)).build().unwrap();
        Self { base: base.to_owned(), client, jar }
    }

    /// The cookies this browser would send, as one header.
    pub fn jar_text(&self, base: &str) -> String {
        self.jar.cookies(&base.parse().unwrap()).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// GET, redirects not followed.
    pub async fn look(&self, address: &str) -> Page {
        self.send(Method::GET, address, &[], None).await
    }

    /// GET, redirects followed within the site.
    pub async fn get(&self, address: &str) -> Page {
        self.follow(self.look(address).await).await
    }

    /// Sends a filled form as the page it stands on would; redirects not followed.
    pub async fn submit(&self, form: &Filled) -> Page {
        let own_page = [("sec-fetch-site", "same-origin"), ("origin", self.base.as_str())];
        if form.method.as_str() == "post" {
            self.send(Method::POST, &form.action, &own_page, Some(encode(&form.fields))).await
        } else {
            let address = form.action.split('#').next().unwrap_or_default();
            self.send(Method::GET, &format!("{address}?{}", encode(&form.fields)), &[], None).await
        }
    }

    /// Sends a filled form and follows where it leads.
    pub async fn submit_and_follow(&self, form: &Filled) -> Page {
        self.follow(self.submit(form).await).await
    }

    /// A request of any shape, for what no form of ours sends.
    pub async fn send(&self, method: Method, address: &str, headers: &[(&str, &str)], body: Option<String>) -> Page {
        let path = address.split('#').next().unwrap_or_default();
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                request = request.header("content-type", "application/x-www-form-urlencoded");
            }
            request = request.body(body);
        }
        for (name, value) in headers {
            request = request.header(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let response = request.send().await.unwrap();
        Page {
            status: response.status(),
            headers: response.headers().clone(),
            address: address.to_owned(),
            text: response.text().await.unwrap(),
        }
    }

    async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..5 {
            let Some(location) = page.location().filter(|_| page.status.is_redirection()) else { return page };
            page = self.look(&location).await;
        }
        panic!("redirects do not end at {}", page.address);
    }
}

fn encode(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Page {
    /// The parsed page.
    pub fn html(&self) -> Html {
        Html::parse_document(&self.text)
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<String> {
        self.header("location").map(str::to_owned)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Text of every element the selector finds, white space folded.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        self.html().select(&selector).map(text_of).collect()
    }

    /// Text of the first element the selector finds.
    #[track_caller]
    pub fn text_at(&self, selector: &str) -> String {
        self.texts(selector)
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("nothing at {selector} on {} ({}):\n{}", self.address, self.status, self.text))
    }

    /// Whether the selector finds anything.
    pub fn has(&self, selector: &str) -> bool {
        !self.texts(selector).is_empty()
    }

    /// An attribute of the first element the selector finds.
    pub fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let selector = Selector::parse(selector).unwrap();
        self.html().select(&selector).next().and_then(|element| element.attr(name)).map(str::to_owned)
    }

    /// The first form the selector finds, with the values it has on the page; no button pressed.
    #[track_caller]
    pub fn form(&self, selector: &str) -> Filled {
        let html = self.html();
        let parsed = Selector::parse(selector).unwrap();
        let form = html
            .select(&parsed)
            .next()
            .unwrap_or_else(|| panic!("no form at {selector} on {} ({}):\n{}", self.address, self.status, self.text));
        let own = form.attr("action").filter(|action| !action.is_empty()).unwrap_or(&self.address);
        Filled {
            action: own.to_owned(),
            method: form.attr("method").unwrap_or("get").to_lowercase(),
            fields: fields_of(&html, form),
        }
    }
}

// Controls inside the form, and those elsewhere that name it.
fn fields_of(html: &Html, form: ElementRef<'_>) -> Vec<(String, String)> {
    let id = form.attr("id").unwrap_or_default();
    let controls = Selector::parse("input[name], textarea[name], select[name]").unwrap();
    let outside = html.select(&controls).filter(|control| !id.is_empty() && control.attr("form") == Some(id));
    let inside = form.select(&controls).filter(|control| control.attr("form").is_none_or(|named| named == id));
    inside.chain(outside).flat_map(values_of).collect()
}

fn values_of(control: ElementRef<'_>) -> Vec<(String, String)> {
    let name = control.attr("name").unwrap_or_default().to_owned();
    if control.attr("disabled").is_some() {
        return Vec::new();
    }
    let value = |text: String| vec![(name.clone(), text)];
    match (control.value().name(), control.attr("type").unwrap_or("text")) {
        ("textarea", _) => {
            let text: String = control.text().collect();
            value(text.strip_prefix('\n').unwrap_or(&text).to_owned())
        }
        ("select", _) => {
            let options = Selector::parse("option").unwrap();
            let chosen = control
                .select(&options)
                .find(|option| option.attr("selected").is_some())
                .or_else(|| control.select(&options).next());
            let text = |option: ElementRef<'_>| option.attr("value").map_or_else(|| text_of(option), str::to_owned);
            chosen.map(|option| value(text(option))).unwrap_or_default()
        }
        (_, "checkbox" | "radio") if control.attr("checked").is_none() => Vec::new(),
        (_, "checkbox" | "radio") => value(control.attr("value").unwrap_or("on").to_owned()),
        (_, "submit" | "button" | "image" | "reset" | "file") => Vec::new(),
        _ => value(control.attr("value").unwrap_or_default().to_owned()),
    }
}

fn text_of(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Filled {
    /// Types into a field the form has.
    #[track_caller]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|(known, _)| known == name);
        let Some(field) = field else { panic!("the form has no field {name}: {:?}", self.fields) };
        value.clone_into(&mut field.1);
        self
    }

    /// Ticks a box, chooses a radio button or presses a button: adds the pair.
    pub fn choose(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What a field holds.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
