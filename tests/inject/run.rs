//! One session: what is done in it, and what must hold of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::plan::{FOR_EVER, Fault, Plan};
use crate::traced::{Log, PATIENCE, Traced};
use crate::{chat, programs, streams};

/// Where sessions take place.
pub struct Stage {
    programs: Vec<(&'static str, PathBuf)>,
    /// What the proxy dials.
    target: SocketAddr,
    logs: PathBuf,
    sessions: AtomicUsize,
}

/// How a session went.
#[derive(Debug)]
pub struct Report {
    pub log: Log,
    /// Whether the program came to listen.
    pub started: bool,
    /// Whether it ended before it was asked to.
    pub ended: bool,
    /// How many connections were cut off.
    pub harmed: usize,
    pub waits: usize,
}

impl Report {
    /// How many calls failed by plan.
    pub fn faults(&self) -> usize {
        self.log.faults()
    }

    /// What can be said only when all is over.
    pub fn judge(self, plan: &Plan, usual_waits: usize) -> Result<Self, String> {
        let may_wait = usual_waits * 2 + self.faults() * 8 + 16;
        if self.waits > may_wait {
            return Err(format!("{plan}: it waited {} times, more than {may_wait}: it spins", self.waits));
        }
        let may_harm = plan.may_harm().min(self.faults());
        if self.harmed > may_harm && !self.ended {
            return Err(format!("{plan}: {} connections were cut off, and not {may_harm}", self.harmed));
        }
        Ok(self)
    }
}

impl Stage {
    pub fn new(names: [&'static str; 3]) -> Self {
        let logs = std::env::temp_dir().join(format!("stheno-inject-{}", std::process::id()));
        std::fs::create_dir(&logs).expect("a directory for the logs");
        let programs = names.map(|name| (name, programs::path_of(name))).into();
        Self { programs, target: streams::target(), logs, sessions: AtomicUsize::new(0) }
    }

    /// Plays a session, with the whole of its log or what the plan needs. An error says what went wrong in it.
    pub fn run(
        &self,
        program: &'static str,
        backend: &str,
        plan: Option<&Plan>,
        whole: bool,
    ) -> Result<Report, String> {
        let mut traced = self.launch(program, backend, plan, whole);
        let session = Session { program, plan };
        session.play(&mut traced).map_err(|why| {
            let ended = traced.ended().map_or_else(String::new, |status| format!(" (it has ended: {status})"));
            plan.map_or_else(|| why.clone(), |plan| format!("{plan}: {why}{ended}"))
        })
    }
}

impl Stage {
    /// How often a program waits in half a second in which a caller stands in line whom it cannot accept.
    pub fn waits_with_a_stuck_door(&self, program: &'static str, backend: &'static str, errno: &'static str) -> usize {
        let fault = Fault { call: "accept4", errno, first: 1, last: FOR_EVER };
        let mut traced = self.launch(program, backend, Some(&Plan { program, backend, faults: vec![fault] }), false);
        let _caller = streams::dial(traced.address().unwrap().expect("it listens")).unwrap();
        programs::until("the fault", || traced.log().faults() > 0);
        let before = traced.log().waits();
        std::thread::sleep(Duration::from_millis(500));
        let waits = traced.log().waits() - before;
        traced.terminate();
        let (status, said) = traced.end().unwrap();
        assert!(status.success(), "{program} on {backend} ended with {status}: {said}");
        waits
    }

    fn launch(&self, program: &'static str, backend: &str, plan: Option<&Plan>, whole: bool) -> Traced {
        let log = self.logs.join(self.sessions.fetch_add(1, Ordering::Relaxed).to_string());
        let target = self.target.to_string();
        let args: &[&str] = match program {
            "echo" => &["--port", "0"],
            "chat" => &["0"],
            _ => &["127.0.0.1:0", &target],
        };
        let path = self.programs.iter().find(|(name, _)| *name == program).map(|(_, path)| path.as_path());
        Traced::launch(path.expect("it is one of them"), args, backend, log, plan, whole)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.logs);
    }
}

struct Session<'a> {
    program: &'static str,
    plan: Option<&'a Plan>,
}

impl Session<'_> {
    fn play(&self, traced: &mut Traced) -> Result<Report, String> {
        let Some(address) = traced.address()? else {
            return self.ended_clearly(traced, 0);
        };
        let before = traced.descriptors();
        let mut harmed = 0;
        let served = self.visitors(address).and_then(|cut_off| {
            harmed = cut_off;
            self.quiet(traced, before)?;
            self.fresh(traced, address, before)
        });
        match served {
            Ok(cut_off) => harmed += cut_off,
            Err(_) if self.may_end() && self.soon_ended(traced) => return self.ended_clearly(traced, harmed),
            Err(why) => return Err(why),
        }
        traced.terminate();
        let (status, said) = traced.end()?;
        if !status.success() && !self.may_end() {
            return Err(format!("asked to end, it ended with {status}: {said}"));
        }
        let log = traced.whole_log()?;
        Ok(Report { waits: log.waits(), log, started: true, ended: !status.success(), harmed })
    }

    fn visitors(&self, address: SocketAddr) -> Result<usize, String> {
        // A descriptor that is not closed by plan leaves its peer without an end.
        let told_of_ends = self.plan.is_none_or(|plan| !plan.has("close"));
        if self.program == "chat" { chat::pair(address) } else { streams::pair(address, told_of_ends) }
    }

    /// Once every fault has been met, nobody is cut off any more: those who come then are served completely.
    fn fresh(&self, traced: &Traced, address: SocketAddr, before: usize) -> Result<usize, String> {
        let planned = self.plan.map_or(0, Plan::faults);
        let mut harmed = 0;
        for _ in 0..=planned {
            let met = traced.log().faults();
            match self.visitors(address)? {
                0 => {
                    self.quiet(traced, before)?;
                    return Ok(harmed);
                }
                cut_off if met < planned => harmed += cut_off,
                _ => return Err("who came after the fault was cut off".into()),
            }
            self.quiet(traced, before)?;
        }
        Err("everyone is cut off".into())
    }

    /// Everyone has left, and the program has let go of them.
    fn quiet(&self, traced: &Traced, before: usize) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let (open, expected) = (traced.descriptors(), before + traced.log().left_open());
            if open == expected {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{open} descriptors are open when all have left, and not {expected}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn soon_ended(&self, traced: &mut Traced) -> bool {
        let until = Instant::now() + PATIENCE;
        while traced.ended().is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        traced.ended().is_some()
    }

    fn may_end(&self) -> bool {
        self.plan.is_some_and(Plan::may_end)
    }

    /// It ended by itself, and by plan: with a status and a message that say so.
    fn ended_clearly(&self, traced: &mut Traced, harmed: usize) -> Result<Report, String> {
        let (status, said) = traced.end()?;
        let log = traced.whole_log()?;
        let clear = said.lines().count() == 1 && said.starts_with(&format!("{}: ", self.program));
        if status.code() == Some(1) && clear && log.faults() > 0 {
            Ok(Report { waits: log.waits(), started: log.waits() > 0, log, ended: true, harmed })
        } else {
            Err(format!("it ended with {status}, and said {said:?}"))
        }
    }
}
