//! Taking records out: in their order, in the form that whoever gets them reads.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use store::{AuditEdge, AuditKey, AuditPart, AuditStart, SealedRecord, bundle_head, bundle_part};

use super::{cells, filter, record};
use crate::answer::{list, maybe, number, text};
use crate::api::Api;
use crate::args::accounts::{ExportAs, ExportAudit};
use crate::args::{Format, Target};
use crate::capsule::Capsules;
use crate::exit::{Code, Failure, Outcome};
use crate::private_file::{self, Place};
use crate::say;

/// Records that are asked for at once.
const PAGE: usize = 1_000;

/// Runs the verb.
pub async fn run(args: &ExportAudit) -> Outcome {
    let asked = filter(&args.records)?;
    let is_all = asked.as_object().is_some_and(|asked| asked.values().all(Value::is_null));
    if args.form == ExportAs::Bundle && !is_all {
        let sentence =
            "a bundle is the whole log: what is left out could not be told from what was deleted";
        return Err(Failure::new(Code::Usage, sentence));
    }
    let manifest = args.manifest.as_deref().map(place).transpose()?;
    let target = Target { reach: args.reach.clone(), format: Format::Text };
    let api = Api::of(&target)?;
    let begun = api.post("/api/v1/audit/export", &json!({})).await?;
    let edge = edge(&begun)?;
    let mut file = File::new(args.form, &edge);
    let mut progress = say::Progress::new("exporting");
    let mut after = None;
    loop {
        let mut request = asked.clone();
        request["export"] = begun["export"].clone();
        request["after"] = json!(after);
        request["limit"] = json!(PAGE);
        let answer = api.post("/api/v1/audit/export/part", &request).await?;
        file.part(&part(&answer));
        after = maybe(&answer, "next");
        let Some(seq) = after else { break };
        progress.show(seq, edge.size);
    }
    drop(progress);
    let mut end = file.end();
    end["export"] = begun["export"].clone();
    let signed = api.post("/api/v1/audit/export/end", &end).await?;
    match manifest {
        Some((folder, name)) => {
            let place = Place { folder: &folder, replace: false };
            private_file::write(&place, &name, format!("{signed:#}\n").as_bytes())
        }
        None => Ok(()),
    }
}

/// Where the manifest goes. It must not be there yet, which is said before anything is exported.
fn place(path: &Path) -> Result<(PathBuf, String), Failure> {
    let no_file = || Failure::new(Code::Usage, format!("`{}` names no file", path.display()));
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_file)?.to_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    private_file::prepare(&Place { folder: &folder, replace: false }, &[&name])?;
    Ok((folder, name))
}

fn edge(begun: &Value) -> Result<AuditEdge, Failure> {
    let odd = |_| Failure::new(Code::Undecided, "the engine does not say which log it has");
    let key = |key: &Value| AuditKey {
        number: number(key, "number"),
        public: text(key, "public").to_owned(),
        first_seq: number(key, "first_seq"),
    };
    Ok(AuditEdge {
        log: text(begun, "log").parse().map_err(odd)?,
        size: number(begun, "size"),
        keys: list(begun, "keys").iter().map(key).collect(),
        from: begun.get("from").filter(|from| !from.is_null()).map(|from| AuditStart {
            first: number(from, "first"),
            chain: text(from, "chain").to_owned(),
            tree: text(from, "tree").to_owned(),
        }),
    })
}

fn part(answer: &Value) -> AuditPart {
    let record = |row: &Value| SealedRecord {
        seq: number(row, "seq"),
        text: text(row, "text").to_owned(),
        seal: row.get("seal").and_then(Value::as_str).map(str::to_owned),
        epoch: number(row, "epoch"),
    };
    let notes = list(answer, "checkpoints").iter().filter_map(Value::as_str);
    AuditPart {
        records: list(answer, "records").iter().map(record).collect(),
        checkpoints: notes.map(str::to_owned).collect(),
    }
}

/// What goes to standard output, hashed on its way.
struct File {
    form: ExportAs,
    hash: Context,
    first: Option<i64>,
    last: Option<i64>,
    count: i64,
    capsules: Capsules,
}

impl File {
    fn new(form: ExportAs, edge: &AuditEdge) -> File {
        let (hash, capsules) = (Context::new(&SHA256), Capsules::default());
        let mut file = File { form, hash, first: None, last: None, count: 0, capsules };
        match form {
            ExportAs::Csv => file.say("seq,ts,actor,action,target,outcome,code\r\n"),
            ExportAs::Bundle => file.say(&bundle_head(edge)),
            _ => {}
        }
        file
    }

    fn say(&mut self, text: &str) {
        self.hash.update(text.as_bytes());
        say::data(text);
    }

    fn part(&mut self, part: &AuditPart) {
        let mut out = String::new();
        for record in &part.records {
            self.first.get_or_insert(record.seq);
            self.last = Some(record.seq);
            out.push_str(&self.line(&record.text));
            self.count += 1;
        }
        if self.form == ExportAs::Bundle {
            out = bundle_part(part);
        }
        self.say(&out);
    }

    fn line(&mut self, text: &str) -> String {
        match (self.form, record(text)) {
            (ExportAs::Ndjson, _) => format!("{text}\n"),
            (ExportAs::Json, _) => format!("{}{text}", if self.count == 0 { "[" } else { ",\n" }),
            (ExportAs::Csv, Some(record)) => {
                let cells: Vec<String> = cells(&record).iter().map(|cell| quoted(cell)).collect();
                format!("{}\r\n", cells.join(","))
            }
            (ExportAs::Capsule, Some(record)) => format!("{}\n", self.capsules.line(&record)),
            (ExportAs::Csv | ExportAs::Capsule, None) | (ExportAs::Bundle, _) => String::new(),
        }
    }

    /// What was written, as the engine records it.
    fn end(mut self) -> Value {
        if self.form == ExportAs::Json {
            self.say(if self.count == 0 { "[]\n" } else { "]\n" });
        }
        let form = match self.form {
            ExportAs::Ndjson => "ndjson",
            ExportAs::Json => "json",
            ExportAs::Csv => "csv",
            ExportAs::Capsule => "capsule",
            ExportAs::Bundle => "bundle",
        };
        let sha256 = HEXLOWER.encode(self.hash.finish().as_ref());
        json!({ "form": form, "first": self.first, "last": self.last, "count": self.count, "sha256": sha256 })
    }
}

/// A cell that no spreadsheet takes for a formula.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(quoted("=cmd()"), "\"'=cmd()\"");
        assert_eq!(quoted("-1"), "\"'-1\"");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
