//! A real Chromium, and one page for each user of a test.

mod input;

use std::ffi::OsString;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, thread};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};
use uuid::Uuid;

use super::devtools::{DevTools, PageLog};
use super::process::Process;
use super::socket::TEST_TIMEOUT;

const ARGUMENTS: [&str; 16] = [
    "--headless=new",
    "--no-sandbox", // the tests may run as root, and open nothing but their own server
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-breakpad",
    // The pages of several users are visible at the same time.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
];

const PRELUDE: &str = include_str!("browser/prelude.js");

/// A running Chromium, which is killed on drop.
pub(crate) struct Browser {
    tools: DevTools,
    _process: Process,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("chinwag-chromium-").tempdir().unwrap();
        let profile = format!("--user-data-dir={}", folder.path().display());
        let arguments = [program().into_os_string(), profile.into()].into_iter().chain(ARGUMENTS.map(OsString::from));
        let listens = |line: &str| line.strip_prefix("DevTools listening on ").map(|url| url.trim().to_owned());
        let (process, url) = Process::start(folder, arguments, listens).await;
        Self { tools: DevTools::connect(&url).await, _process: process }
    }

    /// Opens a page with a storage of its own, like the browser of another user.
    #[track_caller]
    pub(crate) fn open<'a>(&'a self, url: &'a str) -> impl Future<Output = Page> + use<'a> {
        let caller = Location::caller();
        async move {
            let context = self.tools.call("", "Target.createBrowserContext", json!({})).await.unwrap();
            Page::open(self.tools.clone(), context["browserContextId"].clone(), url, caller).await
        }
    }
}

/// The page of one user. An error in its console that the test did not tolerate fails the test.
pub(crate) struct Page {
    tools: DevTools,
    session: String,
    target: Value,
    context: Value,
    tolerated: Vec<&'static str>,
    origin: &'static Location<'static>,
}

impl Page {
    async fn open(tools: DevTools, context: Value, url: &str, origin: &'static Location<'static>) -> Self {
        let browser = async |method, params| tools.call("", method, params).await.unwrap();
        let target = json!({"url": "about:blank", "browserContextId": context});
        let target = browser("Target.createTarget", target).await["targetId"].take();
        let attach = json!({"targetId": target, "flatten": true});
        let session = browser("Target.attachToTarget", attach).await["sessionId"].as_str().unwrap().to_owned();
        let page = Self { tools: tools.clone(), session, target, context, tolerated: vec![], origin };
        for domain in ["Runtime.enable", "Log.enable", "Page.enable", "Network.enable"] {
            page.call(domain, json!({})).await;
        }
        // Each page believes that it has the focus.
        page.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true})).await;
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": PRELUDE})).await;
        page.emulate(1280, 800, "light").await;
        page.call("Page.navigate", json!({"url": url})).await;
        page.until("location.protocol !== 'about:' && document.readyState === 'complete'").await;
        page
    }

    /// Opens the same address in another tab, which shares this one's `localStorage`.
    #[track_caller]
    pub(crate) fn open_tab(&self) -> impl Future<Output = Self> + use<'_> {
        let caller = Location::caller();
        async move {
            let url = self.eval("location.href").await;
            let mut tab = Self::open(self.tools.clone(), self.context.clone(), url.as_str().unwrap(), caller).await;
            tab.tolerated.clone_from(&self.tolerated);
            tab
        }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        self.tools.call(&self.session, method, params).await.unwrap()
    }

    /// Tolerates console errors that contain these words: browsers report every refused request.
    pub(crate) fn tolerate(&mut self, words: &'static str) {
        self.tolerated.push(words);
    }

    pub(crate) fn frames_sent(&self) -> Vec<String> {
        self.tools.page_log(&self.session).frames_sent
    }

    /// Returns the text frames that the page has received, with their times, and the times at which it began to open WebSockets. Both
    /// are in seconds by one clock.
    pub(crate) fn received_frames_and_handshakes(&self) -> (Vec<(f64, String)>, Vec<f64>) {
        let log = self.tools.page_log(&self.session);
        (log.frames_received, log.handshakes)
    }

    /// Evaluates an expression, and awaits its value if that is a promise.
    #[track_caller]
    pub(crate) fn eval<'a>(&'a self, expression: &str) -> impl Future<Output = Value> + use<'a> {
        let (caller, evaluated) = (Location::caller(), self.evaluate(expression.to_owned()));
        async move { evaluated.await.unwrap_or_else(|error| panic!("{error}, at {caller}")) }
    }

    async fn evaluate(&self, expression: String) -> Result<Value, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.tools.call(&self.session, "Runtime.evaluate", params).await?;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        Ok(answer["result"]["value"].take())
    }

    /// Runs statements as the console does.
    pub(crate) async fn run_statements(&self, statements: &str) {
        let params = json!({"expression": statements, "awaitPromise": true, "replMode": true});
        let answer = self.call("Runtime.evaluate", params).await;
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
    }

    /// Waits until an expression is truthy, and returns its value. The page evaluates it before each frame that it draws.
    #[track_caller]
    pub(crate) fn until<'a>(&'a self, expression: &str) -> impl Future<Output = Value> + use<'a> {
        let (caller, expression) = (Location::caller(), expression.to_owned());
        async move { self.wait_until(&expression, caller).await }
    }

    async fn wait_until(&self, expression: &str, caller: &Location<'_>) -> Value {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            let look = format!(
                "new Promise((resolve) => {{
                    const end = performance.now() + {left};
                    const look = () => {{
                        let value;
                        try {{ value = ({expression}); }} catch {{ /* not yet */ }}
                        if (value) resolve({{ value }});
                        else if (performance.now() > end) resolve({{ page: document.body?.innerText }});
                        else requestAnimationFrame(look);
                    }};
                    look();
                }})"
            );
            match self.evaluate(look).await {
                Ok(mut found) if found.get("value").is_some() => return found["value"].take(),
                // The page navigated away during the evaluation.
                _ if left > 0 => {}
                other => {
                    let screenshot = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.png", Uuid::now_v7()));
                    self.screenshot(&screenshot).await;
                    panic!("never true: {expression}, at {caller}\n{other:?}\nScreenshot: {}", screenshot.display());
                }
            }
        }
    }

    pub(crate) async fn reload(&self) {
        self.eval("window.isOld = true").await;
        self.call("Page.reload", json!({})).await;
        self.until("!window.isOld && document.readyState === 'complete'").await;
    }

    /// Sets what the page may do with notifications: `granted`, `denied` or `prompt`.
    pub(crate) async fn permit_notifications(&self, setting: &str) {
        let permission =
            json!({"permission": {"name": "notifications"}, "setting": setting, "browserContextId": self.context});
        self.tools.call("", "Browser.setPermission", permission).await.unwrap();
    }

    /// Evaluates an expression in the service worker of the page.
    pub(crate) async fn eval_in_worker(&self, expression: &str) {
        // A browser stops a worker that has nothing to do; a message starts it.
        self.eval("navigator.serviceWorker.ready.then((registration) => registration.active.postMessage(null))").await;
        let is_worker =
            |target: &Value| target["type"] == "service_worker" && target["browserContextId"] == self.context;
        let worker = loop {
            let targets = self.tools.call("", "Target.getTargets", json!({})).await.unwrap();
            match targets["targetInfos"].as_array().unwrap().iter().find(|target| is_worker(target)) {
                Some(worker) => break worker.clone(),
                None => self.until("true").await,
            };
        };
        let attach = json!({"targetId": worker["targetId"], "flatten": true});
        let session = self.tools.call("", "Target.attachToTarget", attach).await.unwrap();
        let params = json!({"expression": expression, "awaitPromise": true});
        let answer = self.tools.call(session["sessionId"].as_str().unwrap(), "Runtime.evaluate", params).await.unwrap();
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
    }

    /// Returns the manifest as the browser reads it: `data` and `errors`.
    pub(crate) async fn manifest(&self) -> Value {
        self.call("Page.getAppManifest", json!({})).await
    }

    /// Sets the window's size and the colour scheme, `light` or `dark`. Animations are off, so that screenshots do not differ.
    pub(crate) async fn emulate(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 720});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let media = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Sets one feature that style sheets can ask for, such as `forced-colors`.
    pub(crate) async fn emulate_feature(&self, name: &str, value: &str) {
        let media = json!({"features": [{"name": name, "value": value}, {"name": "prefers-reduced-motion", "value": "reduce"}]});
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Shows the page as it is printed.
    pub(crate) async fn emulate_print(&self) {
        self.call("Emulation.setEmulatedMedia", json!({"media": "print"})).await;
    }

    /// Sets the font size of the browser's settings; 16 is the usual one.
    pub(crate) async fn set_font_size(&self, pixels: u32) {
        self.call("Page.setFontSizes", json!({"fontSizes": {"standard": pixels, "fixed": pixels}})).await;
    }

    /// Makes a finger the pointer, as on a phone.
    pub(crate) async fn emulate_touch(&self) {
        self.call("Emulation.setTouchEmulationEnabled", json!({"enabled": true})).await;
    }

    /// Writes a screenshot as PNG.
    pub(crate) async fn screenshot(&self, file: &Path) {
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"})).await;
        fs::write(file, BASE64.decode(picture["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// Closes the page as a user does.
    pub(crate) async fn close(self) {
        self.tools.call("", "Target.closeTarget", json!({"targetId": self.target})).await.unwrap();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let PageLog { errors, exchanges, .. } = self.tools.page_log(&self.session);
        let tolerated = |error: &String| self.tolerated.iter().any(|words| error.contains(words));
        let errors: Vec<_> = errors.into_iter().filter(|error| !tolerated(error)).collect();
        let origin = self.origin;
        assert!(errors.is_empty(), "the page opened at {origin} reported errors: {errors:#?}\n{exchanges:#?}");
    }
}

fn program() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut programs = env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    programs.find(|program| program.is_file()).unwrap_or_else(|| {
        panic!("the browser tests need Chromium: `make test` installs it, or apt-get install chromium")
    })
}
