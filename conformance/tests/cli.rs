//! The program as its users call it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stheno-conformance"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("CLICOLOR");
    command
}

fn run(words: &[&str]) -> Output {
    program().args(words).output().unwrap()
}

#[track_caller]
fn told(words: &[&str], status: i32) -> String {
    let output = run(words);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{words:?}: {out}{err}");
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A fresh folder with these files.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (file, source) in files {
        fs::write(folder.join(file), source).unwrap();
    }
    folder
}

const RIGHT: &str = "# Adopts.\nadopt A P\nsend P hello\nrun\n--- expect\nA: read hello\n";
const WRONG: &str =
    "# Adopts, and expects too much.\nadopt A P\nsend P hello\nrun\n--- expect\nA: read hullo\nA: close\n";

/// Two stories that are right and two that are wrong, of which one has the other's name in its own.
fn mixed(name: &str) -> PathBuf {
    let files =
        [("right.scn", RIGHT), ("right-too.scn", RIGHT), ("it's wrong.scn", WRONG), ("it's wrong too.scn", WRONG)];
    folder(name, &files)
}

#[test]
fn a_matrix_comes_and_a_closing_line() {
    let output = run(&["--backend", "poll", "--seed", "0x2a", "--exact", "scenario/turn-accept-only"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.starts_with("case                       poll\nscenario/turn-accept-only  ok  \n"), "{out}");
    assert!(out.contains("\nbackend  passed  failed  skipped\npoll          1       0        0\n"), "{out}");
    assert!(out.contains("\nseed 0x2a, "), "{out}");
    assert!(out.ends_with("\n1 passed, 0 failed, 0 skipped\n"), "{out}");
    assert_eq!(text(&output.stderr), "stheno-conformance: seed 0x2a\n");
}

#[test]
fn a_call_that_makes_no_sense_has_status_2() {
    for (words, what) in [
        (&["--backend", "kqueue"][..], "there is no backend kqueue here; there are select, poll"),
        (&["--exact", "scenario/accep"], "there is no such case"),
        (&["--seed", "x"], "--seed x: invalid digit"),
        (&["--scenarios", "/there/is/none"], "/there/is/none: "),
        (&["--output", "/there/is/none", "--exact", "scenario/accept"], "/there/is/none: "),
        (&["--quickly"], "invalid option '--quickly'"),
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let err = text(&output.stderr);
        assert!(err.starts_with("stheno-conformance: ") && err.contains(what), "{words:?}: {err}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn help_is_help() {
    let help = told(&["--help"], 0);
    assert!(help.contains("Usage: stheno-conformance [OPTION]... [FILTER]"), "{help}");
    assert_eq!(told(&["-h"], 0), help);
}

#[test]
fn a_failing_cell_prints_a_command_that_selects_it_alone() {
    let folder = mixed("printed command");
    let out =
        told(&["--scenarios", folder.to_str().unwrap(), "--backend", "poll", "--backend", "select", "--seed", "7"], 1);
    assert!(out.ends_with("4 passed, 4 failed, 0 skipped\n"), "{out}");
    let again: Vec<_> =
        out.lines().filter_map(|line| line.strip_prefix("    cargo run -p stheno-conformance -- ")).collect();
    assert_eq!(again.len(), 4, "{out}");
    for (name, backend) in [("it's wrong", "poll"), ("it's wrong", "select"), ("it's wrong too", "poll")] {
        let title = format!("\nscenario/{name} on {backend} FAILED\n");
        let failure = &out[out.find(&title).unwrap_or_else(|| panic!("{title}: {out}"))..];
        let line =
            failure.lines().find_map(|line| line.strip_prefix("    cargo run -p stheno-conformance -- ")).unwrap();
        let words = shlex::split(line).unwrap();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let listed = told(&[&words[..], &["--list"]].concat(), 0);
        let names: Vec<_> = listed.lines().map(|line| line.split("  ").next().unwrap()).collect();
        assert_eq!(names, [format!("scenario/{name}")]);
        let repeated = told(&words, 1);
        assert!(repeated.contains("\nseed 0x7, "), "{repeated}");
        assert!(repeated.contains(&title), "{repeated}");
        assert!(repeated.ends_with("\n0 passed, 1 failed, 0 skipped\n"), "{repeated}");
    }
}

#[test]
fn a_failure_shows_what_there_is_to_see() {
    let folder = mixed("shown");
    let out =
        told(&["--scenarios", folder.to_str().unwrap(), "--backend", "epoll", "--exact", "scenario/it's wrong"], 1);
    let shown = "
scenario/it's wrong on epoll FAILED
    Adopts, and expects too much.
    the transcript differs
  steps:
      2  adopt A P
      3  send P hello
      4  run
  expected          told
    A: read hullo | A: read hello
    A: close      <
  readiness, wait by wait:
          1  A READABLE
        2-3  nothing
  again:
";
    assert!(out.contains(shown), "{out}");
}

#[test]
fn json_can_be_read() {
    let folder = mixed("json");
    let words = ["--scenarios", folder.to_str().unwrap(), "--backend", "select", "--format", "json", "--repeat", "2"];
    let value: Value = serde_json::from_str(&told(&words, 1)).unwrap();
    assert_eq!((&value["passed"], &value["failed"], &value["skipped"]), (&2.into(), &2.into(), &0.into()));
    let cases = value["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["name"] == "scenario/it's wrong").unwrap();
    let outcome = &case["outcomes"][0];
    assert_eq!((&outcome["runs"], &outcome["failures"]), (&2.into(), &2.into()));
    assert_eq!(outcome["evidence"]["waits"][0][0]["channel"], "A");
    assert_eq!(outcome["evidence"]["waits"][0][0]["readiness"][0], "READABLE");
}

#[test]
fn junit_goes_to_a_file() {
    let folder = mixed("junit");
    let file = folder.join("report.xml");
    let words = ["--scenarios", folder.to_str().unwrap(), "--format", "junit", "--output", file.to_str().unwrap()];
    let output = run(&[&words[..], &["--seed", "3"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let err = text(&output.stderr);
    assert!(err.ends_with("stheno-conformance: seed 0x3: 8 passed, 8 failed, 0 skipped\n"), "{err}");
    let xml = fs::read_to_string(file).unwrap();
    let mut reader = quick_xml::Reader::from_str(&xml);
    let (mut suites, mut failures) = (0, 0);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) if start.name().as_ref() == "testsuite" => suites += 1,
            quick_xml::events::Event::Start(start) if start.name().as_ref() == "failure" => failures += 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((suites, failures), (4, 8));
}

#[test]
fn a_run_stops_at_the_first_failure_if_so_asked() {
    let folder = mixed("fail fast");
    let words = ["--scenarios", folder.to_str().unwrap(), "--jobs", "1", "--fail-fast", "--repeat", "1000000"];
    let out = told(&words, 1);
    assert!(out.contains("\nstopped before the end: another case failed first\n"), "{out}");
    assert!(out.contains(" 1 failed, "), "{out}");
}

#[test]
fn a_file_that_cannot_be_read_fails_and_says_where() {
    let folder = folder("malformed", &[("right.scn", RIGHT), ("odd.scn", "run\nfly A\n")]);
    let out = told(&["--scenarios", folder.to_str().unwrap(), "--backend", "poll"], 1);
    assert!(out.contains("odd.scn:2: no such step: fly"), "{out}");
    assert!(out.ends_with("\n1 passed, 1 failed, 0 skipped\n"), "{out}");
}

#[test]
fn what_has_nothing_to_compare_with_is_skipped_and_said() {
    let folder = folder("skipped", &[("open.scn", "adopt A P\nrun\n")]);
    let out = told(&["--scenarios", folder.to_str().unwrap(), "--backend", "poll"], 0);
    assert!(out.contains("\nskipped 1: no transcript to compare with"), "{out}");
    assert!(out.contains("\n    scenario/open on poll\n"), "{out}");
}

#[test]
fn colours_are_for_terminals_and_whoever_asks() {
    let words = ["--backend", "poll", "--exact", "scenario/turn-accept-only"];
    assert!(!told(&words, 0).contains('\x1b'));
    assert!(told(&[&words[..], &["--color", "always"]].concat(), 0).contains("\x1b[32mok"));
    assert!(on_terminal(program().args(words)).contains("\x1b[32mok"));
    assert!(!on_terminal(program().args(words).env("NO_COLOR", "1")).contains("\x1b[32m"));
    assert!(!on_terminal(program().args(words).args(["--color", "never"])).contains("\x1b[32m"));
}

#[test]
fn a_terminal_shows_how_far_the_run_is() {
    let words = ["--backend", "poll", "--exact", "scenario/turn-accept-only"];
    let shown = on_terminal(program().args(words));
    assert!(shown.contains("\r\x1b[K0/1, 0 failed: scenario/turn-accept-only on poll"), "{shown:?}");
}

/// What a terminal gets to show that is both standard output and standard error.
fn on_terminal(command: &mut Command) -> String {
    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave: OwnedFd = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    command.env("TERM", "xterm").stdout(slave.try_clone().unwrap()).stderr(slave);
    let mut child = command.spawn().unwrap();
    // The command's own copies of the terminal would keep it open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (mut shown, mut room) = (Vec::new(), [0; 4096]);
    let mut master = fs::File::from(master);
    // Linux ends a terminal that nobody has open any more with an error.
    while let Ok(count @ 1..) = master.read(&mut room) {
        shown.extend(&room[..count]);
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    text(&shown)
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = program().arg("--list").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{err}");
    assert_eq!(err, "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_report_that_cannot_be_written_is_said() {
    let words = ["--backend", "poll", "--exact", "scenario/turn-accept-only", "--output", "/dev/full"];
    let output = run(&words);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot write: No space left"), "{output:?}");
}

/// A run that would never end: it is interrupted once it has said its seed, from when on it listens.
#[test]
fn an_interrupted_run_reports_what_was_run() {
    let folder = mixed("interrupted");
    let words = ["--scenarios", folder.to_str().unwrap(), "--repeat", "1000000000", "--backend", "poll"];
    let mut child = program().args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    err.read_line(&mut String::new()).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{out}");
    assert!(out.contains("\nstopped before the end: interrupted\n"), "{out}");
}

#[test]
fn a_walk_is_told_again_by_its_name() {
    // Whatever the seed of the run, the walk's is in its name; so the command that a failure prints finds it.
    for walk in ["scenario/walk-3", "scenario/walk-271828"] {
        let out = told(&["--backend", "sim", "--seed", "7", "--exact", walk], 0);
        assert!(out.contains(walk) && out.ends_with("1 passed, 0 failed, 0 skipped\n"), "{out}");
    }
    let output = run(&["--scenarios", "x", "--walks", "3"]);
    let err = text(&output.stderr);
    assert!(err.contains("--walks says nothing to --scenarios"), "{err}");
    assert_eq!(output.status.code(), Some(2));
}
