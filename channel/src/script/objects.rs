//! The objects that a script sees: `msg`, segments, `ctx`.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::function::{Opt, This};
use rquickjs::{Coerced, Ctx, Error, Exception, FromJs, Function, Object, Result, Value};

use super::host::{Answer, Host};

/// The message as all objects of a call share it. It holds no value of the script's.
pub(super) type Shared = Rc<RefCell<Host>>;

/// Where an object keeps the number of the segment that it is.
const HANDLE: &str = "__segment";
/// Where the prototype of segments is kept.
const SEGMENT: &str = "__segments";

/// Makes `msg`.
pub(super) fn message<'js>(ctx: &Ctx<'js>, host: &Shared) -> Result<Object<'js>> {
    let msg = Object::new(ctx.clone())?;
    values(ctx, &msg, host)?;
    let prototype = Object::new(ctx.clone())?;
    values(ctx, &prototype, host)?;
    segments_of(ctx, &prototype, host)?;
    ctx.globals().set(SEGMENT, prototype)?;
    let shared = host.clone();
    method(ctx, &msg, "first", move |ctx: Ctx<'js>, name: String| {
        let found = said(&ctx, shared.borrow_mut().first(&name))?;
        match found {
            Some(handle) => Ok::<_, Error>(segment(&ctx, &shared, handle)?.into_value()),
            None => Ok(Value::new_null(ctx)),
        }
    })?;
    let shared = host.clone();
    method(ctx, &msg, "all", move |ctx: Ctx<'js>, name: String| {
        let found = said(&ctx, shared.borrow_mut().all(&name))?;
        found.into_iter().map(|handle| segment(&ctx, &shared, handle)).collect::<Result<Vec<_>>>()
    })?;
    let shared = host.clone();
    method(ctx, &msg, "add", move |ctx: Ctx<'js>, name: String, after: Opt<Object<'js>>| {
        let after = after.0.map(|after| handle(&ctx, &after)).transpose()?;
        let added = said(&ctx, shared.borrow_mut().add(&name, after))?;
        segment(&ctx, &shared, added)
    })?;
    let shared = host.clone();
    method(ctx, &msg, "remove", move |ctx: Ctx<'js>, gone: Object<'js>| {
        let gone = handle(&ctx, &gone)?;
        said(&ctx, shared.borrow_mut().remove(gone))
    })?;
    let shared = host.clone();
    method(ctx, &msg, "toString", move || shared.borrow().whole())?;
    Ok(msg)
}

/// Makes `ctx`.
pub(super) fn context<'js>(ctx: &Ctx<'js>, host: &Shared) -> Result<Object<'js>> {
    let context = Object::new(ctx.clone())?;
    context.set("part", host.borrow().part)?;
    let shared = host.clone();
    method(ctx, &context, "note", move |text: Coerced<String>| {
        shared.borrow_mut().notes.push(text.0);
    })?;
    let shared = host.clone();
    method(ctx, &context, "__kept", move |name: String| shared.borrow().kept(&name))?;
    let shared = host.clone();
    method(ctx, &context, "__keep", move |ctx: Ctx<'js>, name: String, json: Opt<String>| {
        said(&ctx, shared.borrow_mut().keep(name, json.0))
    })?;
    let shared = host.clone();
    method(ctx, &context, "table", move |ctx: Ctx<'js>, name: String| {
        // A table that is not known is said at once, not at the first value.
        said(&ctx, shared.borrow().look_up(&name, ""))?;
        let table = Object::new(ctx.clone())?;
        let shared = shared.clone();
        method(&ctx, &table, "get", move |ctx: Ctx<'js>, value: String| {
            let found = said(&ctx, shared.borrow().look_up(&name, &value))?;
            text_or_null(&ctx, found)
        })?;
        Ok::<_, Error>(table)
    })?;
    Ok(context)
}

/// What messages and segments have in common: reading and writing by path.
fn values<'js>(ctx: &Ctx<'js>, object: &Object<'js>, host: &Shared) -> Result<()> {
    let shared = host.clone();
    method(ctx, object, "get", move |ctx: Ctx<'js>, this: This<Object<'js>>, path: String| {
        let found = said(&ctx, shared.borrow().get(of(&this)?, &path))?;
        text_or_null(&ctx, found)
    })?;
    let shared = host.clone();
    method(
        ctx,
        object,
        "set",
        move |ctx: Ctx<'js>, this: This<Object<'js>>, path: String, value: Value<'js>| {
            let value = written(&ctx, &path, value)?;
            said(&ctx, shared.borrow_mut().set(of(&this)?, &path, &value))
        },
    )?;
    let shared = host.clone();
    method(
        ctx,
        object,
        "setRaw",
        move |ctx: Ctx<'js>, this: This<Object<'js>>, path: String, value: String| {
            said(&ctx, shared.borrow_mut().set_raw(of(&this)?, &path, &value))
        },
    )?;
    let shared = host.clone();
    method(ctx, object, "setNull", move |ctx: Ctx<'js>, this: This<Object<'js>>, path: String| {
        said(&ctx, shared.borrow_mut().set_null(of(&this)?, &path))
    })?;
    let shared = host.clone();
    method(ctx, object, "repeats", move |ctx: Ctx<'js>, this: This<Object<'js>>, path: String| {
        said(&ctx, shared.borrow().repeats(of(&this)?, &path))
    })?;
    let shared = host.clone();
    method(ctx, object, "number", move |ctx: Ctx<'js>, this: This<Object<'js>>, path: String| {
        match said(&ctx, shared.borrow().number(of(&this)?, &path))? {
            Some(number) => Ok::<_, Error>(Value::new_number(ctx, number)),
            None => Ok(Value::new_null(ctx)),
        }
    })?;
    let shared = host.clone();
    method(
        ctx,
        object,
        "time",
        move |ctx: Ctx<'js>, this: This<Object<'js>>, path: String, options: Opt<Object<'js>>| {
            let zone = match options.0 {
                Some(options) => options.get::<_, Option<String>>("zone")?,
                None => None,
            };
            let found = said(&ctx, shared.borrow().time(of(&this)?, &path, zone.as_deref()))?;
            text_or_null(&ctx, found)
        },
    )
}

/// What a segment has besides.
fn segments_of<'js>(ctx: &Ctx<'js>, prototype: &Object<'js>, host: &Shared) -> Result<()> {
    let shared = host.clone();
    method(ctx, prototype, "all", move |ctx: Ctx<'js>, this: This<Object<'js>>, name: String| {
        let own = handle(&ctx, &this.0)?;
        let found = said(&ctx, shared.borrow_mut().behind(own, &name))?;
        found.into_iter().map(|handle| segment(&ctx, &shared, handle)).collect::<Result<Vec<_>>>()
    })
}

/// A segment as an object.
fn segment<'js>(ctx: &Ctx<'js>, host: &Shared, handle: usize) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set_prototype(Some(&ctx.globals().get::<_, Object<'js>>(SEGMENT)?))?;
    object.set(HANDLE, handle)?;
    object.set("name", said(ctx, host.borrow().name_of(handle))?)?;
    Ok(object)
}

/// The segment that an object is; none for the message.
fn of(this: &This<Object<'_>>) -> Result<Option<usize>> {
    this.0.get(HANDLE)
}

fn handle<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<usize> {
    let handle: Option<usize> = object.get(HANDLE)?;
    handle.ok_or_else(|| Exception::throw_type(ctx, "this is not a segment"))
}

/// What may be written. `null` is refused: a value that was not there would tell the receiver to delete its own.
fn written<'js>(ctx: &Ctx<'js>, path: &str, value: Value<'js>) -> Result<String> {
    if value.is_string() || value.is_number() {
        if value.as_number().is_some_and(|number| !number.is_finite()) {
            return Err(Exception::throw_type(ctx, &format!("{path} would get what is no number")));
        }
        return Ok(Coerced::<String>::from_js(ctx, value)?.0);
    }
    let what = value.type_name();
    let help = "a text or a number goes there; `setNull` writes the HL7 null";
    Err(Exception::throw_type(ctx, &format!("{path} would get {what}: {help}")))
}

fn text_or_null<'js>(ctx: &Ctx<'js>, text: Option<String>) -> Result<Value<'js>> {
    match text {
        Some(text) => Ok(rquickjs::String::from_str(ctx.clone(), &text)?.into_value()),
        None => Ok(Value::new_null(ctx.clone())),
    }
}

/// A sentence of the host is an error that the script may catch.
fn said<T>(ctx: &Ctx<'_>, answer: Answer<T>) -> Result<T> {
    answer.map_err(|sentence| Exception::throw_message(ctx, &sentence))
}

fn method<'js, P, F>(ctx: &Ctx<'js>, object: &Object<'js>, name: &str, function: F) -> Result<()>
where
    F: rquickjs::function::IntoJsFunc<'js, P> + 'js,
{
    object.set(name, Function::new(ctx.clone(), function)?)
}
