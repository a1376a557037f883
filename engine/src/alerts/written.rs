//! What people and collectors read of an alert: no value of a message, and no secret.

use connectors::smtp::Mail;
use connectors::syslog::{Entry, Facility, Severity as Level};
use jiff::Timestamp;
use store::{Announcement, DueAlert, Severity};

fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or_default()
}

/// A mail about an alert.
pub(super) fn mail(due: &DueAlert, (node, environment): (&str, &str), now_us: i64) -> Mail {
    let DueAlert { alert, what, .. } = due;
    let about = alert.channel.as_deref().unwrap_or(node);
    let lines = [
        alert.text.clone(),
        String::new(),
        format!("What:      {} ({})", alert.kind, what.as_str()),
        format!("About:     {}", alert.object),
        format!("Severity:  {}", alert.severity),
        format!("State:     {}", alert.state),
        format!("First:     {:.0}", time(alert.first_us)),
        format!("Last:      {:.0}, {} times", time(alert.last_us), alert.count),
        format!("Assigned:  {}", alert.assigned_to.as_deref().unwrap_or("nobody")),
        format!("Engine:    {node} ({environment})"),
        format!("Id:        {}", alert.id),
        String::new(),
        format!("hilum alert acknowledge {} -m \"...\"", alert.id),
    ];
    Mail {
        subject: format!(
            "[hilum {environment}] {} {}: {} {about}",
            alert.severity,
            what.as_str(),
            alert.kind
        ),
        text: lines.join("\n"),
        // Told twice, it is the same mail; told again later, it is another one.
        id: format!("{}.{}.{now_us}", alert.id, what.as_str()),
        at: time(now_us),
    }
}

/// An entry about an alert, as it goes over the wire.
pub(super) fn entry(due: &DueAlert, node: &str, body: &str, now_us: i64) -> Vec<u8> {
    let DueAlert { alert, what, .. } = due;
    let severity = match (what, alert.severity) {
        (Announcement::Acknowledged | Announcement::Assigned | Announcement::Resolved, _) => {
            Level::Notice
        }
        (_, Severity::High | Severity::Critical) => Level::Error,
        (_, Severity::Low | Severity::Medium) => Level::Warning,
    };
    let mut frame = Vec::new();
    Entry {
        facility: Facility::AuthPriv,
        severity,
        time: &format!("{:.6}", time(now_us)),
        host: node,
        id: "alert",
        place: &format!("{}-{}", alert.id, what.as_str()),
        text: body,
    }
    .frame(&mut frame);
    frame
}
