//! Terminals and serial lines: what they do with the bytes that go through them, and how fast these go.
//!
//! A terminal is a channel like any other ([`Socket::adopt`](crate::Socket::adopt), or
//! [`Socket::duplicate`](crate::Socket::duplicate) for standard input). By default it hands on whole lines, shows what is
//! typed, and makes signals of some keys; programs that want each byte as it is (a bridge to a serial line, an editor) make
//! it [raw](Mode::make_raw), and give it back as it was: [`Raw`] does both.
//!
//! ```no_run
//! use stheno::{EventLoop, Os, Socket, tty};
//! # struct Bridge;
//! # impl stheno::Dispatcher<Os> for Bridge {}
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let line = Socket::adopt(std::fs::File::options().read(true).write(true).open("/dev/ttyUSB0")?)?;
//! let mut mode = tty::Mode::of(&line)?;
//! mode.make_raw();
//! mode.set_speed(115_200)?;
//! mode.apply(&line)?;
//! let mut events = EventLoop::<Bridge>::new()?;
//! events.add(line, Bridge)?;
//! # Ok(()) }
//! ```

use core::fmt;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, retry_on_intr};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use stheno_core::Result;

use crate::errno::failed;

/// Whether a descriptor is a terminal.
///
/// ```
/// assert!(!stheno::tty::is_terminal(&stheno::Socket::pair()?.0));
/// # Ok::<(), stheno::Error>(())
/// ```
#[doc(alias = "isatty")]
pub fn is_terminal(descriptor: impl AsFd) -> bool {
    isatty(descriptor)
}

/// What a terminal does with the bytes that go through it, and how fast they go.
///
/// It is a value: nothing happens to a terminal before it is [applied](Self::apply).
#[doc(alias = "termios")]
#[derive(Clone)]
pub struct Mode(Termios);

impl Mode {
    /// A terminal's mode as it is. An error of kind [`Unsupported`](crate::ErrorKind::Unsupported) where the descriptor is
    /// none.
    #[doc(alias = "tcgetattr")]
    pub fn of(terminal: impl AsFd) -> Result<Self> {
        let terminal = terminal.as_fd();
        told(terminal, retry_on_intr(|| tcgetattr(terminal)), "ask the terminal's mode").map(Self)
    }

    /// Hands on each byte at once and as it is, both ways: eight bits, no lines, no echo, no signals, no flow control by
    /// characters.
    #[doc(alias = "cfmakeraw")]
    pub fn make_raw(&mut self) {
        self.0.make_raw();
    }

    /// How many bits a second come in.
    #[doc(alias = "cfgetispeed")]
    #[doc(alias = "baud")]
    pub fn input_speed(&self) -> u32 {
        self.0.input_speed()
    }

    /// How many bits a second go out.
    #[doc(alias = "cfgetospeed")]
    #[doc(alias = "baud")]
    pub fn output_speed(&self) -> u32 {
        self.0.output_speed()
    }

    /// How many bits a second go either way: 9,600, 115,200 and so on; Linux and the BSDs take any number. 0 hangs up.
    ///
    /// An error of kind [`Invalid`](crate::ErrorKind::Invalid) where the system has no such speed; that the *line* cannot
    /// do it is told by what its mode is after it was [applied](Self::apply).
    #[doc(alias = "cfsetspeed")]
    #[doc(alias = "baud")]
    pub fn set_speed(&mut self, speed: u32) -> Result<()> {
        self.0.set_speed(speed).map_err(|errno| failed(errno, "set the speed"))
    }

    /// How many bits a second come in; see [`set_speed`](Self::set_speed). Many lines have one speed for both.
    #[doc(alias = "cfsetispeed")]
    pub fn set_input_speed(&mut self, speed: u32) -> Result<()> {
        self.0.set_input_speed(speed).map_err(|errno| failed(errno, "set the input speed"))
    }

    /// How many bits a second go out; see [`set_speed`](Self::set_speed).
    #[doc(alias = "cfsetospeed")]
    pub fn set_output_speed(&mut self, speed: u32) -> Result<()> {
        self.0.set_output_speed(speed).map_err(|errno| failed(errno, "set the output speed"))
    }

    /// Gives a terminal this mode, at once: it does not wait until what was sent has gone out (N1), and keeps what came in
    /// and was not read yet.
    ///
    /// The terminal is the one that others share (the shell, a second descriptor). A program in the background that does
    /// this is stopped (SIGTTOU), as by any terminal.
    #[doc(alias = "tcsetattr")]
    #[doc(alias = "TCSANOW")]
    pub fn apply(&self, terminal: impl AsFd) -> Result<()> {
        let terminal = terminal.as_fd();
        let applied = retry_on_intr(|| tcsetattr(terminal, OptionalActions::Now, &self.0));
        told(terminal, applied, "set the terminal's mode")
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A terminal that is raw for as long as this lives, and then again as it was.
///
/// It has a duplicate of the descriptor, so that the terminal itself can be a channel meanwhile. A program that is killed
/// leaves its terminal raw: let it hear of SIGTERM and its kin, and end by itself.
///
/// ```no_run
/// # #[cfg(feature = "std")] {
/// use stheno::{Socket, tty::Raw};
/// let keys = Socket::duplicate(std::io::stdin())?;
/// let raw = Raw::new(&keys)?;
/// // … keys is a channel, each key is read as it is typed …
/// raw.restore()?;
/// # }
/// # Ok::<(), stheno::Error>(())
/// ```
#[doc(alias = "enable_raw_mode")]
#[derive(Debug)]
pub struct Raw {
    terminal: OwnedFd,
    former: Mode,
}

impl Raw {
    /// Makes a terminal raw, and remembers how it was. An error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the descriptor is no terminal.
    pub fn new(terminal: impl AsFd) -> Result<Self> {
        let terminal = terminal.as_fd();
        let former = Mode::of(terminal)?;
        let copy = rustix::io::fcntl_dupfd_cloexec(terminal, 0);
        let guard = Self { terminal: told(terminal, copy, "duplicate")?, former };
        let mut raw = guard.former.clone();
        raw.make_raw();
        raw.apply(&guard.terminal)?;
        Ok(guard)
    }

    /// How the terminal was, and is to be again.
    pub fn former(&self) -> &Mode {
        &self.former
    }

    /// Makes the terminal again what it was, and says if that fails; dropping does the same in silence.
    #[doc(alias = "disable_raw_mode")]
    pub fn restore(self) -> Result<()> {
        // Tried once more when it is dropped, which is harmless.
        self.former.apply(&self.terminal)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that has hung up has no mode to be restored.
        let _ = self.former.apply(&self.terminal);
    }
}

/// What a call on a terminal gave, its error saying what was being done and to which descriptor.
fn told<T>(terminal: BorrowedFd<'_>, gave: Result<T, Errno>, doing: &'static str) -> Result<T> {
    gave.map_err(|errno| failed(errno, doing).on_descriptor(terminal.as_raw_fd()))
}
