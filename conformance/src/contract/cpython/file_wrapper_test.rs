//! `FileWrapperTest`, as far as it does not speak of files: closing twice.

use std::time::Duration;

use stheno::{Backend, ErrorKind, Open};

use super::super::far_end::hear_to_the_end;
use super::super::support::{Stage, same};
use super::super::{Case, Verdict};
use crate::ground::Ground;

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    vec![Case::new("test_close_twice", "rule 2", close_twice::<G, B>)]
}

/// With the socket open; for one that was closed underneath there is a case where there are descriptors.
fn close_twice<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (key, mut theirs) = stage.pair(stage.actor("A"))?;
    let (_, mut io) = stage.events.channel(key)?;
    io.close();
    io.close();
    let stale = Err(ErrorKind::Stale);
    same("a receive", io.recv(&mut [0; 4]).map(drop).map_err(|why| why.kind()), stale)?;
    same(
        "a vectored receive",
        io.recv_vectored([&mut [0; 4], &mut [0; 4]]).map(drop).map_err(|why| why.kind()),
        stale,
    )?;
    same("a send", io.send(b"x").map(drop).map_err(|why| why.kind()), stale)?;
    same("closing it by its key", stage.events.close(key).map_err(|why| why.kind()), stale)?;
    stage.events.turn(Some(Duration::ZERO))?;
    same("and again", stage.events.close(key).map_err(|why| why.kind()), stale)?;
    same("what the far end heard", hear_to_the_end(stage.net(), &mut theirs)?, Vec::<u8>::new())?;
    same("what was told", stage.log.lines(), Vec::<String>::new())?;
    same("channels", stage.events.len(), 0)
}
