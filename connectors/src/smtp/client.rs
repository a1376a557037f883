//! The talk with the server: strict about what it answers, and nothing but the greeting before the connection is encrypted.

use std::io;

use data_encoding::BASE64;
use net::{DialError, Dialer, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::{EmailSettings, Mail};

/// A longer line, and more lines of one answer, come from no server of mail (RFC 5321, section 4.5.3.1.5).
const LINE_MAX: usize = 2_048;
const LINES_MAX: usize = 100;
/// What is shown of an answer.
const SHOWN_MAX: usize = 200;

/// Why the server does not have it, as far as this side knows.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The password has no value at this moment.
    #[error("{0}")]
    Secret(#[from] config::site::SecretError),
    /// There is no connection, or nobody who is trusted at its other end.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// The connection has ended.
    #[error("the connection has ended: {0}")]
    Broken(#[from] io::Error),
    /// It took too long.
    #[error("no whole answer in time")]
    Late,
    /// What was answered is no answer of this protocol.
    #[error("the server answers in another protocol")]
    Odd,
    /// The server does not encrypt, so it gets nothing.
    #[error("the server does not offer STARTTLS: nothing was sent")]
    NoTls,
    /// There is no way to sign in that both know.
    #[error("the server offers neither AUTH PLAIN nor AUTH LOGIN")]
    NoAuth,
    /// The server does not take it.
    #[error("the server answered {answer} to {command}")]
    Refused {
        /// What it was asked.
        command: &'static str,
        /// What it said.
        answer: String,
    },
}

/// Sends mail to one server, a connection for each: there are few, and none is worth a kept one.
pub struct Mailer {
    settings: EmailSettings,
    dialer: Dialer,
}

impl Mailer {
    /// One that has sent nothing yet.
    pub fn new(settings: EmailSettings) -> Mailer {
        let dialer = Dialer::new(settings.timeout);
        Mailer { settings, dialer }
    }

    /// Sends a mail to all who are to have it; those whom the server refused, with its words, when it took the mail for the others.
    ///
    /// # Errors
    /// When nobody gets it, as far as this side knows.
    pub async fn send(&self, mail: &Mail, host: &str) -> Result<Vec<String>, SmtpError> {
        let until = Instant::now() + self.settings.timeout;
        timeout_at(until, self.talk(mail, host)).await.unwrap_or(Err(SmtpError::Late))
    }

    async fn talk(&self, mail: &Mail, host: &str) -> Result<Vec<String>, SmtpError> {
        let EmailSettings { sender, recipients, account, .. } = &self.settings;
        let hello = format!("EHLO {}", host_name(host));
        let mut link = self.open(&hello).await?;
        let offers = link.ask(&hello, "EHLO", &[250]).await?;
        if let Some((user, password)) = account {
            let password = password.value()?;
            link.sign_in(&offers, user, password.expose_secret()).await?;
        }
        link.ask(&format!("MAIL FROM:<{sender}>"), "MAIL", &[250]).await?;
        let mut refused = Vec::new();
        for recipient in recipients {
            match link.ask(&format!("RCPT TO:<{recipient}>"), "RCPT", &[250, 251]).await {
                Ok(_) => {}
                Err(SmtpError::Refused { answer, .. }) => {
                    refused.push(format!("{recipient}: {answer}"));
                }
                Err(error) => return Err(error),
            }
        }
        if refused.len() == recipients.len() {
            return Err(SmtpError::Refused { command: "RCPT", answer: refused.join("; ") });
        }
        link.ask("DATA", "DATA", &[354]).await?;
        link.write(&mail.wire(sender, recipients)).await?;
        link.answer("the mail", &[250]).await?;
        // It has the mail; what it says to this changes nothing.
        let _ = link.ask("QUIT", "QUIT", &[221]).await;
        Ok(refused)
    }

    /// An encrypted connection on which the server has greeted.
    async fn open(&self, hello: &str) -> Result<Link, SmtpError> {
        let EmailSettings { target, starttls, .. } = &self.settings;
        if !starttls {
            let mut link = Link::over(self.dialer.connect(target).await?);
            link.answer("the connection", &[220]).await?;
            return Ok(link);
        }
        let mut link = Link::over(self.dialer.connect_before_tls(target).await?);
        link.answer("the connection", &[220]).await?;
        let offers = link.ask(hello, "EHLO", &[250]).await?;
        if !offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
            return Err(SmtpError::NoTls);
        }
        link.ask("STARTTLS", "STARTTLS", &[220]).await?;
        // Whoever says something before the connection is encrypted may be anybody.
        if !link.read.is_empty() {
            return Err(SmtpError::Odd);
        }
        Ok(Link::over(self.dialer.begin_tls(target, link.stream).await?))
    }
}

/// The name of this machine, as far as it can be one.
fn host_name(host: &str) -> String {
    let is_one = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '.';
    let name: String = host.chars().filter(is_one).take(64).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// A connection.
struct Link {
    stream: Stream,
    /// What was read and belongs to the next answer.
    read: Vec<u8>,
}

impl Link {
    fn over(stream: Stream) -> Link {
        Link { stream, read: Vec::new() }
    }

    async fn write(&mut self, text: &str) -> Result<(), SmtpError> {
        self.stream.write_all(text.as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    /// Gives a command and takes the answer, a text for each of its lines.
    async fn ask(
        &mut self,
        line: &str,
        command: &'static str,
        wanted: &[u16],
    ) -> Result<Vec<String>, SmtpError> {
        self.write(&format!("{line}\r\n")).await?;
        self.answer(command, wanted).await
    }

    async fn answer(
        &mut self,
        command: &'static str,
        wanted: &[u16],
    ) -> Result<Vec<String>, SmtpError> {
        let (mut lines, mut code) = (Vec::new(), None);
        loop {
            let line = self.line().await?;
            let (one, is_last, text) = parse(&line).ok_or(SmtpError::Odd)?;
            if code.is_some_and(|code| code != one) || lines.len() >= LINES_MAX {
                return Err(SmtpError::Odd);
            }
            code = Some(one);
            lines.push(text.to_owned());
            if is_last {
                break;
            }
        }
        match code {
            Some(code) if wanted.contains(&code) => Ok(lines),
            Some(code) => {
                let said = format!("{code} {}", lines.join(" "));
                let shown = said.trim_end().chars().take(SHOWN_MAX);
                let answer = shown.map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
                Err(SmtpError::Refused { command, answer })
            }
            None => Err(SmtpError::Odd),
        }
    }

    /// The next line, without its end.
    async fn line(&mut self) -> Result<String, SmtpError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.read.len() > LINE_MAX {
                return Err(SmtpError::Odd);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Signs in by the first way that the server offers.
    async fn sign_in(
        &mut self,
        offers: &[String],
        user: &str,
        password: &str,
    ) -> Result<(), SmtpError> {
        let offered = |way: &str| {
            offers.iter().any(|offer| {
                let mut words = offer.split([' ', '=']);
                words.next().is_some_and(|word| word.eq_ignore_ascii_case("AUTH"))
                    && words.any(|word| word.eq_ignore_ascii_case(way))
            })
        };
        if offered("PLAIN") {
            let proof = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
            self.ask(&format!("AUTH PLAIN {proof}"), "AUTH", &[235]).await?;
            return Ok(());
        }
        if !offered("LOGIN") {
            return Err(SmtpError::NoAuth);
        }
        self.ask("AUTH LOGIN", "AUTH", &[334]).await?;
        self.ask(&BASE64.encode(user.as_bytes()), "AUTH", &[334]).await?;
        self.ask(&BASE64.encode(password.as_bytes()), "AUTH", &[235]).await?;
        Ok(())
    }
}

/// The code of a line, whether it is the last one of its answer, and what it says.
fn parse(line: &str) -> Option<(u16, bool, &str)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = digits.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.chars().next() {
        None => Some((code, true, "")),
        Some(' ') => Some((code, true, rest.get(1..)?)),
        Some('-') => Some((code, false, rest.get(1..)?)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_code_and_a_text() {
        assert_eq!(parse("250-STARTTLS"), Some((250, false, "STARTTLS")));
        assert_eq!(parse("250 ok"), Some((250, true, "ok")));
        assert_eq!(parse("354"), Some((354, true, "")));
        for odd in ["", "25", "2x0 a", "250x", "999 a", "+20 a", "HTTP/1.1 200 OK"] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_host_is_a_word() {
        assert_eq!(host_name("node-1.a\r\nRSET"), "node-1.aRSET");
        assert_eq!(host_name("\u{e9}"), "localhost");
    }
}
