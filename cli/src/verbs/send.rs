//! `hilum send`: HL7 files over MLLP, one message in flight a connection.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use connectors::mllp::{Client, NoAnswer};
use hl7::AckCode;
use hl7::batch::PartKind;
use net::{Dialer, Target};
use serde_json::json;
use tokio::task::JoinSet;

use crate::answer::safe;
use crate::args::{Format, Send};
use crate::exit::{Code, Failure, Outcome};
use crate::load::{self, Source};
use crate::say;
use crate::table::Table;
use crate::wire;

/// What all connections share.
struct Job {
    sources: Vec<Source>,
    count: u64,
    /// Messages get control ids of their own.
    repeated: bool,
    /// Makes control ids differ from those of other runs.
    run: String,
    next: AtomicU64,
    done: AtomicU64,
    /// Time between two messages of one connection.
    pace: Option<Duration>,
    timeout: Duration,
    print: bool,
}

/// What one connection saw.
#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
    unanswered: u64,
    latencies: Vec<Duration>,
    rows: Vec<(u64, Vec<String>)>,
}

/// Runs the verb.
pub async fn run(args: Send) -> Outcome {
    let target = wire::target(&args.address, &args.tls)?;
    let connections = args.connections.clamp(1, 10_000);
    let job = Arc::new(job(&args, connections)?);
    let first = connect(&target, args.timeout).await?;
    let started = Instant::now();
    let mut senders = JoinSet::new();
    let mut opened = Some(first);
    for _ in 0..connections {
        senders.spawn(send(Arc::clone(&job), target.clone(), opened.take()));
    }
    let progress = progress(&job);
    let mut tally = Tally::default();
    while let Some(one) = senders.join_next().await {
        if let Ok(one) = one {
            tally.add(one);
        }
    }
    if let Some(progress) = progress {
        progress.abort();
    }
    report(&args, tally, started.elapsed(), job.count)
}

fn job(args: &Send, connections: usize) -> Result<Job, Failure> {
    let sources = load::read(&args.files, args.whole)?;
    let files = u64::try_from(sources.len()).unwrap_or(u64::MAX);
    let pace = match args.rate {
        Some(rate) if rate > 0.0 => Some(Duration::from_secs_f64(connections as f64 / rate)),
        Some(_) => return Err(Failure::new(Code::Usage, "`--rate` must be above 0")),
        None => None,
    };
    let run = format!("{:X}", jiff::Timestamp::now().as_millisecond() & 0xFFFF_FFFF);
    Ok(Job {
        sources,
        count: args.count.unwrap_or(files),
        repeated: args.count.is_some(),
        run,
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        pace,
        timeout: Duration::from_secs(args.timeout.max(1)),
        print: !args.quiet && args.format == Format::Text,
    })
}

async fn connect(target: &Target, timeout: u64) -> Result<Client, Failure> {
    let dialer = Dialer::default();
    let dialing = Client::connect(&dialer, target);
    match tokio::time::timeout(Duration::from_secs(timeout.max(1)), dialing).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(Failure::new(Code::Unreachable, error)),
        Err(_) => Err(Failure::new(Code::Unreachable, format!("`{target}` does not answer"))),
    }
}

/// Counts on a terminal; says nothing in a pipe.
fn progress(job: &Arc<Job>) -> Option<tokio::task::JoinHandle<()>> {
    if job.print && !job.repeated || !std::io::stderr().is_terminal() {
        return None;
    }
    let job = Arc::clone(job);
    Some(tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            say::talk(&format!("{} of {}", job.done.load(Ordering::Relaxed), job.count));
        }
    }))
}

async fn send(job: Arc<Job>, target: Target, mut client: Option<Client>) -> Tally {
    let mut tally = Tally::default();
    let mut out = Vec::new();
    let mut due = tokio::time::Instant::now();
    loop {
        let number = job.next.fetch_add(1, Ordering::Relaxed);
        if number >= job.count {
            return tally;
        }
        let index = usize::try_from(number).unwrap_or(0) % job.sources.len().max(1);
        let Some(source) = job.sources.get(index) else { return tally };
        let id = match job.repeated {
            true => {
                let id = format!("{}-{number}", job.run);
                source.template.with_control_id(&id, &mut out);
                id
            }
            false => {
                out.clear();
                out.extend_from_slice(source.template.as_is());
                String::from_utf8_lossy(source.template.control_id()).into_owned()
            }
        };
        if let Some(pace) = job.pace {
            tokio::time::sleep_until(due).await;
            due += pace;
        }
        let started = Instant::now();
        let answer = exchange(&mut client, &target, &out, job.timeout).await;
        let took = started.elapsed();
        job.done.fetch_add(1, Ordering::Relaxed);
        tally.count(&answer, took);
        if job.print && (!job.repeated || !answer.accepted()) {
            tally.rows.push((number, row(source, &id, &answer, took)));
        }
    }
}

/// What came back for one message.
enum Answer {
    Reply { code: String, text: String, accepted: bool },
    None(String),
}

impl Answer {
    fn accepted(&self) -> bool {
        matches!(self, Answer::Reply { accepted: true, .. })
    }
}

async fn exchange(
    client: &mut Option<Client>,
    target: &Target,
    body: &[u8],
    timeout: Duration,
) -> Answer {
    let exchange = async {
        if client.is_none() {
            match Client::connect(&Dialer::default(), target).await {
                Ok(fresh) => *client = Some(fresh),
                Err(error) => return Err(error.to_string()),
            }
        }
        let Some(open) = client.as_mut() else { return Err("not connected".to_owned()) };
        open.send(body).await.map_err(|error| error.to_string())?;
        open.answer().await.map_err(|none| no_answer(&none))
    };
    let answer = tokio::time::timeout(timeout, exchange).await;
    match answer {
        Ok(Ok(bytes)) => reply(&bytes),
        Ok(Err(problem)) => {
            *client = None;
            Answer::None(problem)
        }
        Err(_) => {
            *client = None;
            Answer::None("no answer in time".to_owned())
        }
    }
}

fn reply(bytes: &[u8]) -> Answer {
    if hl7::is_batch(bytes) {
        return batch_reply(bytes);
    }
    match hl7::read_reply(bytes) {
        Some(reply) => Answer::Reply {
            code: reply.code.map_or_else(|| "?".to_owned(), |code| code.as_str().to_owned()),
            text: String::from_utf8_lossy(&reply.text).into_owned(),
            accepted: reply.code.is_some_and(|code| code.is_positive()),
        },
        None => Answer::None("the answer is no acknowledgement".to_owned()),
    }
}

/// A batch of acknowledgements; one without any says that everything was accepted.
fn batch_reply(bytes: &[u8]) -> Answer {
    let replies: Vec<Option<AckCode>> = hl7::batch::parts(bytes)
        .filter(|part| part.kind == PartKind::Message)
        .map(|part| hl7::read_reply(bytes.get(part.range)?)?.code)
        .collect();
    let is_positive = |code: &&Option<AckCode>| code.is_some_and(AckCode::is_positive);
    let positive = replies.iter().filter(is_positive).count();
    let refused = replies.iter().find(|code| !is_positive(code));
    let code = refused.map_or(Some(AckCode::AA), |code| *code);
    Answer::Reply {
        code: code.map_or_else(|| "?".to_owned(), |code| code.to_string()),
        text: format!("a batch: {positive} of {} acknowledgements accept", replies.len()),
        accepted: refused.is_none(),
    }
}

fn no_answer(none: &NoAnswer) -> String {
    match none {
        NoAnswer::Closed => "closed without an answer".to_owned(),
        NoAnswer::Reset(error) => format!("reset: {error}"),
        NoAnswer::Cut(_) => "closed in the middle of the answer".to_owned(),
        NoAnswer::Garbage(_) => "the answer is not MLLP".to_owned(),
    }
}

fn row(source: &Source, id: &str, answer: &Answer, took: Duration) -> Vec<String> {
    let (code, text) = match answer {
        Answer::Reply { code, text, .. } => (code.clone(), text.clone()),
        Answer::None(problem) => ("-".to_owned(), problem.clone()),
    };
    vec![
        source.name.clone(),
        safe(id),
        code,
        format!("{:.1}", took.as_secs_f64() * 1e3),
        safe(&text),
    ]
}

impl Tally {
    fn count(&mut self, answer: &Answer, took: Duration) {
        match answer {
            Answer::Reply { accepted: true, .. } => self.accepted += 1,
            Answer::Reply { accepted: false, .. } => self.refused += 1,
            Answer::None(_) => self.unanswered += 1,
        }
        self.latencies.push(took);
    }

    fn add(&mut self, other: Tally) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.latencies.extend(other.latencies);
        self.rows.extend(other.rows);
    }

    /// A latency in milliseconds, at this share of all.
    fn percentile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }
}

fn report(args: &Send, mut tally: Tally, took: Duration, count: u64) -> Outcome {
    tally.latencies.sort_unstable();
    tally.rows.sort();
    let rate = tally.latencies.len() as f64 / took.as_secs_f64().max(1e-9);
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| tally.percentile(share));
    match args.format {
        Format::Json => say::data(&format!(
            "{:#}\n",
            json!({
                "sent": count, "accepted": tally.accepted, "refused": tally.refused, "unanswered": tally.unanswered,
                "seconds": took.as_secs_f64(), "per_second": rate, "p50_ms": p50, "p99_ms": p99, "max_ms": max,
            })
        )),
        Format::Text => {
            if !tally.rows.is_empty() {
                let mut table = Table::new(&["FILE", "CONTROL ID", "ACK", "#MS", "TEXT"]);
                tally.rows.drain(..).for_each(|(_, row)| table.row(row));
                say::data(&table.render());
            }
            say::data(&format!(
                "{count} sent, {} accepted, {} refused, {} unanswered in {:.3} s: {rate:.0} messages/s, \
                 latency p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms\n",
                tally.accepted,
                tally.refused,
                tally.unanswered,
                took.as_secs_f64(),
            ));
        }
    }
    if tally.refused + tally.unanswered == 0 {
        Ok(())
    } else {
        Err(Failure::silent(Code::Problems))
    }
}
