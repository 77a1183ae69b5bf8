//! One Chromium for one test, driven through chromedriver.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::site::Site;

const INSTALL: &str = "install it with `apt install chromium chromium-driver` or `brew install --cask chromium chromedriver`, or leave the browser tests out with STET_SKIP_BROWSER=1";

/// Whether the person running the tests asked for none in a browser.
pub fn is_skipped() -> bool {
    std::env::var("STET_SKIP_BROWSER").is_ok_and(|word| word == "1")
}

/// A window's size in CSS pixels and the colours its owner prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub width: u32,
    pub height: u32,
    pub theme: Theme,
}

/// Light or dark, as the operating system asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

pub const DESKTOP: View = View { width: 1280, height: 900, theme: Theme::Light };
pub const PHONE: View = View { width: 390, height: 844, theme: Theme::Light };

impl View {
    pub fn dark(self) -> Self {
        Self { theme: Theme::Dark, ..self }
    }

    pub fn width(self, width: u32) -> Self {
        Self { width, ..self }
    }
}

impl Theme {
    fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A browser with an empty profile at the site's address. Its processes end with it.
pub struct Chromium {
    client: Client,
    origin: String,
    view: Mutex<View>,
    events: Mutex<Vec<Value>>,
    console: Mutex<Vec<Value>>,
    process: Option<u64>,
    driver: Driver,
    // After the processes: it is removed when they are gone.
    _profile: TempDir,
}

struct Driver {
    child: Child,
    // Kept open, so that a word from chromedriver does not end it.
    _said: BufReader<ChildStdout>,
    address: String,
}

/// A command of the protocol that fantoccini has no name for.
#[derive(Debug)]
struct Call {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Call {
    fn endpoint(&self, base_url: &url::Url, session_id: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}

impl Driver {
    fn start() -> Self {
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                panic!("chromedriver is not on the PATH: {INSTALL}")
            }
            Err(error) => panic!("chromedriver does not start: {error}"),
        };
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while said.read_line(&mut line).unwrap() > 0 {
            if let Some((_, port)) = line.trim_end().split_once("started successfully on port ") {
                let address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Self { child, _said: said, address };
            }
            line.clear();
        }
        panic!("chromedriver ended at once: {:?}", child.wait());
    }
}

fn capabilities(profile: &TempDir) -> Capabilities {
    let folder = format!("--user-data-dir={}", profile.path().display());
    // The resolver rule makes sure that nothing a page may try ever leaves the machine; the tests see that it tried.
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--lang=en-GB",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        folder.as_str(),
    ];
    let wanted = json!({
        "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
        "goog:chromeOptions": { "args": arguments },
        "unhandledPromptBehavior": "dismiss and notify",
    });
    wanted.as_object().unwrap().clone()
}

impl Chromium {
    /// A browser for the site; none where browser tests are to be skipped.
    pub async fn start(site: &Site) -> Option<Self> {
        if is_skipped() {
            return None;
        }
        let driver = tokio::task::spawn_blocking(Driver::start).await.unwrap();
        let profile = tempfile::Builder::new().prefix("stet-chromium-").tempdir().unwrap();
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&driver.address)
            .await;
        let client =
            connected.unwrap_or_else(|error| panic!("chromedriver found no Chromium it can start: {INSTALL}\n{error}"));
        let process = client.capabilities().and_then(|known| known.get("goog:processID")).and_then(Value::as_u64);
        let browser = Self {
            client,
            origin: site.base.clone(),
            view: Mutex::new(DESKTOP),
            events: Mutex::default(),
            console: Mutex::default(),
            process,
            driver,
            _profile: profile,
        };
        browser.client.goto("about:blank").await.unwrap();
        browser.view(DESKTOP).await;
        // What the browser loaded for its own start page is not ours.
        browser.drain().await;
        browser.events.lock().unwrap().clear();
        browser.console.lock().unwrap().clear();
        Some(browser)
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Goes to a path of the site.
    pub async fn open(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    /// Path, query and fragment of the present page.
    pub async fn address(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str().strip_prefix(&self.origin).unwrap_or(url.as_str()).to_owned()
    }

    /// Sets the size of the window and the preferred colours. Motion is off, so that screenshots are alike.
    pub async fn view(&self, view: View) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": false }),
        )
        .await;
        let features = json!([{ "name": "prefers-color-scheme", "value": view.theme.word() }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "screen", "features": features })).await;
        *self.view.lock().unwrap() = view;
    }

    /// From the next page on, scripts of pages do not run.
    pub async fn without_script(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// From the next page on, pages may do what their content policy forbids.
    pub async fn without_policy(&self) {
        self.devtools("Page.setBypassCSP", json!({ "enabled": true })).await;
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let call = Call { path: "goog/cdp/execute", body: json!({ "cmd": command, "params": parameters }) };
        self.client.issue_cmd(call).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Runs a script as its function body, unbound by the page's content policy.
    pub async fn script(&self, body: &str) -> Value {
        self.client
            .execute(body, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{error}\nin: {}", body.chars().take(200).collect::<String>()))
    }

    /// Runs a script with these arguments and one more, which it calls with the result.
    pub async fn script_async(&self, body: &str, arguments: Vec<Value>) -> Value {
        self.client.execute_async(body, arguments).await.unwrap()
    }

    /// The first element; waits for it a little, as pages with script may still add it.
    pub async fn find(&self, selector: &str) -> Element {
        let found = self
            .client
            .wait()
            .at_most(Duration::from_secs(10))
            .every(Duration::from_millis(50))
            .for_element(Locator::Css(selector))
            .await;
        match found {
            Ok(element) => element,
            Err(error) => panic!(
                "nothing at {selector} on {} ({error}):\n{}",
                self.address().await,
                self.client.source().await.unwrap_or_default()
            ),
        }
    }

    /// Whether the present page has such an element.
    pub async fn has(&self, selector: &str) -> bool {
        !self.client.find_all(Locator::Css(selector)).await.unwrap().is_empty()
    }

    /// What a person reads at the selector.
    pub async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    /// What stands in a field.
    pub async fn value(&self, selector: &str) -> String {
        self.find(selector).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Types into a field, in place of what stands there.
    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks where a person would, and waits for the page that may follow.
    pub async fn press(&self, selector: &str) {
        let target = self.find(selector).await;
        let before = self.find("html").await.element_id();
        let is_link = target.attr("href").await.unwrap().is_some_and(|href| !href.starts_with('#'));
        let is_button = target.tag_name().await.unwrap() == "button";
        target.click().await.unwrap_or_else(|error| panic!("{selector} cannot be pressed: {error}"));
        // The driver answers before the next page is there. What script does in place brings none: a short wait then.
        let started = Instant::now();
        while (is_link || is_button) && started.elapsed() < Duration::from_secs(2) {
            let now = self.client.find(Locator::Css("html")).await;
            if now.is_ok_and(|html| html.element_id() != before) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Moves the mouse to the middle of an element, without pressing.
    pub async fn point_at(&self, selector: &str) {
        self.find(selector).await;
        let place = self
            .script(&format!(
                "const target = document.querySelector(`{selector}`); target.scrollIntoView({{ block: 'center' }});
                 const box = target.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2];"
            ))
            .await;
        self.move_to(place[0].as_f64().unwrap(), place[1].as_f64().unwrap()).await;
    }

    /// Moves the mouse to a place in the window.
    pub async fn move_to(&self, x: f64, y: f64) {
        self.devtools("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y })).await;
    }

    /// Presses a key, as named by the standard: `Enter`, `Escape`, `Tab`.
    pub async fn key(&self, name: &str) {
        let code = match name {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            other => panic!("no code for {other}"),
        };
        let text = if name == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code, "text": if kind == "keyDown" { text } else { "" } });
            self.devtools("Input.dispatchKeyEvent", event).await;
        }
    }

    /// From the next page on, this runs before anything of the page.
    pub async fn before_pages(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Waits until a person could have written something: the form's script measures it (limits::DWELL_SECONDS_MIN).
    pub async fn takes_time_to_write(&self) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(5) {
            // Where the page may not run script, nothing measures.
            let passed = self.client.execute("return performance.now() > 3500", Vec::new()).await;
            if passed.is_err() || passed.is_ok_and(|passed| passed == Value::Bool(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until a script's condition holds.
    pub async fn until(&self, condition: &str) {
        let started = Instant::now();
        while self.script(&format!("return Boolean({condition})")).await != Value::Bool(true) {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "still not so on {}: {condition}",
                self.address().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every event of the Network and Page domains so far.
    pub async fn events(&self) -> Vec<Value> {
        self.drain().await;
        self.events.lock().unwrap().clone()
    }

    /// Every line of the console and of Chromium's own complaints so far.
    pub async fn console(&self) -> Vec<Value> {
        self.drain().await;
        self.console.lock().unwrap().clone()
    }

    // Reading a log empties it at chromedriver.
    async fn drain(&self) {
        let events: Vec<Value> = self.log("performance").await.iter().filter_map(message).collect();
        let console = self.log("browser").await;
        self.events.lock().unwrap().extend(events);
        self.console.lock().unwrap().extend(console);
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let call = Call { path: "se/log", body: json!({ "type": kind }) };
        match self.client.issue_cmd(call).await.unwrap() {
            Value::Array(lines) => lines,
            other => panic!("the {kind} log is {other}"),
        }
    }

    /// Keeps a picture of the whole page as `target/screenshots/NAME-WIDTH-THEME.png`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let view = *self.view.lock().unwrap();
        self.picture(&format!("{name}-{}-{}.png", view.width, view.theme.word()), true).await
    }

    /// Keeps a picture of what the window shows as `target/screenshots/FILE`.
    pub async fn screenshot_of_window(&self, file: &str) -> PathBuf {
        self.picture(file, false).await
    }

    async fn picture(&self, file: &str, whole_page: bool) -> PathBuf {
        let taken = self
            .devtools(
                "Page.captureScreenshot",
                json!({ "format": "png", "captureBeyondViewport": whole_page, "clip": self.clip(whole_page).await }),
            )
            .await;
        let png = data_encoding::BASE64.decode(taken["data"].as_str().unwrap().as_bytes()).unwrap();
        let path = screenshots().join(file);
        std::fs::write(&path, png).unwrap();
        path
    }

    async fn clip(&self, whole_page: bool) -> Value {
        let view = *self.view.lock().unwrap();
        if whole_page {
            // What sticks to the window stands where the page begins.
            self.script("scrollTo(0, 0)").await;
        }
        let height = if whole_page {
            self.script("return document.documentElement.scrollHeight").await
        } else {
            json!(view.height)
        };
        let top = if whole_page { json!(0) } else { self.script("return window.scrollY").await };
        json!({ "x": 0, "y": top, "width": view.width, "height": height, "scale": 1 })
    }
}

fn message(line: &Value) -> Option<Value> {
    let text = line.get("message")?.as_str()?;
    serde_json::from_str::<Value>(text).ok()?.get("message").cloned()
}

/// Where pictures are kept.
pub fn screenshots() -> PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // First the browser: without its driver it would live on.
        if let Some(process) = self.process {
            drop(Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status());
        }
        drop(self.driver.child.kill());
        drop(self.driver.child.wait());
    }
}
