//! N6 and N7: how an attempt ends, and the error that waits.

use stheno::{Backend, ErrorKind, Kind, Open, Readiness};

use super::super::support::{A_WHILE, PATIENCE, W, Watch, hold, same};
use super::super::{Case, Failure, Verdict};
use super::listener;
use crate::ground::{Family, Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("a-connection-that-is-made-is-writable-and-without-error", "N6 N7", made::<G, B>),
        case("a-refusal-is-told-once-by-the-question-for-the-error", "N2 N6 N7", refused::<G, B>),
        case("a-socket-to-which-nothing-happened-holds-no-error", "N7", no_error::<G>),
        case("the-error-of-a-reset-is-told-once", "N2 N7", reset::<G>).needing(&[Need::Resets]),
    ]
}

/// Watched from the start, and only when it was over long ago.
fn made<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for at_once in [true, false] {
        let mut watch = Watch::<G, B>::open()?;
        let mut host = watch.net.host()?;
        let at = watch.net.address(&host)?;
        let mut ours = watch.net.socket(Kind::Stream, &at)?;
        watch.net.connect(&mut ours, &at)?;
        let theirs = if at_once {
            None
        } else {
            let theirs = watch.net.take(&mut host)?;
            watch.net.pass(A_WHILE);
            Some(theirs)
        };
        watch.register(&ours, 0, W)?;
        same("what was told", watch.results(PATIENCE)?, [(0, Readiness::WRITABLE)])?;
        for _ in 0..2 {
            same("the waiting error", watch.net.take_error(&mut ours)?, None)?;
        }
        same("whom it is connected to", watch.net.peer_address(&ours)?, at)?;
        let mut theirs = theirs.map_or_else(|| watch.net.take(&mut host), Ok)?;
        watch.net.say(&mut theirs, b"welcome")?;
        super::comes(&mut watch.net, &mut ours, b"welcome")?;
    }
    Ok(())
}

/// The network may know at once, or tell it later; then it is told once.
fn refused<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for at_once in [true, false] {
        let mut watch = Watch::<G, B>::open()?;
        let nowhere = watch.net.nowhere()?;
        let mut ours = watch.net.socket(Kind::Stream, &nowhere)?;
        if let Err(why) = watch.net.connect(&mut ours, &nowhere) {
            return same("the refusal", why.kind(), ErrorKind::Disconnected);
        }
        if !at_once {
            watch.net.pass(A_WHILE);
        }
        watch.register(&ours, 0, W)?;
        let told = watch.results(PATIENCE)?;
        let over = |readiness: Readiness| readiness.intersects(Readiness::WRITABLE | Readiness::ERROR);
        hold(matches!(told[..], [(0, readiness)] if over(readiness)), || format!("what was told: {told:?}"))?;
        once(&mut watch.net, &mut ours)?;
        hold(watch.net.peer_address(&ours).is_err(), || "it is connected to somebody".into())?;
    }
    Ok(())
}

/// An error that says that the connection is over waits, and is gone when it was taken.
fn once<G: Ground>(net: &mut G, socket: &mut G::Socket) -> Verdict {
    let why = net.take_error(socket)?.ok_or("no error waits")?;
    same("its kind", why.kind(), ErrorKind::Disconnected)?;
    hold(!why.text().is_empty(), || "it does not say why".into())?;
    same("the error after that", net.take_error(socket)?, None)
}

fn no_error<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let fresh = net.socket(Kind::Stream, &G::anywhere(Family::Inet)?)?;
    let (door, _) = listener(&mut net, 4)?;
    let (ended, theirs) = net.pair()?;
    net.hang_up(theirs);
    net.reached(&ended, &[Sign::End])?;
    let (one, other) = net.sockets()?;
    let names = ["fresh", "listening", "ended", "paired", "paired"];
    for (name, mut socket) in names.into_iter().zip([fresh, door, ended, one, other]) {
        let came: Result<_, Failure> = net.take_error(&mut socket).map_err(Into::into);
        same(&format!("the error of one that is {name}"), came?, None)?;
        net.close(socket);
    }
    Ok(())
}

fn reset<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, theirs) = net.pair()?;
    net.reset(theirs)?;
    net.reached(&ours, &[Sign::Error])?;
    once(&mut net, &mut ours)
}
