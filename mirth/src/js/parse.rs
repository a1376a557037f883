//! Tokens as statements. A source with anything else in it gives none, and then it stays a script.

use super::lexer::{Lexeme, Token, lex};
use super::tree::{Expr, Key, Op, Stmt, Target};

/// The most levels of blocks and parentheses; deeper code is no straight assignment.
const DEPTH_MAX: usize = 40;
/// The most operators or members in a row: each makes the tree one level deeper.
const ROW_MAX: usize = 300;
/// The most tokens of a source that is read as more than text.
const TOKENS_MAX: usize = 20_000;

/// A whole source.
pub(crate) fn program(source: &str) -> Option<Vec<Stmt>> {
    let lexed = lex(source);
    let mut parser = Parser::new(&lexed.lexemes)?;
    let mut statements = Vec::new();
    while parser.peek().is_some() {
        parser.statement(&mut statements)?;
    }
    Some(statements)
}

/// A source that is one expression.
pub(crate) fn expression(source: &str) -> Option<Expr> {
    let lexed = lex(source);
    let mut parser = Parser::new(&lexed.lexemes)?;
    let expression = parser.expression()?;
    while parser.eat(";") {}
    parser.peek().is_none().then_some(expression)
}

struct Parser<'a> {
    lexemes: &'a [Lexeme],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(lexemes: &'a [Lexeme]) -> Option<Parser<'a>> {
        (lexemes.len() <= TOKENS_MAX).then_some(Parser { lexemes, at: 0, depth: 0 })
    }

    fn peek(&self) -> Option<&'a Token> {
        self.lexemes.get(self.at).map(|lexeme| &lexeme.token)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found == word)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, sign: &str) -> Option<()> {
        self.eat(sign).then_some(())
    }

    fn name(&mut self) -> Option<String> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        self.at += 1;
        Some(word.clone())
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let found = if self.depth > DEPTH_MAX { None } else { inner(self) };
        self.depth -= 1;
        found
    }

    fn statement(&mut self, out: &mut Vec<Stmt>) -> Option<()> {
        self.deeper(|parser| parser.statement_inside(out))
    }

    fn statement_inside(&mut self, out: &mut Vec<Stmt>) -> Option<()> {
        if self.eat(";") {
            return Some(());
        }
        if self.is_sign("{") {
            out.extend(self.block()?);
            return Some(());
        }
        if self.eat_word("if") {
            self.need("(")?;
            let condition = self.expression()?;
            self.need(")")?;
            let then = self.branch()?;
            let otherwise = if self.eat_word("else") { self.branch()? } else { Vec::new() };
            out.push(Stmt::If(condition, then, otherwise));
            return Some(());
        }
        if ["var", "let", "const"].iter().any(|word| self.eat_word(word)) {
            loop {
                let name = self.name()?;
                // A declaration alone does nothing that is kept.
                if self.eat("=") {
                    let value = self.expression()?;
                    out.push(Stmt::Assign(Target::New(name), value));
                }
                if !self.eat(",") {
                    break;
                }
            }
        } else if self.eat_word("return") {
            let bare = self.is_sign(";") || self.is_sign("}") || self.breaks();
            out.push(Stmt::Return(if bare { None } else { Some(self.expression()?) }));
        } else if self.eat_word("delete") {
            out.push(Stmt::Delete(self.unary()?));
        } else {
            let value = self.expression()?;
            if self.eat("=") {
                let assigned = self.expression()?;
                out.push(Stmt::Assign(Target::Old(value), assigned));
            } else {
                out.push(Stmt::Run(value));
            }
        }
        (self.eat(";") || self.is_sign("}") || self.breaks()).then_some(())
    }

    /// Whether a statement may end here without a semicolon.
    fn breaks(&self) -> bool {
        self.lexemes.get(self.at).is_none_or(|lexeme| lexeme.after_break)
    }

    fn block(&mut self) -> Option<Vec<Stmt>> {
        self.need("{")?;
        let mut inside = Vec::new();
        while !self.eat("}") {
            self.peek()?;
            self.statement(&mut inside)?;
        }
        Some(inside)
    }

    fn branch(&mut self) -> Option<Vec<Stmt>> {
        let mut inside = Vec::new();
        self.statement(&mut inside)?;
        Some(inside)
    }

    fn expression(&mut self) -> Option<Expr> {
        self.deeper(|parser| parser.binary(0))
    }

    /// Operators by how closely they bind, loosest first.
    fn binary(&mut self, level: usize) -> Option<Expr> {
        const LEVELS: &[&[(&str, Op)]] = &[
            &[("||", Op::Or)],
            &[("&&", Op::And)],
            &[("===", Op::Equal), ("!==", Op::NotEqual), ("==", Op::Equal), ("!=", Op::NotEqual)],
            &[("<=", Op::LessEqual), (">=", Op::GreaterEqual), ("<", Op::Less), (">", Op::Greater)],
            &[("+", Op::Plus)],
        ];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut row = 0;
        while let Some((_, op)) = operators.iter().find(|(sign, _)| self.is_sign(sign)) {
            self.at += 1;
            row += 1;
            if row > ROW_MAX {
                return None;
            }
            let right = self.binary(level + 1)?;
            left = Expr::Binary(*op, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Expr> {
        if self.eat("!") {
            return self.deeper(|parser| Some(Expr::Not(Box::new(parser.unary()?))));
        }
        if self.eat("-") {
            return self.deeper(|parser| Some(Expr::Minus(Box::new(parser.unary()?))));
        }
        let mut value = self.primary()?;
        for _ in 0..ROW_MAX {
            if self.eat(".") {
                value = Expr::Member(Box::new(value), Key::Name(self.name()?));
            } else if self.eat("[") {
                let key = match self.expression()? {
                    Expr::Text(name) => Key::Name(name),
                    Expr::Number(number) => Key::Index(number.parse().ok()?),
                    other => Key::Value(Box::new(other)),
                };
                self.need("]")?;
                value = Expr::Member(Box::new(value), key);
            } else if self.eat("(") {
                value = Expr::Call(Box::new(value), self.list(")")?);
            } else {
                return Some(value);
            }
        }
        None
    }

    fn list(&mut self, close: &str) -> Option<Vec<Expr>> {
        let mut values = Vec::new();
        while !self.eat(close) {
            values.push(self.expression()?);
            if !self.eat(",") {
                self.need(close)?;
                break;
            }
        }
        Some(values)
    }

    fn primary(&mut self) -> Option<Expr> {
        const NO_VALUES: &[&str] = &[
            "var",
            "let",
            "const",
            "if",
            "else",
            "for",
            "while",
            "do",
            "switch",
            "case",
            "try",
            "catch",
            "finally",
            "throw",
            "function",
            "class",
            "return",
            "break",
            "continue",
            "typeof",
            "void",
            "delete",
            "in",
            "instanceof",
            "with",
            "yield",
            "default",
            "import",
            "importPackage",
        ];
        let token = self.peek()?;
        self.at += 1;
        match token {
            Token::Text(text) => Some(Expr::Text(text.clone())),
            Token::Number(number) => Some(Expr::Number(number.clone())),
            Token::Regex(pattern, flags) => Some(Expr::Regex(pattern.clone(), flags.clone())),
            Token::Sign("(") => {
                let inside = self.expression()?;
                self.need(")")?;
                Some(inside)
            }
            Token::Sign("[") => Some(Expr::Array(self.list("]")?)),
            Token::Word(word) => match word.as_str() {
                "true" => Some(Expr::Bool(true)),
                "false" => Some(Expr::Bool(false)),
                "null" | "undefined" => Some(Expr::Null),
                "new" => {
                    let name = self.name()?;
                    let arguments = if self.eat("(") { self.list(")")? } else { Vec::new() };
                    Some(Expr::New(name, arguments))
                }
                word if NO_VALUES.contains(&word) => None,
                word => Some(Expr::Name(word.to_owned())),
            },
            Token::Sign(_) | Token::Odd => None,
        }
    }
}
