//! A whole channel.

use crate::condition::Cond;
use crate::draft::{Draft, Export, TakenOut, Var};
use crate::foreign;
use crate::name::Names;
use crate::note::{Note, Notes, one_line};
use crate::properties::Properties;
use crate::steps::Into;
use crate::toml_text::{Block, Item, Val};
use crate::walk::Removed;
use crate::xml::Element;
use std::collections::BTreeSet;

/// What comes out of one channel.
pub(crate) struct Translated {
    pub(crate) files: Vec<(String, String)>,
    pub(crate) vars: Vec<Var>,
    pub(crate) notes: Vec<Note>,
}

/// Translates a channel that is called `name` in the site.
pub(crate) fn translate(element: &Element, name: &str, export: &Export) -> Translated {
    // The first time shows which scripts are left, and so which variables something has to put into their map.
    let first = run(element, name, export, BTreeSet::new());
    let asked: BTreeSet<String> =
        first.scripts.iter().flat_map(|source| foreign::texts(source)).collect();
    let needed: BTreeSet<String> = first.put.intersection(&asked).cloned().collect();
    let draft = if needed.is_empty() { first } else { run(element, name, export, needed) };
    Translated { files: draft.files, vars: draft.vars, notes: draft.notes.into_all() }
}

/// A destination with its name here.
struct Named<'a> {
    connector: &'a Element,
    name: String,
}

fn run<'a>(
    element: &Element,
    name: &str,
    export: &'a Export,
    needed: BTreeSet<String>,
) -> Draft<'a> {
    let mut draft = Draft::new(export, name, needed);
    let shown = one_line(element.value("name"));
    draft.notes.enter_channel(Some(&shown));
    let mut names = Names::default();
    let connectors = element.inside("destinationConnectors").iter();
    let destinations: Vec<Named<'_>> = connectors
        .map(|connector| Named {
            connector,
            name: names.take(connector.value("name"), "destination"),
        })
        .collect();
    let (head, is_off) = draft.head(element, &shown, &destinations);
    let mut text = String::new();
    head.write(&mut text);
    text.push('\n');
    let empty = Element::default();
    let source = element.child("sourceConnector").unwrap_or(&empty);
    draft.notes.enter_connector(Some("source"));
    let waited_for = waited_for(&destinations);
    draft.source(source, &waited_for).write(&mut text);
    draft.notes.take_unmarked();
    draft.transform(element, source).write(&mut text);
    let after_source = draft.variables.clone();
    let removals = std::mem::take(&mut draft.taken_out);
    draft.notes.enter_connector(None);
    for destination in &destinations {
        draft.variables = after_source.clone();
        let connector = one_line(destination.connector.value("name"));
        draft.notes.enter_connector(Some(&format!("destination \"{connector}\"")));
        let taken_out = taken_out(&removals, destination);
        text.push('\n');
        let block = draft.destination(destination.connector, &destination.name, taken_out);
        block.write(&mut text);
    }
    draft.notes.enter_connector(None);
    draft.tell_removals(&removals);
    draft.tell_mapped();
    draft.tell_paths(element.line);
    let ending = if is_off { "toml.disabled" } else { "toml" };
    draft.files.insert(0, (format!("channels/{name}.{ending}"), text));
    draft
}

/// Whether a channel is enabled: said by itself, or since 3.5 by what is exported with it.
pub(crate) fn is_on(element: &Element) -> bool {
    let data = element.at(&["exportData", "metadata"]);
    element.is_on("enabled", data.is_none_or(|data| data.is_on("enabled", true)))
}

/// The destinations without a queue, whose end the sender waited for.
fn waited_for(destinations: &[Named<'_>]) -> Vec<String> {
    let direct = destinations.iter().filter(|destination| {
        let queue = destination.connector.at(&["properties", "destinationConnectorProperties"]);
        let has_equal =
            ["TcpDispatcherProperties", "HttpDispatcherProperties", "FileDispatcherProperties"];
        let kind = destination.connector.child("properties").map_or("", Element::kind);
        has_equal.contains(&kind)
            && destination.connector.is_on("enabled", true)
            && !queue.is_some_and(|queue| queue.is_on("queueEnabled", false))
    });
    direct.map(|destination| destination.name.clone()).collect()
}

/// When the source's steps take a destination out.
fn taken_out(removals: &[TakenOut], destination: &Named<'_>) -> Cond {
    let id = destination.connector.value("metaDataId");
    let name = destination.connector.value("name");
    let is_in = |list: &[String]| list.iter().any(|one| one == id || one == name);
    removals.iter().filter(|taken| !taken.is_stale).fold(Cond::False, |all, taken| {
        let is_meant = match &taken.removal.what {
            Removed::All => true,
            Removed::These(list) => is_in(list),
            Removed::AllExcept(list) => !is_in(list),
        };
        if is_meant { all.or(taken.removal.when.clone()) } else { all }
    })
}

impl Draft<'_> {
    /// The top of the file, with what stays to be done for the channel as a whole.
    fn head(
        &mut self,
        element: &Element,
        shown: &str,
        destinations: &[Named<'_>],
    ) -> (Block, bool) {
        let mut head = Block::default();
        self.notes.translated(element.line, format!("became `channels/{}.toml`", self.name));
        head.comment(format!("Translated from the Mirth channel {shown}."));
        let is_on = is_on(element);
        if !is_on {
            head.comment(
                "It was disabled: take `.disabled` off the name of this file to put it into force.",
            );
            self.notes.adapted(
                element.line,
                "it was disabled, so its file ends with `.disabled` and is not read",
            );
        }
        if destinations.len() > 1 {
            self.notes.adapted(element.line, "destinations ran one after the other, and an error could end the row; here each goes its own way");
        }
        for (tag, stem) in [
            ("preprocessingScript", "preprocessor"),
            ("postprocessingScript", "postprocessor"),
            ("deployScript", "deploy"),
            ("undeployScript", "undeploy"),
            ("shutdownScript", "undeploy"),
        ] {
            self.channel_script(element, tag, stem, &mut head);
        }
        let about = match one_line(element.raw("description")) {
            about if about.is_empty() => shown.to_owned(),
            about => about,
        };
        self.channel_properties(element);
        self.mark(&mut head);
        head.text("description", about);
        (head, !is_on)
    }

    fn channel_script(&mut self, element: &Element, tag: &str, stem: &str, head: &mut Block) {
        let Some(script) = element.child(tag).filter(|script| !foreign::does_nothing(&script.text))
        else {
            return;
        };
        self.notes.enter_step(Some(stem.to_owned()));
        let path = self.file(stem, "js", &script.text);
        let reason = match stem {
            "preprocessor" => {
                "it changed the text before it was read, and messages are kept as they come here: write steps instead"
            }
            "postprocessor" => {
                "nothing runs after a message here; destinations say what is done with it"
            }
            _ => "nothing runs when a channel starts or ends here",
        };
        self.notes.by_hand(script.line, format!("{reason}; its code is in `channels/{path}`"));
        self.mark(head);
        self.notes.enter_step(None);
    }

    fn channel_properties(&mut self, element: &Element) {
        if let Some(properties) = element.child("properties") {
            let properties = Properties::new(properties);
            let attachments = properties.take(&["attachmentProperties", "type"]);
            if !matches!(attachments, "" | "None") {
                let kind = one_line(attachments);
                self.notes.by_hand(properties.line(&["attachmentProperties", "type"]), format!("the attachment handler `{kind}` cut parts out of messages, which are kept whole here"));
            }
            for column in properties.element.inside("metaDataColumns") {
                let name = column.value("mappingName");
                if !matches!(name, "mirth_source" | "mirth_type" | "mirth_version") {
                    let shown = one_line(column.value("name"));
                    self.notes.adapted(column.line, format!("the column `{shown}` of the message list (from `{}`) has no equal; messages are found by the numbers of `search`", one_line(name)));
                }
                self.used.insert(name.to_owned());
            }
            properties.take(&["metaDataColumns"]);
            properties.tell_rest(&mut self.notes);
        }
        for (tag, sentence) in [
            ("codeTemplateLibraries", "it uses code template libraries"),
            (
                "dependentIds",
                "other channels started after it; order of starting has no meaning here, since messages wait",
            ),
            (
                "dependencyIds",
                "it started after other channels; order of starting has no meaning here, since messages wait",
            ),
            ("channelTags", "its tags have no equal"),
        ] {
            if let Some(data) =
                element.at(&["exportData", tag]).filter(|data| !data.children.is_empty())
            {
                self.notes.adapted(data.line, sentence);
            }
        }
    }

    /// The source's filter and steps as `[transform]`.
    fn transform(&mut self, element: &Element, source: &Element) -> Block {
        let filter = self.filter(source.child("filter"), "");
        let mut steps = filter.steps();
        let empty = Element { line: element.line, ..Element::default() };
        let transformer = source.child("transformer").unwrap_or(&empty);
        steps.extend(self.steps(transformer, &Into { stem: "", is_source: true }));
        for taken in self.taken_out.iter().filter(|taken| taken.is_stale) {
            let asked = taken.removal.when.text();
            steps.push(Item::Comment(format!(
                "by hand: {}: destinations are taken out when `{asked}`",
                taken.step
            )));
        }
        self.data_types(transformer);
        let left = self.notes.take_unmarked();
        let mut block = Block::default();
        if !steps.is_empty() || !left.is_empty() {
            block.head("");
            block.head("[transform]");
            left.into_iter().for_each(|text| block.comment(text));
            block.key("steps", Val::Steps(steps));
        }
        block
    }

    /// What kind of data a transformer reads and writes.
    pub(crate) fn data_types(&mut self, transformer: &Element) {
        for (tag, properties, what) in [
            ("inboundDataType", "inboundProperties", "reads"),
            ("outboundDataType", "outboundProperties", "writes"),
        ] {
            let Some(kind) = transformer.child(tag) else { continue };
            match kind.text.trim() {
                "HL7V2" | "" => {
                    if let Some(properties) = transformer.child(properties) {
                        Properties::new(properties).tell_rest(&mut self.notes);
                    }
                }
                other => {
                    let other = one_line(other);
                    let is_answer = transformer.name == "responseTransformer";
                    let level = if is_answer {
                        crate::note::Level::Adapted
                    } else {
                        crate::note::Level::ByHand
                    };
                    self.notes.add(
                        level,
                        kind.line,
                        format!(
                            "the {} {what} {other}, and a message is HL7 v2 here",
                            transformer.name
                        ),
                    );
                }
            }
        }
        for tag in ["inboundTemplate", "outboundTemplate"] {
            if let Some(template) =
                transformer.child(tag).filter(|template| !template.text.trim().is_empty())
            {
                let meaning = match tag {
                    "inboundTemplate" => "it only served to draw steps, so it is left out",
                    _ => {
                        "`tmp` began as this message; here steps change the message itself, and a script sees it as `tmp`"
                    }
                };
                let level = if tag == "inboundTemplate" {
                    crate::note::Level::Adapted
                } else {
                    crate::note::Level::ByHand
                };
                self.notes.add(level, template.line, format!("the {tag}: {meaning}"));
            }
        }
    }

    fn tell_removals(&mut self, removals: &[TakenOut]) {
        for taken in removals {
            self.notes.enter_connector(Some("source"));
            self.notes.enter_step(Some(taken.step.clone()));
            if taken.is_stale {
                self.notes.by_hand(taken.line, format!("it takes destinations out when `{}`, and later steps write what that asks: put it into their `when`", taken.removal.when.text()));
            } else {
                self.notes.translated(
                    taken.line,
                    "what it took out stands in the `when` of the destinations",
                );
            }
        }
        self.notes.enter_connector(None);
    }

    /// What differs about reading and writing in general, told once for the channel.
    fn tell_paths(&mut self, line: usize) {
        if !self.written.is_empty() {
            let segments: Vec<&str> = self.written.iter().map(String::as_str).collect();
            self.notes.adapted(line, format!("steps write to {}: a segment that a message lacks was made by that, and here the step fails, so put an `insert` before it where that can be", segments.join(", ")));
        }
        self.notes.adapted(
            line,
            "a place without an index was every repetition at once, as XML; here it is the first",
        );
    }

    fn tell_mapped(&mut self) {
        for mapped in std::mem::take(&mut self.mapped) {
            self.notes.enter_connector(mapped.connector.as_deref());
            self.notes.enter_step(Some(mapped.step));
            let name = one_line(&mapped.name);
            match (self.used.contains(&mapped.name), mapped.template) {
                (true, Some(template)) => self.notes.translated(
                    mapped.line,
                    format!("`{name}` is written as `{template}` where it is used"),
                ),
                (true, None) => self
                    .notes
                    .translated(mapped.line, format!("`{name}` is written out where it is used")),
                (false, _) => self.notes.adapted(
                    mapped.line,
                    format!("nothing that was translated uses `{name}`, so it is not written"),
                ),
            }
        }
        self.notes.enter_connector(None);
    }
}

/// Scripts that belong to no channel, told about and kept.
pub(crate) fn kept_script(
    notes: &mut Notes,
    files: &mut Vec<(String, String)>,
    element: &Element,
    path: String,
    about: &str,
) {
    notes.by_hand(element.line, format!("{about}; its code is in `{path}`"));
    files.push((path, element.text.clone()));
}
