//! What the program is asked to do.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use stheno_conformance::report::Format;
use stheno_conformance::sim;
use stheno_conformance::{Settings, Suite};

pub(super) const HELP: &str = "\
Runs scenarios and contract cases on Stheno's backends and prints a matrix.

Usage: stheno-conformance [OPTION]... [FILTER]

Which cases:
  FILTER            only the cases whose name contains this, such as scenario/connect or contract/
  --exact           only the case whose name is FILTER
  --backend NAME    run on this backend: select, poll, epoll or sim, a simulated network; may be given more than once
                    (default: all)
  --scenarios DIR   run the .scn files of this folder instead of the project's own cases
  --walks N         with so many random walks, the scenarios that are called walk-SEED (default: 8); their seeds begin
                    with that of --seed where it is given, else with 1

How they are run:
  --seed N          draw what is random from N, decimal or 0x and hexadecimal: the order in which cases are started,
                    and the random walks (default: another order each time, and the walks of the first round from 1
                    on; the seed is always printed)
  --repeat N        run all of it N times, each time with other random walks; a case that fails in any round has failed
                    (default: 1)
  --fail-fast       start nothing more once a case has failed
  --jobs N          run up to N cases at once, 1 to 64 (default: 8 for each core, at most 32); contract cases that
                    need the process for themselves come alone, after the others

What is told:
  --format FORM     text, json or junit (default: text)
  --output FILE     write to this file instead of standard output
  --color WHEN      auto, always or never; auto is a terminal without NO_COLOR (default: auto)
  --list            name the cases and what they are about, and run nothing
  --facts           name what other suites assert and what multiplexers do, and the cases that show it
  --show            print the transcript of each scenario as it was told on each backend, and judge nothing
  --help, -h        this text

Standard error has the seed, and on a terminal how far the run has come. Ctrl-C ends a run with the report of what was
run; a second one ends it at once.

The status is 0 if every case passed, 1 if one failed, 2 if the call made no sense or the report could not be written,
130 after Ctrl-C.";

/// What is to be done with the cases.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Action {
    #[default]
    Run,
    List,
    Facts,
    Show,
}

/// When there are to be colours.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug)]
pub(super) struct Options {
    pub(super) backends: Vec<String>,
    pub(super) scenarios: Option<PathBuf>,
    pub(super) filter: Option<String>,
    pub(super) exact: bool,
    pub(super) settings: Settings,
    /// The seed of the first random walk, and how many there are.
    pub(super) walks: (u64, u64),
    pub(super) action: Action,
    pub(super) format: Format,
    pub(super) output: Option<PathBuf>,
    pub(super) colour: Colour,
}

impl Options {
    /// Reads the words after the program's name; none where help is asked for.
    pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, lexopt::Error> {
        use lexopt::prelude::*;
        let mut options = Self::with_seed(sim::seed().map_err(|why| why.to_string())?);
        // What says how to run means nothing where nothing is run.
        let mut of_runs = None;
        let mut walked = false;
        let mut args = lexopt::Parser::from_args(words);
        while let Some(arg) = args.next()? {
            if let Long(name @ ("repeat" | "fail-fast" | "jobs" | "format" | "color")) = arg {
                of_runs = of_runs.or(Some(format!("--{name}")));
            }
            match arg {
                Long("backend") => {
                    let name = args.value()?.string()?;
                    if options.backends.contains(&name) {
                        return Err(format!("--backend {name} is given twice").into());
                    }
                    options.backends.push(name);
                }
                Long("scenarios") => options.scenarios = Some(args.value()?.into()),
                Long("exact") => options.exact = true,
                Long("seed") => {
                    options.settings.seed = seed(&args.value()?.string()?)?;
                    options.walks.0 = options.settings.seed;
                }
                Long("walks") => {
                    options.walks.1 = walks(&args.value()?.string()?)?;
                    walked = true;
                }
                Long("repeat") => options.settings.repeat = count("repeat", &args.value()?.string()?, usize::MAX)?,
                Long("fail-fast") => options.settings.fail_fast = true,
                Long("jobs") => options.settings.jobs = count("jobs", &args.value()?.string()?, Settings::MOST_JOBS)?,
                Long("format") => options.format = one_of("format", &args.value()?.string()?, Format::ALL)?,
                Long("output") => options.output = Some(args.value()?.into()),
                Long("color") => options.colour = one_of("color", &args.value()?.string()?, COLOURS)?,
                Long("list") => options.act(Action::List)?,
                Long("facts") => options.act(Action::Facts)?,
                Long("show") => options.act(Action::Show)?,
                Long("help") | Short('h') => return Ok(None),
                Value(text) if options.filter.is_none() => options.filter = Some(text.string()?),
                arg => return Err(arg.unexpected()),
            }
        }
        match of_runs {
            Some(name) if options.action != Action::Run => {
                Err(format!("{name} says nothing to --list, --facts or --show").into())
            }
            _ if options.scenarios.is_some() && walked => Err("--walks says nothing to --scenarios".into()),
            _ if options.exact && options.filter.is_none() => Err("--exact needs the name of a case".into()),
            _ => Ok(Some(options)),
        }
    }

    fn with_seed(seed: u64) -> Self {
        Self {
            backends: Vec::new(),
            scenarios: None,
            filter: None,
            exact: false,
            settings: Settings { seed, ..Settings::default() },
            walks: (1, Suite::WALKS),
            action: Action::default(),
            format: Format::default(),
            output: None,
            colour: Colour::default(),
        }
    }

    fn act(&mut self, action: Action) -> Result<(), lexopt::Error> {
        if self.action != Action::Run && self.action != action {
            return Err("--list, --facts and --show exclude each other".into());
        }
        self.action = action;
        Ok(())
    }
}

const COLOURS: &[(&str, Colour)] = &[("auto", Colour::Auto), ("always", Colour::Always), ("never", Colour::Never)];

fn one_of<T: Copy>(option: &str, word: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("--{option} {word} is none of {}", names()))
}

fn seed(word: &str) -> Result<u64, String> {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.map_err(|why| format!("--seed {word}: {why} (a number of 64 bits, decimal or 0x and hexadecimal)"))
}

fn walks(word: &str) -> Result<u64, String> {
    const MOST: u64 = 100_000;
    match word.parse() {
        Ok(count) if count > MOST => Err(format!("--walks {word} is more than {MOST}")),
        Ok(count) => Ok(count),
        Err(why) => Err(format!("--walks {word}: {why}")),
    }
}

fn count(option: &str, word: &str, most: usize) -> Result<NonZeroUsize, String> {
    match word.parse::<NonZeroUsize>() {
        Ok(count) if count.get() <= most => Ok(count),
        Ok(_) => Err(format!("--{option} {word} is more than {most}")),
        Err(why) => Err(format!("--{option} {word}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, String> {
        let parsed = Options::parse(words.split_whitespace().map(Into::into));
        parsed.map_err(|why| why.to_string()).map(|options| options.expect("no help was asked for"))
    }

    #[test]
    fn every_option_is_understood() {
        let words = "--backend poll --backend epoll --seed 0xFf --repeat 3 --fail-fast --jobs 5 --format json \
            --output it.json --color never --exact scenario/accept";
        let options = parse(words).unwrap();
        assert_eq!(options.backends, ["poll", "epoll"]);
        assert_eq!(options.settings.seed, 255);
        assert_eq!((options.settings.repeat.get(), options.settings.jobs.get()), (3, 5));
        assert!(options.settings.fail_fast && options.exact);
        assert_eq!((options.format, options.colour), (Format::Json, Colour::Never));
        assert_eq!(options.output.unwrap().to_str(), Some("it.json"));
        assert_eq!(options.filter.as_deref(), Some("scenario/accept"));
        assert_eq!(parse("--seed 18446744073709551615").unwrap().settings.seed, u64::MAX);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (words, what) in [
            ("--seed ff", "--seed ff: invalid digit"),
            ("--seed 0x", "--seed 0x: cannot parse"),
            ("--seed -1", "--seed -1: invalid digit"),
            ("--seed 18446744073709551616", "number too large"),
            ("--repeat 0", "--repeat 0: number would be zero"),
            ("--jobs 65", "--jobs 65 is more than 64"),
            ("--jobs", "missing argument"),
            ("--format xml", "--format xml is none of text, json, junit"),
            ("--color blue", "--color blue is none of auto, always, never"),
            ("--backend poll --backend poll", "--backend poll is given twice"),
            ("--list --show", "exclude each other"),
            ("--list --format json", "--format says nothing to --list"),
            ("--exact", "--exact needs the name"),
            ("--quickly", "invalid option '--quickly'"),
            ("one two", "unexpected argument \"two\""),
        ] {
            let why = parse(words).unwrap_err();
            assert!(why.contains(what), "{words}: {why}");
        }
    }

    #[test]
    fn help_names_every_option() {
        for name in
            ["exact", "backend", "scenarios", "walks", "seed", "repeat", "fail-fast", "jobs", "format", "output"]
        {
            assert!(HELP.contains(&format!("\n  --{name}")), "{name}");
        }
        for name in ["color", "list", "facts", "show", "help"] {
            assert!(HELP.contains(&format!("\n  --{name}")), "{name}");
        }
    }
}
