//! The source connector.

use crate::draft::Draft;
use crate::note::one_line;
use crate::properties::Properties;
use crate::toml_text::{Block, Val};
use crate::xml::Element;

/// Where a listener or sender stands when the export does not say it in numbers.
const PORT_OTHERWISE: &str = "2575";

const LISTENER_HOST: &[&str] = &["listenerConnectorProperties", "host"];
const LISTENER_PORT: &[&str] = &["listenerConnectorProperties", "port"];
const MODE: &str = "transmissionModeProperties";

/// A duration as the language writes it.
pub(crate) fn duration(millis: u64) -> String {
    match millis {
        0 => "0s".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

/// `{ var = "name" }`.
pub(crate) fn var(name: String) -> Val {
    Val::Table(vec![("var".to_owned(), Val::Text(name))])
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "::1" | "[::1]") || host.starts_with("127.")
}

/// Whether framing is that of MLLP.
pub(crate) fn is_mllp(properties: &Properties<'_>) -> bool {
    let mode = properties.take(&[MODE, "pluginPointName"]);
    let start = properties.take(&[MODE, "startOfMessageBytes"]);
    let end = properties.take(&[MODE, "endOfMessageBytes"]);
    let is_same =
        |bytes: &str, wanted: &str| bytes.is_empty() || bytes.eq_ignore_ascii_case(wanted);
    matches!(mode, "MLLP" | "") && is_same(start, "0B") && is_same(end, "1C0D")
}

impl Draft<'_> {
    /// The source as `[source]`.
    pub(crate) fn source(&mut self, connector: &Element, waited_for: &[String]) -> Block {
        let empty = Element::default();
        let element = connector.child("properties").unwrap_or(&empty);
        let properties = Properties::new(element);
        let mut block = Block::default();
        let known = match element.kind() {
            "TcpReceiverProperties" => self.mllp_source(&properties, &mut block),
            "HttpReceiverProperties" => self.http_source(&properties, &mut block),
            "FileReceiverProperties" => self.file_source(&properties, &mut block),
            "VmReceiverProperties" => {
                block.head("[source]");
                block.text("type", "channel");
                self.notes.translated(
                    element.line,
                    "the Channel Reader became a source of `type = \"channel\"`",
                );
                true
            }
            _ => false,
        };
        if !known {
            self.source_by_hand(connector, &properties, &mut block);
            return block;
        }
        self.answers(element, &properties, waited_for, &mut block);
        self.source_queue(&properties);
        properties.tell_rest(&mut self.notes);
        self.mark(&mut block);
        block
    }

    /// A source that has no equal: what it was stands as a comment, and the channel listens to others until it is written.
    fn source_by_hand(
        &mut self,
        connector: &Element,
        properties: &Properties<'_>,
        block: &mut Block,
    ) {
        let kind = one_line(connector.value("transportName"));
        let sentence = format!(
            "the source is a {kind}, which has no equal here; until it is replaced, the channel takes messages from other channels only"
        );
        self.notes.by_hand(properties.element.line, sentence);
        self.mark(block);
        self.list_properties(properties, block);
        block.head("[source]");
        block.text("type", "channel");
    }

    /// What a connector said, and its scripts and queries in files of their own.
    pub(crate) fn list_properties(&mut self, properties: &Properties<'_>, block: &mut Block) {
        for (path, text) in properties.listed() {
            if !text.contains('\n') {
                block.comment(format!("  {path}: {text}"));
                continue;
            }
            let name = path.rsplit('/').next().unwrap_or(&path);
            let ending = match name {
                "script" | "updateScript" => "js",
                "select" | "query" | "update" => "sql",
                _ => "txt",
            };
            let file = self.file(name, ending, &text);
            block.comment(format!("  {path}: {file}"));
        }
    }

    /// The address of a listener, as a variable, never open to others by itself.
    fn listen(&mut self, properties: &Properties<'_>, block: &mut Block) {
        let (host, port) = (properties.take(LISTENER_HOST), properties.take(LISTENER_PORT));
        let line = properties.line(LISTENER_PORT);
        let number = if port.parse::<u16>().is_ok_and(|port| port > 0) {
            port
        } else {
            self.notes.by_hand(
                line,
                format!(
                    "the port is `{}`, which is no number: {PORT_OTHERWISE} stands in its place",
                    one_line(port)
                ),
            );
            PORT_OTHERWISE
        };
        let was = one_line(&format!("{host}:{port}"));
        let is_open = !is_loopback(host);
        let is_address = host.parse::<std::net::Ipv4Addr>().is_ok();
        let production = (number == port).then(|| match (is_open, is_address) {
            (false, _) => format!("127.0.0.1:{number}"),
            (true, true) => format!("{host}:{number}"),
            (true, false) => format!("0.0.0.0:{number}"),
        });
        let name = self.var(
            "listen",
            format!("where {} listened: {was}", self.name),
            format!("127.0.0.1:{number}"),
            production,
        );
        if is_open {
            block.comment(format!("It listened on {was}. For other machines it needs `tls`, or `plaintext` with its reason and end."));
            self.notes.adapted(line, format!("it listened on {was}, for every machine and without encryption; here on 127.0.0.1, until `tls` or `plaintext` is written"));
        } else {
            self.notes.translated(line, format!("it listened on {was}"));
        }
        block.key("listen", var(name));
    }

    fn mllp_source(&mut self, properties: &Properties<'_>, block: &mut Block) -> bool {
        if !is_mllp(properties)
            || !properties.is_on(&["serverMode"], true)
            || properties.is_on(&["dataTypeBinary"], false)
        {
            return false;
        }
        block.head("[source]");
        block.text("type", "mllp");
        self.notes.translated(
            properties.element.line,
            "the TCP Listener became a source of `type = \"mllp\"`",
        );
        self.listen(properties, block);
        if properties.is_on(&[MODE, "useMLLPv2"], false) {
            block.bare("release", 2);
        }
        if let Some(most) = properties.number(&["maxConnections"]).filter(|most| *most != 10) {
            block.bare("max_connections", most.clamp(1, 512));
        }
        self.charset(properties, block);
        self.batch(properties, block);
        true
    }

    fn http_source(&mut self, properties: &Properties<'_>, block: &mut Block) -> bool {
        if properties.is_on(&["xmlBody"], false) {
            return false;
        }
        block.head("[source]");
        block.text("type", "http");
        self.notes.adapted(properties.element.line, "the HTTP Listener became a source of `type = \"http\"`, which takes one HL7 message with each POST and answers its acknowledgement");
        self.listen(properties, block);
        for plugin in properties.element.inside("pluginProperties") {
            let kind = one_line(plugin.value("authType"));
            if !matches!(kind.as_str(), "" | "NONE") {
                self.notes.by_hand(plugin.line, format!("senders proved who they were by {kind}; here it is `token = {{ secret = \"name\" }}`, or a certificate with `tls`"));
            }
        }
        self.mark(block);
        match properties.take(&["contextPath"]).trim_matches('/') {
            "" => {}
            path => block.text("path", format!("/{}", one_line(path))),
        }
        self.batch(properties, block);
        true
    }

    fn batch(&mut self, properties: &Properties<'_>, block: &mut Block) {
        if properties.is_on(&["sourceConnectorProperties", "processBatch"], false) {
            block.text("batch", "each");
            self.notes.translated(
                properties.line(&["sourceConnectorProperties", "processBatch"]),
                "batches are taken apart: `batch = \"each\"`",
            );
        } else {
            // Which answer counts, of those to a batch.
            properties.take(&["sourceConnectorProperties", "firstResponse"]);
        }
    }

    fn charset(&mut self, properties: &Properties<'_>, block: &mut Block) {
        let charset = properties.take(&["charsetEncoding"]);
        if matches!(charset, "" | "DEFAULT_ENCODING") {
            return;
        }
        let line = properties.line(&["charsetEncoding"]);
        let name = one_line(charset).to_lowercase();
        if name.starts_with("utf-16") || name.starts_with("utf-32") {
            self.notes
                .by_hand(line, format!("the character set is {name}, which messages cannot be in"));
            return;
        }
        block.text("charset", format!("fixed {name}"));
        self.notes.translated(line, format!("the character set is {name}, whatever MSH-18 says"));
    }

    fn file_source(&mut self, properties: &Properties<'_>, block: &mut Block) -> bool {
        let is_local = matches!(properties.take(&["scheme"]), "FILE" | "file" | "");
        let odd = ["regex", "directoryRecursion", "binary"];
        let is_plain = odd.iter().all(|name| !properties.is_on(&[name], false));
        if !is_local || !is_plain || properties.take(&["fileFilter"]).contains(',') {
            return false;
        }
        block.head("[source]");
        block.text("type", "file");
        self.notes.translated(
            properties.element.line,
            "the File Reader became a source of `type = \"file\"`",
        );
        let was = one_line(properties.take(&["host"]));
        let name = self.name.clone();
        let folder = self.var(
            "folder",
            format!("where {name} read files: {was}"),
            format!("data/in/{name}"),
            Some(was.clone()).filter(|was| !was.contains("${")),
        );
        block.key("folder", var(folder));
        self.notes.adapted(
            properties.line(&["host"]),
            format!("the folder was `{was}`; in development it is `data/in/{name}`"),
        );
        block.text("pattern", properties.take(&["fileFilter"]));
        self.poll(properties, block);
        let age = properties.number(&["fileAge"]).unwrap_or(1000).min(3_600_000);
        let age = if properties.is_on(&["checkFileAge"], true) { age } else { 0 };
        block.text("stable", duration(age));
        match properties.take(&["sortBy"]) {
            "name" => {}
            "size" => self.notes.by_hand(
                properties.line(&["sortBy"]),
                "files came by size, which has no equal: they come by name",
            ),
            _ => block.text("order", "time"),
        }
        self.after_reading(properties, block);
        self.charset(properties, block);
        properties.take(&["sourceConnectorProperties", "processBatch"]);
        true
    }

    fn poll(&mut self, properties: &Properties<'_>, block: &mut Block) {
        let poll = |name| ["pollConnectorProperties", name];
        if !matches!(properties.take(&poll("pollingType")), "INTERVAL" | "") {
            self.notes.by_hand(
                properties.line(&poll("pollingType")),
                "files were read by the clock or a schedule; here a folder is always watched",
            );
        }
        let every = properties.number(&poll("pollingFrequency")).unwrap_or(5000);
        block.text("every", duration(every.clamp(50, 3_600_000)));
    }

    fn after_reading(&mut self, properties: &Properties<'_>, block: &mut Block) {
        let line = properties.line(&["afterProcessingAction"]);
        match properties.take(&["afterProcessingAction"]) {
            "DELETE" => block.text("after", "delete"),
            "MOVE" => {
                let to = one_line(properties.take(&["moveToDirectory"]));
                if to.contains("${") || to.is_empty() {
                    self.notes.by_hand(line, format!("files were moved to `{to}`; here they go to `done` in the folder"));
                } else {
                    let name = self.name.clone();
                    let done = self.var("done", format!("where {name} put what it had read: {to}"), format!("data/done/{name}"), Some(to.clone()));
                    block.key("done", var(done));
                    self.notes.translated(line, format!("files were moved to `{to}`"));
                }
            }
            _ => self.notes.adapted(line, "files stayed where they were; here they are moved to `done` in the folder, since what stays would be read again"),
        }
        let to = one_line(properties.take(&["errorMoveToDirectory"]));
        if !to.is_empty() && !to.contains("${") {
            let name = self.name.clone();
            let errors = self.var(
                "errors",
                format!("where {name} put what it could not read: {to}"),
                format!("data/errors/{name}"),
                Some(to.clone()),
            );
            block.key("errors", var(errors));
            properties.take(&["errorReadingAction"]);
            properties.take(&["errorResponseAction"]);
            self.notes.translated(
                properties.line(&["errorMoveToDirectory"]),
                format!("files with errors were moved to `{to}`"),
            );
        }
    }

    /// When and how the sender is answered.
    fn answers(
        &mut self,
        element: &Element,
        properties: &Properties<'_>,
        waited_for: &[String],
        block: &mut Block,
    ) {
        let is_file = matches!(element.kind(), "FileReceiverProperties" | "VmReceiverProperties");
        let path = ["sourceConnectorProperties", "responseVariable"];
        let line = properties.line(&path);
        let queued =
            !properties.is_on(&["sourceConnectorProperties", "respondAfterProcessing"], true);
        match properties.take(&path) {
            "" | "None" if is_file => {}
            "" | "None" => self.notes.adapted(
                line,
                "senders got no answer; here every message is acknowledged once it is on disk",
            ),
            "Auto-generate (Before processing)" => {
                block.text("ack", "on-receipt");
                self.notes.translated(
                    line,
                    "the answer was made before processing: `ack = \"on-receipt\"`",
                );
            }
            _ if queued => {
                block.text("ack", "on-receipt");
                self.notes
                    .translated(line, "messages were queued at the source: `ack = \"on-receipt\"`");
            }
            "Auto-generate (After source transformer)" => {
                block.text("ack", "on-accept");
                block.text("ack_unwanted", "AR");
                self.notes.translated(line, "the answer was made after the source's steps: `ack = \"on-accept\"`; a filtered message was rejected, and still is");
            }
            "Auto-generate (Destinations completed)" => {
                self.answer_on_delivery(line, waited_for, block)
            }
            other => {
                let other = one_line(other);
                self.notes.by_hand(line, format!("the answer was made by `{other}`, and answers are acknowledgements here: choose `ack`"));
            }
        }
    }

    fn answer_on_delivery(&mut self, line: usize, waited_for: &[String], block: &mut Block) {
        if waited_for.is_empty() {
            block.text("ack", "on-accept");
            self.notes.translated(line, "the answer was made when destinations were done, and all of them had queues: `ack = \"on-accept\"`");
            return;
        }
        block.text("ack", "on-delivery");
        block.key(
            "ack_destinations",
            Val::List(waited_for.iter().cloned().map(Val::Text).collect()),
        );
        block.text("ack_unwanted", "AR");
        self.notes.adapted(line, "the answer was made when destinations were done: `ack = \"on-delivery\"` for those without a queue, and AE when they take longer than `ack_deadline` (20s)");
    }

    fn source_queue(&mut self, properties: &Properties<'_>) {
        let path = ["sourceConnectorProperties", "processingThreads"];
        if properties.number(&path).is_some_and(|threads| threads > 1) {
            self.notes.adapted(properties.line(&path), "several threads took messages, in no order; here messages keep the order in which they came");
        }
        let path = ["sourceConnectorProperties", "respondAfterProcessing"];
        properties.take(&path);
    }
}
