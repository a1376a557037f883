//! The rules of a filter.

use crate::ask::returned;
use crate::condition::Cond;
use crate::draft::Draft;
use crate::js;
use crate::note::{Level, one_line};
use crate::steps::{asked, labelled};
use crate::toml_text::{Item, Step, Val};
use crate::values::Reader;
use crate::xml::Element;
use std::cell::RefCell;

/// What a filter lets through.
pub(crate) struct Filter {
    /// Whatever passes fulfils this.
    pub(crate) may: Cond,
    /// Whatever fulfils this passes. The same as `may` unless a rule is left by hand.
    pub(crate) surely: Cond,
    /// One condition for each rule with its name, when all of them must hold and all have an equal.
    lines: Option<Vec<(String, Cond)>>,
    /// What is left to do, for comments.
    left: Vec<String>,
}

struct Rule {
    name: String,
    line: usize,
    source: String,
    by_hand: Option<String>,
    is_or: bool,
    is_on: bool,
}

fn rules(filter: &Element) -> Vec<Rule> {
    let new = filter.inside("elements").iter().map(rule);
    let old = filter.inside("rules").iter().map(|element| Rule {
        source: element.raw("script").to_owned(),
        by_hand: None,
        ..rule(element)
    });
    new.chain(old).collect()
}

fn rule(element: &Element) -> Rule {
    let (source, by_hand) = match element.kind() {
        "JavaScriptRule" => (element.raw("script").to_owned(), None),
        "RuleBuilderRule" if element.child("field").is_some() => {
            (format!("return {};\n", asked(element)), None)
        }
        "RuleBuilderRule" => (element.raw("script").to_owned(), None),
        "ExternalScriptRule" => {
            let path = one_line(element.value("scriptPath"));
            (
                String::new(),
                Some(format!("its script is the file `{path}`, which the export does not hold")),
            )
        }
        "IteratorRule" => (
            String::new(),
            Some(
                "a rule over several segments: write it with `[*]`, such as `OBX[*]-11.1 = \"F\"`"
                    .to_owned(),
            ),
        ),
        kind => {
            let reason = format!("a rule of the kind `{}` is not known", one_line(kind));
            (element.raw("script").to_owned(), Some(reason))
        }
    };
    Rule {
        name: one_line(element.value("name")),
        line: element.child("script").unwrap_or(element).line,
        source,
        by_hand,
        is_or: element.value("operator") == "OR",
        is_on: element.is_on("enabled", true),
    }
}

impl Draft<'_> {
    /// Reads the rules of a filter and tells what became of each.
    pub(crate) fn filter(&mut self, filter: Option<&Element>, stem: &str) -> Filter {
        let mut groups: Vec<(Cond, Cond)> = Vec::new();
        let mut lines = Some(Vec::new());
        let mut left = Vec::new();
        for (index, rule) in filter.map(rules).unwrap_or_default().into_iter().enumerate() {
            self.notes.enter_step(Some(labelled("filter rule", index + 1, &rule.name)));
            if !rule.is_on {
                let path = self.file(&format!("{stem}rule-{}", index + 1), "js", &rule.source);
                self.notes.adapted(rule.line, format!("it was switched off, so it asks nothing here; its code is in `channels/{path}`"));
                continue;
            }
            let found = self.rule(&rule);
            if found.is_none() {
                left.push(self.rule_left(&rule, index + 1, stem));
            }
            let (may, surely) = match &found {
                Some(cond) => (cond.clone(), cond.clone()),
                None => (Cond::True, Cond::False),
            };
            lines = match (lines, found) {
                (Some(mut lines), Some(cond)) if !rule.is_or || groups.is_empty() => {
                    lines.push((rule.name, cond));
                    Some(lines)
                }
                _ => None,
            };
            match groups.pop() {
                Some((all_may, all_surely)) if !rule.is_or => {
                    groups.push((all_may.and(may), all_surely.and(surely)));
                }
                before => {
                    groups.extend(before);
                    groups.push((may, surely));
                }
            }
        }
        self.notes.enter_step(None);
        if groups.is_empty() {
            groups.push((Cond::True, Cond::True));
        }
        let (mut may, mut surely) = (Cond::False, Cond::False);
        for (one_may, one_surely) in groups {
            may = may.or(one_may);
            surely = surely.or(one_surely);
        }
        Filter { may, surely, lines, left }
    }

    fn rule(&mut self, rule: &Rule) -> Option<Cond> {
        if rule.by_hand.is_some() {
            return None;
        }
        let statements = js::program(&rule.source)?;
        let reader = Reader {
            variables: &self.variables,
            inside: None,
            used: RefCell::default(),
            remarks: RefCell::default(),
        };
        let cond = returned(&statements, &reader).filter(Cond::is_short)?;
        let (used, remarks) = (reader.used.take(), reader.remarks.take());
        self.used.extend(used);
        let mut sentence = match &cond {
            Cond::True => "it lets everything pass, so nothing is written".to_owned(),
            Cond::False => "it lets nothing pass".to_owned(),
            cond => format!("became `{}`", cond.text()),
        };
        for remark in &remarks {
            sentence.push_str("; ");
            sentence.push_str(remark.sentence());
        }
        let level = if remarks.is_empty() { Level::Translated } else { Level::Adapted };
        self.notes.add(level, rule.line, sentence);
        Some(cond)
    }

    fn rule_left(&mut self, rule: &Rule, number: usize, stem: &str) -> String {
        let reason = rule.by_hand.as_deref().unwrap_or("its script has no equal as a condition");
        let mut sentence = reason.to_owned();
        if !rule.source.trim().is_empty() {
            let path = self.file(&format!("{stem}rule-{number}"), "js", &rule.source);
            sentence = format!("{sentence}; it is kept in `channels/{path}`");
            self.scripts.push(rule.source.clone());
        }
        let until = "until it is written, a message that it would decide about fails, so that nothing passes unasked";
        self.notes.by_hand(rule.line, format!("{sentence}; {until}"));
        self.notes.take_unmarked();
        format!("by hand: {}: {sentence}; {until}", labelled("filter rule", number, &rule.name))
    }
}

impl Filter {
    /// As the first steps of `[transform]`.
    pub(crate) fn steps(&self) -> Vec<Item> {
        let mut items = Vec::new();
        match &self.lines {
            Some(lines) => {
                for (name, cond) in lines.iter().filter(|(_, cond)| *cond != Cond::True) {
                    if !name.is_empty() {
                        items.push(Item::Comment(name.clone()));
                    }
                    items.push(Item::Step(keep(cond)));
                }
            }
            None if self.may != Cond::True => items.push(Item::Step(keep(&self.may))),
            None => {}
        }
        items.extend(self.guard());
        items
    }

    /// Fails what only a rule that is left by hand could decide about.
    pub(crate) fn guard(&self) -> Vec<Item> {
        if self.left.is_empty() {
            return Vec::new();
        }
        let mut items: Vec<Item> =
            self.left.iter().map(|text| Item::Comment(text.clone())).collect();
        let surely = if self.surely == Cond::False { Cond::never() } else { self.surely.clone() };
        if surely != Cond::True {
            let error = "a filter rule is left to be written by hand";
            let step = Step::new("require", Val::Code(surely.text()));
            items.push(Item::Step(step.with("error", Val::Text(error.to_owned()))));
        }
        items
    }
}

fn keep(cond: &Cond) -> Step {
    match cond {
        Cond::False => Step::new("drop", Val::Bare("true".to_owned())),
        cond => Step::new("keep", Val::Code(cond.text())),
    }
}
