//! Runs the board's programs in an emulator, and says what came of them: `board FOLDER`, where they are in this folder.
//!
//! Each ends by itself, with a verdict; whatever else it does is a failure, as is a story or a part that comes out otherwise
//! than here.

mod client;
mod emulator;
mod memory;

use std::path::Path;
use std::process::ExitCode;

use emulator::{Emulator, Ended};
use memory::Memory;
use stheno_cortex_m3::tally::Tally;
use stheno_cortex_m3::{parts, stories};

/// What is wrong, in words.
type Failure = Box<dyn std::error::Error>;

/// Runs a program to its end.
type Run = fn(&Path) -> Result<Ended, Failure>;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("board FOLDER: runs the programs `stories`, `parts` and `network` that are in this folder");
        return ExitCode::from(2);
    };
    let folder = Path::new(&folder);
    let programs: [(&str, Run); 3] = [
        ("parts", |program| alike(program, parts::check_all)),
        ("stories", |program| alike(program, stories::tell_all)),
        ("network", network),
    ];
    let mut good = true;
    for (name, run) in programs {
        let program = folder.join(name);
        match run(&program).and_then(|ended| report(name, &program, &ended)) {
            Ok(()) => {}
            Err(why) => {
                good = false;
                println!("{name:<8} FAILED: {why}");
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a program that must say the same as this function does here, word for word.
fn alike(program: &Path, here: impl FnOnce(&mut String) -> Result<Tally, std::fmt::Error>) -> Result<Ended, Failure> {
    let ended = Emulator::start(program, &[])?.finish()?;
    let mut expected = String::new();
    let tally = here(&mut expected)?;
    expected.push_str(&format!("{tally}\n"));
    let differing = ended.told().zip(expected.lines()).find(|(told, expected)| told != expected);
    if let Some((told, expected)) = differing {
        return Err(format!("the board says\n  {told}\nand the host\n  {expected}").into());
    }
    if ended.told().count() != expected.lines().count() {
        return Err(format!("it ended in the middle ({}):\n{}", ended.verdict(), ended.tail()).into());
    }
    Ok(ended)
}

/// Runs the server, with clients for whom it is as far as another machine.
fn network(program: &Path) -> Result<Ended, Failure> {
    let [echo, lines] = emulator::ports()?;
    let forward = |port, to| format!("hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:{to}");
    let [first, second] =
        [forward(echo, stheno_cortex_m3::server::ECHO), forward(lines, stheno_cortex_m3::server::LINES)];
    let card = format!("user,model=stellaris,restrict=on,{first},{second}");
    let mut board = Emulator::start(program, &["-nic", &card])?;
    board.wait_for("ready")?;
    let served = client::visits(echo, lines);
    let ended = board.finish();
    // What the clients saw says more than what became of the board then.
    let visits = served?;
    let ended = ended?;
    println!("network  {visits}");
    Ok(ended)
}

/// The verdict and the memory of a program, in a line; above it what was skipped or failed.
fn report(name: &str, program: &Path, ended: &Ended) -> Result<(), Failure> {
    let notable = ["FAILED", "  expected", "  told", "skipped", "served"];
    for line in ended.told().filter(|line| notable.iter().any(|word| line.starts_with(word))) {
        println!("{name:<8} {line}");
    }
    let Memory { flash, ram } = Memory::of(program)?;
    let used = ended.memory().collect::<Vec<_>>().join(", ");
    println!("{name:<8} {}; flash {flash} bytes, RAM {ram} bytes, and {used}", ended.tally());
    if ended.is_good() { Ok(()) } else { Err(ended.verdict().into()) }
}
