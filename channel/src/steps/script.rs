use super::{Action, StepDecl};
use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::Place;
use crate::script::{self, Broke, Returned, Spelling};
use crate::work::{Stop, Work};
use config::{Choice, Field, Kind, Section};

pub(super) const DECL: StepDecl = StepDecl {
    name: "script",
    doc: "Runs JavaScript on the message.\n\nThe file has `export default function (msg, ctx) { ... }`, which changes `msg` and returns \
          nothing. Among the steps of `[transform]` it may return `false`: the message is filtered, as by `drop`. A script has the message and \
          the code tables in reach and nothing else: no file, no network, no clock, no chance, and nothing of the message before. It has \
          50 ms and 8 MiB; what takes longer fails the message. [The guide](../guide.md#scripts) shows what `msg` and `ctx` can do.",
    fields: &[
        Field::required("script", "The file, below the folder `channels/`.", Kind::Text)
            .examples(&["\"oru-results/units.js\""]),
        Field::optional(
            "prelude",
            "The names that the script is written with.",
            Kind::Choice(PRELUDES),
        ),
    ],
    examples: &[
        "{ script = \"oru-results/units.js\" }",
        "{ script = \"adt-in/step-3.js\", prelude = \"mirth\" }",
    ],
    compile,
};

const PRELUDES: &[Choice] = &[Choice {
    name: "mirth",
    doc: "The body of a function that sees `msg['PID']['PID.5']['PID.5.1']`, `channelMap`, `logger`, `validate` and the other names of a Mirth channel.",
}];

struct Script {
    script: script::Script,
    may_filter: bool,
}

fn compile(section: &Section<'_>, compiler: &mut Compiler<'_>) -> Option<Box<dyn Action>> {
    let text = section.text("script")?;
    let spelling = match section.choice("prelude") {
        Some("mirth") => Spelling::Mirth,
        _ => Spelling::Module,
    };
    let script = script::Script::compile(text, spelling, compiler)?;
    compiler.scripts += 1;
    let may_filter = compiler.loops.is_empty() && !compiler.in_destination;
    Some(Box::new(Script { script, may_filter }))
}

impl Action for Script {
    fn run(&self, work: &mut Work<'_>) -> Result<(), Stop> {
        let called = match work.call(&self.script) {
            Ok(called) => called,
            Err(Broke::OverBudget) => return Err(Stop::OverBudget),
            Err(Broke::Failed(fault)) => return Err(fault.into()),
        };
        match called {
            Returned::Nothing | Returned::Message => Ok(()),
            Returned::False if self.may_filter => Err(Stop::Filtered(None)),
            Returned::False => Err(self.odd("returned `false`, and no message is filtered here")),
            Returned::Text(_) => {
                Err(self.odd("returned a value: a step changes `msg` and returns nothing"))
            }
        }
    }

    fn may_touch(&self, _: &Place) -> bool {
        true
    }
}

impl Script {
    fn odd(&self, what: &str) -> Stop {
        Fault::new("R0133", format!("the script `{}` {what}", self.script.name())).into()
    }
}

#[cfg(test)]
mod tests {
    use crate::bench::{refused, run_with};

    /// What a script makes of a message.
    fn scripted(source: &str, segments: &str) -> String {
        run_with(&[("a.js", source)], r#"{ script = "a.js" }"#, segments)
    }

    fn body(statements: &str) -> String {
        format!("export default function (msg, ctx) {{\n{statements}\n}}")
    }

    #[test]
    fn values_are_read_and_written_by_path() {
        let source = body(
            "msg.set('PID-8', msg.get('PID-5.2') + '|' + msg.get('PID-9'));\n msg.set('PID-7', 12.5);\n msg.setRaw('PID-3[*]', 'a^b~c');",
        );
        assert_eq!(scripted(&source, "PID|||1||A^B"), "PID|||a^b~c||A^B||12.5|B\\F\\");
        let null =
            body("msg.set('PID-2', String(msg.get('PID-5') === null)); msg.setNull('PID-6');");
        assert_eq!(scripted(&null, "PID|||||\"\""), "PID||true|||\"\"|\"\"");
        let chosen = body("msg.set('PID-2', msg.get('PID-3[.5 = \"MR\"].1'));");
        assert_eq!(scripted(&chosen, "PID|||1^^^^SS~2^^^^MR"), "PID||2|1^^^^SS~2^^^^MR");
    }

    #[test]
    fn segments_are_held_wherever_they_go() {
        let source = body(
            "const all = msg.all('OBX'); msg.remove(all[0]); all[1].set('OBX-2', 'x');\n \
             const made = msg.add('OBX', all[1]); made.set('OBX-1', 9); all[2].set('OBX-2', all[2].name);",
        );
        assert_eq!(scripted(&source, "OBX|1\rOBX|2\rOBX|3"), "OBX|2|x\nOBX|9\nOBX|3|OBX");
        let gone = body("const one = msg.first('OBX'); msg.remove(one); one.get('OBX-1');");
        assert_eq!(
            scripted(&gone, "OBX|1"),
            "failed R0130 transform 1: the script `a.js` failed at 2:52 [this OBX was removed]"
        );
    }

    #[test]
    fn a_group_is_what_stands_behind_a_segment() {
        let source = body(
            "for (const obr of msg.all('OBR')) obr.set('OBR-2', obr.all('OBX').map((x) => x.get('OBX-1')).join());",
        );
        assert_eq!(
            scripted(&source, "OBX|0\rOBR|1\rOBX|a\rOBX|b\rOBR|2\rOBR|3\rOBX|c"),
            "OBX|0\nOBR|1|a,b\nOBX|a\nOBX|b\nOBR|2\nOBR|3|c\nOBX|c"
        );
    }

    #[test]
    fn a_number_that_is_none_is_never_zero() {
        let source = body(
            "const n = msg.first('OBX').number('OBX-5'); msg.set('OBX-6', n === null ? 'none' : n * 2);",
        );
        assert_eq!(scripted(&source, "OBX|||||2.25"), "OBX|||||2.25|4.5");
        assert_eq!(scripted(&source, "OBX|||||"), "OBX||||||none");
        let odd = scripted(&source, "OBX|||||<0.5");
        assert!(odd.contains("OBX-5 is not a number: \"<0.5"), "{odd}");
        let nan = body("msg.set('OBX-6', Number('x'));");
        assert!(scripted(&nan, "OBX|1").contains("would get what is no number"));
        let missing = body("msg.set('OBX-6', msg.number('OBX-5'));");
        assert!(scripted(&missing, "OBX|1").contains("`setNull` writes the HL7 null"));
    }

    #[test]
    fn times_keep_their_precision() {
        let source =
            body("msg.set('PID-8', msg.time('PID-7', { zone: 'America/Chicago' }) ?? 'none');");
        for (sent, told) in [
            ("1962", "1962"),
            ("19620314", "1962-03-14"),
            ("202601310800", "2026-01-31T08:00-06:00"),
            ("20260731080005", "2026-07-31T08:00:05-05:00"),
            ("20260731080005.25+0200", "2026-07-31T08:00:05.25+02:00"),
            ("", "none"),
        ] {
            assert_eq!(
                scripted(&source, &format!("PID|||||||{sent}")),
                format!("PID|||||||{sent}|{told}")
            );
        }
        assert!(scripted(&source, "PID|||||||1.1.62").contains("PID-7 is not an HL7 timestamp"));
    }

    #[test]
    fn code_tables_are_looked_up_by_their_names_in_quotes() {
        let source = body("msg.set('PV1-2', ctx.table('class').get(msg.get('PV1-2')) ?? 'U');");
        assert_eq!(scripted(&source, "PV1||IN"), "PV1||I");
        assert_eq!(scripted(&source, "PV1||?"), "PV1||U");
        let unknown = body("ctx.table(\"clas\");");
        assert_eq!(
            crate::bench::refused_with(&[("a.js", &unknown)], r#"{ script = "a.js" }"#),
            ["C0207 unknown code table `clas`"]
        );
        let made = body("const name = 'cl' + 'ass'; ctx.table(name);");
        assert!(scripted(&made, "PV1||IN").contains("write its name in quotes"));
    }

    #[test]
    fn nothing_is_in_reach() {
        for name in [
            "Date",
            "eval",
            "Function",
            "require",
            "process",
            "fetch",
            "setTimeout",
            "performance",
            "WeakRef",
            "std",
            "os",
            "console",
            "Math.random",
            "(() => {}).constructor",
            "(async () => {}).constructor",
            "(function* () {}).constructor",
        ] {
            let source = body(&format!("msg.set('PID-1', typeof {name});"));
            assert_eq!(scripted(&source, "PID|0"), "PID|undefined", "{name}");
        }
        let import = "import * as fs from 'fs';\nexport default function () {}";
        assert!(
            crate::bench::refused_with(&[("a.js", import)], r#"{ script = "a.js" }"#)[0]
                .starts_with("C0213")
        );
    }

    #[test]
    fn one_message_knows_nothing_of_another() {
        let source = "globalThis.n = 0;\nlet m = 0;\n".to_owned()
            + &body(
                "globalThis.n += 1; m += 1; Array.prototype.extra = (Array.prototype.extra ?? 0) + 1; msg.set('PID-1', `${n}${m}${[].extra}`);",
            );
        for _ in 0..3 {
            assert_eq!(scripted(&source, "PID|0"), "PID|111");
        }
    }

    #[test]
    fn loops_bombs_and_recursion_end() {
        for (statements, code) in [
            ("for (;;) {}", "R0131"),
            ("try { for (;;) {} } catch { for (;;) {} }", "R0131"),
            ("/(a+)+$/.test('a'.repeat(40) + 'b');", "R0131"),
            ("let s = 'x'; for (;;) s += s;", "R0130"),
            ("const all = []; for (;;) all.push(new Array(1000).fill(all.length));", "R0132"),
            ("const f = () => f() + 1; f();", "R0130"),
            ("for (;;) msg.add('ZZZ').set('ZZZ-1', 'x'.repeat(100000));", "R0130"),
        ] {
            let came = scripted(&body(statements), "PID|0");
            assert!(came.starts_with(&format!("failed {code}")), "{statements}: {came}");
            // The next message is none the worse for it.
            assert_eq!(scripted(&body("msg.set('PID-1', 1);"), "PID|0"), "PID|1");
        }
    }

    #[test]
    fn what_is_thrown_has_its_place_and_is_kept_from_the_signature() {
        let source = "// A comment.\nexport default function (msg) {\n  throw new Error(`odd ${msg.get('PID-1')}`);\n}";
        assert_eq!(
            scripted(source, "PID|DOE"),
            "failed R0130 transform 1: the script `a.js` failed at 3:30 [odd DOE]"
        );
        let typo = body("msg.gett('PID-1');");
        assert!(
            scripted(&typo, "PID|0").contains("TypeError: not a function"),
            "{}",
            scripted(&typo, "PID|0")
        );
    }

    #[test]
    fn false_filters_where_filters_stand() {
        assert_eq!(
            scripted(&body("return msg.get('PID-1') !== 'x';"), "PID|x"),
            "filtered by step 1"
        );
        assert!(scripted(&body("return 'text';"), "PID|x").starts_with("failed R0133"));
        let inside = r#"{ each = "PID", do = [{ script = "a.js" }] }"#;
        assert!(
            run_with(&[("a.js", &body("return false;"))], inside, "PID|x")
                .starts_with("failed R0133")
        );
    }

    #[test]
    fn mirths_names_mean_the_same() {
        let mirth = |source: &str, segments: &str| {
            run_with(&[("a.js", source)], r#"{ script = "a.js", prelude = "mirth" }"#, segments)
        };
        assert_eq!(
            mirth(
                "msg['PID']['PID.5']['PID.5.1'] = msg['PID']['PID.5']['PID.5.2'].toString().toUpperCase();",
                "PID|||||a^b"
            ),
            "PID|||||B^b"
        );
        assert_eq!(
            mirth(
                "var n = 0;\nfor (var i = 0; i < msg['OBX'].length(); i++) { if (msg['OBX'][i]['OBX.3']['OBX.3.1'] == 'GLU') n++; }\nmsg['OBX'][1]['OBX.1'] = n;",
                "OBX|1||GLU\rOBX|2||GLU"
            ),
            "OBX|1||GLU\nOBX|2||GLU"
        );
        assert_eq!(
            mirth(
                "channelMap.put('a', 'x'); msg['PID']['PID.3'][1]['PID.3.1'] = $c('a'); logger.info('done');",
                "PID|||1~2^b"
            ),
            "PID|||1~x^b"
        );
        assert_eq!(
            mirth(
                "delete msg['OBX'][0]; undeclared = 5; tmp['ZPI']['ZPI.1'] = validate('', 'none', []);",
                "OBX|1\rOBX|2"
            ),
            "OBX|2\nZPI|none"
        );
        assert_eq!(mirth("return msg['PID']['PID.1'] == 'x';", "PID|y"), "filtered by step 1");
        let two =
            r#"{ script = "a.js", prelude = "mirth" }, { script = "b.js", prelude = "mirth" }"#;
        let put = "channelMap.put('name', msg['PID']['PID.5']); channelMap.put('all', [1, 'x']);";
        let got = "msg['PID']['PID.5'] = 'z'; msg['PID']['PID.9'] = $('name') + channelMap.get('all')[1];";
        let kept = run_with(&[("a.js", put), ("b.js", got)], two, "PID|||||a");
        assert_eq!(kept, "PID|||||z||||ax", "maps last as long as the message");
        assert!(mirth("globalMap.put('a', 1);", "PID|1").contains("from one message to the next"));
        assert!(mirth("var a = 1;\nmsg.PIDD;", "PID|1").contains("failed at 2:"));
    }

    #[test]
    fn mistakes_are_pointed_out() {
        assert_eq!(refused(r#"{ script = "none.js" }"#), ["C0212 there is no script `none.js`"]);
        let odd = |source: &str| {
            crate::bench::refused_with(&[("a.js", source)], r#"{ script = "a.js" }"#)
        };
        assert!(
            odd("export default function (msg) { let 1; }")[0].starts_with("C0213 SyntaxError")
        );
        assert_eq!(
            odd("const a = 1;"),
            ["C0213 TypeError: a script has `export default function (msg, ctx) { ... }`"]
        );
        assert_eq!(
            odd("msg.get('PID-3');"),
            [
                "C0213 ReferenceError: msg is not defined outside of `export default function (msg, ctx) { ... }`"
            ]
        );
        assert_eq!(odd("for (;;) {}"), ["C0213 reading it does not end"]);
        assert!(odd("throw new Error('no');")[0].starts_with("C0213"));
    }
}
