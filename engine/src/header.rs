//! The header of a message as its row keeps it.

use hl7::Peek;
use store::Header;

/// The fields of MSH that are kept, as text in the charset that the message is read in.
pub(crate) fn header(peek: &Peek, bytes: &[u8]) -> Header {
    let text = |value: &[u8]| match peek.charset().decode(value) {
        Ok(text) => text.into_owned(),
        Err(_) => String::from_utf8_lossy(value).into_owned(),
    };
    Header {
        control_id: text(peek.control_id(bytes)),
        kind: text(peek.message_type(bytes)),
        application: text(peek.sending_application(bytes)),
        facility: text(peek.sending_facility(bytes)),
        version: text(peek.version(bytes)),
        charset: peek.charset().name().to_owned(),
    }
}
