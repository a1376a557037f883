//! The admin API over TCP, as a program asks it.

use crate::http::{Client, Told};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};
use totp_rs::{Builder, Secret};

/// An answer: its status, and its body as JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The answer as it came.
    pub told: Told,
}

impl Answer {
    /// The stable code of a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }
}

/// Somebody who asks the API: with a token, or without.
#[derive(Debug, Clone)]
pub struct Admin {
    address: SocketAddr,
    token: Option<String>,
}

impl Admin {
    /// Nobody yet.
    pub fn at(address: SocketAddr) -> Admin {
        Admin { address, token: None }
    }

    /// The same, with a token.
    pub fn with(&self, token: &str) -> Admin {
        Admin { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or("")
    }

    /// Asks with a body, or without one.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        self.raw(method, path, &token.unwrap_or_default(), body)
    }

    /// Asks with these header fields.
    pub fn raw(&self, method: &str, path: &str, fields: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let host = format!("Host: {}\r\n", self.address);
        let host = if fields.contains("Host:") { "" } else { &host };
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}{fields}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = Client::to(self.address);
        client.write(request.as_bytes()).unwrap();
        let told = client.answer(Duration::from_secs(40)).expect("an answer");
        let body = serde_json::from_slice(&told.body).unwrap_or(Value::Null);
        Answer { status: told.status(), body, told }
    }

    /// Posts something that must be done.
    pub fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.ask("POST", path, Some(&body));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Reads something that must be there.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// Tries to sign in.
    pub fn login(&self, name: &str, password: &str, code: Option<&str>) -> Answer {
        let body = json!({ "name": name, "password": password, "code": code });
        self.ask("POST", "/api/v1/auth/login", Some(&body))
    }

    /// Signs in, which must succeed.
    pub fn signed_in(&self, name: &str, password: &str, code: Option<&str>) -> Admin {
        let answer = self.login(name, password, code);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        self.with(answer.body["token"].as_str().expect("a token"))
    }
}

/// The code of a secret now, or so many steps of half a minute later.
pub fn code(secret: &str, steps: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let secret = Secret::try_from_base32(secret).expect("a secret");
    let totp = Builder::new().with_secret(secret).build_noncompliant();
    totp.generate(now + 30 * steps).to_string()
}

/// The password of everybody in these tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// Makes the first owner and signs them in; gives the secret of their second factor too.
pub fn claim(admin: &Admin, token: &str) -> (Admin, String) {
    let begun = admin.post("/api/v1/setup/begin", json!({ "token": token, "name": "owner" }));
    let secret = begun["secret"].as_str().expect("a secret").to_owned();
    let owner =
        json!({ "token": token, "name": "owner", "password": PASSWORD, "code": code(&secret, 0) });
    admin.post("/api/v1/setup", owner);
    // The code of the setup is used up; the next one is taken already.
    let owner = admin.signed_in("owner", PASSWORD, Some(&code(&secret, 1)));
    (owner, secret)
}

/// Server-sent events as they come.
pub struct Events {
    reader: BufReader<TcpStream>,
}

impl Iterator for Events {
    type Item = String;

    /// The data of the next event; none when the stream has ended.
    fn next(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            match self.reader.read_line(&mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(data.trim_end().to_owned());
            }
        }
    }
}

impl Admin {
    /// Opens a stream of events, which must be given.
    pub fn stream(&self, path: &str) -> Events {
        let token = self.token.as_deref().unwrap_or_default();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
            self.address
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{path}: {line}");
        Events { reader }
    }
}
