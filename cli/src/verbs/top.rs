//! `hilum top`: how everything is, while it changes. In a pipe it is one look.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::{Format, Query};
use crate::exit::{Failure, Outcome};
use crate::say;
use crate::table::span;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// A look that takes longer is no look: the page says since when it is not live.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// Runs the verb.
pub async fn run(args: Query) -> Outcome {
    let api = Api::of(&args.target)?;
    let first = api.get("/api/v1/status").await?;
    let out = std::io::stdout();
    if !matches!(args.target.format, Format::Text) {
        say::data(&format!("{first:#}\n"));
        return Ok(());
    }
    if !out.is_terminal() || !std::io::stdin().is_terminal() {
        say::data(&frame(&View::of(&first), (usize::MAX, usize::MAX)));
        return Ok(());
    }
    let Some(_screen) = Screen::take() else {
        say::data(&frame(&View::of(&first), (usize::MAX, usize::MAX)));
        return Ok(());
    };
    watch(&api, first).await
}

/// Looks each second, until a key or a signal ends it.
async fn watch(api: &Api, first: Value) -> Outcome {
    let mut keys = keys();
    let listen = |kind| {
        signal(kind).map_err(|error| {
            Failure::new(crate::exit::Code::Undecided, format!("cannot listen to signals: {error}"))
        })
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut resized = listen(SignalKind::window_change())?;
    let mut view = View::of(&first);
    let mut looks = tokio::time::interval(LOOK);
    loop {
        draw(&view);
        tokio::select! {
            _ = looks.tick() => match tokio::time::timeout(LOOK_LIMIT, api.get("/api/v1/status")).await {
                Ok(Ok(status)) => view.take(&status),
                Ok(Err(failure)) => view.lost(&failure.sentence),
                Err(_) => view.lost("the engine does not answer"),
            },
            key = keys.recv() => match key {
                Some(b'q' | 3 | 4) | None => return Ok(()),
                Some(b'j' | b'B') => view.scroll = view.scroll.saturating_add(1),
                Some(b'k' | b'A') => view.scroll = view.scroll.saturating_sub(1),
                Some(_) => {}
            },
            _ = resized.recv() => {}
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

/// Keys as they are pressed. The thread that reads them ends with the process.
fn keys() -> mpsc::UnboundedReceiver<u8> {
    let (sender, keys) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut byte = [0];
        while let Ok(1) = rustix::io::read(std::io::stdin().as_fd(), &mut byte) {
            // The letters of an arrow key come behind its escape and bracket, which mean nothing here.
            if sender.send(byte[0]).is_err() {
                return;
            }
        }
    });
    keys
}

/// The terminal, which gets its own screen and is given back as it was, also by a panic.
struct Screen(Termios);

impl Screen {
    fn take() -> Option<Screen> {
        let stdin = std::io::stdin();
        let before = tcgetattr(stdin.as_fd()).ok()?;
        let mut now = before.clone();
        now.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin.as_fd(), OptionalActions::Now, &now).ok()?;
        say::data("\x1b[?1049h\x1b[?25l");
        Some(Screen(before))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        say::data("\x1b[?25h\x1b[?1049l");
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &self.0);
    }
}

fn draw(view: &View) {
    let stdout = std::io::stdout();
    let size = tcgetwinsize(stdout.as_fd()).ok();
    // A terminal that does not know its size says 0.
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let size = size.map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let text = frame(view, size).replace('\n', "\x1b[K\r\n");
    let mut out = stdout.lock();
    let _ = write!(out, "\x1b[H{text}\x1b[J").and_then(|()| out.flush());
}

/// What is shown.
struct View {
    heading: String,
    warnings: Vec<String>,
    rows: Vec<Row>,
    /// When the last look was, of the clock of the day.
    at: String,
    /// Why there is none now.
    lost: Option<String>,
    scroll: usize,
}

/// A channel's source, or a destination.
struct Row {
    sickness: u8,
    name: String,
    state: String,
    depth: i64,
    oldest: String,
    rate: String,
    dead: i64,
    note: String,
}

impl View {
    fn of(status: &Value) -> View {
        let mut view = View {
            heading: String::new(),
            warnings: Vec::new(),
            rows: Vec::new(),
            at: String::new(),
            lost: None,
            scroll: 0,
        };
        view.take(status);
        view
    }

    fn take(&mut self, status: &Value) {
        self.heading = format!(
            "hilum {}  {}  node {}  store {}",
            text(status, "version"),
            text(status, "environment"),
            text(status, "node"),
            text(status, "store")
        );
        let warnings = list(status, "warnings").iter().filter_map(Value::as_str);
        self.warnings = warnings.map(safe).collect();
        self.rows = list(status, "channels").iter().flat_map(rows).collect();
        self.rows.sort_by(|a, b| b.sickness.cmp(&a.sickness).then_with(|| a.name.cmp(&b.name)));
        self.at = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        self.lost = None;
    }

    fn lost(&mut self, why: &str) {
        self.lost = Some(why.lines().next().unwrap_or("").to_owned());
    }
}

fn rows(channel: &Value) -> Vec<Row> {
    let name = text(channel, "name");
    let dispositions = channel.get("dispositions").cloned().unwrap_or_default();
    let state = text(channel, "state");
    let source = Row {
        sickness: if state == "running" { 0 } else { 2 },
        name: name.to_owned(),
        state: state.to_owned(),
        depth: number(channel, "undecided"),
        oldest: String::new(),
        rate: rate(channel, "rate_in_per_minute"),
        dead: number(&dispositions, "failed"),
        note: format!(
            "{} connected, {} received",
            number(channel, "peers"),
            number(channel, "received")
        ),
    };
    let destinations = list(channel, "destinations").iter().map(|one| {
        let state = text(one, "state");
        let error = one.get("last_error").map(|error| text(error, "code")).unwrap_or("");
        let dead = number(one, "dead");
        Row {
            sickness: match state {
                "down" => 4,
                "held" => 3,
                _ if dead > 0 => 1,
                _ => 0,
            },
            name: format!("{name} > {}", text(one, "name")),
            state: state.to_owned(),
            depth: number(one, "queued") + number(one, "waiting") + number(one, "held"),
            oldest: maybe(one, "oldest_age_ms").map(span).unwrap_or_default(),
            rate: rate(one, "rate_out_per_minute"),
            dead,
            note: safe(error),
        }
    });
    std::iter::once(source).chain(destinations).collect()
}

fn rate(one: &Value, name: &str) -> String {
    one.get(name).and_then(Value::as_f64).map(|rate| format!("{rate:.0}")).unwrap_or_default()
}

/// The whole of it in so many columns and lines.
fn frame(view: &View, (columns, lines): (usize, usize)) -> String {
    let live = match &view.lost {
        None => format!("live {}", view.at),
        Some(why) => format!("NOT LIVE since {}: {why}", view.at),
    };
    let mut out = vec![view.heading.clone(), live];
    out.extend(view.warnings.iter().map(|warning| format!("warning: {warning}")));
    out.push(String::new());
    let width =
        view.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(4).clamp(4, 36);
    out.push(line(width, ["NAME", "STATE", "WAITING", "OLDEST", "A MINUTE", "FAILED", "NOTE"]));
    let room = lines.saturating_sub(out.len() + 1).max(1);
    let most = view.rows.len().saturating_sub(room);
    for row in view.rows.iter().skip(view.scroll.min(most)).take(room) {
        let (depth, dead) = (row.depth.to_string(), row.dead.to_string());
        let word = match row.sickness {
            2.. => row.state.to_uppercase(),
            _ => row.state.clone(),
        };
        out.push(line(width, [&row.name, &word, &depth, &row.oldest, &row.rate, &dead, &row.note]));
    }
    if lines != usize::MAX {
        out.truncate(lines.saturating_sub(1));
        out.push("q ends, j and k scroll".to_owned());
    }
    let cut = |line: &String| line.chars().take(columns).collect::<String>().trim_end().to_owned();
    let text = out.iter().map(cut).collect::<Vec<_>>().join("\n");
    if lines == usize::MAX { text + "\n" } else { text }
}

fn line(width: usize, [name, state, depth, oldest, rate, dead, note]: [&str; 7]) -> String {
    let name: String = name.chars().take(width).collect();
    format!("{name:<width$} {state:<8} {depth:>7} {oldest:>11} {rate:>8} {dead:>6}  {note}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_sick_come_first_and_nothing_is_wider_than_the_terminal() {
        let status = json!({ "environment": "test", "node": "n", "store": "sqlite", "version": "1", "warnings": ["w"], "channels": [{
            "name": "adt", "state": "running", "peers": 2, "received": 7, "dispositions": { "failed": 1 },
            "destinations": [
                { "name": "lab", "state": "running", "queued": 0, "dead": 0 },
                { "name": "registry", "state": "down", "queued": 12, "waiting": 1, "oldest_age_ms": 61_000, "dead": 3, "last_error": { "code": "refused" } },
            ],
        }] });
        let mut view = View::of(&status);
        let text = frame(&view, (80, 24));
        let rows: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("NAME")).collect();
        assert!(rows[1].starts_with("adt > registry DOWN"), "{text}");
        assert!(rows[1].contains("13   1 min 1 s") && rows[1].ends_with("refused"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        view.lost("no engine answers");
        assert!(frame(&view, (80, 24)).contains("NOT LIVE since"));
        assert_eq!(frame(&view, (80, 8)).lines().count(), 8);
    }
}
