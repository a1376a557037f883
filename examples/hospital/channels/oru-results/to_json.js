// One order with its results -> the body that the results service expects.
export default function (msg, ctx) {
  const pid = msg.first("PID");
  const obr = msg.first("OBR");
  const status = { F: "final", C: "corrected" }[obr.get("OBR-25")];
  if (!status) throw new Error(`unexpected OBR-25 "${obr.get("OBR-25")}"`);

  return {
    order: obr.get("OBR-3.1"),
    patient: { mrn: pid.get("PID-3.1"), family: pid.get("PID-5.1"), given: pid.get("PID-5.2") },
    status,
    results: msg.all("OBX").map((obx) => ({
      code: obx.get("OBX-3.1"),
      name: obx.get("OBX-3.2"),
      value: obx.get("OBX-2") === "NM" ? obx.number("OBX-5") : obx.get("OBX-5"),
      unit: obx.get("OBX-6.1") || null,
      flag: obx.get("OBX-8") || null,
      at: obx.time("OBX-14", { zone: "America/Chicago" }),
    })),
  };
}
