//! How far a run has come, told on standard error; and Ctrl-C.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use signal_hook::consts::SIGINT;
use stheno_conformance::Observer;
use stheno_conformance::matrix::Cell;

/// A line that is written anew as the run goes on; only where it is a terminal that shows it.
pub(super) struct Progress<W> {
    line: Option<Mutex<Line<W>>>,
    interrupted: Arc<AtomicBool>,
}

struct Line<W> {
    to: W,
    columns: usize,
    done: usize,
    of: usize,
    failed: usize,
    drawn: Option<Instant>,
}

/// How long a line stands at least: a terminal is slower than the run.
const STANDS: Duration = Duration::from_millis(50);

impl Progress<io::Stderr> {
    /// Tells standard error. From now on the first Ctrl-C stops the run, and the second the program.
    pub(super) fn on_stderr() -> io::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        // In this order: the first Ctrl-C finds the flag down, and the second up.
        signal_hook::flag::register_conditional_shutdown(SIGINT, 130, interrupted.clone())?;
        signal_hook::flag::register(SIGINT, interrupted.clone())?;
        let columns = || {
            let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
            Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
        };
        let line = io::stderr().is_terminal().then(|| Line::new(io::stderr(), columns().unwrap_or(80)));
        Ok(Self { line: line.map(Mutex::new), interrupted })
    }
}

impl<W> Progress<W> {
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

impl<W: Write> Progress<W> {
    /// Takes the line away.
    pub(super) fn clear(&self) {
        self.tell(|line| line.draw(""));
    }

    fn tell(&self, tell: impl FnOnce(&mut Line<W>)) {
        if let Some(line) = &self.line {
            tell(&mut line.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl<W: Write + Send> Observer for Progress<W> {
    fn begins(&self, cells: usize) {
        self.tell(|line| line.of = cells);
    }

    fn started(&self, case: &str, backend: &str) {
        self.tell(|line| line.update(case, backend));
    }

    fn ended(&self, case: &str, backend: &str, cell: &Cell) {
        self.tell(|line| {
            line.done += 1;
            line.failed += usize::from(matches!(cell, Cell::Failed(_)));
            if line.done == line.of {
                line.update(case, backend);
            }
        });
    }

    fn stops(&self) -> Option<String> {
        self.interrupted().then(|| "interrupted".into())
    }
}

impl<W: Write> Line<W> {
    fn new(to: W, columns: usize) -> Self {
        Self { to, columns, done: 0, of: 0, failed: 0, drawn: None }
    }

    fn update(&mut self, case: &str, backend: &str) {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= STANDS) {
            let text = format!("{}/{}, {} failed: {case} on {backend}", self.done, self.of, self.failed);
            self.draw(&text);
            self.drawn = Some(Instant::now());
        }
    }

    /// Puts this text in the place of the last. One who does not listen misses nothing that the report does not say.
    fn draw(&mut self, text: &str) {
        // The last column stays free: some terminals begin a new line when it is filled.
        let text: String = text.chars().take(self.columns.saturating_sub(1)).collect();
        let _ = write!(self.to, "\r\x1b[K{text}").and_then(|()| self.to.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(columns: usize) -> Progress<Vec<u8>> {
        let line = Mutex::new(Line::new(Vec::new(), columns));
        Progress { line: Some(line), interrupted: Arc::default() }
    }

    fn written(progress: Progress<Vec<u8>>) -> String {
        String::from_utf8(progress.line.unwrap().into_inner().unwrap().to).unwrap()
    }

    #[test]
    fn the_line_says_how_far_it_is() {
        let progress = progress(80);
        progress.begins(2);
        progress.started("scenario/a", "poll");
        progress.ended("scenario/a", "poll", &Cell::Failed("no".into()));
        progress.tell(|line| line.drawn = None);
        progress.started("scenario/b", "epoll");
        progress.clear();
        let expected = "\r\x1b[K0/2, 0 failed: scenario/a on poll\r\x1b[K1/2, 1 failed: scenario/b on epoll\r\x1b[K";
        assert_eq!(written(progress), expected);
    }

    #[test]
    fn the_line_fits() {
        let progress = progress(10);
        progress.started("scenario/a", "poll");
        assert_eq!(written(progress), "\r\x1b[K0/0, 0 fa");
    }

    #[test]
    fn where_nobody_looks_nothing_is_written() {
        let progress = Progress::<Vec<u8>> { line: None, interrupted: Arc::default() };
        progress.started("scenario/a", "poll");
        assert_eq!(progress.stops(), None);
        progress.interrupted.store(true, Ordering::Relaxed);
        assert_eq!(progress.stops().as_deref(), Some("interrupted"));
    }
}
