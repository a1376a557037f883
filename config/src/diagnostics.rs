use crate::source::{FileId, Files, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used; someone should look.
    Warning,
}

/// One problem, where it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) span: Span,
    pub(crate) title: String,
    pub(crate) label: String,
    pub(crate) related: Vec<(Span, String)>,
    pub(crate) help: Vec<String>,
}

impl Diagnostic {
    /// An error to be pushed later; [`Diagnostics::error`] is the usual way.
    pub fn error(code: &'static str, span: Span, title: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            span,
            title: title.into(),
            label: String::new(),
            related: Vec::new(),
            help: Vec::new(),
        }
    }

    /// The words beside the underline.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Diagnostic {
        self.label = label.into();
        self
    }

    /// Another place that has to do with it, in this file or another.
    pub fn related(&mut self, span: Span, label: impl Into<String>) -> &mut Diagnostic {
        self.related.push((span, label.into()));
        self
    }

    /// What to do; several calls give several lines.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Diagnostic {
        self.help.push(help.into());
        self
    }

    /// A help line when there is something to suggest: "did you mean `map`?".
    pub fn did_you_mean(&mut self, suggestion: Option<&str>) -> &mut Diagnostic {
        if let Some(suggestion) = suggestion {
            self.help(format!("did you mean `{suggestion}`?"));
        }
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The stable code that `hilum explain` knows.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where it is.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The sentence.
    pub fn title(&self) -> &str {
        &self.title
    }
}

/// Everything found in one run over a site, with the texts it was found in.
///
/// Readers report here and go on, so that a person sees all problems of a site at once.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    files: Files,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// The texts.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The texts, to add one.
    pub fn files_mut(&mut self) -> &mut Files {
        &mut self.files
    }

    /// Adds a text under the path that people know it by, relative to the site.
    pub fn add_file(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        self.files.add(path, text)
    }

    /// Reports an error; the label and help follow as calls on what is returned.
    pub fn error(
        &mut self,
        code: &'static str,
        span: Span,
        title: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Diagnostic::error(code, span, title))
    }

    /// Reports a warning.
    pub fn warning(
        &mut self,
        code: &'static str,
        span: Span,
        title: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, span, title)
        })
    }

    /// Takes a diagnostic that was made elsewhere.
    pub fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        let index = self.list.len();
        self.list.push(diagnostic);
        &mut self.list[index]
    }

    /// Is there at least one error?
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many errors there are, repeated ones counted once.
    pub fn error_count(&self) -> usize {
        self.sorted().iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// Nothing to say at all?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// By file, then by line; the same problem found by two readers (a variable that two channels use) appears once.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.list.iter().collect();
        sorted.sort_by(|a, b| {
            let key = |diagnostic: &Diagnostic| {
                (
                    self.files.path(diagnostic.span.file).to_owned(),
                    diagnostic.span.start,
                    diagnostic.span.end,
                )
            };
            key(a).cmp(&key(b))
        });
        let mut kept: Vec<&Diagnostic> = Vec::with_capacity(sorted.len());
        for diagnostic in sorted {
            let same = |other: &&Diagnostic| {
                other.code == diagnostic.code
                    && other.span == diagnostic.span
                    && other.title == diagnostic.title
            };
            if !kept.iter().rev().take_while(|other| other.span == diagnostic.span).any(same) {
                kept.push(diagnostic);
            }
        }
        kept
    }
}
