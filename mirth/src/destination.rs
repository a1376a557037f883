//! Destination connectors.

use crate::condition::Cond;
use crate::draft::Draft;
use crate::note::one_line;
use crate::properties::Properties;
use crate::source::{duration, is_loopback, is_mllp, var};
use crate::steps::Into;
use crate::toml_text::{Block, Val};
use crate::velocity;
use crate::xml::Element;

const QUEUE: &str = "destinationConnectorProperties";
/// What stands for "for ever": the most tries that can be written.
const ATTEMPTS_MAX: u64 = 1_000_000;

impl Draft<'_> {
    /// A destination as `[[destination]]`. `taken_out` is when the source's steps take it out.
    pub(crate) fn destination(
        &mut self,
        connector: &Element,
        name: &str,
        taken_out: Cond,
    ) -> Block {
        let empty = Element::default();
        let element = connector.child("properties").unwrap_or(&empty);
        let properties = Properties::new(element);
        let is_on = connector.is_on("enabled", true);
        let mut block = if is_on { Block::default() } else { Block::off() };
        if block.is_off {
            block.comment("switched off in Mirth:");
            self.notes.adapted(connector.line, "it was switched off, so it stands as a comment");
        }
        block.head("[[destination]]");
        block.text("name", name);
        let known = match element.kind() {
            "TcpDispatcherProperties" => self.mllp_destination(&properties, name, &mut block),
            "HttpDispatcherProperties" => self.http_destination(&properties, name, &mut block),
            "FileDispatcherProperties" => self.file_destination(&properties, name, &mut block),
            "VmDispatcherProperties" => self.channel_destination(&properties, name, &mut block),
            _ => false,
        };
        if !known {
            block = self.destination_by_hand(connector, &properties, name);
        }
        let stem = format!("{name}-");
        let filter = self.filter(connector.child("filter"), &stem);
        let when = filter.may.clone().and(taken_out.negated());
        match &when {
            Cond::True => {}
            when => block.key("when", Val::Code(when.text())),
        }
        if known {
            self.queue(&properties, element.kind(), &mut block);
            properties.tell_rest(&mut self.notes);
        }
        self.mark(&mut block);
        let mut steps = filter.guard();
        if let Some(transformer) = connector.child("transformer") {
            steps.extend(self.steps(transformer, &Into { stem: &stem, is_source: false }));
            self.data_types(transformer);
        }
        self.response(connector, &stem);
        self.mark(&mut block);
        if !steps.is_empty() {
            block.key("steps", Val::Steps(steps));
        }
        block
    }

    fn destination_by_hand(
        &mut self,
        connector: &Element,
        properties: &Properties<'_>,
        name: &str,
    ) -> Block {
        let kind = one_line(connector.value("transportName"));
        let sentence =
            format!("the destination is a {kind} as it stands there, which has no equal here");
        self.notes.by_hand(properties.element.line, &sentence);
        let mut block = Block::off();
        self.mark(&mut block);
        self.list_properties(properties, &mut block);
        block.head("[[destination]]");
        block.text("name", name);
        block
    }

    fn mllp_destination(
        &mut self,
        properties: &Properties<'_>,
        name: &str,
        block: &mut Block,
    ) -> bool {
        if !is_mllp(properties)
            || properties.is_on(&["serverMode"], false)
            || properties.is_on(&["dataTypeBinary"], false)
        {
            return false;
        }
        block.text("type", "mllp");
        self.notes.translated(
            properties.element.line,
            "the TCP Sender became a destination of `type = \"mllp\"`",
        );
        let (host, port) = (properties.take(&["remoteAddress"]), properties.take(&["remotePort"]));
        self.address(host, port, properties.line(&["remoteAddress"]), name, block);
        if properties.is_on(&["transmissionModeProperties", "useMLLPv2"], false) {
            block.bare("release", 2);
        }
        match properties.number(&["responseTimeout"]) {
            Some(0) => block.text("timeout", "1h"),
            Some(timeout) => block.text("timeout", duration(timeout.clamp(100, 3_600_000))),
            None => {}
        }
        if properties.is_on(&["ignoreResponse"], false) {
            block.text("wait_for", "nothing");
            self.notes.translated(
                properties.line(&["ignoreResponse"]),
                "answers were ignored: `wait_for = \"nothing\"`",
            );
        } else {
            self.judged(properties, block);
        }
        self.body(properties, &["template"], name, block);
        true
    }

    /// The receiver's address as a variable. In development it is always this machine, so that a trial reaches nobody.
    fn address(&mut self, host: &str, port: &str, line: usize, name: &str, block: &mut Block) {
        let was = one_line(&format!("{host}:{port}"));
        let is_plain = !was.contains("${") && port.parse::<u16>().is_ok_and(|port| port > 0);
        let port_here = match port.parse::<u16>() {
            // The port of one of our own listeners, on another machine: here it would be that listener.
            Ok(number) if !is_loopback(host) && self.export.ports.contains(port) => {
                if number < 55_000 { number + 10_000 } else { number - 10_000 }
            }
            Ok(number) if number > 0 => number,
            _ => 2576,
        };
        let about = format!("where {} sends for {name}: {was}", self.name);
        let variable = self.var(
            &format!("{name}_address"),
            about,
            format!("127.0.0.1:{port_here}"),
            is_plain.then(|| was.clone()),
        );
        if !is_plain {
            self.notes.by_hand(line, format!("the address was `{was}`: write what stood for it into `vars/`; addresses never come from a message"));
            self.mark(block);
        } else if is_loopback(host) {
            self.notes.translated(line, format!("it sent to {was}"));
        } else {
            block.comment(format!("It sent to {was}, another machine: this needs `tls`, or `plaintext` with its reason and end."));
            self.notes.adapted(line, format!("it sent to {was} without encryption; in development it sends to 127.0.0.1:{port_here}, and elsewhere it needs `tls` or `plaintext`"));
        }
        block.key("address", var(variable));
    }

    /// What answers mean.
    fn judged(&mut self, properties: &Properties<'_>, block: &mut Block) {
        let mut on: Vec<(&str, &str)> = Vec::new();
        if properties.is_on(&[QUEUE, "validateResponse"], true) {
            on.push(("reject", "dead-letter"));
        } else {
            on.extend([
                ("error", "accept"),
                ("reject", "accept"),
                ("blank", "accept"),
                ("wrong_id", "accept"),
            ]);
            self.notes.adapted(properties.line(&[QUEUE, "validateResponse"]), "answers were not looked at, so each counts as accepted here as well; better judge them: take `on` out");
        }
        if !properties.is_on(&["queueOnResponseTimeout"], true) {
            on.push(("timeout", "dead-letter"));
        }
        let on = on.into_iter().map(|(key, value)| (key.to_owned(), Val::Text(value.to_owned())));
        block.key("on", Val::Table(on.collect()));
    }

    fn http_destination(
        &mut self,
        properties: &Properties<'_>,
        name: &str,
        block: &mut Block,
    ) -> bool {
        let method = properties.take(&["method"]).to_uppercase();
        let multipart = properties.is_on(&["multipart"], false);
        if !matches!(method.as_str(), "POST" | "PUT" | "")
            || multipart
            || properties.is_on(&["dataTypeBinary"], false)
        {
            return false;
        }
        block.text("type", "http");
        self.notes.translated(
            properties.element.line,
            "the HTTP Sender became a destination of `type = \"http\"`",
        );
        self.url(properties, name, block);
        if method == "PUT" {
            block.text("method", "PUT");
        }
        match properties.take(&["contentType"]) {
            "" => {}
            kind => {
                let charset = properties.take(&["charset"]);
                let charset = if charset.is_empty() {
                    String::new()
                } else {
                    format!("; charset={}", charset.to_lowercase())
                };
                block.text("content_type", one_line(&format!("{kind}{charset}")));
            }
        }
        self.headers(properties, block);
        match properties.number(&["socketTimeout"]) {
            Some(0) | None => {}
            Some(timeout) => block.text("timeout", duration(timeout.clamp(100, 3_600_000))),
        }
        self.body(properties, &["content"], name, block);
        true
    }

    fn url(&mut self, properties: &Properties<'_>, name: &str, block: &mut Block) {
        let was = one_line(properties.take(&["host"]));
        let line = properties.line(&["host"]);
        let rest = was.split_once("://").map_or("", |(_, rest)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let is_plain = !rest.is_empty() && !was.contains("${") && !authority.contains('@');
        let path = if is_plain { path } else { "" };
        let port = port.parse::<u16>().unwrap_or(8080);
        let shown = if authority.contains('@') {
            "an address with a password in it".to_owned()
        } else {
            was.clone()
        };
        let about = format!("where {} posts for {name}: {shown}", self.name);
        let variable = self.var(
            &format!("{name}_url"),
            about,
            format!("http://127.0.0.1:{port}/{path}"),
            is_plain.then(|| was.clone()),
        );
        if !is_plain {
            self.notes.by_hand(line, format!("the address was `{shown}`: write what stood for it into `vars/`; addresses never come from a message"));
            self.mark(block);
        } else if is_loopback(host) {
            self.notes.translated(line, format!("it posted to {was}"));
        } else {
            block.comment(format!("It posted to {was}: this needs `tls = {{ ca = ... }}`."));
            self.notes.adapted(line, format!("it posted to {was}; in development it posts to 127.0.0.1, and elsewhere it needs `tls`"));
        }
        block.key("url", var(variable));
    }

    fn headers(&mut self, properties: &Properties<'_>, block: &mut Block) {
        let mut headers = Vec::new();
        for entry in properties.element.inside("headers") {
            let Some((name, values)) = entry.children.split_first() else { continue };
            let (name, line) = (one_line(&name.text), name.line);
            let value = values.first().map_or("", |value| match value.child("string") {
                Some(inside) => inside.text.trim(),
                None => value.text.trim(),
            });
            let lower = name.to_lowercase();
            let is_secret = ["authorization", "cookie", "key", "token", "secret", "password"]
                .iter()
                .any(|word| lower.contains(word));
            if is_secret || value.contains("${") {
                self.notes.by_hand(line, format!("the header `{name}` was not copied: a credential is a secret by reference here, and a header holds no value of a message"));
                self.mark(block);
            } else {
                headers.push((name, Val::Text(one_line(value))));
            }
        }
        properties.take(&["headers"]);
        if !headers.is_empty() {
            block.key("headers", Val::Table(headers));
        }
    }

    fn file_destination(
        &mut self,
        properties: &Properties<'_>,
        name: &str,
        block: &mut Block,
    ) -> bool {
        let is_local = matches!(properties.take(&["scheme"]), "FILE" | "file" | "");
        if !is_local || properties.is_on(&["binary"], false) {
            return false;
        }
        block.text("type", "file");
        self.notes.translated(
            properties.element.line,
            "the File Writer became a destination of `type = \"file\"`",
        );
        let was = one_line(properties.take(&["host"]));
        let line = properties.line(&["host"]);
        let here = format!("data/out/{}/{name}", self.name);
        let about = format!("where {} writes for {name}: {was}", self.name);
        let variable = self.var(
            &format!("{name}_folder"),
            about,
            here.clone(),
            Some(was.clone()).filter(|was| !was.contains("${")),
        );
        if was.contains("${") {
            self.notes.by_hand(
                line,
                format!("the folder was `{was}`, and a folder holds no value of a message here"),
            );
        } else {
            self.notes
                .adapted(line, format!("the folder was `{was}`; in development it is `{here}`"));
        }
        block.key("folder", var(variable));
        self.file_name(properties, block);
        self.body(properties, &["template"], name, block);
        true
    }

    fn file_name(&mut self, properties: &Properties<'_>, block: &mut Block) {
        let pattern = properties.take(&["outputPattern"]);
        let line = properties.line(&["outputPattern"]);
        let is_append = properties.is_on(&["outputAppend"], true);
        let mut used = Vec::new();
        let name = velocity::file_name(pattern, &self.variables, &mut used);
        self.used.extend(used);
        let shown = one_line(pattern);
        match name {
            _ if pattern.is_empty() => {}
            Some((name, lost)) if lost.is_empty() => {
                // A name that differs for each message appends to nothing.
                let is_own =
                    ["{id}", "{received}", "{delivery}"].iter().any(|value| name.contains(value));
                if is_append && !is_own {
                    block.text("mode", "append");
                }
                block.text("file_name", one_line(&name));
                self.notes.translated(line, format!("files were called `{shown}`"));
            }
            _ => {
                self.notes.by_hand(line, format!("files were called `{shown}`, which has values that have no equal: each message gets a file of its own, named by its receipt"));
                self.mark(block);
            }
        }
    }

    fn channel_destination(
        &mut self,
        properties: &Properties<'_>,
        name: &str,
        block: &mut Block,
    ) -> bool {
        let id = properties.take(&["channelId"]);
        let Some(channel) = self.export.channels.get(id).cloned() else {
            properties.take(&["channelTemplate"]);
            if id == "none" || id.is_empty() {
                self.notes.adapted(
                    properties.line(&["channelId"]),
                    "it sent to no channel, so it stands as a comment",
                );
            } else {
                self.notes.by_hand(
                    properties.line(&["channelId"]),
                    format!(
                        "it sent to the channel `{}`, which is not in the export",
                        one_line(id)
                    ),
                );
            }
            self.mark(block);
            block.is_off = true;
            block.text("type", "channel");
            block.text("channel", if id == "none" { "" } else { id });
            return true;
        };
        if self.export.disabled.contains(&channel) {
            self.notes.by_hand(properties.line(&["channelId"]), format!("it hands messages to the channel `{channel}`, which was disabled, so it stands as a comment"));
            self.mark(block);
            block.is_off = true;
        }
        block.text("type", "channel");
        self.notes.translated(
            properties.line(&["channelId"]),
            format!("it hands messages to the channel `{channel}`"),
        );
        block.text("channel", channel);
        self.body(properties, &["channelTemplate"], name, block);
        true
    }

    /// What is sent, when it is not the message.
    fn body(&mut self, properties: &Properties<'_>, path: &[&str], name: &str, block: &mut Block) {
        let template = properties.take_raw(path);
        let line = properties.line(path);
        if template.trim().is_empty() && !path.contains(&"channelTemplate") {
            self.notes.adapted(line, "its template was empty; here the message is sent");
        }
        if template.trim().is_empty() || velocity::is_message(template) {
            return;
        }
        let mut used = Vec::new();
        match velocity::body_script(template, &self.variables, &mut used) {
            Some((script, lost)) => {
                let path = self.file(&format!("{name}-body"), "js", &script);
                block.text("script", path.clone());
                if lost.is_empty() {
                    self.notes.adapted(
                        line,
                        format!(
                            "its template became the script `channels/{path}`, which makes the body"
                        ),
                    );
                } else {
                    let lost = one_line(&lost.join(", "));
                    self.notes.by_hand(line, format!("its template became the script `channels/{path}`, and these values in it have no equal: {lost}"));
                    self.mark(block);
                }
                self.used.extend(used);
            }
            None => {
                let kept = self.file(&format!("{name}-template"), "txt", template);
                let refusal = "// By hand: the template of the destination has directives.\nexport default function () {\n  throw new Error(\"the template is left to be written by hand\");\n}\n";
                let path = self.file(&format!("{name}-body"), "js", refusal);
                self.notes.by_hand(line, format!("its template has directives and is kept in `channels/{kept}`; until `channels/{path}` makes the body, its deliveries are dead letters"));
                self.mark(block);
                block.text("script", path);
            }
        }
    }

    /// Retries and order.
    fn queue(&mut self, properties: &Properties<'_>, kind: &str, block: &mut Block) {
        let at = |name| [QUEUE, name];
        let queued = properties.is_on(&at("queueEnabled"), false);
        properties.take(&at("sendFirst"));
        let interval =
            properties.number(&at("retryIntervalMillis")).unwrap_or(10_000).clamp(10, 3_600_000);
        let count = properties.number(&at("retryCount")).unwrap_or(0);
        let threads = properties.number(&at("threadCount")).unwrap_or(1);
        let key = properties.take(&at("threadAssignmentVariable"));
        let line = properties.line(&at("queueEnabled"));
        match kind {
            "VmDispatcherProperties" => return,
            "FileDispatcherProperties" => {
                if !queued {
                    self.notes.adapted(line, "a file that could not be written was in error; here it is tried again for ever");
                }
                return;
            }
            _ => {}
        }
        let wait = duration(interval);
        let mut retry = vec![
            ("first".to_owned(), Val::Text(wait.clone())),
            ("max".to_owned(), Val::Text(wait)),
        ];
        if queued {
            retry.push(("give_up_after".to_owned(), Val::Text("never".to_owned())));
            retry.push(("attempts".to_owned(), Val::Bare(ATTEMPTS_MAX.to_string())));
            self.notes.translated(line, "its queue tried for ever: `retry` does so");
        } else {
            let attempts = count.saturating_add(1).min(ATTEMPTS_MAX);
            retry.push(("attempts".to_owned(), Val::Bare(attempts.to_string())));
            self.notes.adapted(line, format!("without a queue a message was in error after {}; so it is here when the receiver answers, and one that cannot be reached is waited for", if attempts == 1 { "one try".to_owned() } else { format!("{attempts} tries") }));
        }
        block.key("retry", Val::Table(retry));
        if threads > 1 && queued {
            self.parallel(threads, key, properties.line(&at("threadCount")), block);
        }
    }

    fn parallel(&mut self, threads: u64, key: &str, line: usize, block: &mut Block) {
        let path = self.variables.get(key).and_then(|value| value.path()).map(ToString::to_string);
        if let Some(path) = path {
            self.used.insert(key.to_owned());
            self.notes.translated(
                line,
                format!("{threads} threads, assigned by `{key}`: `order_by = '{path}'`"),
            );
            block.key("order_by", Val::Code(path));
        } else {
            block.text("order", "none");
            let by = if key.is_empty() {
                String::new()
            } else {
                format!(" (assigned by `{}`, which has no equal)", one_line(key))
            };
            self.notes.adapted(line, format!("{threads} threads sent messages{by} and kept no order; nor is one kept here, until `order_by` says which"));
        }
        block.bare("parallel", threads.min(64));
    }

    /// A response transformer has no equal; what it did is kept.
    fn response(&mut self, connector: &Element, stem: &str) {
        let Some(transformer) = connector.child("responseTransformer") else { return };
        for (index, code) in crate::steps::of(transformer).into_iter().enumerate() {
            let number = index + 1;
            self.notes.enter_step(Some(crate::steps::labelled(
                "response step",
                number,
                &code.name,
            )));
            let path = self.file(&format!("{stem}response-{number}"), "js", &code.source);
            self.notes.by_hand(code.line, format!("answers are not transformed here: `on` says what they mean; the code is in `channels/{path}`"));
        }
        self.notes.enter_step(None);
        self.data_types(transformer);
    }
}
