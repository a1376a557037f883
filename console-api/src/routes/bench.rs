//! Routes of the test bench and of channel files.

use auth::grants::{ChannelApply, ChannelRead};
use axum::Json;
use channel::{DryOutput, DryRun, Fate};
use config::Name;
use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::look::message_id;
use super::page::differing;
use super::table::{Answer, Call, Route};
use super::{maybe_name, name};
use crate::json as shape;
use crate::problem::Problem;
use crate::service::{Bench, BenchMessage, Benched, LookAt, Service, Why, differing_of};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/bench/run",
            "Runs a message through a channel's text: what each step does, what would go where, and what the sender would get. Nothing is stored or sent. A message of the store needs `message.body`, and is recorded.",
            run,
        ),
        Route::post(
            "/api/v1/bench/save",
            "Writes a test beside a channel out of a message, without the people in it, where the site allows it (`edits`). Recorded.",
            save,
        ),
        Route::post(
            "/api/v1/channels/file",
            "What runs of a channel, and what its file says.",
            file,
        ),
        Route::post(
            "/api/v1/channels/edit",
            "Writes a channel's file, where the site allows it (`edits`), after a check. Recorded; what runs stays as it is until it is applied.",
            edit,
        ),
    ]
}

/// A message: as text with lines that end in any way, as bytes in base64, or one of the store.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    text: Option<String>,
    base64: Option<String>,
    id: Option<String>,
    destination: Option<String>,
    part: Option<u32>,
}

impl Given {
    fn message(self) -> Result<BenchMessage, Problem> {
        match (self.text, self.base64, self.id) {
            (Some(text), None, None) => Ok(BenchMessage::Bytes(with_returns(&text).into_bytes())),
            (None, Some(base64), None) => BASE64
                .decode(base64.as_bytes())
                .map(BenchMessage::Bytes)
                .map_err(|_| Problem::invalid("`base64` is no base64")),
            (None, None, Some(id)) => Ok(BenchMessage::Stored(LookAt {
                message: message_id(&id)?,
                destination: maybe_name(self.destination.as_deref(), "destination")?,
                part: self.part.unwrap_or(1),
            })),
            _ => Err(Problem::invalid("`message` has one of `text`, `base64` and `id`")),
        }
    }
}

/// Forms send lines that end with CR and LF; segments end with CR.
fn with_returns(text: &str) -> String {
    text.replace("\r\n", "\r").replace('\n', "\r")
}

/// What is run, by what; `text` is that of a channel file, the one in force when it is left out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunAsked {
    channel: String,
    text: Option<String>,
    message: Given,
    reason: Option<String>,
}

async fn run(service: Service, call: Call<ChannelRead>, asked: RunAsked) -> Answer {
    let bench = Bench {
        channel: name(&asked.channel, "channel")?,
        text: asked.text,
        message: asked.message.message()?,
    };
    let done = service.bench(&call, bench, &Why::because(asked.reason)).await?;
    let shown = tokio::task::spawn_blocking(move || benched(&done)).await;
    shown.map(Json).map_err(|_| Problem::conflict("failed", "what came of it cannot be shown"))
}

fn benched(done: &Benched) -> Value {
    let mut shown = done.problems.to_json();
    let Some((input, run)) = &done.run else {
        shown["run"] = Value::Null;
        return shown;
    };
    let outputs: Vec<Value> =
        run.outputs.iter().map(|one| output(one, input, &done.elsewhere)).collect();
    shown["run"] = json!({
        "disposition": run.fate.as_str(),
        "step": run.fate.step().map(|step| step.number),
        "line": run.fate.step().map(|step| step.line),
        "reason": reason(run),
        "error": match &run.fate {
            Fate::Failed(failure) => Some(failure.text.expose_phi().clone()),
            _ => None,
        },
        "ack": run.ack,
        "outputs": outputs,
        "steps": run.notes.iter().map(shape::step_note).collect::<Vec<_>>(),
    });
    shown
}

fn reason(run: &DryRun) -> Option<String> {
    match &run.fate {
        Fate::Rejected(reason) => Some((*reason).to_owned()),
        Fate::Failed(failure) => Some(failure.code.to_string()),
        Fate::Filtered(step) => Some(step.to_string()),
        Fate::Routed | Fate::Unrouted | Fate::Acknowledgement | Fate::OutOfTime => None,
    }
}

fn output(output: &DryOutput, input: &[u8], elsewhere: &[Name]) -> Value {
    let mut shown = shape::body(&output.bytes);
    let differences = differing(&differing_of(input, &output.bytes));
    let keys = output.order_keys.iter().map(|key| String::from_utf8_lossy(key).into_owned());
    shown["destination"] = json!(output.destination.as_str());
    shown["part"] = json!(output.part);
    shown["other_profile"] = json!(elsewhere.contains(&output.destination));
    shown["order_keys"] = json!(keys.collect::<Vec<_>>());
    shown["error"] = json!(output.failure.as_ref().map(|failure| failure.text.expose_phi()));
    shown["differences"] = differences["differences"].clone();
    shown
}

/// What becomes a test, and how it is called.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Save {
    channel: String,
    name: String,
    message: Given,
    reason: Option<String>,
}

async fn save(service: Service, call: Call<ChannelApply>, save: Save) -> Answer {
    let channel = name(&save.channel, "channel")?;
    let test = Name::new(&save.name)
        .map_err(|_| Problem::invalid("`name` is a name such as `admission`"))?;
    let (message, why) = (save.message.message()?, Why::because(save.reason));
    let (folder, files) = service.save_test(&call, (&channel, &test), message, &why).await?;
    Ok(Json(json!({ "folder": folder, "files": files })))
}

/// Which channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    channel: String,
}

async fn file(service: Service, call: Call<ChannelRead>, which: Which) -> Answer {
    let texts = service.channel_texts(&call.permit, &name(&which.channel, "channel")?)?;
    let (running, revision) = texts.running.unzip();
    let (file, hash) = texts.file.unzip();
    Ok(Json(json!({
        "channel": which.channel,
        "running": running,
        "revision": revision,
        "file": file,
        "hash": hash,
        "differs": running != file,
        "edits": service.allows_edits(),
    })))
}

/// What a channel's file is to say; `expected_hash` is that of the text it was made from, none for a new file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    channel: String,
    text: String,
    expected_hash: Option<String>,
    reason: Option<String>,
}

async fn edit(service: Service, call: Call<ChannelApply>, edit: Edit) -> Answer {
    let channel = name(&edit.channel, "channel")?;
    let (expected, why) = (edit.expected_hash.as_deref(), Why::because(edit.reason));
    let edited = service.edit_channel(&call.permit, (&channel, &edit.text), expected, &why);
    Ok(Json(json!({ "channel": channel.as_str(), "hash": edited.await? })))
}
