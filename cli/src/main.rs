//! `hilum`, the one binary: arguments in, sentences and exit codes out.

mod answer;
mod api;
mod args;
mod begun;
mod capsule;
mod exit;
mod load;
mod private_file;
mod prompt;
mod say;
mod table;
mod token;
mod verbs;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};
use exit::{Code, Failure, Outcome};
use verbs::control::Act;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is a usage error with its own code.
            let usage = error.use_stderr();
            let _ = error.print();
            return if usage { ExitCode::from(Code::Usage as u8) } else { ExitCode::SUCCESS };
        }
    };
    match run(cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.sentence.is_empty() {
                say::talk(&format!("error: {}", failure.sentence));
            }
            if let Some(hint) = &failure.hint {
                say::talk(&format!("hint: {hint}"));
            }
            ExitCode::from(failure.code as u8)
        }
    }
}

fn run(verb: Verb) -> Outcome {
    match verb {
        Verb::Check(args) => verbs::check::run(&args),
        Verb::Doctor(args) => wait(false, verbs::doctor::run(args)),
        Verb::Schema(args) => verbs::schema::run(&args),
        Verb::Explain(args) => verbs::explain::run(&args),
        Verb::View(args) => verbs::view::run(&args),
        Verb::Init(args) => verbs::init::run(&args),
        Verb::Import(args) => verbs::import::run(&args),
        Verb::Fmt(args) => verbs::fmt::run(&args),
        Verb::Promote(args) => verbs::promote::run(&args),
        Verb::MakeTest(args) => wait(false, verbs::make_test::run(args)),
        Verb::Test(args) => verbs::test::run(&args),
        Verb::Run(args) => verbs::run::run(&args),
        Verb::Deidentify(args) => wait(false, verbs::deidentify::run(args)),
        Verb::Serve(args) => wait(true, verbs::serve::run(args)),
        Verb::Send(args) => wait(true, verbs::send::run(args)),
        Verb::Listen(args) => wait(true, verbs::listen::run(args)),
        Verb::Top(args) => wait(false, verbs::top::run(args)),
        Verb::Status(args) => wait(false, verbs::status::run(args)),
        Verb::Scan(args) => wait(false, verbs::messages::scan(args)),
        Verb::Find(args) => wait(false, verbs::messages::find(args)),
        Verb::Messages(args) => wait(false, verbs::messages::run(args)),
        Verb::Views(args) => wait(false, verbs::views::run(args)),
        Verb::Message(args) => wait(false, verbs::message::run(args)),
        Verb::Dead(args) => wait(false, verbs::dead::list_groups(args)),
        Verb::Replay(args) => wait(false, verbs::dead::replay(args)),
        Verb::Discard(args) => wait(false, verbs::dead::discard(args)),
        Verb::Hold(args) => wait(false, verbs::control::run(args, Act::Hold)),
        Verb::Resume(args) => wait(false, verbs::control::run(args, Act::Resume)),
        Verb::Retry(args) => wait(false, verbs::control::run(args, Act::Retry)),
        Verb::Queue(args) => wait(false, verbs::control::queue(args)),
        Verb::Skip(args) => wait(false, verbs::control::skip(args)),
        Verb::Source(args) => wait(false, verbs::control::source(args)),
        Verb::Edit(args) => wait(false, verbs::edit::run(args)),
        Verb::Job(args) => wait(false, verbs::job::run(args)),
        Verb::Ca(args) => wait(false, verbs::ca::run(args)),
        Verb::Peer(args) => wait(false, verbs::peer::run(args)),
        Verb::Setup(args) => wait(false, verbs::account::setup(args)),
        Verb::Login(args) => wait(false, verbs::account::login(args)),
        Verb::Logout(args) => wait(false, verbs::account::logout(args)),
        Verb::Whoami(args) => wait(false, verbs::account::whoami(args)),
        Verb::Password(args) => wait(false, verbs::account::password(args)),
        Verb::SecondFactor(args) => wait(false, verbs::account::second_factor(args)),
        Verb::User(args) => wait(false, verbs::people::user(args)),
        Verb::Role(args) => wait(false, verbs::people::role(args)),
        Verb::Session(args) => wait(false, verbs::people::session(args)),
        Verb::Token(args) => wait(false, verbs::token::run(args)),
        Verb::Audit(args) => wait(false, verbs::audit::run(args)),
        Verb::Approval(args) => wait(false, verbs::approval::run(args)),
        Verb::BreakGlass(args) => wait(false, verbs::break_glass::run(args)),
        Verb::Security(args) => wait(false, verbs::security::run(args)),
        Verb::Alert(args) => wait(false, verbs::alert::run(args)),
        Verb::Store(args) => wait(false, verbs::store::run(args)),
        Verb::Retention(args) => wait(false, verbs::retention::run(args)),
        Verb::Keys(args) => wait(false, verbs::keys::run(args)),
        Verb::Backup(args) => wait(false, verbs::backup::run(args)),
        Verb::Restore(args) => wait(false, verbs::backup::restore(args)),
        Verb::TestConnection(args) => wait(false, verbs::test_connection::run(args)),
        Verb::Apply(args) => wait(false, verbs::apply::run(args)),
        Verb::Diff(args) => wait(false, verbs::revisions::diff(args)),
        Verb::Revisions(args) => wait(false, verbs::revisions::list_revisions(args)),
        Verb::Revert(args) => wait(false, verbs::revisions::revert(args)),
    }
}

/// Runs an asynchronous verb; what serves many connections gets all cores.
fn wait(busy: bool, verb: impl Future<Output = Outcome>) -> Outcome {
    let runtime = match busy {
        true => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
        false => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    };
    match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(verb);
            // What still runs belongs to no message: everything that matters has ended before.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure::new(Code::Undecided, format!("cannot start: {error}"))),
    }
}
