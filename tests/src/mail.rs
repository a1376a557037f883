//! A server of mail, in a process of its own so that it can be away.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::certificates::Issued;
use crate::wait;

const SCRIPT: &str = include_str!("mail_server.py");

/// A server of mail. It is killed when it is dropped.
pub struct MailServer {
    child: Child,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl MailServer {
    /// Listens there: `tls` from the first byte on, `starttls`, or `plain` without any. The `refused` are recipients that it does not know.
    pub fn listen(at: SocketAddr, mode: &str, own: &Issued, refused: &str) -> MailServer {
        let mut child = Command::new("python3")
            .args(["-c", SCRIPT, &at.port().to_string(), mode])
            .arg(&own.cert)
            .arg(&own.key)
            .arg(refused)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is installed");
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (told, stdout) = (Arc::clone(&heard), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                told.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let server = MailServer { child, heard };
        wait::until("the server of mail listens", || {
            server.heard().iter().any(|one| one.get("listening").is_some()).then_some(())
        });
        server
    }

    fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }

    /// The mails that it has taken.
    pub fn mails(&self) -> Vec<Value> {
        self.heard().into_iter().filter(|one| one.get("text").is_some()).collect()
    }

    /// What was said before the connection was encrypted.
    pub fn in_clear(&self) -> Vec<String> {
        let heard = self.heard();
        heard.iter().filter_map(|one| one["clear"].as_str().map(str::to_owned)).collect()
    }

    /// Waits for a mail that says this.
    pub fn wait(&self, what: &str) -> Value {
        let says = |mail: &Value| mail["text"].as_str().is_some_and(|text| text.contains(what));
        wait::until(what, || self.mails().into_iter().find(says))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
