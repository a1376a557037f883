//! The console's pages as a browser without scripts asks for them: a cookie, links, forms.

use crate::http::{Client, Told};
use scraper::{Html, Selector};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

/// Somebody who reads pages.
pub struct Reader {
    address: SocketAddr,
    cookie: RefCell<Option<String>>,
}

/// A page as it came.
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// Where it leads instead, when it does.
    pub location: Option<String>,
    /// The page as text.
    pub text: String,
    /// The answer.
    pub told: Told,
}

/// A selector that is known to be one.
pub fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap_or_else(|error| panic!("{css}: {error:?}"))
}

impl Page {
    /// The page as a document.
    pub fn html(&self) -> Html {
        Html::parse_document(&self.text)
    }

    /// The text of the first element like this.
    pub fn text_of(&self, css: &str) -> String {
        let html = self.html();
        let found = html.select(&selector(css)).next();
        found.map(|element| element.text().collect::<String>()).unwrap_or_default()
    }

    /// An attribute of every element like this.
    pub fn all(&self, css: &str, attribute: &str) -> Vec<String> {
        let html = self.html();
        let wanted = selector(css);
        let found = html.select(&wanted);
        found.filter_map(|one| one.attr(attribute).map(str::to_owned)).collect()
    }

    /// What stands in `main`, without markup.
    pub fn main(&self) -> String {
        self.text_of("main").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The fields of the first form that asks a route, as they would be sent untouched.
    pub fn form(&self, route: &str) -> Vec<(String, String)> {
        let html = self.html();
        let form = html.select(&selector("form")).find(|form| {
            let fields = selector("input[name=route]");
            form.select(&fields).any(|field| field.attr("value") == Some(route))
        });
        let form = form.unwrap_or_else(|| panic!("no form asks {route}: {}", self.main()));
        let fields = selector("input[name]");
        let sent = form.select(&fields).filter(|field| {
            let kind = field.attr("type").unwrap_or("text");
            !["checkbox", "radio", "file"].contains(&kind) || field.attr("checked").is_some()
        });
        sent.map(|field| {
            let value = field.attr("value").unwrap_or("").to_owned();
            (field.attr("name").unwrap_or("").to_owned(), value)
        })
        .collect()
    }
}

impl Reader {
    /// Nobody yet.
    pub fn at(address: SocketAddr) -> Reader {
        Reader { address, cookie: RefCell::default() }
    }

    /// The cookie that the browser holds now.
    pub fn cookie(&self) -> Option<String> {
        self.cookie.borrow().clone()
    }

    /// The same reader with another cookie.
    pub fn with_cookie(&self, cookie: &str) -> Reader {
        Reader { address: self.address, cookie: RefCell::new(Some(cookie.to_owned())) }
    }

    /// Opens a page.
    pub fn get(&self, path: &str) -> Page {
        self.ask("GET", path, "Sec-Fetch-Site: same-origin\r\n", "")
    }

    /// Sends a form from a page of our own.
    pub fn post(&self, path: &str, fields: &[(String, String)]) -> Page {
        let origin = format!("Origin: http://{}\r\n", self.address);
        self.ask("POST", path, &origin, &encoded(fields))
    }

    /// Sends a form of a page with some fields filled in, and opens the page after it.
    pub fn send(&self, page: &Page, route: &str, filled: &[(&str, &str)]) -> Page {
        let mut fields = page.form(route);
        for (name, value) in filled {
            fields.retain(|(one, _)| one != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.follow(self.post("/act", &fields))
    }

    /// The page that another one leads to.
    pub fn follow(&self, page: Page) -> Page {
        match &page.location {
            Some(next) => self.get(next),
            None => page,
        }
    }

    /// Asks with these header fields.
    pub fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> Page {
        let cookie = self.cookie.borrow().as_ref().map(|one| format!("Cookie: {one}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}{fields}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            cookie.unwrap_or_default(),
            body.len()
        );
        let mut client = Client::to(self.address);
        client.write(request.as_bytes()).unwrap();
        let told = client.answer(Duration::from_secs(60)).expect("an answer");
        if let Some(set) = told.field("set-cookie").filter(|set| set.starts_with("hilum=")) {
            *self.cookie.borrow_mut() = set.split(';').next().map(str::to_owned);
        }
        Page {
            status: told.status(),
            location: told.field("location").map(str::to_owned),
            text: String::from_utf8_lossy(&told.body).into_owned(),
            told,
        }
    }

    /// Signs in, which must succeed.
    pub fn sign_in(&self, name: &str, password: &str, code: Option<&str>) {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields =
            [field("name", name), field("password", password), field("code", code.unwrap_or(""))];
        let page = self.post("/sign-in", &fields);
        assert_eq!(page.status, 303, "{name}: {}", page.main());
        assert!(self.cookie.borrow().is_some());
    }
}

/// Fields as a browser sends them.
pub fn encoded(fields: &[(String, String)]) -> String {
    let word = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect::<String>()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", word(name), word(value)));
    pairs.collect::<Vec<_>>().join("&")
}
