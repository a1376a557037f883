//! What holds of every page: it can be read by everybody, and nothing of a message becomes markup.

use hilum_tests::pages::{Page, selector};
use scraper::{ElementRef, Html};
use std::collections::BTreeSet;

/// Stands in a name of the hostile message; as markup it would be an image and a script.
pub const PROBE: &str = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>";

/// Everything that is wrong with a page.
pub fn faults(page: &Page) -> Vec<String> {
    let html = page.html();
    let mut faults = Vec::new();
    faults.extend(frame(&html));
    faults.extend(headings(&html));
    faults.extend(ids(&html));
    faults.extend(labels(&html));
    faults.extend(tables(&html));
    faults.extend(markup(&html));
    faults
}

fn select<'a>(html: &'a Html, css: &str) -> Vec<ElementRef<'a>> {
    html.select(&selector(css)).collect()
}

fn text(element: &ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}

fn frame(html: &Html) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |what: &str, there: bool| {
        if !there {
            faults.push(what.to_owned());
        }
    };
    must("the language is named", !select(html, "html[lang=en]").is_empty());
    must(
        "one title",
        select(html, "head title").iter().filter(|one| !text(one).is_empty()).count() == 1,
    );
    must("one main", select(html, "main").len() == 1);
    must("a way past the header", !select(html, "body > a.skip[href='#main']").is_empty());
    must(
        "zooming is allowed",
        select(html, "meta[name=viewport]").iter().all(|one| {
            let content = one.attr("content").unwrap_or("");
            !content.contains("user-scalable") && !content.contains("maximum-scale")
        }),
    );
    faults
}

/// Each follows the one before by at most one step, and there is one of the first.
fn headings(html: &Html) -> Vec<String> {
    let all = select(html, "h1, h2, h3, h4, h5, h6");
    let levels: Vec<u8> = all.iter().map(|one| one.value().name().as_bytes()[1] - b'0').collect();
    let mut faults = Vec::new();
    let in_main = select(html, "main h1").len();
    if in_main > 1 || (in_main == 0 && select(html, "main .refused").is_empty()) {
        faults.push(format!("{in_main} headings of the first level"));
    }
    for (pair, one) in levels.windows(2).zip(all.iter().skip(1)) {
        if pair[1] > pair[0] + 1 {
            faults.push(format!("`{}` skips a level", text(one)));
        }
    }
    if all.iter().any(|one| text(one).is_empty()) {
        faults.push("a heading says nothing".to_owned());
    }
    faults
}

fn ids(html: &Html) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for one in select(html, "[id]") {
        let id = one.attr("id").unwrap_or("");
        if id.is_empty() || id.contains(char::is_whitespace) || !seen.insert(id.to_owned()) {
            faults.push(format!("the id `{id}` is empty, has spaces, or stands twice"));
        }
    }
    for name in ["aria-labelledby", "aria-describedby", "for", "list"] {
        for one in select(html, &format!("[{name}]")) {
            for id in one.attr(name).unwrap_or("").split_whitespace() {
                if !seen.contains(id) {
                    faults.push(format!("{name}=\"{id}\" leads nowhere"));
                }
            }
        }
    }
    faults
}

/// Every field has a label, every button and link a text.
fn labels(html: &Html) -> Vec<String> {
    let mut faults = Vec::new();
    let labelled: BTreeSet<&str> = select(html, "label[for]")
        .into_iter()
        .filter(|one| !text(one).is_empty())
        .filter_map(|one| one.attr("for"))
        .collect();
    for field in select(html, "input:not([type=hidden]), select, textarea") {
        let by_id = field.attr("id").is_some_and(|id| labelled.contains(id));
        let by_name = field.attr("aria-label").is_some_and(|name| !name.trim().is_empty());
        let within =
            field.ancestors().filter_map(ElementRef::wrap).any(|one| one.value().name() == "label");
        if !by_id && !by_name && !within {
            faults.push(format!("the field `{}` has no label", field.attr("name").unwrap_or("?")));
        }
    }
    for one in select(html, "a[href], button, summary") {
        let name = one.attr("aria-label").unwrap_or("").to_owned() + &text(&one);
        let hidden =
            one.ancestors().filter_map(ElementRef::wrap).any(|one| one.attr("hidden").is_some());
        if name.trim().is_empty() && !hidden {
            faults.push(format!("nothing to read on {}", one.html()));
        }
    }
    for one in select(html, "img, svg, progress, [role=img], figure, [role=region]") {
        let within =
            one.ancestors().filter_map(ElementRef::wrap).any(|one| one.attr("role") == Some("img"));
        let named =
            ["aria-label", "aria-labelledby", "alt"].iter().any(|name| one.attr(name).is_some());
        if !named && !within {
            faults.push(format!("a {} without a name", one.value().name()));
        }
    }
    faults
}

fn tables(html: &Html) -> Vec<String> {
    let mut faults = Vec::new();
    for table in select(html, "table") {
        let caption = table.select(&selector("caption")).next().map(|one| text(&one));
        if caption.is_none_or(|text| text.is_empty()) {
            faults.push("a table without a caption".to_owned());
        }
        if table.select(&selector("th")).any(|one| one.attr("scope").is_none()) {
            faults.push("a heading of a table without a scope".to_owned());
        }
        let rows = selector("tbody tr");
        if table.select(&rows).any(|row| row.select(&selector("th[scope=row]")).next().is_none()) {
            faults.push(format!(
                "a row without a heading in `{}`",
                table.text().take(1).collect::<String>()
            ));
        }
    }
    faults
}

/// No script but our own, no handler, no style in place, no image from elsewhere; and the hostile name is text.
fn markup(html: &Html) -> Vec<String> {
    let mut faults = Vec::new();
    for script in select(html, "script") {
        let own = script.attr("src").is_some_and(|src| src.starts_with("/assets/"));
        if !own || !text(&script).is_empty() {
            faults.push(format!("a script in the page: {}", script.html()));
        }
    }
    for one in select(html, "*") {
        for (name, value) in one.value().attrs() {
            if name.starts_with("on")
                || name == "style"
                || value.trim_start().starts_with("javascript:")
            {
                faults.push(format!("{name}=\"{value}\" on {}", one.value().name()));
            }
        }
    }
    for element in ["img", "iframe", "object", "embed", "base", "style"] {
        if !select(html, element).is_empty() {
            faults.push(format!("an element `{element}`"));
        }
    }
    faults
}

#[test]
fn the_walk_sees_what_is_wrong() {
    let page = |text: &str| {
        let html = Html::parse_document(text);
        [headings(&html), ids(&html), labels(&html), tables(&html), markup(&html)].concat().len()
    };
    assert_eq!(page("<main><h1>a</h1></main>"), 0);
    for wrong in [
        "<main><h1>a</h1><h3>b</h3></main>",
        "<main><h1>a</h1><p id=x></p><p id=x></p></main>",
        "<main><h1>a</h1><input name=q></main>",
        "<main><h1>a</h1><a href=/></a></main>",
        "<main><h1>a</h1><table><tbody></tbody></table></main>",
        "<main><h1>a</h1><p onclick=x></p></main>",
        "<main><h1>a</h1><p style=x></p></main>",
        "<main><h1>a</h1><img alt=a src=x></main>",
        "<main><h1>a</h1><script>a</script></main>",
        "<main><h1>a</h1><label for=x>a</label></main>",
    ] {
        assert!(page(wrong) > 0, "{wrong}");
    }
}
