//! The program around the library: its options, its progress, its output.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use rustix::process::{Resource, getrlimit};
use stheno_conformance::sim::Watch;
use stheno_conformance::{Backing, Settings, Suite, facts};

mod options;
mod progress;

use options::{Action, Colour, HELP, Options};
use progress::Progress;

/// The call made no sense, or the report could not be written.
const USAGE: u8 = 2;
/// Ended by Ctrl-C, as a shell counts it.
const INTERRUPTED: u8 = 130;

type Failure = Box<dyn std::error::Error>;

pub(super) fn main() -> ExitCode {
    let done = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => perform(&options),
        Ok(None) => print(None, HELP).map(|()| 0),
        Err(why) => Err(format!("{why}\nTry --help.").into()),
    };
    done.unwrap_or_else(|why| {
        say(&why.to_string());
        USAGE
    })
    .into()
}

fn perform(options: &Options) -> Result<u8, Failure> {
    let backings = backings(&options.backends)?;
    let suite = suite(options, &backings)?;
    let output = options.output.as_deref();
    match options.action {
        Action::List => {
            let cases = suite.list(&backings);
            let lines: Vec<_> = cases.iter().map(|(name, about)| format!("{name:44} {about}")).collect();
            print(output, &lines.join("\n"))?;
            Ok(0)
        }
        Action::Facts => {
            let facts: Vec<_> = facts::all().map(ToString::to_string).collect();
            print(output, &facts.join("\n"))?;
            Ok(0)
        }
        Action::Show => {
            print(output, &show(&suite, &backings, &options.settings))?;
            Ok(0)
        }
        Action::Run => run(options, &suite, &backings),
    }
}

fn run(options: &Options, suite: &Suite, backings: &[Backing]) -> Result<u8, Failure> {
    // First, for a file that cannot be written is better told before the run than after it.
    let (mut to, colour) = output(options)?;
    let progress = Progress::on_stderr()?;
    say(&format!("seed {:#x}", options.settings.seed));
    let report = suite.run_with(backings, &options.settings, &progress);
    progress.clear();
    let mut text = Vec::new();
    report.write(options.format, colour, &mut text)?;
    written(to.write_all(&text).and_then(|()| to.flush()))?;
    if options.output.is_some() || options.format != stheno_conformance::report::Format::Text {
        let (passed, failed, skipped) = (report.passed(), report.failed(), report.skipped());
        say(&format!("seed {:#x}: {passed} passed, {failed} failed, {skipped} skipped", options.settings.seed));
    }
    Ok(if progress.interrupted() { INTERRUPTED } else { u8::from(report.failed() > 0) })
}

/// Where the report goes, and whether it may have colours there.
fn output(options: &Options) -> Result<(Box<dyn Write>, bool), Failure> {
    let to: (Box<dyn Write>, bool) = match &options.output {
        Some(file) => (Box::new(created(file)?), false),
        None => (Box::new(io::stdout()), AutoStream::choice(&io::stdout()) != ColorChoice::Never),
    };
    Ok(match options.colour {
        Colour::Auto => to,
        Colour::Always => (to.0, true),
        Colour::Never => (to.0, false),
    })
}

fn suite(options: &Options, backings: &[Backing]) -> Result<Suite, Failure> {
    let suite = match &options.scenarios {
        Some(folder) => Suite::from_folder(folder)?,
        None => Suite::with_own_scenarios().with_walks(options.walks.0, options.walks.1),
    };
    let suite = match &options.filter {
        Some(name) if options.exact => suite.only(name),
        Some(text) => suite.filter(text),
        None => suite,
    };
    if suite.list(backings).is_empty() {
        return Err(match (&options.scenarios, &options.filter) {
            (Some(folder), None) => format!("there is no .scn file in {}", folder.display()),
            _ => "there is no such case; --list names them".into(),
        }
        .into());
    }
    Ok(suite)
}

/// The backends of these names, or all there are.
fn backings(names: &[String]) -> Result<Vec<Backing>, Failure> {
    let all = all_backings();
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        let known = || all.iter().map(Backing::name).collect::<Vec<_>>().join(", ");
        let found = all.iter().find(|backing| backing.name() == name).cloned();
        found.ok_or_else(|| format!("there is no backend {name} here; there are {}", known()).into())
    };
    names.iter().map(find).collect()
}

fn all_backings() -> Vec<Backing> {
    vec![
        within_the_limit(Backing::of::<stheno::Select>("select")),
        within_the_limit(Backing::of::<stheno::Poll>("poll")),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        within_the_limit(Backing::of::<stheno::Epoll>("epoll")),
        Backing::simulated::<Watch>("sim"),
    ]
}

/// No case needs more descriptors than this.
const ENOUGH: u64 = 2_200;

/// The backend, without the cases that need more descriptors than a process may have here.
fn within_the_limit(backing: Backing) -> Backing {
    match getrlimit(Resource::Nofile).maximum {
        // The program has descriptors of its own.
        Some(most) if most < ENOUGH => {
            let sockets = most.saturating_sub(100) as u32;
            backing.with_at_most(sockets, &format!("a process may have {most} descriptors here (RLIMIT_NOFILE)"))
        }
        _ => backing,
    }
}

fn show(suite: &Suite, backings: &[Backing], settings: &Settings) -> String {
    let mut text = Vec::new();
    for story in suite.scenarios() {
        for backing in backings {
            text.push(format!("== {} on {}", story.name, backing.name()));
            let telling = backing.tell(story, settings);
            text.extend(telling.transcript);
            text.extend(telling.broke.map(|why| format!("could not be told: {why}")));
        }
    }
    text.extend(suite.malformed().map(|(name, why)| format!("== {name} could not be read\n{why}")));
    text.join("\n")
}

/// Prints to a file or to standard output.
fn print(file: Option<&Path>, text: &str) -> Result<(), Failure> {
    let mut to: Box<dyn Write> = match file {
        Some(file) => Box::new(created(file)?),
        None => Box::new(io::stdout()),
    };
    written(writeln!(to, "{text}").and_then(|()| to.flush()))
}

fn created(file: &Path) -> Result<File, Failure> {
    File::create(file).map_err(|why| format!("{}: {why}", file.display()).into())
}

/// A reader that has seen enough is no failure.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write: {why}").into()),
        _ => Ok(()),
    }
}

/// Tells standard error, if anybody listens there.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "stheno-conformance: {text}");
}
