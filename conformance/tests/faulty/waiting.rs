//! What can be wrong with how long a wait is, and with the clock.

use std::time::Duration;

use rustix::event::{Timespec, poll};
use stheno::{Backend, Error, ErrorKind, Fired, Instant, Os, Result};
use stheno_conformance::Ground;

use crate::wrapper::Fault;

/// B9: rounds down to milliseconds.
#[derive(Default)]
pub struct RoundsDown;
impl<G: Ground> Fault<G> for RoundsDown {
    fn wait(&mut self, below: &mut dyn Backend<G>, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        let most = Duration::from_secs(1 << 30);
        below.wait(net, timeout.map(|time| Duration::from_millis(time.min(most).as_millis() as u64)))
    }
}

/// B9: rests where there is no time.
#[derive(Default)]
pub struct RestsForNoTime;
impl<G: Ground> Fault<G> for RestsForNoTime {
    fn wait(&mut self, below: &mut dyn Backend<G>, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        below.wait(net, timeout.map(|time| time.max(Duration::from_millis(2))))
    }
}

/// B9: where there is no timeout, it ends after a while all the same.
#[derive(Default)]
pub struct GivesUp;
impl<G: Ground> Fault<G> for GivesUp {
    fn wait(&mut self, below: &mut dyn Backend<G>, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        below.wait(net, timeout.or(Some(Duration::from_millis(10))))
    }
}

/// B9: what comes before the time is over is told when it is.
#[derive(Default)]
pub struct LooksAtTheEnd;
impl<G: Ground> Fault<G> for LooksAtTheEnd {
    fn wait(&mut self, below: &mut dyn Backend<G>, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        let Some(time) = timeout.filter(|time| *time < Duration::from_secs(100)) else {
            return below.wait(net, timeout);
        };
        match below.wait(net, Some(Duration::ZERO))? {
            0 => {
                net.pass(time);
                below.wait(net, Some(Duration::ZERO))
            }
            found => Ok(found),
        }
    }
}

/// B9: a time that the system's own type does not hold is an error.
#[derive(Default)]
pub struct RefusesTheLong;
impl<G: Ground> Fault<G> for RefusesTheLong {
    fn wait(&mut self, below: &mut dyn Backend<G>, net: &mut G, timeout: Option<Duration>) -> Result<usize> {
        if timeout.is_some_and(|time| time.as_millis() > i32::MAX as u128) {
            return Err(Error::new(ErrorKind::Invalid, "the timeout is too long").doing("wait"));
        }
        below.wait(net, timeout)
    }
}

/// B9: a signal ends the wait.
#[derive(Default)]
pub struct EndsWithASignal;
impl Fault<Os> for EndsWithASignal {
    fn wait(&mut self, below: &mut dyn Backend<Os>, net: &mut Os, timeout: Option<Duration>) -> Result<usize> {
        let began = net.clock();
        loop {
            let found = below.wait(net, Some(Duration::ZERO))?;
            let over = timeout.is_some_and(|time| net.clock().saturating_since(began) >= time);
            let interrupted = || poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 2_000_000 })).is_err();
            if found > 0 || over || interrupted() {
                return Ok(found);
            }
        }
    }
}

/// B16: every other time it is a little earlier than before.
#[derive(Default)]
pub struct GoesBack(bool);
impl<G: Ground> Fault<G> for GoesBack {
    fn now(&mut self, now: Instant) -> Instant {
        self.0 = !self.0;
        Instant::from_nanos(now.as_nanos() + if self.0 { 5_000_000 } else { 0 })
    }
}

/// B16: a clock that is slower than the one that waits go by.
#[derive(Default)]
pub struct RunsSlow;
impl<G: Ground> Fault<G> for RunsSlow {
    fn now(&mut self, now: Instant) -> Instant {
        Instant::from_nanos(now.as_nanos() / 2)
    }
}

/// B16: a clock that is faster.
#[derive(Default)]
pub struct RunsFast;
impl<G: Ground> Fault<G> for RunsFast {
    fn now(&mut self, now: Instant) -> Instant {
        Instant::from_nanos(now.as_nanos().saturating_mul(2))
    }
}

/// B17: after a wait that failed all of them fail.
#[derive(Default)]
pub struct StaysBroken(Option<Error>);
impl Fault<Os> for StaysBroken {
    fn wait(&mut self, below: &mut dyn Backend<Os>, net: &mut Os, timeout: Option<Duration>) -> Result<usize> {
        if let Some(why) = self.0 {
            return Err(why);
        }
        below.wait(net, timeout).inspect_err(|why| self.0 = Some(*why))
    }
}

/// B17: a wait that failed has told everybody for the last time.
#[derive(Default)]
pub struct ForgetsAllForAFailure(bool);
impl Fault<Os> for ForgetsAllForAFailure {
    fn wait(&mut self, below: &mut dyn Backend<Os>, net: &mut Os, timeout: Option<Duration>) -> Result<usize> {
        below.wait(net, timeout).inspect_err(|_| self.0 = true)
    }
    fn spoil(&mut self, found: &mut Vec<Fired>, _: &[Fired]) -> Result<()> {
        if self.0 {
            found.clear();
        }
        Ok(())
    }
}
