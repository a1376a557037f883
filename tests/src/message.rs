//! Invented messages, and a plain reading of what comes back.

/// An admission of 600 bytes or so, with CR after each segment.
pub fn adt(control_id: &str, patient: &str) -> Vec<u8> {
    adt_with(control_id, patient, "")
}

/// As [`adt`], with an own text in the patient's family name.
pub fn adt_with(control_id: &str, patient: &str, family: &str) -> Vec<u8> {
    let segments = [
        format!("MSH|^~\\&|PAS|NORTH|LAB|MAIN|20261121140322||ADT^A01^ADT_A01|{control_id}|P|2.5.1"),
        "EVN|A01|20261121140300".to_owned(),
        format!(
            "PID|1||{patient}^^^NORTH^MR||EXAMPLE{family}^ALMA^Q||19510203|F|||1 Sample Street^^Exampletown^^00001||555-0100|||S||{patient}01"
        ),
        "NK1|1|EXAMPLE^OTTO|SPO|1 Sample Street^^Exampletown^^00001|555-0101||N".to_owned(),
        "PV1|1|I|W3^312^1^NORTH|E|||1001^PHYSICIAN^PAT|1002^REFERRER^RAY||MED||||7|A0||1001^PHYSICIAN^PAT|IP|V9001|||||||||||||||||||||||||20261121140000".to_owned(),
        "AL1|1|DA|PCN^penicillin^L|SV|rash|20200101".to_owned(),
        "DG1|1||I10^hypertension^I10|||A".to_owned(),
    ];
    let mut bytes = segments.join("\r").into_bytes();
    bytes.push(b'\r');
    bytes
}

/// A field as sent (`MSH-10` = `field(bytes, "MSH", 10)`), of the first such segment; empty when absent.
pub fn field(bytes: &[u8], segment: &str, number: usize) -> Vec<u8> {
    let Some(start) = header(bytes) else { return Vec::new() };
    let Some(separator) = bytes.get(start + 3) else { return Vec::new() };
    for line in bytes[start..].split(|b| *b == b'\r' || *b == b'\n') {
        if line.starts_with(segment.as_bytes()) && line.get(3) == Some(separator) {
            let index = if segment == "MSH" { number - 1 } else { number };
            return line.split(|b| b == separator).nth(index).unwrap_or_default().to_vec();
        }
    }
    Vec::new()
}

/// As [`field`], as text.
pub fn text(bytes: &[u8], segment: &str, number: usize) -> String {
    String::from_utf8_lossy(&field(bytes, segment, number)).into_owned()
}

/// The control id, MSH-10.
pub fn control_id(bytes: &[u8]) -> String {
    text(bytes, "MSH", 10)
}

/// An acknowledgement as a receiver would write it.
pub fn ack(code: &str, of: &str) -> Vec<u8> {
    format!("MSH|^~\\&|LAB|MAIN|PAS|NORTH|20261121140322||ACK|R{of}|P|2.5.1\rMSA|{code}|{of}\r")
        .into_bytes()
}

fn header(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|w| w == b"MSH")
}
