//! What differs between two texts of a channel, step by step, in words.

use config::{Diagnostics, Item, Table, parse_toml};

/// How the steps of `[transform]` and of each destination differ.
pub fn steps(before: &str, after: &str) -> Vec<String> {
    let (old, new) = (lists(before), lists(after));
    let mut parts = Vec::new();
    for (place, steps) in &new {
        let known = old.iter().find(|(known, _)| known == place);
        let said = in_words(known.map_or(&[], |(_, steps)| steps), steps);
        parts.extend(said.map(|said| format!("{place}: {said}")));
    }
    for (place, steps) in
        old.iter().filter(|(place, _)| new.iter().all(|(known, _)| known != place))
    {
        // A destination that is gone says so itself.
        if place == "steps" && !steps.is_empty() {
            parts.push(format!("{place}: {} removed", steps.len()));
        }
    }
    parts
}

/// The lists of steps by their place, each step as it is written, blanks apart.
fn lists(text: &str) -> Vec<(String, Vec<String>)> {
    let mut diagnostics = Diagnostics::new();
    let Some(root) = parse_toml(&mut diagnostics, "channel.toml", text.to_owned()) else {
        return Vec::new();
    };
    let written = |table: &Table| -> Vec<String> {
        let steps = table.get("steps").and_then(Item::as_list).unwrap_or_default();
        let source = |step: &Item| {
            let slice = diagnostics.files().slice(step.span());
            slice.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        steps.iter().map(source).collect()
    };
    let transform = root.get("transform").and_then(Item::as_table);
    let mut lists = vec![("steps".to_owned(), transform.map(written).unwrap_or_default())];
    let destinations = root.get("destination").and_then(Item::as_list).unwrap_or_default();
    for table in destinations.iter().filter_map(Item::as_table) {
        let name = table.get("name").and_then(Item::as_text);
        let name = name.map_or("", |name| name.value.as_str());
        lists.push((format!("steps of {name}"), written(table)));
    }
    lists
}

/// `2 changed, 1 added`; nothing when nothing differs.
fn in_words(before: &[String], after: &[String]) -> Option<String> {
    let (mut gone, mut come) = (before, after);
    while let (Some((a, gone_rest)), Some((b, come_rest))) =
        (gone.split_first(), come.split_first())
        && a == b
    {
        (gone, come) = (gone_rest, come_rest);
    }
    while let (Some((a, gone_rest)), Some((b, come_rest))) = (gone.split_last(), come.split_last())
        && a == b
    {
        (gone, come) = (gone_rest, come_rest);
    }
    let stay = common(gone, come);
    let (gone, come) = (gone.len() - stay, come.len() - stay);
    let changed = gone.min(come);
    let said: Vec<String> =
        [(changed, "changed"), (come - changed, "added"), (gone - changed, "removed")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// How many stay, in order.
fn common(before: &[String], after: &[String]) -> usize {
    let mut row = vec![0; after.len() + 1];
    for a in before {
        let mut diagonal = 0;
        for (at, b) in after.iter().enumerate() {
            let above = row.get(at + 1).copied().unwrap_or(0);
            let left = row.get(at).copied().unwrap_or(0);
            let best = if a == b { diagonal + 1 } else { above.max(left) };
            diagonal = above;
            if let Some(cell) = row.get_mut(at + 1) {
                *cell = best;
            }
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_compared_as_they_are_written() {
        let channel = |steps: &str, more: &str| {
            format!(
                "[source]\n[transform]\nsteps = [{steps}]\n[[destination]]\nname = \"lab\"\nsteps = [{more}]\n"
            )
        };
        let a = channel("{ trim = 'PID-5' }, { upper = 'PID-5' }, { clear = 'PID-6' }", "");
        let b = channel(
            "{ trim  =  'PID-5' },\n# why\n{ lower = 'PID-5' }, { clear = 'PID-6' }, { clear = 'PID-7' }",
            "{ clear = 'PID-8' }",
        );
        assert_eq!(steps(&a, &b), ["steps: 1 changed, 1 added", "steps of lab: 1 added"]);
        assert_eq!(steps(&b, &a), ["steps: 1 changed, 1 removed", "steps of lab: 1 removed"]);
        assert_eq!(steps(&a, &a), [""; 0]);
        assert_eq!(steps(&a, "[source]\n"), ["steps: 3 removed"]);
    }
}
