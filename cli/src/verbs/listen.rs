//! `hilum listen`: a receiver that answers as asked, to try destinations against.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use connectors::mllp::Listener;
use connectors::{Answer, BrokenFrame, Flow, Incoming, Intake, Refusal, Resources};
use hl7::{AckCode, AckOptions, AckRequest, Problem, Severity};
use tokio::sync::watch;

use crate::answer::safe;
use crate::args::Listen;
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::wire;

/// Answers every frame.
struct Receiver {
    ack: AckCode,
    nak: AckCode,
    nak_every: Option<u64>,
    delay: Duration,
    save: Option<PathBuf>,
    quiet: bool,
    count: Option<u64>,
    received: AtomicU64,
    flow: watch::Sender<Flow>,
}

/// Runs the verb.
pub async fn run(args: Listen) -> Outcome {
    let code = |text: &str| {
        AckCode::from_bytes(text.as_bytes()).ok_or_else(|| {
            Failure::new(Code::Usage, format!("`{text}` is not AA, AE, AR, CA, CE or CR"))
        })
    };
    if let Some(folder) = &args.save {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(Code::Usage, format!("cannot make `{}`: {error}", folder.display()))
        })?;
    }
    let (flow, reading) = watch::channel(Flow::Read);
    let receiver = Arc::new(Receiver {
        ack: code(&args.ack)?,
        nak: code(&args.nak_code)?,
        nak_every: args.nak_every.filter(|every| *every > 0),
        delay: Duration::from_millis(args.delay),
        save: args.save,
        quiet: args.quiet,
        count: args.count,
        received: AtomicU64::new(0),
        flow,
    });
    let settings = wire::listener(args.address, &args.tls)?;
    let listener = Listener::bind(settings, &wire::no_channel()?, &Resources::default())
        .await
        .map_err(|error| Failure::new(Code::Unreachable, error))?;
    say::talk(&format!("ready: listening on {}", listener.address()));
    let serving = listener.run(receiver.clone(), reading);
    tokio::select! {
        () = serving => {}
        _ = tokio::signal::ctrl_c() => {}
        () = count(&receiver) => {}
    }
    say::talk(&format!("{} received", receiver.received.load(Ordering::Relaxed)));
    Ok(())
}

/// Prints how many came, once a second, for as long as any do.
async fn count(receiver: &Receiver) {
    if !receiver.quiet {
        return std::future::pending().await;
    }
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = receiver.received.load(Ordering::Relaxed);
        if now != before {
            say::talk(&format!("{now} received, {} a second", now - before));
        }
        before = now;
    }
}

impl Intake for Receiver {
    fn receive(&self, incoming: Incoming) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let frame = incoming.body;
        let number = self.received.fetch_add(1, Ordering::Relaxed) + 1;
        let nak = self.nak_every.is_some_and(|every| number.is_multiple_of(every));
        let code = if nak { self.nak } else { self.ack };
        if !self.quiet {
            say::data(&line(number, &frame, code));
        }
        if let Some(folder) = &self.save {
            keep(folder, number, &frame);
        }
        let answer = Bytes::from(acknowledge(&frame, code, number));
        let delay = self.delay;
        if self.count == Some(number) {
            self.flow.send_replace(Flow::Close);
        }
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Answer::Reply(answer)
        })
    }

    fn refuse(
        &self,
        incoming: Incoming,
        _: Refusal,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        self.receive(incoming)
    }

    fn fragment(
        &self,
        incoming: Incoming,
        why: BrokenFrame,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        say::talk(&format!("{} bytes that are no frame: {}", incoming.body.len(), why.text()));
        Box::pin(std::future::ready(()))
    }
}

fn line(number: u64, frame: &[u8], code: AckCode) -> String {
    let (kind, id) = match hl7::peek(frame) {
        Ok(peek) => (text(peek.message_type(frame)), text(peek.control_id(frame))),
        Err(_) => ("unreadable".to_owned(), String::new()),
    };
    format!("{number}  {kind}  {id}  {} bytes  {}\n", frame.len(), code.as_str())
}

fn text(bytes: &[u8]) -> String {
    safe(&String::from_utf8_lossy(bytes))
}

fn keep(folder: &Path, number: u64, frame: &[u8]) {
    let file = folder.join(format!("{number:06}.hl7"));
    if let Err(error) = std::fs::write(&file, frame) {
        say::talk(&format!("cannot write `{}`: {error}", file.display()));
    }
}

fn acknowledge(frame: &[u8], code: AckCode, number: u64) -> Vec<u8> {
    let peek = hl7::peek(frame).ok();
    let now = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S%z").to_string();
    let problem = [Problem {
        code: 207,
        text: "refused as asked",
        location: None,
        severity: Severity::Error,
    }];
    let options = AckOptions::default();
    let request = AckRequest {
        received: frame,
        peek: peek.as_ref(),
        code,
        control_id: &format!("L{number}"),
        now: &now,
        problems: if code.is_positive() { &[] } else { &problem },
        options: &options,
    };
    hl7::ack(&request)
}
