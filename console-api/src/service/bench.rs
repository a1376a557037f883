//! Services of the test bench: a message through a channel's text with nothing stored and nothing sent, and what is written from there.

use std::time::SystemTime;

use auth::{Permission, Permit, grants};
use channel::DryRun;
use config::{Diagnostics, Name};
use deidentify::{Deidentifier, Key, Options, Rules, TextRule, copy_file};
use engine::site::ChannelPlan;
use engine::{ChannelTexts, EditError};
use jiff::Timestamp;

use super::{LookAt, Service, Why, reason_needed};
use crate::problem::Problem;
use crate::routes::Call;

/// What is run, by what.
pub struct Bench {
    /// The channel.
    pub channel: Name,
    /// Its text; the one in force when it is left out.
    pub text: Option<String>,
    /// The message.
    pub message: BenchMessage,
}

/// Where a message of the bench is from.
pub enum BenchMessage {
    /// It was given.
    Bytes(Vec<u8>),
    /// It is in the store; looking at it is recorded.
    Stored(LookAt),
}

/// What came of it.
pub struct Benched {
    /// What is wrong with the text.
    pub problems: Diagnostics,
    /// The message, and what came of it; nothing when the text has errors.
    pub run: Option<(Vec<u8>, DryRun)>,
    /// Destinations that this engine's profile leaves out.
    pub elsewhere: Vec<Name>,
}

impl Service {
    /// Runs a message through a channel's text. Nothing is stored and nothing is sent.
    pub async fn bench(
        &self,
        call: &Call<grants::ChannelRead>,
        bench: Bench,
        why: &Why,
    ) -> Result<Benched, Problem> {
        let Bench { channel, text, message } = bench;
        let (plan, problems) = self.bench_plan(&call.permit, &channel, text)?;
        let bytes = match message {
            BenchMessage::Bytes(bytes) => bytes,
            BenchMessage::Stored(look) => {
                let permit = call.session.permit::<grants::MessageBody>();
                let permit = permit.ok_or_else(|| Problem::denied(Permission::MessageBody))?;
                self.look_at(&permit, &look, why).await?
            }
        };
        let Some(plan) = plan else {
            return Ok(Benched { problems, run: None, elsewhere: Vec::new() });
        };
        let profile = self.engine.profile();
        let absent = plan.destinations.iter().filter(|one| !one.is_for(profile));
        let elsewhere = absent.map(|one| one.name.clone()).collect();
        let run = tokio::task::spawn_blocking(move || {
            let run = plan.dry_run(&bytes);
            (bytes, run)
        });
        let run = run.await.map_err(|_| Problem::conflict("failed", "the run broke off"))?;
        Ok(Benched { problems, run: Some(run), elsewhere })
    }

    fn bench_plan(
        &self,
        permit: &Permit<grants::ChannelRead>,
        channel: &Name,
        text: Option<String>,
    ) -> Result<(Option<ChannelPlan>, Diagnostics), Problem> {
        match text {
            Some(text) => Ok(self.engine.compile_text(permit.scope(), channel, text)?),
            None => {
                let plan = self.engine.running_plan(permit.scope(), channel);
                Ok((Some(plan.ok_or_else(|| Problem::absent("channel"))?), Diagnostics::new()))
            }
        }
    }

    /// Whether the site's files may be written over the admin API.
    pub fn allows_edits(&self) -> bool {
        self.engine.allows_edits()
    }

    /// What runs of a channel, and what its file says.
    pub fn channel_texts(
        &self,
        permit: &Permit<grants::ChannelRead>,
        channel: &Name,
    ) -> Result<ChannelTexts, Problem> {
        Ok(self.engine.channel_texts(permit.scope(), channel)?)
    }

    /// Writes a channel's file, where the site allows it; gives the hash of its text. Recorded. What runs stays as it is.
    pub async fn edit_channel(
        &self,
        permit: &Permit<grants::ChannelApply>,
        (channel, text): (&Name, &str),
        expected: Option<&str>,
        why: &Why,
    ) -> Result<String, Problem> {
        let act = self.act(permit, "channel.edit", &reason_needed(why)?);
        let edit = self.engine.edit_channel(permit.scope(), &act, (channel, text), expected);
        Ok(edit.await?)
    }

    /// Writes a test beside a channel out of a message, without the people in it, where the site allows it. Recorded.
    pub async fn save_test(
        &self,
        call: &Call<grants::ChannelApply>,
        (channel, name): (&Name, &Name),
        message: BenchMessage,
        why: &Why,
    ) -> Result<(String, Vec<String>), Problem> {
        let permit = &call.permit;
        let act = self.act(permit, "channel.test.add", &reason_needed(why)?);
        let plan = self.engine.running_plan(permit.scope(), channel);
        let plan = plan.ok_or_else(|| Problem::absent("channel"))?;
        let bytes = match message {
            BenchMessage::Bytes(bytes) => bytes,
            BenchMessage::Stored(look) => {
                let seen = call.session.permit::<grants::MessageBody>();
                let seen = seen.ok_or_else(|| Problem::denied(Permission::MessageBody))?;
                self.look_at(&seen, &look, why).await?
            }
        };
        let files = tokio::task::spawn_blocking(move || test_files(&plan, &bytes)).await;
        let files = files.map_err(|_| Problem::conflict("failed", "the run broke off"))??;
        let save = self.engine.save_test(permit.scope(), &act, (channel, name), &files);
        let folder = save.await?;
        Ok((folder, files.into_iter().map(|(file, _)| file).collect()))
    }
}

/// The files of a test: the message without the people in it, and what comes of it now.
fn test_files(plan: &ChannelPlan, bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let options = Options { today, text: TextRule::Replace, rules: Rules::default() };
    let copy = copy_file(&Deidentifier::new(Key::random(), options), bytes);
    if copy.copied != 1 || !copy.refused.is_empty() {
        let why = copy.refused.first().map_or_else(String::new, |one| format!(": {}", one.reason));
        let title = format!("the message cannot be copied without the people in it{why}");
        return Err(Problem::conflict("refused", title)
            .hint("`hilum make-test --rules FILE` empties or replaces the field that would give somebody away"));
    }
    let mut files = channel::kept(&plan.dry_run(&copy.bytes));
    files.push(("in.hl7".to_owned(), copy.bytes));
    Ok(files)
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Problem {
        let sentence = error.to_string();
        match error {
            EditError::NotAllowed => Problem::conflict("edits", sentence).hint(
                "`edits = \"files\"` in `[api]` of `server.toml` allows it from the next start on",
            ),
            EditError::NoChannel(_) => Problem::absent("channel"),
            EditError::Overtaken { is, .. } => {
                let is = is.unwrap_or_else(|| "nothing".to_owned());
                Problem::conflict("overtaken", sentence)
                    .detail(is)
                    .hint("nothing was written; read the file again and change that")
            }
            EditError::Refused(text) => {
                Problem::conflict("broken", "nothing was written").detail(text)
            }
            EditError::File { .. } => {
                Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "file", sentence)
            }
            EditError::Store(error) => error.into(),
        }
    }
}
