//! Runs the suite and prints its matrix.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use stheno_conformance::sim::{Sim, Watch};
use stheno_conformance::{Backing, Need, Suite};

const HELP: &str = "\
Runs scenarios and contract cases on Stheno's backends and prints a matrix.

Usage: stheno-conformance [--backend NAME]... [--scenarios DIR] [--list] [--show] [FILTER]

  --backend NAME    run on this backend: select, poll, epoll or sim; may be given more than once (default: all)
  --scenarios DIR   run the .scn files of this folder instead of the project's own cases
  --list            name the cases and what they are about, and run nothing
  --show            print the transcript of each scenario as it was told on each backend, and judge nothing
  FILTER            only the cases whose name contains this, such as scenario/connect or contract/
  --help            this text

The status is 0 if every case passed, 1 if one failed, 2 if the call made no sense.";

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(Some(options)) => options,
        Ok(None) => return print(HELP, ExitCode::SUCCESS),
        Err(why) => {
            eprintln!("stheno-conformance: {why}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match options.run() {
        Ok((text, status)) => print(&text, status),
        Err(why) => {
            eprintln!("stheno-conformance: {why}");
            ExitCode::from(2)
        }
    }
}

/// Prints, and does not mind a reader that has seen enough.
fn print(text: &str, status: ExitCode) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{text}");
    status
}

#[derive(Default)]
struct Options {
    backends: Vec<String>,
    scenarios: Option<PathBuf>,
    list: bool,
    show: bool,
    filter: String,
}

impl Options {
    fn parse() -> Result<Option<Self>, lexopt::Error> {
        use lexopt::prelude::*;
        let (mut options, mut filtered) = (Self::default(), false);
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            match arg {
                Long("backend") => options.backends.push(args.value()?.string()?),
                Long("scenarios") => options.scenarios = Some(args.value()?.into()),
                Long("list") => options.list = true,
                Long("show") => options.show = true,
                Long("help") | Short('h') => return Ok(None),
                Value(text) if !filtered => {
                    options.filter = text.string()?;
                    filtered = true;
                }
                arg => return Err(arg.unexpected()),
            }
        }
        Ok(Some(options))
    }

    fn run(&self) -> Result<(String, ExitCode), Box<dyn std::error::Error>> {
        let backings = self.backings()?;
        let suite = match &self.scenarios {
            Some(folder) => Suite::from_folder(folder)?,
            None => Suite::with_own_scenarios(),
        }
        .filter(&self.filter);
        if suite.list(&backings).is_empty() {
            return Err(match &self.scenarios {
                Some(folder) if self.filter.is_empty() => format!("there is no .scn file in {}", folder.display()),
                _ => "there is no such case; --list names them".into(),
            }
            .into());
        }
        if self.list {
            let lines: Vec<_> =
                suite.list(&backings).iter().map(|(name, about)| format!("{name:44} {about}")).collect();
            return Ok((lines.join("\n"), ExitCode::SUCCESS));
        }
        if self.show {
            return Ok((show(&suite, &backings), ExitCode::SUCCESS));
        }
        let report = suite.run(&backings);
        let status = if report.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        Ok((report.to_string(), status))
    }

    fn backings(&self) -> Result<Vec<Backing>, String> {
        let all = all_backings();
        if self.backends.is_empty() {
            return Ok(all);
        }
        let find = |name: &String| {
            let known = || all.iter().map(Backing::name).collect::<Vec<_>>().join(", ");
            let found = all.iter().find(|backing| backing.name() == name).cloned();
            found.ok_or_else(|| format!("there is no backend {name} here; there are {}", known()))
        };
        self.backends.iter().map(find).collect()
    }
}

fn all_backings() -> Vec<Backing> {
    vec![
        Backing::of::<stheno::Select>("select"),
        Backing::of::<stheno::Poll>("poll"),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Backing::of::<stheno::Epoll>("epoll"),
        Backing::on::<Sim, Watch>("sim")
            .without(Need::TwoLoops, "a simulated network is one loop's own")
            .without(Need::Waker, "no other thread can reach a simulated network"),
    ]
}

fn show(suite: &Suite, backings: &[Backing]) -> String {
    let mut text = Vec::new();
    for story in suite.scenarios() {
        for backing in backings {
            text.push(format!("== {} on {}", story.name, backing.name()));
            match backing.tell(story) {
                Ok(told) => text.extend(told),
                Err(why) => text.push(format!("could not be told: {why}")),
            }
        }
    }
    text.extend(suite.malformed().map(|(name, why)| format!("== {name} could not be read\n{why}")));
    text.join("\n")
}
