//! The tests beside a channel, run as the engine would run their messages.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::channel::{
    DryRun, Expected, ExpectedOutcome, Mismatch, OUTCOME_FIELDS, TestCase, compare, dry_run,
};
use config::site::TestFolder;
use config::{Diagnostics, Scope, Section, Severity, parse_toml};

use super::ChannelPlan;
use crate::budget::{Deadline, IN_ALL};

/// What came of one test.
pub struct Tested {
    /// The test's folder.
    pub name: String,
    /// Where that is.
    pub path: PathBuf,
    /// What was not as expected; nothing when the test has passed.
    pub mismatches: Vec<Mismatch>,
    /// The test itself is odd: no message, or an `outcome.toml` that cannot be read.
    pub problem: Option<String>,
    /// What came of its message.
    pub run: Option<DryRun>,
    /// How long that took.
    pub took: Duration,
}

impl Tested {
    /// Whether all was as expected.
    pub fn passed(&self) -> bool {
        self.problem.is_none() && self.mismatches.is_empty()
    }
}

impl ChannelPlan {
    /// Runs a message through without storing or sending anything, within the time that the engine has for one.
    pub fn dry_run(&self, received: &[u8]) -> DryRun {
        dry_run(&self.channel, received, &Deadline::within(IN_ALL))
    }
}

/// Runs all tests of a channel.
///
/// # Errors
/// When its folder cannot be read.
pub fn test(root: &Path, plan: &ChannelPlan) -> std::io::Result<Vec<Tested>> {
    let folders = config::site::test_folders(root, &plan.file.name)?;
    Ok(folders.into_iter().map(|folder| one(plan, folder)).collect())
}

fn one(plan: &ChannelPlan, folder: TestFolder) -> Tested {
    let mut tested = Tested {
        name: folder.name.clone(),
        path: folder.path.clone(),
        mismatches: Vec::new(),
        problem: None,
        run: None,
        took: Duration::ZERO,
    };
    match case(folder) {
        Ok(case) => {
            let begun = std::time::Instant::now();
            let run = plan.dry_run(&case.input);
            tested.took = begun.elapsed();
            tested.mismatches = compare(&plan.channel, &case, &run);
            tested.run = Some(run);
        }
        Err(problem) => tested.problem = Some(problem),
    }
    tested
}

fn case(folder: TestFolder) -> Result<TestCase, String> {
    let (mut input, mut outcome, mut expected) = (None, None, Vec::new());
    for (file, bytes) in folder.files {
        if file == "outcome.toml" {
            outcome = Some(read_outcome(bytes)?);
        } else if file.split('.').next() == Some("in") {
            if input.is_some() {
                return Err("two files are called `in`".to_owned());
            }
            input = Some(bytes);
        } else {
            expected.push(Expected { file, bytes });
        }
    }
    let input = input.ok_or("there is no `in.hl7`, the message that is received")?;
    Ok(TestCase { input, expected, outcome })
}

fn read_outcome(bytes: Vec<u8>) -> Result<ExpectedOutcome, String> {
    let text = String::from_utf8(bytes).map_err(|_| "`outcome.toml` is not UTF-8")?;
    let mut diagnostics = Diagnostics::new();
    let root = parse_toml(&mut diagnostics, "outcome.toml", text);
    let outcome = root.map(|root| {
        let section = Section::read(&root, &[OUTCOME_FIELDS], &Scope::none(), &mut diagnostics);
        ExpectedOutcome::read(&section)
    });
    let odd = diagnostics.sorted().into_iter().any(|one| one.severity() == Severity::Error);
    match outcome {
        Some(outcome) if !odd => Ok(outcome),
        _ => Err(diagnostics.render(false)),
    }
}
