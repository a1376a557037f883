//! The way to a target, step by step, for people who ask why it does not work.

use std::time::Duration;

use tokio::time::Instant;

use crate::dial::{check, protect};
use crate::tls::{CertificateFacts, CertificateRole, Client, Pin, Session};
use crate::{DialError, Dialer, Stream, Target};

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Whether it went well.
    pub ok: bool,
    /// How long it took.
    pub took: Duration,
    /// What was found, or what is wrong.
    pub text: String,
    /// More of it, a line each.
    pub detail: Vec<String>,
}

impl Step {
    /// A step that began at `since` and has ended now.
    pub fn ended(name: &'static str, since: Instant, result: Result<String, String>) -> Step {
        let ok = result.is_ok();
        let text = result.unwrap_or_else(|problem| problem);
        Step { name, ok, took: since.elapsed(), text, detail: Vec::new() }
    }
}

impl Dialer {
    /// Goes the whole way to a target as a delivery would; there is a stream when every step went well.
    pub async fn probe(&self, target: &Target) -> (Vec<Step>, Option<Stream>) {
        let mut steps = Vec::new();
        let stream = self.walk(target, &mut steps).await;
        (steps, stream)
    }

    async fn walk(&self, target: &Target, steps: &mut Vec<Step>) -> Option<Stream> {
        let since = Instant::now();
        let until = since + self.connect_timeout();
        let resolved = self.resolve(target, until).await;
        let addresses = noted(steps, "name", since, resolved, |addresses| {
            let all: Vec<String> = addresses.iter().map(|at| at.ip().to_string()).collect();
            format!("{} is {}", target.address().host, all.join(", "))
        })?;
        let since = Instant::now();
        let allowed = check(target, &addresses);
        noted(steps, "rules", since, allowed, |()| match addresses.len() {
            1 => "the address is allowed".to_owned(),
            several => format!("all {several} addresses are allowed"),
        })?;
        let since = Instant::now();
        let reached = self.reach(target, &addresses, until).await;
        let (tcp, address) = noted(steps, "connect", since, reached, |(_, address)| {
            format!("connected to {address}")
        })?;
        let since = Instant::now();
        let protected = protect(target, tcp, address).await;
        let stream = noted(steps, "tls", since, protected, |stream| match stream.session() {
            Some(session) => format!("{}, {}, {}", session.version, session.group, session.suite),
            None => "none: the messages are not encrypted".to_owned(),
        })?;
        if let (Some(session), Some(client), Some(step)) =
            (stream.session(), target.tls(), steps.last_mut())
        {
            step.detail = detail(&session, client);
        }
        Some(stream)
    }
}

fn noted<T>(
    steps: &mut Vec<Step>,
    name: &'static str,
    since: Instant,
    result: Result<T, DialError>,
    text: impl FnOnce(&T) -> String,
) -> Option<T> {
    match result {
        Ok(value) => {
            steps.push(Step::ended(name, since, Ok(text(&value))));
            Some(value)
        }
        Err(error) => {
            steps.push(Step::ended(name, since, Err(error.to_string())));
            None
        }
    }
}

/// The chain that the other end has shown, its own certificate first.
fn detail(session: &Session, client: &Client) -> Vec<String> {
    let mut lines = vec![match client.checks_name() {
        true => format!("the receiver has proved to be `{}`", client.server_name()),
        false => "the receiver holds a pinned key; its name is not checked".to_owned(),
    }];
    for der in &session.chain {
        let Some(facts) = CertificateFacts::of(CertificateRole::Own, der) else { continue };
        lines.push(format!("{}, until {}", facts.subject, facts.last_day()));
    }
    let pin = session.chain.first().and_then(Pin::of);
    lines.extend(pin.map(|pin| format!("its key is {pin}")));
    lines
}
