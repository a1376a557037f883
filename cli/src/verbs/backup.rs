//! `hilum backup` and `hilum restore`.

use std::io::BufRead;
use std::path::Path;

use config::{Diagnostics, Paths, Server, SiteFiles, StoreUrl};
use engine::Clock;
use serde_json::{Value, json};
use store::{
    BackupSummary, Drill, OpenError, RestoreError, RestoreTo, UnreadableBackup, check_backup,
    drill, extract_backup, read_archive, restore as put_back,
};

use crate::answer::{number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::backups::{
    Backup, BackupVerb, CreateBackup, ExtractBackup, Restore, VerifyBackup,
};
use crate::begun::{Known, ended};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::time;

/// Runs the verb.
pub async fn run(args: Backup) -> Outcome {
    match args.verb {
        BackupVerb::Create(args) => create(&args).await,
        BackupVerb::Verify(args) => verify(&args).await,
        BackupVerb::Extract(args) => extract(&args),
    }
}

async fn create(args: &CreateBackup) -> Outcome {
    let api = Api::of(&args.target)?;
    let begun = api.post("/api/v1/backups/create", &json!({ "reason": args.reason })).await?;
    let begun_us = number(&begun, "begun_us");
    let known = Known { path: "/api/v1/backups", last: "/last", running: "/running_us" };
    let last = ended(&api, &known, begun_us, |_| {}).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{last:#}\n")),
        Format::Text => say::data(&made(&last)),
    }
    Ok(())
}

fn made(last: &Value) -> String {
    format!(
        "{} rows, {} of them audit records, are in {}\nSHA-256 {}\n",
        number(last, "rows"),
        number(last, "audit"),
        safe(text(last, "file")),
        text(last, "sha256"),
    )
}

/// The backup as it was before it was packed and sealed.
fn open(file: &Path, identity: &Path) -> Result<impl BufRead + use<>, Failure> {
    read_archive(file, identity).map_err(|error| {
        Failure::new(Code::Undecided, format!("`{}` cannot be opened: {error}", file.display()))
    })
}

async fn verify(args: &VerifyBackup) -> Outcome {
    let Some(site) = &args.site else {
        let mut progress = say::Progress::new("reading");
        let summary =
            check_backup(open(&args.file, &args.identity)?, |rows| progress.show(rows, 0));
        drop(progress);
        say::data(&page(&summary.map_err(broken)?));
        return Ok(());
    };
    let (server, paths) = site_of(site, args.data.as_deref())?;
    let folder = std::env::temp_dir().join(format!("hilum-drill-{}", std::process::id()));
    let tried = try_out(args, (&server, &paths), &folder).await;
    let removed = std::fs::remove_dir_all(&folder);
    let drill = tried?;
    if let Err(error) = removed {
        say::talk(&format!("`{}` could not be removed: {}", folder.display(), error.kind()));
    }
    say::data(&page(&drill.summary));
    conclude(&drill)
}

/// Puts it back into a folder that is made for that.
async fn try_out(
    args: &VerifyBackup,
    (server, paths): (&Server, &Paths),
    folder: &Path,
) -> Result<Drill, Failure> {
    let url = StoreUrl::Sqlite(folder.join("hilum.db"));
    make_folder(folder)?;
    let to = RestoreTo { url: &url, data_dir: folder, anchor: None, ..place(server, paths) };
    drill(open(&args.file, &args.identity)?, &to, |_| {}).await.map_err(refused)
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        Failure::new(Code::Undecided, format!("`{}`: {}", folder.display(), error.kind()))
    })
}

fn conclude(drill: &Drill) -> Outcome {
    let Drill { audit, bodies, took, .. } = drill;
    say::data(&format!(
        "put back and opened in {:.1} s; {bodies} of the newest messages open\n",
        took.as_secs_f64()
    ));
    match &audit.fault {
        Some(fault) => Err(Failure::new(Code::Problems, format!("its audit log: {fault}"))),
        None => {
            say::data(&format!("its audit log is whole: {} records\n", audit.checked));
            Ok(())
        }
    }
}

fn page(summary: &BackupSummary) -> String {
    let head = &summary.head;
    let mut page = format!(
        "whole: made by {} at {}, schema {}\n",
        safe(&head.node),
        time(Some(head.at_us)),
        head.schema
    );
    let of = |name: &str| summary.tables.iter().find(|(table, _)| table == name);
    let messages = of("messages").map_or(0, |(_, rows)| *rows);
    page.push_str(&format!(
        "{} rows: {messages} messages, {} audit records; {} files of the site\n",
        summary.rows,
        summary.audit,
        summary.files.iter().filter(|name| name.starts_with("site/")).count(),
    ));
    page.push_str(&format!(
        "what is sealed in it opens with the store key {}; signed by key {}\n",
        head.kek,
        summary.key.get(..16).unwrap_or_default()
    ));
    page
}

fn extract(args: &ExtractBackup) -> Outcome {
    let extracted = extract_backup(open(&args.file, &args.identity)?, &args.to).map_err(broken)?;
    for path in &extracted.0 {
        say::data(&format!("{}\n", path.display()));
    }
    Ok(())
}

/// Runs `hilum restore`.
pub async fn restore(args: Restore) -> Outcome {
    let (server, paths) = site_of(&args.site, args.data.as_deref())?;
    make_folder(&paths.data)?;
    let to = place(&server, &paths);
    let mut progress = say::Progress::new("restoring");
    let restored =
        put_back(open(&args.file, &args.identity)?, &to, |rows| progress.show(rows, 0)).await;
    drop(progress);
    let restored = restored.map_err(refused)?;
    say::data(&page(&restored.summary));
    if restored.held > 0 {
        say::talk(&format!(
            "{} deliveries were open then and are held: what became of them since is not known; look at them before you send them (`hilum retry`) or end them (`hilum discard`)",
            restored.held
        ));
    }
    say::talk(&format!("restored; start it with `hilum serve {}`", args.site.display()));
    Ok(())
}

/// The site's settings, as far as a store needs them.
fn site_of(site: &Path, data: Option<&Path>) -> Result<(Server, Paths), Failure> {
    let mut diagnostics = Diagnostics::new();
    let files = SiteFiles::read(site, &mut diagnostics);
    let paths = Paths::new(site, data.map(Path::to_owned));
    let server = Server::read(&files, &paths, &mut diagnostics);
    let unusable = || {
        Failure::new(Code::Refused, format!("`{}` cannot be used", site.display()))
            .hint("`hilum check` shows what is wrong with it")
    };
    Ok((server.ok_or_else(unusable)?, paths))
}

fn place<'a>(server: &'a Server, paths: &'a Paths) -> RestoreTo<'a> {
    RestoreTo {
        url: &server.store_url,
        key: &server.store_key,
        data_dir: &paths.data,
        anchor: server.audit.anchor.as_deref(),
        node: &server.node,
        version: env!("CARGO_PKG_VERSION"),
        now_us: Clock.now_us(),
        actor: "os",
    }
}

fn broken(error: UnreadableBackup) -> Failure {
    let code = match &error {
        UnreadableBackup::Broken(_) => Code::Problems,
        UnreadableBackup::Io(_) | UnreadableBackup::Newer(_) => Code::Undecided,
    };
    Failure::new(code, error)
}

fn refused(error: RestoreError) -> Failure {
    match error {
        RestoreError::Unreadable(error) => broken(error),
        RestoreError::Open(error @ (OpenError::KeyMissing { .. } | OpenError::KeyWrong { .. })) => {
            Failure::new(Code::Refused, error)
                .hint("a backup holds no store key: put the copy of it back where `key` under `[store]` says")
        }
        error @ (RestoreError::Open(_) | RestoreError::Copy(_)) => Failure::new(Code::Refused, error),
        error => Failure::new(Code::Problems, error),
    }
}
