//! Files that mean harm.

use mirth::{NotAnExport, translate};

#[test]
fn a_document_type_is_refused_before_anything_is_expanded() {
    let xml = "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<channel><name>&b;</name></channel>";
    assert_eq!(translate(xml.as_bytes()), Err(NotAnExport::DocType { line: 1 + 1 }));
}

#[test]
fn an_entity_of_its_own_is_refused() {
    let xml = "<channel>\n<name>&xxe;</name></channel>";
    assert_eq!(translate(xml.as_bytes()), Err(NotAnExport::Entity { line: 2 }));
}

#[test]
fn depth_and_size_have_limits() {
    let deep = "<a>".repeat(200_000);
    assert!(matches!(translate(deep.as_bytes()), Err(NotAnExport::TooDeep { .. })));
    let large = vec![b' '; 64 * 1024 * 1024 + 1];
    assert!(matches!(translate(&large), Err(NotAnExport::TooLarge { .. })));
}

#[test]
fn broken_files_say_where() {
    for (xml, line) in
        [("<channel>\n<name>", 2), ("<a></b>", 1), ("<a/>\n<b/>", 2), ("<a b=c/>", 1), ("", 1)]
    {
        assert_eq!(translate(xml.as_bytes()), Err(NotAnExport::NotXml { line }), "{xml}");
    }
    assert_eq!(translate(&[b'<', 0xff]), Err(NotAnExport::NotUtf8));
    assert!(matches!(translate(b"<html><body/></html>"), Err(NotAnExport::NoChannel { .. })));
}

#[test]
fn deep_or_long_code_stays_a_script() {
    let nested = format!("msg['PID']['PID.2'] = {}'a'{};", "(".repeat(50_000), ")".repeat(50_000));
    let long = format!("msg['PID']['PID.2'] = 'a'{};", " + 'a'".repeat(3_000));
    let blocks = format!("{}{}", "{".repeat(50_000), "}".repeat(50_000));
    let ifs = "if (msg['PID']['PID.2']['PID.2.1'].toString() == 'a') { logger.info('x'); }\n"
        .repeat(2_000);
    for code in [nested, long, blocks, "!".repeat(90_000), "a.".repeat(90_000), ifs] {
        let step = format!(
            "<com.mirth.connect.plugins.javascriptstep.JavaScriptStep><script>{code}</script></com.mirth.connect.plugins.javascriptstep.JavaScriptStep>"
        );
        let rule = format!(
            "<com.mirth.connect.plugins.javascriptrule.JavaScriptRule><script>{code} return true;</script></com.mirth.connect.plugins.javascriptrule.JavaScriptRule>"
        );
        let xml = format!(
            "<channel><name>x</name><sourceConnector><filter><elements>{rule}</elements></filter><transformer><elements>{step}</elements></transformer></sourceConnector></channel>"
        );
        assert!(translate(xml.as_bytes()).is_ok());
    }
}
