//! The machine that runs scripts: QuickJS, one for each thread, a fresh context for each call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::{Context, Ctx, Exception, Function, Module, Object, Result, Runtime, Value};

use super::host::Host;
use super::objects::{self, Shared};
use super::{Broke, Called, MEMORY_MAX, Returned, Script, Spelling};
use crate::budget::Budget;
use crate::failure::Fault;

/// What is there besides the language itself: no dates, no clocks, nothing that depends on when garbage is collected. `Eval` is needed
/// to read a script at all; what it puts into the script's reach is taken away again.
type Intrinsics = (
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// Stack of a call, in bytes.
const STACK_MAX: usize = 256 << 10;
/// Looks at the clock, of some ten thousand operations each, for which reading a script may last: it has no message and no budget yet.
const LOOKS_MAX: u32 = 2_000;
/// Calls after which a machine is made anew, so that nothing can gather in one.
const CALLS_MAX: u32 = 10_000;

const LOCKDOWN: &str = include_str!("lockdown.js");
const MIRTH: &str = include_str!("mirth.js");

/// What is wrong with a script before it has run on a message.
pub(super) struct Odd {
    pub(super) message: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

thread_local! {
    static MACHINE: RefCell<Option<Machine>> = const { RefCell::new(None) };
}

struct Machine {
    runtime: Runtime,
    calls: u32,
}

/// What a script threw.
struct Thrown {
    message: String,
    line: u32,
    column: u32,
}

impl Machine {
    fn new() -> Result<Machine> {
        let runtime = Runtime::new()?;
        runtime.set_memory_limit(MEMORY_MAX);
        runtime.set_max_stack_size(STACK_MAX);
        Ok(Machine { runtime, calls: 0 })
    }
}

/// Does something in a fresh context; `expired` is asked now and then whether its time is over.
fn within<T>(
    expired: Box<dyn FnMut() -> bool>,
    act: impl for<'js> FnOnce(&Ctx<'js>) -> Result<T>,
    name: &str,
) -> std::result::Result<T, Failed> {
    let machine = MACHINE.with(|machine| machine.borrow_mut().take());
    let machine = match machine.filter(|machine| machine.calls < CALLS_MAX) {
        Some(machine) => Ok(machine),
        None => Machine::new(),
    };
    let mut machine = machine.map_err(|_| Failed::Memory)?;
    machine.calls += 1;
    let over = Rc::new(Cell::new(false));
    let (told, mut expired) = (Rc::clone(&over), expired);
    machine.runtime.set_interrupt_handler(Some(Box::new(move || {
        told.set(told.get() || expired());
        told.get()
    })));
    let done = {
        let context =
            Context::custom::<Intrinsics>(&machine.runtime).map_err(|_| Failed::Memory)?;
        context.with(|ctx| {
            let done = ctx.eval::<(), _>(LOCKDOWN).and_then(|()| act(&ctx));
            done.map_err(|error| thrown(&ctx, &error, name))
        })
    };
    machine.runtime.set_interrupt_handler(None);
    let done = match done {
        Ok(done) => Ok(done),
        Err(_) if over.get() => Err(Failed::Time),
        Err(thrown) if thrown.message == "out of memory" => Err(Failed::Memory),
        Err(thrown) => Err(Failed::Thrown(thrown)),
    };
    // What ran out of something leaves a machine that nobody can vouch for.
    if matches!(done, Ok(_) | Err(Failed::Thrown(_))) {
        MACHINE.with(|slot| *slot.borrow_mut() = Some(machine));
    }
    done
}

enum Failed {
    Time,
    Memory,
    Thrown(Thrown),
}

/// Reads a script and looks whether it has what will be called.
pub(super) fn check(script: &Script) -> std::result::Result<(), Odd> {
    let mut looks = 0;
    let expired = Box::new(move || {
        looks += 1;
        looks > LOOKS_MAX
    });
    let read = within(expired, |ctx| load(ctx, script).map(drop), &script.name);
    read.map_err(|failed| match failed {
        Failed::Time => odd("reading it does not end"),
        Failed::Memory => odd("reading it needs too much memory"),
        Failed::Thrown(Thrown { message, line, column }) => Odd { message, line, column },
    })
}

fn odd(message: &str) -> Odd {
    Odd { message: message.to_owned(), line: 1, column: 1 }
}

/// Calls a script on a message.
pub(super) fn call(
    script: &Script,
    host: Host,
    budget: &dyn Budget,
) -> std::result::Result<Called, Broke> {
    let host: Shared = Rc::new(RefCell::new(host));
    let run = |ctx: &Ctx<'_>| {
        let function = load(ctx, script)?;
        let (msg, context) = (objects::message(ctx, &host)?, objects::context(ctx, &host)?);
        let value: Value<'_> = function.call((msg.clone(), context))?;
        returned(ctx, &msg, value)
    };
    let done = within(budget.script(), run, &script.name);
    let (message, notes, changes, kept) = host.borrow_mut().finish();
    let returned = done.map_err(|failed| broke(failed, script, budget))?;
    Ok(Called { message, notes, changes, kept, returned })
}

fn broke(failed: Failed, script: &Script, budget: &dyn Budget) -> Broke {
    match failed {
        Failed::Time if budget.over() => Broke::OverBudget,
        Failed::Time => Broke::Failed(fault(script, "R0131", "ran out of time", None)),
        Failed::Memory => Broke::Failed(fault(script, "R0132", "ran out of memory", None)),
        Failed::Thrown(Thrown { message, line, column }) => {
            let place = format!("failed at {line}:{column}");
            Broke::Failed(fault(script, "R0130", &place, Some(message)))
        }
    }
}

/// What a script says may hold values of the message, so it is no part of the sentence.
fn fault(script: &Script, code: &'static str, what: &str, said: Option<String>) -> Fault {
    let fault = Fault::new(code, format!("the script `{}` {what}", script.name));
    match said {
        Some(said) => fault.value(said),
        None => fault,
    }
}

/// The function that is to be called.
fn load<'js>(ctx: &Ctx<'js>, script: &Script) -> Result<Function<'js>> {
    match script.spelling {
        Spelling::Module => {
            let module = Module::declare(ctx.clone(), &*script.name, &*script.source)?;
            let (module, promise) = module.eval()?;
            // What is thrown while it is read is kept in the promise.
            if let Some(done) = promise.result::<Value<'js>>() {
                done?;
            }
            let default: Value<'js> =
                module.get("default").unwrap_or(Value::new_undefined(ctx.clone()));
            default.into_function().ok_or_else(|| {
                Exception::throw_type(
                    ctx,
                    "a script has `export default function (msg, ctx) { ... }`",
                )
            })
        }
        Spelling::Mirth => {
            let wrap: Function<'js> = ctx.eval_with_options(MIRTH, options(None))?;
            // On the line of the first statement, so that lines are those of the file.
            let names = "msg, tmp, channelMap, sourceMap, connectorMap, globalMap, globalChannelMap, responseMap, $, $c, $co, $s, $r, $g, $gc, logger, validate";
            let source = format!("(function ({names}) {{{}\n}})", script.source);
            let body: Function<'js> = ctx.eval_with_options(source, options(Some(&script.name)))?;
            wrap.call((body,))
        }
    }
}

/// A plain script, in the mode that old scripts are written for.
fn options(name: Option<&str>) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(name.unwrap_or("hilum").to_owned());
    options
}

/// What a script may return.
fn returned<'js>(ctx: &Ctx<'js>, msg: &Object<'js>, value: Value<'js>) -> Result<Returned> {
    if value.is_undefined() || value.is_null() || value.as_bool() == Some(true) {
        return Ok(Returned::Nothing);
    }
    if value.as_bool() == Some(false) {
        return Ok(Returned::False);
    }
    if let Some(text) = value.as_string() {
        return text.to_string().map(Returned::Text);
    }
    if value.is_promise() {
        return Err(Exception::throw_type(ctx, "a script returns at once: it cannot be `async`"));
    }
    match value.as_object() {
        Some(object) if object == msg => Ok(Returned::Message),
        Some(object) if !object.is_function() => {
            let json: Function<'js> = ctx.globals().get("__json")?;
            json.call((value.clone(),)).map(Returned::Text)
        }
        Some(_) | None => {
            let what = value.type_name();
            Err(Exception::throw_type(
                ctx,
                &format!("a script returns nothing, a text, an object or the message, not {what}"),
            ))
        }
    }
}

/// What was thrown, with the place in the script where that was.
fn thrown(ctx: &Ctx<'_>, error: &rquickjs::Error, name: &str) -> Thrown {
    let rquickjs::Error::Exception = error else {
        return Thrown { message: error.to_string(), line: 1, column: 1 };
    };
    let value = ctx.catch();
    let exception = value.clone().into_object().and_then(Exception::from_object);
    let Some(exception) = exception else {
        let text = value.get::<rquickjs::Coerced<String>>().map(|text| text.0);
        let message = text.unwrap_or_else(|_| "out of memory".to_owned());
        return Thrown { message, line: 1, column: 1 };
    };
    let kind: Option<String> = exception.as_object().get("name").ok();
    let message = exception.message().unwrap_or_default();
    let message = match kind.filter(|kind| kind != "Error") {
        Some(kind) if message != "out of memory" => format!("{kind}: {message}"),
        _ => message,
    };
    let stack = exception.stack().unwrap_or_default();
    let (line, column) = place(&stack, name).unwrap_or((1, 1));
    Thrown { message, line, column }
}

/// The first line and column of a script in what the machine says of the way to an error: `at default (adt/step.js:6:58)`.
fn place(stack: &str, name: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let (_, rest) = line.split_once(name)?;
        let mut numbers = rest.strip_prefix(':')?.trim_end_matches(')').split(':');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}
