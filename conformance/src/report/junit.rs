//! A report as the XML that JUnit began and continuous integration reads: a suite for each backend.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::text::{Failure, Text};
use crate::matrix::{Cell, Counts, Outcome, Report, Row};

pub(super) fn write(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let mut xml = Xml::new_with_indent(Vec::new(), b' ', 2);
    let suites = xml.create_element("testsuites").with_attribute(("name", "stheno-conformance"));
    let suites = suites.with_attributes(counted(report.counts(), report.took.as_secs_f64()).each_ref().map(pair));
    suites.write_inner_content(|xml| (0..report.backends.len()).try_for_each(|column| suite(report, column, xml)))?;
    to.write_all(&xml.into_inner())?;
    writeln!(to)
}

type Xml = Writer<Vec<u8>>;

fn suite(report: &Report, column: usize, xml: &mut Xml) -> io::Result<()> {
    let backend = &report.backends[column];
    let cells = || report.rows.iter().filter_map(|row| Some((row, row.outcomes.get(column)?)));
    let seconds = cells().map(|(_, outcome)| outcome.took.as_secs_f64()).sum();
    let suite = xml.create_element("testsuite").with_attribute(("name", &*clean(backend)));
    let suite = suite.with_attributes(counted(report.counts_of(column), seconds).each_ref().map(pair));
    suite.write_inner_content(|xml| {
        xml.create_element("properties").write_inner_content(|xml| {
            let settings = &report.settings;
            for (name, value) in [
                ("seed", format!("{:#x}", settings.seed)),
                ("repeat", settings.repeat.to_string()),
                ("stopped", report.stopped.clone().unwrap_or_default()),
            ] {
                if !value.is_empty() {
                    let property = xml.create_element("property").with_attribute(("name", name));
                    property.with_attribute(("value", &*clean(&value))).write_empty()?;
                }
            }
            Ok(())
        })?;
        cells().try_for_each(|(row, outcome)| case(report, row, backend, outcome, xml))
    })?;
    Ok(())
}

fn case(report: &Report, row: &Row, backend: &str, outcome: &Outcome, xml: &mut Xml) -> io::Result<()> {
    let (class, name) = row.name.split_once('/').unwrap_or(("", &row.name));
    let seconds = format!("{:.3}", outcome.took.as_secs_f64());
    let (class, name) = (clean(&format!("{backend}.{class}")), clean(name));
    let case = xml.create_element("testcase");
    let case = case.with_attributes([("classname", &*class), ("name", &*name), ("time", &*seconds)]);
    match &outcome.cell {
        Cell::Passed => case.write_empty()?,
        Cell::Skipped(why) => case.write_inner_content(|xml| {
            xml.create_element("skipped").with_attribute(("message", &*clean(why))).write_empty().map(drop)
        })?,
        Cell::Failed(why) => case.write_inner_content(|xml| {
            let text = Text { report, colour: false };
            let whole = clean(&Failure { text: &text, row, backend, outcome }.to_string());
            let message = clean(why.lines().next().unwrap_or_default());
            let failure = xml.create_element("failure").with_attribute(("message", &*message));
            failure.write_text_content(BytesText::new(&whole)).map(drop)
        })?,
    };
    Ok(())
}

fn counted(counts: Counts, seconds: f64) -> [(&'static str, String); 5] {
    [
        ("tests", (counts.passed + counts.failed + counts.skipped).to_string()),
        ("failures", counts.failed.to_string()),
        ("errors", "0".into()),
        ("skipped", counts.skipped.to_string()),
        ("time", format!("{seconds:.3}")),
    ]
}

fn pair<'a>((name, value): &'a (&'static str, String)) -> (&'a str, &'a str) {
    (name, value)
}

/// Text without the characters that XML cannot hold, not even escaped.
fn clean(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::{BytesStart, Event};

    use super::super::{Format, sample};
    use super::*;

    fn written(report: &Report) -> String {
        let mut text = Vec::new();
        report.write(Format::Junit, true, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Each element as a path with its attributes, and each text that says something.
    fn parsed(xml: &str) -> Vec<String> {
        let mut reader = Reader::from_str(xml);
        let (mut path, mut found) = (Vec::<String>::new(), Vec::<String>::new());
        let told = |path: &[String], start: &BytesStart<'_>| {
            let attributes = start.attributes().map(|attribute| {
                let attribute = attribute.unwrap();
                let value = quick_xml::escape::unescape(&attribute.value).unwrap();
                format!(" {}={value}", attribute.key.as_ref())
            });
            format!("{}{}", path.join("/"), attributes.collect::<String>())
        };
        let name = |start: &BytesStart<'_>| start.name().as_ref().to_owned();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    path.push(name(&start));
                    found.push(told(&path, &start));
                }
                Event::Empty(start) => {
                    path.push(name(&start));
                    found.push(told(&path, &start));
                    path.pop();
                }
                Event::End(_) => drop(path.pop()),
                Event::Text(text) if path.last().is_some_and(|name| name == "failure") => {
                    found.push(text.to_string());
                }
                Event::GeneralRef(name) => {
                    let character = match &*name {
                        "lt" => "<",
                        "gt" => ">",
                        "amp" => "&",
                        "quot" => "\"",
                        "apos" => "'",
                        other => panic!("&{other};"),
                    };
                    found.push(character.into());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(path.is_empty(), "{path:?}");
        found
    }

    #[test]
    fn every_backend_is_a_suite() {
        let found = parsed(&written(&sample::report()));
        let count = |start: &str| found.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(found[0], "testsuites name=stheno-conformance tests=4 failures=2 errors=0 skipped=1 time=1.500");
        assert_eq!(found[1], "testsuites/testsuite name=poll tests=2 failures=1 errors=0 skipped=0 time=0.500");
        assert_eq!(count("testsuites/testsuite name="), 2);
        assert_eq!(count("testsuites/testsuite/properties/property name=seed value=0xff"), 2);
        assert_eq!(count("testsuites/testsuite/testcase classname="), 4);
        assert_eq!(count("testsuites/testsuite/testcase/skipped message=cannot"), 1);
    }

    #[test]
    fn a_failure_comes_back_as_text_shows_it() {
        let report = sample::report();
        let found = parsed(&written(&report)).concat();
        let text = report.to_string();
        let shown = &text[text.find("scenario/one on epoll FAILED").unwrap()..];
        let shown = &shown[..shown.find("\n\n").unwrap()];
        assert!(found.contains(shown), "{found}");
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let xml = written(&sample::report());
        assert!(!xml.contains('\u{1b}'));
        assert!(parsed(&xml).iter().any(|line| line.ends_with("/failure message=a ]]> b\u{fffd}[0m")), "{xml}");
        assert_eq!(clean("a\tb\0\u{7f}ä\u{ffff}"), "a\tb\u{fffd}\u{7f}ä\u{fffd}");
    }
}
