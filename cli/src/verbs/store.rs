//! `hilum store`: the store as a whole, while no engine has it open.

use config::{Paths, StoreUrl};
use store::{Copied, CopyError, OpenError, copy_store};

use crate::args::{CopyStore, Store, StoreVerb};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::Table;

/// Runs the verb.
pub async fn run(args: Store) -> Outcome {
    match args.verb {
        StoreVerb::Copy(args) => copy(&args).await,
    }
}

async fn copy(args: &CopyStore) -> Outcome {
    let site = args.site.clone().unwrap_or_else(|| ".".into());
    let paths = Paths::new(&site, args.data.clone());
    let (from, to) = (url(&args.from, &paths)?, url(&args.to, &paths)?);
    let mut progress = say::Progress::new("copying");
    let told = |rows: i64, total: i64| progress.show(rows, total);
    let copied = copy_store(&from, &to, told).await.map_err(failed)?;
    drop(progress);
    say::data(&page(&copied));
    say::talk(&format!(
        "copied and compared; the keys stay where they are: write `url = \"{to}\"` under `[store]` in server.toml"
    ));
    Ok(())
}

fn url(text: &str, paths: &Paths) -> Result<StoreUrl, Failure> {
    StoreUrl::parse(text, paths).map_err(|error| {
        Failure::new(Code::Usage, error)
            .hint("a password of PostgreSQL is taken from PGPASSWORD, or from the file that PGPASSFILE names")
    })
}

fn failed(error: CopyError) -> Failure {
    let code = match &error {
        CopyError::Open(OpenError::Unreachable(_)) | CopyError::Database(_) => Code::Unreachable,
        CopyError::Differs(_) => Code::Problems,
        CopyError::Open(_) | CopyError::Nothing(_) | CopyError::NotEmpty => Code::Refused,
    };
    let failure = Failure::new(code, &error);
    match error {
        CopyError::Open(OpenError::Locked(_)) => failure.hint("stop the engine first"),
        _ => failure,
    }
}

fn page(copied: &[Copied]) -> String {
    let mut table = Table::new(&["TABLE", "#ROWS"]);
    for one in copied {
        table.row(vec![one.table.clone(), one.tally.rows.to_string()]);
    }
    table.render()
}
