//! The steps of a transformer.

use crate::draft::{Draft, Mapped, TakenOut};
use crate::foreign;
use crate::js;
use crate::note::{Level, one_line};
use crate::path::{self, Loop};
use crate::toml_text::{Item, Step, Val};
use crate::values::Value;
use crate::walk::{Walked, walk};
use crate::xml::Element;

/// A step as it stands in the export.
pub(crate) struct Code {
    pub(crate) name: String,
    /// The line of its source, or of the step when its source is made.
    pub(crate) line: usize,
    /// The source; made by the rules that Mirth makes it by, where a step has none of its own.
    pub(crate) source: String,
    /// What cannot be a script here either.
    pub(crate) by_hand: Option<String>,
    /// The segments it goes through.
    pub(crate) each: Option<Loop>,
    /// The sources inside it.
    pub(crate) inside: Option<String>,
    pub(crate) is_on: bool,
    is_destination_set: bool,
}

/// The steps of a transformer, in the form of the versions before 3.5 and since.
pub(crate) fn of(transformer: &Element) -> Vec<Code> {
    let new = transformer.inside("elements").iter().map(code);
    let old = transformer.inside("steps").iter().map(old_code);
    new.chain(old).collect()
}

fn code(step: &Element) -> Code {
    let plain = |source: String| Code {
        name: one_line(step.value("name")),
        line: step.child("script").unwrap_or(step).line,
        source,
        by_hand: None,
        each: None,
        inside: None,
        is_on: step.is_on("enabled", true),
        is_destination_set: false,
    };
    match step.kind() {
        "JavaScriptStep" => plain(step.raw("script").to_owned()),
        "MessageBuilderStep" => {
            plain(format!("{} = {};\n", step.value("messageSegment"), validated(step)))
        }
        "MapperStep" => plain(format!(
            "{}.put('{}', {});\n",
            map_of(step.value("scope")),
            step.value("variable").replace('\\', "\\\\").replace('\'', "\\'"),
            validated(step)
        )),
        "DestinationSetFilterStep" => {
            Code { is_destination_set: true, ..plain(destination_set(step)) }
        }
        "IteratorStep" => iterator(step, plain(String::new())),
        "XsltStep" => Code {
            by_hand: Some(
                "a stylesheet (XSLT) changes XML, which a message is not here".to_owned(),
            ),
            ..plain(step.value("template").to_owned())
        },
        "ExternalScriptStep" => Code {
            by_hand: Some(format!(
                "its script is the file `{}`, which the export does not hold",
                one_line(step.value("scriptPath"))
            )),
            ..plain(String::new())
        },
        kind => Code {
            by_hand: Some(format!("a step of the kind `{}` is not known", one_line(kind))),
            ..plain(step.raw("script").to_owned())
        },
    }
}

/// A step of the versions before 3.5, which has its script with it.
fn old_code(step: &Element) -> Code {
    let data = |key: &str| {
        let entries = step.inside("data").iter().map(|entry| entry.children.as_slice());
        let mut pairs = entries.filter_map(|pair| match pair {
            [name, value] if name.text.trim() == key => Some(value.text.as_str()),
            _ => None,
        });
        pairs.next().unwrap_or("").to_owned()
    };
    let source = match step.value("type") {
        "Mapper" => {
            let map = match data("isGlobal").as_str() {
                "" => "CHANNEL".to_owned(),
                scope => scope.to_uppercase(),
            };
            let default = or_empty(&data("DefaultValue"));
            format!(
                "{}.put('{}', validate({}, {default}, new Array()));\n",
                map_of(&map),
                data("Variable").trim(),
                or_empty(&data("Mapping"))
            )
        }
        _ => step.raw("script").to_owned(),
    };
    let by_hand = match step.value("type") {
        "Mapper" | "Message Builder" | "JavaScript" | "" => None,
        kind => Some(format!("a step of the kind `{}` is not known", one_line(kind))),
    };
    Code {
        name: one_line(step.value("name")),
        line: step.child("script").unwrap_or(step).line,
        source,
        by_hand,
        each: None,
        inside: None,
        is_on: true,
        is_destination_set: false,
    }
}

fn map_of(scope: &str) -> &'static str {
    match scope {
        "CONNECTOR" => "connectorMap",
        "GLOBAL_CHANNEL" => "globalChannelMap",
        "GLOBAL" => "globalMap",
        "RESPONSE" => "responseMap",
        _ => "channelMap",
    }
}

fn or_empty(source: &str) -> String {
    let source = source.trim();
    if source.is_empty() { "''".to_owned() } else { source.to_owned() }
}

/// The value of a mapper or message builder, as Mirth makes it.
fn validated(step: &Element) -> String {
    let pairs = step.inside("replacements").iter().filter_map(|pair| {
        let values: Vec<&str> = pair.children.iter().map(|value| value.text.trim()).collect();
        match values.as_slice() {
            [what, by] => Some(format!("new Array({}, {})", or_empty(what), or_empty(by))),
            _ => None,
        }
    });
    let pairs: Vec<String> = pairs.collect();
    let (mapping, default) =
        (or_empty(step.value("mapping")), or_empty(step.value("defaultValue")));
    format!("validate({mapping}, {default}, new Array({}))", pairs.join(", "))
}

fn destination_set(step: &Element) -> String {
    let ids: Vec<&str> = step.inside("metaDataIds").iter().map(|id| id.text.trim()).collect();
    let call = match step.value("behavior") {
        "REMOVE" => format!("remove([{}])", ids.join(", ")),
        "REMOVE_ALL_EXCEPT" => format!("removeAllExcept([{}])", ids.join(", ")),
        _ => "removeAll()".to_owned(),
    };
    format!("if ({}) {{\n  destinationSet.{call};\n}}\n", asked(step))
}

/// The condition of a rule or destination set filter, as Mirth makes it.
pub(crate) fn asked(element: &Element) -> String {
    let field = element.value("field");
    let values = element.inside("values").iter().map(|value| or_empty(&value.text));
    let mut values: Vec<String> = values.collect();
    if values.is_empty() {
        values.push("''".to_owned());
    }
    let all = |each: &dyn Fn(&String) -> String, joint: &str| {
        values.iter().map(each).collect::<Vec<_>>().join(joint)
    };
    match element.value("condition") {
        "EXISTS" => format!("{field}.length > 0"),
        "NOT_EXIST" => format!("{field}.length == 0"),
        "CONTAINS" => all(&|value| format!("{field}.indexOf({value}) != -1"), " || "),
        "NOT_CONTAIN" => all(&|value| format!("{field}.indexOf({value}) == -1"), " && "),
        "NOT_EQUAL" => all(&|value| format!("{field} != {value}"), " && "),
        _ => all(&|value| format!("{field} == {value}"), " || "),
    }
}

/// An iterator: the loop that Mirth makes of it, and what is inside.
fn iterator(step: &Element, plain: Code) -> Code {
    let properties = step.child("properties").unwrap_or(step);
    let target = properties.value("target");
    let index = match properties.value("indexVariable") {
        "" => "i",
        index => index,
    };
    let children: Vec<Code> =
        properties.inside("children").iter().map(code).filter(|child| child.is_on).collect();
    let by_hand = children.iter().find_map(|child| child.by_hand.clone());
    let sources: Vec<&str> = children.iter().map(|child| child.source.trim_end()).collect();
    let body = sources.join("\n");
    let length = format!("{target}.length()");
    let source = format!("for (var {index} = 0; {index} < {length}; {index}++) {{\n{body}\n}}\n");
    let segment = js::expression(target).and_then(|target| path::read(&target, None));
    let segment = segment.filter(|path| path.is_segment() && path.to_string().len() == 3);
    // A loop inside a loop has no equal, unless each is over segments of its own.
    let is_flat = children.iter().all(|child| child.each.is_none() && child.inside.is_none());
    let each = segment
        .filter(|_| is_flat)
        .map(|path| Loop { segment: path.segment().to_owned(), index: index.to_owned() });
    Code { source, by_hand, each, inside: Some(body), ..plain }
}

/// Where steps go, and how they are called there.
pub(crate) struct Into<'s> {
    /// Comes before the names of files: nothing for the source, and `lab-` for a destination.
    pub(crate) stem: &'s str,
    /// Response transformers are told about and not written.
    pub(crate) is_source: bool,
}

impl Draft<'_> {
    /// The steps of a transformer as steps here.
    pub(crate) fn steps(&mut self, transformer: &Element, into: &Into<'_>) -> Vec<Item> {
        let mut items = Vec::new();
        for (index, code) in of(transformer).into_iter().enumerate() {
            let label = labelled("step", index + 1, &code.name);
            self.notes.enter_step(Some(label.clone()));
            let made = if code.is_on {
                self.step(&code, index + 1, &label, into)
            } else {
                vec![self.switched_off(&code, index + 1, into)]
            };
            // Names that Mirth gives by itself say what the step below says.
            let is_own =
                ["msg[", "tmp[", "For each msg["].iter().any(|own| code.name.starts_with(own));
            if !code.name.is_empty() && !is_own && !made.is_empty() {
                items.push(Item::Comment(code.name.clone()));
            }
            items.extend(made);
        }
        self.notes.enter_step(None);
        items
    }

    fn switched_off(&mut self, code: &Code, number: usize, into: &Into<'_>) -> Item {
        let path = self.file(&format!("{}step-{number}", into.stem), "js", &code.source);
        self.notes.adapted(
            code.line,
            format!(
                "it was switched off, so it does nothing here; its code is in `channels/{path}`"
            ),
        );
        Item::Comment(format!("switched off in Mirth: {path}"))
    }

    fn step(&mut self, code: &Code, number: usize, label: &str, into: &Into<'_>) -> Vec<Item> {
        if let Some(reason) = &code.by_hand {
            return vec![self.left(code, number, into, reason)];
        }
        let before = self.variables.clone();
        let source = code.inside.as_deref().unwrap_or(&code.source);
        let may = code.inside.is_none() || code.each.is_some();
        let statements = js::program(source).filter(|_| may);
        let walked = statements.and_then(|all| walk(&all, &mut self.variables, code.each.as_ref()));
        let Some(walked) = walked else {
            if code.is_destination_set {
                return vec![self.left(
                    code,
                    number,
                    into,
                    "its condition has no equal, so every destination decides by its `when` alone",
                )];
            }
            return self.script(code, number, into, true);
        };
        self.put.extend(walked.put.iter().cloned());
        if walked.put.iter().any(|name| self.needed.contains(name)) {
            for name in &walked.put {
                self.used.insert(name.clone());
            }
            return self.script(code, number, into, false);
        }
        if !walked.removals.is_empty() && !into.is_source {
            self.variables = before;
            return self.script(code, number, into, true);
        }
        self.walked(code, walked, label)
    }

    /// What a step that has an equal becomes.
    fn walked(&mut self, code: &Code, walked: Walked, label: &str) -> Vec<Item> {
        for taken in &mut self.taken_out {
            let asked = taken.removal.when.text();
            taken.is_stale |= walked.written.iter().any(|path| asked.contains(path.segment()));
        }
        self.used.extend(walked.used);
        // A Z segment gets an `insert`, and inside a loop the segment is there.
        let may_lack = walked.written.iter().map(|path| path.segment()).filter(|segment| {
            let is_looped = code.each.as_ref().is_some_and(|each| each.segment == **segment);
            !is_looped && *segment != "MSH" && !segment.starts_with('Z')
        });
        self.written.extend(may_lack.map(str::to_owned));
        let mut said = verbs(&walked.items);
        for name in &walked.put {
            let template = self.variables.get(name).and_then(Value::template);
            let (line, name) = (code.line, name.clone());
            self.mapped.push(Mapped {
                name,
                connector: self.notes.connector().map(str::to_owned),
                step: label.to_owned(),
                line,
                template,
            });
        }
        for removal in walked.removals {
            let (step, line) = (label.to_owned(), code.line);
            self.taken_out.push(TakenOut { removal, step, line, is_stale: false });
        }
        let comments = js::comments(&code.source);
        let mut items: Vec<Item> = comments.into_iter().map(Item::Comment).collect();
        if let (Some(each), false) = (&code.each, walked.items.is_empty()) {
            let step = Step::new("each", Val::Text(each.segment.clone()));
            items.push(Item::Step(step.with("do", Val::Steps(walked.items))));
            said = format!("`each` with {said}");
        } else {
            items.extend(walked.items);
        }
        let level = if walked.remarks.is_empty() { Level::Translated } else { Level::Adapted };
        let remarks: Vec<&str> = walked.remarks.iter().map(|remark| remark.sentence()).collect();
        let mut sentence = match said.as_str() {
            "" => String::new(),
            verbs => format!("became {verbs}"),
        };
        for remark in remarks {
            sentence.push_str(if sentence.is_empty() { "" } else { "; " });
            sentence.push_str(remark);
        }
        if sentence.is_empty()
            && walked.put.is_empty()
            && self.taken_out.iter().all(|taken| taken.line != code.line)
        {
            sentence = "it does nothing, so nothing is written".to_owned();
        }
        if !sentence.is_empty() {
            self.notes.add(level, code.line, sentence);
        }
        items
    }

    /// A step that stays the script that it is.
    fn script(
        &mut self,
        code: &Code,
        number: usize,
        into: &Into<'_>,
        may_write: bool,
    ) -> Vec<Item> {
        let path = self.file(&format!("{}step-{number}", into.stem), "js", &code.source);
        self.scripts.push(code.source.clone());
        if may_write {
            let named = foreign::Named::of(&code.source);
            self.variables.touch_named(&named);
            if foreign::puts(&code.source) {
                foreign::texts(&code.source).iter().for_each(|name| self.variables.forget(name));
            }
            for taken in &mut self.taken_out {
                let asked = taken.removal.when.text();
                taken.is_stale |= named.may_change(&asked);
            }
        }
        self.notes.adapted(code.line, format!("stays a script, word for word: `channels/{path}`"));
        self.tell_foreign(&code.source, code.line);
        let left = self.notes.take_unmarked().into_iter().map(Item::Comment);
        let step =
            Step::new("script", Val::Text(path)).with("prelude", Val::Text("mirth".to_owned()));
        left.chain([Item::Step(step)]).collect()
    }

    /// A step that is left for a person.
    fn left(&mut self, code: &Code, number: usize, into: &Into<'_>, reason: &str) -> Item {
        let mut sentence = reason.to_owned();
        if !code.source.trim().is_empty() {
            let path = self.file(&format!("{}step-{number}", into.stem), "txt", &code.source);
            sentence = format!("{sentence}; what it said is in `channels/{path}`");
        }
        self.notes.by_hand(code.line, &sentence);
        self.notes.take_unmarked();
        Item::Comment(format!("by hand: {sentence}"))
    }
}

/// `step 2 "Set sender"`.
pub(crate) fn labelled(kind: &str, number: usize, name: &str) -> String {
    if name.is_empty() { format!("{kind} {number}") } else { format!("{kind} {number} \"{name}\"") }
}

/// The verbs of steps, as a sentence lists them.
fn verbs(items: &[Item]) -> String {
    let mut verbs: Vec<String> = Vec::new();
    for item in items {
        if let Item::Step(step) = item {
            let verb = format!("`{}`", step.verb());
            if !verbs.contains(&verb) {
                verbs.push(verb);
            }
        }
    }
    verbs.join(", ")
}
