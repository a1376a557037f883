//! `hilum promote`: what another environment would make of the same site.

use std::collections::BTreeMap;

use config::Severity;
use engine::site::{Site, check_as};
use serde_json::json;

use crate::answer::safe;
use crate::args::Format;
use crate::args::bench::Promote;
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::Table;
use crate::verbs::check::colour;
use crate::verbs::run::site_of;

/// Runs the verb.
pub fn run(args: &Promote) -> Outcome {
    let here = site_of(&args.site)?;
    let (there, diagnostics) = check_as(&args.site, None, Some(&args.to));
    if !diagnostics.is_empty() {
        say::talk(diagnostics.render(colour()).trim_end());
    }
    let errors = diagnostics.sorted().into_iter().any(|one| one.severity() == Severity::Error);
    let Some(there) = there.filter(|_| !errors) else {
        let sentence = format!("the site cannot run as `{}`", args.to);
        return Err(Failure::new(Code::Problems, sentence));
    };
    let (was, is) = (facts(&here), facts(&there));
    let names: Vec<&String> =
        was.keys().chain(is.keys().filter(|name| !was.contains_key(*name))).collect();
    let differing = names.into_iter().filter(|name| was.get(*name) != is.get(*name));
    let none = String::new();
    let rows: Vec<(&String, &String, &String)> = differing
        .map(|name| (name, was.get(name).unwrap_or(&none), is.get(name).unwrap_or(&none)))
        .collect();
    let (from, to) = (here.server.environment.as_str(), args.to.as_str());
    if args.format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, was, is)| json!({ "place": name, "now": was, "then": is }))
            .collect();
        say::data(&format!("{:#}\n", json!({ "from": from, "to": to, "differences": rows })));
        return Ok(());
    }
    if rows.is_empty() {
        say::talk(&format!("nothing differs between `{from}` and `{to}`"));
        return Ok(());
    }
    say::talk(&format!("now: `{from}`; then: `{to}`"));
    let mut table = Table::new(&["PLACE", "NOW", "THEN"]);
    for (name, was, is) in rows {
        table.row(vec![safe(name), safe(was), safe(is)]);
    }
    say::data(&table.render());
    Ok(())
}

/// What an environment decides: where messages come from and where they go.
fn facts(site: &Site) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for plan in site.channels.values() {
        let name = plan.file.name.as_str();
        let source =
            plan.source.as_ref().map_or_else(|| "other channels".to_owned(), ToString::to_string);
        facts.insert(format!("{name} source"), source);
        for destination in &plan.destinations {
            let place = format!("{name} to {}", destination.name);
            facts.insert(place, destination.settings.way.to_string());
        }
    }
    facts
}
