//! A whole export: which channels are in it, and what else.

use crate::channel;
use crate::draft::{Export, Var};
use crate::name::{Names, slug};
use crate::note::{Note, Notes, one_line};
use crate::toml_text::{Block, key};
use crate::xml::Element;
use crate::{NotAnExport, Translation};

/// Parts of a server configuration that are told about as a whole.
const REST: &[(&str, &str)] = &[
    ("users", "users are not taken over: people are made with `hilum user`"),
    ("alerts", "alerts are not taken over: `[alerts]` in server.toml says when people are told"),
    ("serverSettings", "settings of the server are not taken over: server.toml has its own"),
    ("updateSettings", "there is no program that looks for updates here"),
    ("resourceProperties", "resources (Java libraries) have no equal"),
    ("pluginProperties", "settings of plugins have no equal"),
    ("channelDependencies", "order of starting has no meaning here, since messages wait"),
    ("channelTags", "tags of channels have no equal"),
    ("encryptionSettings", "the store makes and keeps its own keys"),
];

/// Translates a tree that was read.
pub(crate) fn translate(root: &Element) -> Result<Translation, NotAnExport> {
    let mut channels = Vec::new();
    let mut others = Vec::new();
    const ROOTS: &[&str] = &[
        "channel",
        "list",
        "channels",
        "channelGroup",
        "channelGroups",
        "serverConfiguration",
        "codeTemplateLibrary",
        "codeTemplateLibraries",
    ];
    if ROOTS.contains(&root.name.as_str()) {
        sort(root, &mut channels, &mut others);
    }
    if channels.is_empty() && others.is_empty() {
        return Err(NotAnExport::NoChannel { root: one_line(&root.name) });
    }
    let mut names = Names::default();
    let named: Vec<(&Element, String)> = channels
        .into_iter()
        .map(|channel| (channel, names.take(channel.value("name"), "channel")))
        .collect();
    let mut export = Export::default();
    for (channel, name) in &named {
        export.channels.insert(channel.value("id").to_owned(), name.clone());
        if !channel::is_on(channel) {
            export.disabled.insert(name.clone());
        }
        let port =
            channel.at(&["sourceConnector", "properties", "listenerConnectorProperties", "port"]);
        export.ports.extend(port.map(|port| port.text.trim().to_owned()));
    }
    let (mut files, mut vars, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for (element, name) in &named {
        let translated = channel::translate(element, name, &export);
        files.extend(translated.files);
        vars.extend(translated.vars);
        notes.extend(translated.notes);
    }
    let told = rest(&others, &mut files);
    notes.extend(told);
    notes.sort_by_key(|note: &Note| note.place.line);
    files.extend(variables(&vars));
    Ok(Translation { files, notes })
}

/// Finds channels, and everything else that an export may hold.
fn sort<'a>(element: &'a Element, channels: &mut Vec<&'a Element>, others: &mut Vec<&'a Element>) {
    match element.name.as_str() {
        "channel" if element.child("sourceConnector").is_some() => {
            let libraries = element.at(&["exportData", "codeTemplateLibraries"]);
            channels.push(element);
            others.extend(
                libraries.map(|libraries| libraries.children.as_slice()).unwrap_or_default(),
            );
        }
        // A group names its channels by their ids only, unless it is exported by itself.
        "channel" | "date" | "id" | "name" | "revision" | "lastModified" | "description" => {}
        "list" | "channels" | "serverConfiguration" | "channelGroups" | "codeTemplateLibraries" => {
            element.children.iter().for_each(|child| sort(child, channels, others));
        }
        "channelGroup" => {
            others.push(element);
            element.children.iter().for_each(|child| sort(child, channels, others));
        }
        "codeTemplateLibrary" | "codeTemplate" | "globalScripts" | "configurationMap" => {
            others.push(element)
        }
        name if REST.iter().any(|(of, _)| *of == name) => others.push(element),
        "" => {}
        _ if !element.children.is_empty() || !element.text.trim().is_empty() => {
            others.push(element)
        }
        _ => {}
    }
}

/// Tells about what belongs to no channel.
fn rest(others: &[&Element], files: &mut Vec<(String, String)>) -> Vec<Note> {
    let mut notes = Notes::default();
    let mut names = Names::default();
    for element in others {
        let name = one_line(element.value("name"));
        match element.name.as_str() {
            "channelGroup" => notes.adapted(element.line, format!("the group \"{name}\" has no equal: channels are one list, and `owner` says who answers for one")),
            "codeTemplateLibrary" => library(element, &mut names, &mut notes, files),
            "codeTemplate" => template(element, "library", &mut names, &mut notes, files),
            "globalScripts" => global_scripts(element, &mut names, &mut notes, files),
            "configurationMap" => configuration(element, &mut notes),
            tag => match REST.iter().find(|(of, _)| *of == tag) {
                Some((_, sentence)) if element.children.is_empty() => {
                    let _ = sentence;
                }
                Some((_, sentence)) => notes.by_hand(element.line, sentence),
                None => notes.by_hand(element.line, format!("`{}` is not known and not taken over", one_line(tag))),
            },
        }
    }
    notes.into_all()
}

fn library(
    element: &Element,
    names: &mut Names,
    notes: &mut Notes,
    files: &mut Vec<(String, String)>,
) {
    let name = one_line(element.value("name"));
    let templates = element.inside("codeTemplates");
    notes.by_hand(element.line, format!("the code template library \"{name}\" with {} templates: scripts share no functions here, so copy what a script needs into it", templates.len()));
    templates.iter().for_each(|one| template(one, &slug(&name, "library"), names, notes, files));
}

fn template(
    element: &Element,
    library: &str,
    names: &mut Names,
    notes: &mut Notes,
    files: &mut Vec<(String, String)>,
) {
    let name = one_line(element.value("name"));
    let code = match element.child("properties") {
        Some(properties) => properties.child("code"),
        None => element.child("code"),
    };
    match code {
        Some(code) => {
            let stem = names.take(&format!("{library}-{name}"), "template");
            channel::kept_script(
                notes,
                files,
                code,
                format!("code-templates/{stem}.js"),
                &format!("the code template \"{name}\""),
            );
        }
        None => notes.by_hand(
            element.line,
            format!("the code template \"{name}\", which has no code with it"),
        ),
    }
}

fn global_scripts(
    element: &Element,
    names: &mut Names,
    notes: &mut Notes,
    files: &mut Vec<(String, String)>,
) {
    for entry in &element.children {
        let [name, code] = entry.children.as_slice() else { continue };
        if crate::foreign::does_nothing(&code.text) {
            continue;
        }
        let stem = names.take(&format!("global-{}", name.text), "global");
        let about = format!("the global {} script, which has no equal", one_line(&name.text));
        channel::kept_script(notes, files, code, format!("code-templates/{stem}.js"), &about);
    }
}

/// Names only: the values may be passwords.
fn configuration(element: &Element, notes: &mut Notes) {
    for entry in &element.children {
        let Some(name) = entry.children.first() else { continue };
        notes.by_hand(
            entry.line,
            format!(
                "`{}` of the configuration map: write it into `vars/`, or as a secret by reference",
                one_line(&name.text)
            ),
        );
    }
}

/// `vars/development.toml`, where everything is this machine, and `vars/production.toml`, where it is as it was.
fn variables(vars: &[Var]) -> Vec<(String, String)> {
    if vars.is_empty() {
        return Vec::new();
    }
    let mut development = Block::default();
    development.comment("What differs between environments. Here everything is this machine, so that a trial reaches nobody.");
    let mut production = Block::default();
    production.comment("The addresses and folders of the export. What lies on another machine needs `tls` or `plaintext` in its channel.");
    for var in vars {
        development.comment(one_line(&var.about));
        development.text(&var.name, var.development.clone());
        match &var.production {
            Some(value) => production.text(&var.name, value.clone()),
            None => production.comment(format!(
                "by hand: {} = ... ({})",
                key(&var.name),
                one_line(&var.about)
            )),
        }
    }
    let write = |path: &str, block: &Block| {
        let mut text = String::new();
        block.write(&mut text);
        (format!("vars/{path}.toml"), text)
    };
    vec![write("development", &development), write("production", &production)]
}
