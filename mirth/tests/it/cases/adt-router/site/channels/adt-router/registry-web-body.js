// The template of the destination, with values of the message.
export default function (msg) {
  return [
    "<patient id=\"",
    missing("mrn"),
    "\" visit=\"",
    missing("visit"),
    "\"/>",
  ].join("");
}

// By hand: what stood in a map there has no equal here.
function missing(name) {
  throw new Error(`no value for ${name}`);
}
