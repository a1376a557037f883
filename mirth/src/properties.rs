//! The properties of a connector: which were used, which say nothing, and which are left to tell about.

use crate::note::{Level, Notes, one_line};
use crate::xml::Element;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Properties that say nothing at these values, which are the defaults of the versions 3 and 4. An empty one never says anything.
const DEFAULTS: &[(&str, &[&str])] = &[
    ("queueEnabled", &["false"]),
    ("sendFirst", &["false"]),
    ("retryIntervalMillis", &["10000"]),
    ("regenerateTemplate", &["false"]),
    ("retryCount", &["0"]),
    ("rotate", &["false"]),
    ("includeFilterTransformer", &["false"]),
    ("threadCount", &["1"]),
    ("processingThreads", &["1"]),
    ("validateResponse", &["false", "true"]),
    ("string", &["Default Resource", "[Default Resource]"]),
    ("reattachAttachments", &["true"]),
    ("respondAfterProcessing", &["true"]),
    ("processBatch", &["false"]),
    ("firstResponse", &["false"]),
    ("responseVariable", &["None"]),
    ("serverMode", &["true"]),
    ("overrideLocalBinding", &["false"]),
    ("localAddress", &["0.0.0.0"]),
    ("localPort", &["0"]),
    ("reconnectInterval", &["5000"]),
    ("receiveTimeout", &["0"]),
    ("sendTimeout", &["5000"]),
    ("maxConnections", &["10"]),
    ("keepConnectionOpen", &["false", "true"]),
    ("checkRemoteHost", &["false", "true"]),
    ("ignoreResponse", &["false"]),
    ("queueOnResponseTimeout", &["true"]),
    ("dataTypeBinary", &["false"]),
    ("binary", &["false"]),
    ("charsetEncoding", &["DEFAULT_ENCODING"]),
    ("respondOnNewConnection", &["0"]),
    ("pluginPointName", &["MLLP"]),
    ("startOfMessageBytes", &["0B", "0b"]),
    ("endOfMessageBytes", &["1C0D", "1c0d"]),
    ("useMLLPv2", &["false"]),
    ("ackBytes", &["06"]),
    ("nackBytes", &["15"]),
    ("maxRetries", &["2"]),
    ("pollingType", &["INTERVAL"]),
    ("pollOnStart", &["false"]),
    ("pollingFrequency", &["5000"]),
    ("pollingHour", &["0"]),
    ("pollingMinute", &["0"]),
    ("weekly", &["true"]),
    ("boolean", &["false"]),
    ("dayOfMonth", &["1"]),
    ("allDay", &["true"]),
    ("startingHour", &["8"]),
    ("startingMinute", &["0"]),
    ("endingHour", &["17"]),
    ("endingMinute", &["0"]),
    ("scheme", &["FILE"]),
    ("fileFilter", &["*"]),
    ("regex", &["false"]),
    ("directoryRecursion", &["false"]),
    ("ignoreDot", &["true"]),
    ("anonymous", &["true"]),
    ("username", &["anonymous"]),
    ("password", &["anonymous"]),
    ("timeout", &["10000", "30000", "0"]),
    ("secure", &["true"]),
    ("passive", &["true"]),
    ("validateConnection", &["true"]),
    ("afterProcessingAction", &["NONE"]),
    ("errorReadingAction", &["NONE"]),
    ("errorResponseAction", &["AFTER_PROCESSING"]),
    ("checkFileAge", &["true"]),
    ("fileAge", &["1000"]),
    ("fileSizeMinimum", &["0"]),
    ("ignoreFileSizeMaximum", &["true"]),
    ("sortBy", &["date"]),
    ("outputAppend", &["true"]),
    ("errorOnExists", &["false"]),
    ("temporary", &["false"]),
    ("xmlBody", &["false"]),
    ("parseMultipart", &["true"]),
    ("includeMetadata", &["false"]),
    (
        "binaryMimeTypes",
        &[
            "application/.*(?<!json|xml)$|image/.*|video/.*|audio/.*",
            "application/, image/, video/, audio/",
        ],
    ),
    ("binaryMimeTypesRegex", &["true"]),
    ("responseContentType", &["text/plain"]),
    ("responseDataTypeBinary", &["false"]),
    ("useResponseHeadersVariable", &["false"]),
    ("charset", &["UTF-8"]),
    ("authType", &["NONE", "BASIC", "DIGEST", "JAVASCRIPT", "CUSTOM", "OAUTH2_VERIFICATION"]),
    ("maxIdleTime", &["0"]),
    ("useScript", &["false"]),
    ("useProxyServer", &["false"]),
    ("isUseHeadersVariable", &["false"]),
    ("isUseParametersVariable", &["false"]),
    ("useHeadersVariable", &["false"]),
    ("useParametersVariable", &["false"]),
    ("responseXmlBody", &["false"]),
    ("responseParseMultipart", &["true"]),
    ("responseIncludeMetadata", &["false"]),
    (
        "responseBinaryMimeTypes",
        &[
            "application/.*(?<!json|xml)$|image/.*|video/.*|audio/.*",
            "application/, image/, video/, audio/",
        ],
    ),
    ("responseBinaryMimeTypesRegex", &["true", "false"]),
    ("multipart", &["false"]),
    ("useAuthentication", &["false"]),
    ("authenticationType", &["Basic"]),
    ("usePreemptiveAuthentication", &["false"]),
    // HL7 v2 as a data type.
    ("handleRepetitions", &["true"]),
    ("handleSubcomponents", &["true"]),
    ("useStrictParser", &["false"]),
    ("useStrictValidation", &["false"]),
    ("stripNamespaces", &["false", "true"]),
    ("segmentDelimiter", &["\\r", "\\r\\n|\\r|\\n"]),
    ("convertLineBreaks", &["true"]),
    ("splitType", &["MSH_Segment"]),
    ("successfulACKCode", &["AA", "AA,CA"]),
    ("errorACKCode", &["AE", "AE,CE"]),
    ("errorACKMessage", &["An Error Occurred Processing Message."]),
    ("rejectedACKCode", &["AR", "AR,CR"]),
    ("rejectedACKMessage", &["Message Rejected."]),
    ("msh15ACKAccept", &["false"]),
    ("dateFormat", &["yyyyMMddHHmmss.SSS"]),
    ("validateMessageControlId", &["true"]),
    ("originalMessageControlId", &["Destination_Encoded"]),
    // The channel itself.
    ("clearGlobalChannelMap", &["true", "false"]),
    ("messageStorageMode", &["DEVELOPMENT"]),
    ("encryptData", &["false", "true"]),
    ("encryptAttachments", &["false", "true"]),
    ("encryptCustomMetaData", &["false", "true"]),
    ("removeContentOnCompletion", &["false"]),
    ("removeOnlyFilteredOnCompletion", &["false"]),
    ("removeAttachmentsOnCompletion", &["false"]),
    ("storeAttachments", &["false", "true"]),
    ("initialState", &["STARTED"]),
    ("archiveEnabled", &["true"]),
];

/// Properties that say nothing here, whatever they are.
const NEVER: &[&str] = &["bufferSize", "queueBufferSize", "pruneErroredMessages"];

/// What some properties mean here.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "messageStorageMode",
        "every message is kept with what became of it; how long is said by `[retention]` in server.toml",
    ),
    ("removeContentOnCompletion", "bodies are kept as long as `[retention]` in server.toml says"),
    (
        "removeOnlyFilteredOnCompletion",
        "bodies are kept as long as `[retention]` in server.toml says",
    ),
    ("pruneContentDays", "how long bodies are kept is said by `[retention]` in server.toml"),
    ("pruneMetaDataDays", "how long messages are kept is said by `[retention]` in server.toml"),
    ("regenerateTemplate", "a delivery keeps its bytes from one try to the next"),
    ("includeFilterTransformer", "a delivery keeps its bytes from one try to the next"),
    ("rotate", "a delivery that is tried again keeps its place, since that is what order means"),
    ("reconnectInterval", "the wait between tries to connect is that of `retry`"),
    (
        "receiveTimeout",
        "connections without messages stay open; `frame_silence` and `frame_time` limit those with a part of one",
    ),
    ("temporary", "a file is always written under another name and appears when it is whole"),
    ("errorOnExists", "a file that exists with other content always makes a dead letter"),
    ("successfulACKMessage", "write it as `ack_accept_text` if the sender reads it"),
    ("sendTimeout", "the limit for a whole try is `timeout`"),
    ("pollOnStart", "a folder is looked through at the start as well"),
    ("useStrictParser", "messages are kept byte for byte, and parsed only where a step asks"),
    (
        "initialState",
        "it did not start by itself; here a channel runs from the time its file is applied, and can be paused",
    ),
    ("segmentDelimiter", "line ends are kept as they come, CR, LF or both"),
];

/// The properties of a connector, and which of them somebody has looked at.
pub(crate) struct Properties<'a> {
    pub(crate) element: &'a Element,
    taken: RefCell<BTreeSet<String>>,
}

impl<'a> Properties<'a> {
    pub(crate) fn new(element: &'a Element) -> Properties<'a> {
        Properties { element, taken: RefCell::default() }
    }

    /// The text of a property, which is dealt with by that.
    pub(crate) fn take(&self, path: &[&str]) -> &'a str {
        self.taken.borrow_mut().insert(path.join("/"));
        self.element.at(path).map_or("", |element| element.text.trim())
    }

    /// The same with the blanks around it.
    pub(crate) fn take_raw(&self, path: &[&str]) -> &'a str {
        self.taken.borrow_mut().insert(path.join("/"));
        self.element.at(path).map_or("", |element| element.text.as_str())
    }

    pub(crate) fn is_on(&self, path: &[&str], otherwise: bool) -> bool {
        match self.take(path) {
            "" => otherwise,
            text => text == "true",
        }
    }

    pub(crate) fn number(&self, path: &[&str]) -> Option<u64> {
        self.take(path).parse().ok()
    }

    /// The line of a property, or that of all of them.
    pub(crate) fn line(&self, path: &[&str]) -> usize {
        self.element.at(path).map_or(self.element.line, |element| element.line)
    }

    /// Tells about every property that nobody has looked at and that is not at its default.
    pub(crate) fn tell_rest(&self, notes: &mut Notes) {
        let mut rest = Vec::new();
        leaves(self.element, "", false, &self.taken.borrow(), &mut rest);
        for leaf in rest {
            let name = leaf.name();
            let explained = EXPLAINED.iter().find(|(of, _)| *of == name);
            let level = if explained.is_some() { Level::Adapted } else { Level::ByHand };
            let meaning = explained.map_or("it has no equal", |(_, sentence)| sentence);
            notes.add(level, leaf.element.line, format!("`{name}` is {}: {meaning}", leaf.value()));
        }
    }

    /// Everything that is set, by path, for somebody who has to write it anew; no passwords.
    pub(crate) fn listed(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        leaves(self.element, "", false, &BTreeSet::new(), &mut all);
        let shown = all.into_iter().map(|leaf| {
            let value = if leaf.is_hidden { "(not copied)" } else { leaf.element.text.trim() };
            (leaf.path, value.to_owned())
        });
        shown.collect()
    }
}

/// A property that may say something, with its path.
struct Leaf<'a> {
    element: &'a Element,
    path: String,
    is_hidden: bool,
}

impl Leaf<'_> {
    /// What it is called: a value of a list or map by what it is in.
    fn name(&self) -> &str {
        let mut parts = self.path.rsplit('/');
        parts.find(|part| !matches!(*part, "string" | "entry" | "list")).unwrap_or(&self.path)
    }

    fn value(&self) -> String {
        if self.is_hidden {
            "set and not shown".to_owned()
        } else {
            format!("`{}`", one_line(&self.element.text))
        }
    }
}

/// Everything below an element that is not at its default, without what `taken` holds.
fn leaves<'a>(
    element: &'a Element,
    above: &str,
    is_hidden: bool,
    taken: &BTreeSet<String>,
    out: &mut Vec<Leaf<'a>>,
) {
    for child in &element.children {
        let name = child.name.rsplit('.').next().unwrap_or(&child.name);
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        if taken.contains(&path) {
            continue;
        }
        let is_hidden = is_hidden || hides(child);
        if !child.children.is_empty() {
            leaves(child, &path, is_hidden, taken, out);
        } else if !says_nothing(child) {
            out.push(Leaf { element: child, path, is_hidden });
        }
    }
}

fn says_nothing(leaf: &Element) -> bool {
    let text = leaf.text.trim();
    let name = leaf.name.as_str();
    text.is_empty()
        || NEVER.contains(&name)
        || DEFAULTS.iter().any(|(of, values)| *of == name && values.contains(&text))
}

/// Whether nobody should read here what is in an element: by its name, by the key of its map, or because an address in it has a password.
fn hides(element: &Element) -> bool {
    const WORDS: &[&str] = &[
        "password",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "api-key",
        "api_key",
        "privatekey",
        "credential",
        "authorization",
        "cookie",
    ];
    let is_telling = |text: &str| {
        let text = text.to_lowercase();
        WORDS.iter().any(|word| text.contains(word))
    };
    let key = element.children.first().filter(|_| element.name == "entry");
    if is_telling(&element.name) || key.is_some_and(|key| is_telling(&key.text)) {
        return true;
    }
    let text = element.text.to_lowercase();
    let has_login = text.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '?', ' ']).next().is_some_and(|authority| authority.contains('@'))
    });
    has_login || ["password=", "pwd=", "passwd="].iter().any(|word| text.contains(word))
}
