use crate::failure::Fault;
use crate::scene::is_null;
use crate::work::{Stop, Work};
use hl7::Path;

/// Changes a value part by part: components and subcomponents stay what they are, whatever is done to their texts.
///
/// The HL7 null is no text and is left alone.
pub(super) fn change(
    work: &mut Work<'_>,
    path: &Path,
    mut change: impl FnMut(&mut Work<'_>, &Path) -> Result<(), Fault>,
) -> Result<(), Stop> {
    let Some(raw) = work.message().raw(path) else { return Ok(()) };
    if !may_have_parts(work, raw) {
        return if is_null(raw) { Ok(()) } else { Ok(change(work, path)?) };
    }
    for component in 1..=u16::MAX {
        if path.component.is_some_and(|only| only != component) {
            continue;
        }
        let whole = Path { component: Some(component), ..path.clone() };
        if work.message().raw(&whole).is_none() {
            break;
        }
        work.check_budget()?;
        subcomponents(work, &whole, &mut change)?;
    }
    Ok(())
}

fn subcomponents(
    work: &mut Work<'_>,
    component: &Path,
    change: &mut impl FnMut(&mut Work<'_>, &Path) -> Result<(), Fault>,
) -> Result<(), Stop> {
    let nth = |n: u16| Path { subcomponent: Some(n), ..component.clone() };
    if component.subcomponent.is_some() || work.message().raw(&nth(2)).is_none() {
        return if work.message().is_null(component) {
            Ok(())
        } else {
            Ok(change(work, component)?)
        };
    }
    for n in 1..=u16::MAX {
        let path = nth(n);
        if work.message().raw(&path).is_none() {
            break;
        }
        work.check_budget()?;
        if !work.message().is_null(&path) {
            change(work, &path)?;
        }
    }
    Ok(())
}

/// Is there one value at a path, without components or subcomponents below it? What is absent is one as well.
pub(super) fn is_one(work: &Work<'_>, path: &Path) -> bool {
    let Some(raw) = work.message().raw(path) else { return true };
    if path.field.is_none() || !may_have_parts(work, raw) {
        return path.field.is_some();
    }
    let component = path.component.unwrap_or(1);
    let parts = [
        path.component.is_none().then(|| Path { component: Some(2), ..path.clone() }),
        path.subcomponent.is_none().then(|| Path {
            component: Some(component),
            subcomponent: Some(2),
            ..path.clone()
        }),
    ];
    parts.into_iter().flatten().all(|part| work.message().raw(&part).is_none())
}

/// Whether the bytes of a separator are in a value at all, which nearly always answers the question.
fn may_have_parts(work: &Work<'_>, raw: &[u8]) -> bool {
    let delimiters = work.message().delimiters();
    let first_bytes = [delimiters.component().first(), delimiters.subcomponent().first()];
    first_bytes.into_iter().flatten().any(|byte| raw.contains(byte))
}

#[cfg(test)]
mod tests {
    use crate::bench::run;

    #[test]
    fn every_part_is_changed_by_itself() {
        assert_eq!(
            run("{ trim = 'PID-5' }", "PID|1|||| a ^ b & c ^^\"\"^d "),
            "PID|1||||a^b&c^^\"\"^d"
        );
        assert_eq!(run("{ trim = 'PID-5.2' }", "PID|1|||| a ^ b & c ^ d "), "PID|1|||| a ^b&c^ d ");
        assert_eq!(run("{ trim = 'PID-5.2.2' }", "PID|1|||| a ^ b & c "), "PID|1|||| a ^ b &c");
        assert_eq!(run("{ upper = 'PID-5' }", r"PID|1||||a\S\b^c"), r"PID|1||||A\S\B^C");
    }
}
