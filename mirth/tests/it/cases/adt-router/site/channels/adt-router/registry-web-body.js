// The template of the destination, with values of the message.
export default function (msg) {
  return [
    "<patient id=\"",
    msg.get("PID-3.1"),
    "\" visit=\"",
    msg.get("PV1-19.1"),
    "\"/>",
  ].join("");
}
