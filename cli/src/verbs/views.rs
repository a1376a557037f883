//! `hilum views`: the searches that are kept.

use serde_json::json;

use crate::answer::{list, safe, text};
use crate::api::Api;
use crate::args::messages::{AddView, RemoveView, SetView, Views, ViewsVerb};
use crate::args::{Format, Query};
use crate::exit::Outcome;
use crate::say;
use crate::table::Table;

/// Runs the verb.
pub async fn run(args: Views) -> Outcome {
    match args.verb {
        ViewsVerb::List(args) => show(&args).await,
        ViewsVerb::Add(args) => add(&args).await,
        ViewsVerb::Set(args) => set(&args).await,
        ViewsVerb::Remove(args) => remove(&args).await,
    }
}

async fn show(args: &Query) -> Outcome {
    let answer = Api::of(&args.target)?.post("/api/v1/views/search", &json!({})).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["NAME", "QUERY", "OWNER", "SHARED", "ID"]);
    for view in list(&answer, "views") {
        let shared = view.get("shared").and_then(serde_json::Value::as_bool) == Some(true);
        table.row(vec![
            safe(text(view, "name")),
            safe(text(view, "query")),
            safe(text(view, "owner")),
            if shared { "yes" } else { "no" }.to_owned(),
            text(view, "id").to_owned(),
        ]);
    }
    say::data(&table.render());
    Ok(())
}

async fn add(args: &AddView) -> Outcome {
    let request = json!({
        "name": args.name, "query": args.query, "columns": args.columns, "shared": args.shared,
    });
    let answer = Api::of(&args.target)?.post("/api/v1/views/add", &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&format!("{}\n", text(&answer, "id"))),
    }
    Ok(())
}

async fn set(args: &SetView) -> Outcome {
    let SetView { id, view } = args;
    let request = json!({
        "id": id, "name": view.name, "query": view.query, "columns": view.columns,
        "shared": view.shared,
    });
    Api::of(&view.target)?.post("/api/v1/views/set", &request).await.map(drop)
}

async fn remove(args: &RemoveView) -> Outcome {
    let request = json!({ "id": args.id });
    Api::of(&args.target)?.post("/api/v1/views/remove", &request).await.map(drop)
}
