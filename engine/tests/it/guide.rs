//! The guide: its examples compile, do what it says, and its verbs exist.

use crate::markdown::{Block, blocks};
use crate::operations::private;
use crate::{effects, read, top};
use config::{Companion, Diagnostics, Name, SiteFile};
use engine::site::{self, ChannelFile, ChannelPlan, Surroundings};
use std::path::Path;

/// The sentence before a table of codes names its file: `tables/x.csv`.
fn table_of(block: &Block) -> String {
    let name = block.before.split('`').find(|part| part.starts_with("tables/"));
    name.unwrap_or_else(|| panic!("line {}: no `tables/....csv` before it", block.line)).to_owned()
}

/// The file that a block is, by its first line.
fn file_of(block: &Block) -> Option<&str> {
    let first = block.text.lines().next()?.strip_prefix("# ")?;
    first.ends_with(".toml").then_some(first)
}

/// The script that a block is, by its first line.
fn script_of(block: &Block) -> Option<&str> {
    block.text.lines().next()?.strip_prefix("// ").filter(|path| path.ends_with(".js"))
}

/// The site that the guide builds.
fn site_of(blocks: &[Block], root: &Path) {
    for block in blocks {
        let path = match block.language.as_str() {
            "toml" => file_of(block).map(str::to_owned),
            "csv" => Some(table_of(block)),
            "js" => script_of(block).map(str::to_owned),
            _ => None,
        };
        let Some(path) = path.map(|path| root.join(path)) else { continue };
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &block.text).unwrap();
    }
}

const SOURCE: &str = "[source]\ntype = \"mllp\"\nlisten = \"127.0.0.1:2575\"\n";
const DESTINATION: &str =
    "[[destination]]\nname = \"out\"\ntype = \"file\"\nfolder = \"data/out\"\n";

/// A piece of a channel file as a whole one.
fn wrapped(piece: &str) -> String {
    let first = piece.trim_start();
    if first.starts_with('{') {
        format!("{SOURCE}[transform]\nsteps = [\n{piece}]\n{DESTINATION}")
    } else if first.starts_with("[source]") {
        piece.to_owned()
    } else {
        format!("{SOURCE}{piece}")
    }
}

/// Compiles a piece of a channel file among the guide's tables and variables.
fn compile(
    text: String,
    blocks: &[Block],
    surroundings: &Surroundings,
) -> (Option<ChannelPlan>, Diagnostics) {
    let tables = blocks.iter().filter(|block| block.language == "csv").map(|block| {
        let path = table_of(block);
        let name = Name::new(path.trim_start_matches("tables/").trim_end_matches(".csv")).unwrap();
        SiteFile { name, path, text: block.text.clone() }
    });
    let file = ChannelFile {
        name: Name::new("guide").unwrap(),
        text,
        tables: tables.collect(),
        companions: blocks.iter().filter_map(script).collect(),
    };
    site::compile(file, surroundings)
}

fn script(block: &Block) -> Option<Companion> {
    let path = script_of(block)?.strip_prefix("channels/")?.to_owned();
    Some(Companion { path, text: block.text.clone() })
}

#[test]
fn the_site_of_the_guide_has_no_problems() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks(&read("docs/guide.md"));
    site_of(&blocks, folder.path());
    let (site, diagnostics) = site::check(folder.path(), None);
    let site = site.expect("a site");
    assert_eq!(site.channels.len(), 1);
    // One table of the guide is for its examples of conditions, which stand outside the channel.
    let others: Vec<_> =
        diagnostics.sorted().into_iter().filter(|found| found.code() != "C0210").collect();
    assert!(others.is_empty(), "{}", diagnostics.render(false));
}

#[test]
fn every_piece_of_a_channel_compiles_and_does_what_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks(&read("docs/guide.md"));
    site_of(&blocks, folder.path());
    let surroundings = site::check(folder.path(), None).0.expect("a site").surroundings;
    let (mut pieces, mut shown) = (0, 0);
    for (index, block) in blocks.iter().enumerate() {
        if block.language != "toml" || file_of(block).is_some() {
            continue;
        }
        pieces += 1;
        let (plan, diagnostics) = compile(wrapped(&block.text), &blocks, &surroundings);
        assert!(
            diagnostics.is_empty(),
            "line {} of the guide:\n{}",
            block.line,
            diagnostics.render(false)
        );
        let Some(effect) = blocks.get(index + 1).filter(|next| next.language == "text") else {
            continue;
        };
        shown += 1;
        effects::check(&plan.expect("a plan"), effect);
    }
    assert!(pieces >= 25 && shown >= 16, "{pieces} pieces, {shown} effects");
}

#[test]
fn the_examples_of_each_connectors_page_compile() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("data/secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("adt-token"), "invented").unwrap();
    private(&secrets.join("adt-token"));
    let surroundings = site::check(folder.path(), None).0.expect("a site").surroundings;
    let mut pieces = 0;
    for entry in std::fs::read_dir(top().join("docs/connectors")).unwrap() {
        let page = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for block in blocks(&page).iter().filter(|block| block.language == "toml") {
            let (_, diagnostics) = compile(wrapped(&block.text), &[], &surroundings);
            assert!(diagnostics.is_empty(), "{}\n{}", block.text, diagnostics.render(false));
            pieces += 1;
        }
    }
    assert!(pieces >= 4, "{pieces}");
}

#[test]
fn every_step_is_in_the_guide() {
    let guide = read("docs/guide.md");
    for step in channel::steps() {
        assert!(guide.contains(&format!("**`{}`**", step.name)), "{}", step.name);
        assert!(guide.contains(&format!("{{ {} = ", step.name)), "no example of {}", step.name);
    }
}

/// Read as text: the command line is above this crate.
#[test]
fn every_verb_and_option_that_the_pages_mention_exists() {
    let further = std::fs::read_dir(crate::top().join("cli/src/args")).unwrap();
    let further = further.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let arguments = std::iter::once(read("cli/src/args.rs")).chain(further).collect::<String>();
    let verbs = arguments
        .split("pub enum Verb {")
        .nth(1)
        .and_then(|rest| rest.split("\n}").next())
        .unwrap();
    let mut commands = 0;
    for page in ["docs/guide.md", "docs/operations.md", "README.md"].map(read) {
        // What is missing is named as it would be typed.
        let there = page.split("## What is not there").next().unwrap();
        for (line, said) in there.lines().flat_map(commands_of) {
            let verb: String =
                said.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            let capital = |word: &str| format!("{}{}", word[..1].to_uppercase(), &word[1..]);
            let variant = format!("    {}(", verb.split('-').map(capital).collect::<String>());
            assert!(verbs.contains(&variant), "`hilum {verb}` in: {line}");
            for option in options(said) {
                let field = format!("pub {}:", option.replace('-', "_"));
                let known = arguments.contains(&field)
                    || arguments.contains(&format!("long = \"{option}\""));
                assert!(known, "`--{option}` in: {line}");
            }
            commands += 1;
        }
    }
    assert!(commands >= 60, "{commands}");
}

/// What follows `hilum ` wherever it is typed; in a sentence it is the product's name.
fn commands_of(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.match_indices("hilum ").filter_map(move |(at, word)| {
        let (before, said) = (&line[..at], &line[at + word.len()..]);
        let typed = before.is_empty()
            || ["`", "$ ", "-- ", "-u hilum ", "bin/"].iter().any(|end| before.ends_with(end));
        (typed && said.starts_with(|c: char| c.is_ascii_lowercase())).then_some((line, said))
    })
}

/// The long options of a command, up to the end of its code.
fn options(said: &str) -> impl Iterator<Item = &str> {
    let command = said.split('`').next().unwrap_or(said);
    let words = command.split([' ', '"']);
    words.filter_map(|word| word.strip_prefix("--")).filter(|word| !word.is_empty())
}
