//! A real browser without a window: Chromium, driven by WebDriver.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a harness stops its test by panicking"
)]

use hilum_tests::{ports, wait};
use serde_json::json;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use thirtyfour::extensions::query::ElementQueryable;
use thirtyfour::prelude::{By, WebDriver};
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebElement};
use tokio::runtime::Runtime;

/// A browser; it and its driver end when it is dropped.
pub struct Browser {
    driver: WebDriver,
    process: Child,
    runtime: Runtime,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with a window of this size.
    pub fn start(width: u32, height: u32) -> Browser {
        Browser::start_with(width, height, &[])
    }

    /// The same, with more arguments for Chromium.
    pub fn start_with(width: u32, height: u32, more: &[&str]) -> Browser {
        let address = ports::free();
        let process = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: tests/run does it");
        wait::until("chromedriver listens", || TcpStream::connect(address).ok());
        let profile = tempfile::Builder::new().prefix("hilum-browser.").tempdir().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let window = format!("--window-size={width},{height}");
        let own = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-prefers-reduced-motion",
            &folder,
            &window,
        ];
        for argument in own.iter().chain(more) {
            wanted.add_arg(argument).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let url = format!("http://{address}");
        let driver = runtime.block_on(WebDriver::new(&url, wanted)).expect("a session of Chromium");
        Browser { driver, process, runtime, _profile: profile }
    }

    /// Opens a page of a site.
    pub fn open(&self, site: SocketAddr, path: &str) {
        self.runtime.block_on(self.driver.goto(format!("http://{site}{path}"))).unwrap();
    }

    /// Path and query of the page.
    pub fn place(&self) -> String {
        let url = self.runtime.block_on(self.driver.current_url()).unwrap();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", url.path())
    }

    /// Its title.
    pub fn title(&self) -> String {
        self.runtime.block_on(self.driver.title()).unwrap()
    }

    fn element(&self, css: &str) -> WebElement {
        let query = async {
            self.driver
                .query(By::Css(css))
                .wait(wait::PATIENCE, Duration::from_millis(50))
                .first()
                .await
        };
        self.runtime.block_on(query).unwrap_or_else(|error| {
            panic!("{css} is not on {}: {error}\n{}", self.place(), self.text("body"))
        })
    }

    /// Clicks on the first element like this.
    pub fn click(&self, css: &str) {
        let element = self.element(css);
        self.runtime
            .block_on(async {
                element.scroll_into_view().await?;
                element.click().await
            })
            .unwrap_or_else(|error| panic!("{css} on {}: {error}", self.place()));
    }

    /// Clicks on the first link or button with this text.
    pub fn press(&self, text: &str) {
        let path = format!(
            "//main//*[self::a or self::button or self::summary][contains(normalize-space(.), \"{text}\")]"
        );
        let query = async {
            let found = self
                .driver
                .query(By::XPath(&path))
                .wait(wait::PATIENCE, Duration::from_millis(50))
                .first()
                .await?;
            found.scroll_into_view().await?;
            found.click().await
        };
        self.runtime.block_on(query).unwrap_or_else(|error| {
            panic!("`{text}` on {}: {error}\n{}", self.place(), self.text("main"))
        });
    }

    /// Types into the first element like this, in place of what stands there.
    pub fn fill(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.runtime
            .block_on(async {
                element.clear().await?;
                element.send_keys(text).await
            })
            .unwrap_or_else(|error| panic!("{css} on {}: {error}", self.place()));
    }

    /// Types without looking where: keys for the page.
    pub fn keys(&self, text: &str) {
        let body = self.element("body");
        self.runtime.block_on(body.send_keys(text)).unwrap();
    }

    /// The text of the first element like this.
    pub fn text(&self, css: &str) -> String {
        let found = async { self.driver.find(By::Css(css)).await?.text().await };
        self.runtime.block_on(found).unwrap_or_default()
    }

    /// Waits until the page says this.
    pub fn wait_text(&self, css: &str, wanted: &str) -> String {
        let found = wait::until_or(|| Some(self.text(css)).filter(|text| text.contains(wanted)));
        found.unwrap_or_else(|| {
            panic!("{css} on {} never said `{wanted}`: {}", self.place(), self.text("body"))
        })
    }

    /// Waits until the page is at an address that begins so.
    pub fn wait_place(&self, wanted: &str) {
        let found = wait::until_or(|| Some(self.place()).filter(|place| place.starts_with(wanted)));
        found.unwrap_or_else(|| {
            panic!("never came to {wanted}, but is at {}: {}", self.place(), self.text("main"))
        });
    }

    /// Runs a script and gives what it returns.
    pub fn script(&self, text: &str) -> serde_json::Value {
        let done = self.runtime.block_on(self.driver.execute(text, Vec::new()));
        done.unwrap_or_else(|error| panic!("{text}: {error}")).json().clone()
    }

    /// Another size of the page, also smaller than any window: as with zoom.
    pub fn resize(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let cdp = self.driver.cdp();
        let sized = cdp.send_raw("Emulation.setDeviceMetricsOverride", size);
        self.runtime.block_on(sized).unwrap();
    }

    /// Keeps a picture of the page under a name, for people: in `target/pages`.
    pub fn picture(&self, name: &str) {
        let file = pictures().join(format!("{name}.png"));
        self.runtime.block_on(self.driver.screenshot(&file)).unwrap();
    }
}

/// Where pictures are kept.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Drop for Browser {
    fn drop(&mut self) {
        let driver = self.driver.clone();
        let _ = self.runtime.block_on(async { driver.quit().await });
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
