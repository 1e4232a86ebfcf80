//! Rules 1 and 4: the order within a firing, and no stale events.

use std::cell::RefCell;
use std::rc::Rc;

use stheno::{Backend, Error, ErrorKind, Key, Open};

use super::super::support::{A_WHILE, Actor, Stage, hold, same};
use super::super::{Case, Verdict};
use crate::ground::{Ground, Need, Sign};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("one-firing-goes-read-write-expt-close", "rule 1", order::<G, B>).needing(&[Need::Urgent]),
        case("the-predicate-is-asked-before-each-step", "rule 1", asked_again::<G, B>),
        case("urgent-data-comes-after-what-was-sent-before", "rule 1", urgent_after_data::<G, B>)
            .needing(&[Need::Urgent]),
        case("a-neighbour-closed-in-this-turn-hears-nothing", "rule 4", closed_neighbour::<G, B>),
        case("a-stale-key-names-nobody", "rule 4", stale_key::<G, B>),
    ]
}

fn order<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let net = stage.net();
    let (ours, mut theirs) = net.pair()?;
    net.say(&mut theirs, b"ab")?;
    net.urge(&mut theirs, b"!")?;
    net.reached(&ours, &[Sign::Data, Sign::Urgent])?;
    net.hang_up(theirs);
    net.reached(&ours, &[Sign::End])?;
    let actor = stage.actor("A").but(|ways| ways.writable = true).on(|event, ways, _| {
        ways.writable &= event != "write";
        Ok(())
    });
    stage.events.add(ours, actor)?;
    stage.tells(&["A: read ab", "A: write", "A: expt !", "A: close end"])
}

fn urgent_after_data<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (_, mut theirs) = stage.pair(stage.actor("A"))?;
    stage.net().urge(&mut theirs, b"!")?;
    stage.tells(&["A: expt !"])?;
    stage.net().say(&mut theirs, b"ab")?;
    stage.tells(&["A: expt !", "A: read ab"])?;
    stage.rests(A_WHILE, 3)
}

fn asked_again<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (ours, mut theirs) = stage.net().pair()?;
    stage.net().say(&mut theirs, b"ab")?;
    stage.net().reached(&ours, &[Sign::Data])?;
    let actor = stage.actor("A").but(|ways| ways.writable = true).on(|event, ways, _| {
        ways.writable &= event != "read";
        Ok(())
    });
    stage.events.add(ours, actor)?;
    stage.tells(&["A: read ab"])?;
    stage.rests(A_WHILE, 3)
}

/// Two neighbours are ready in the same turn. Whoever is told first closes the other and opens a new channel, which
/// must not be taken for the other.
fn closed_neighbour<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let keys: Rc<RefCell<Vec<Key>>> = Rc::default();
    let fresh: Rc<RefCell<Option<G::Socket>>> = Rc::default();
    let mut peers = Vec::new();
    for name in ["A", "A"] {
        let (all, fresh, log) = (keys.clone(), fresh.clone(), stage.log.clone());
        let actor = stage.actor(name).on(move |_, _, channel| {
            let own = channel.key();
            for key in all.borrow().iter().filter(|key| **key != own) {
                channel.neighbour(*key)?.1.close();
            }
            let (ours, theirs) = channel.net().sockets().map_err(|_| Error::user("no pair", 0))?;
            fresh.replace(Some(theirs));
            channel.add(ours, Actor::new("D", &log)).map(drop)
        });
        let (ours, mut theirs) = stage.net().pair()?;
        stage.net().say(&mut theirs, b"hello")?;
        stage.net().reached(&ours, &[Sign::Data])?;
        keys.borrow_mut().push(stage.events.add(ours, actor)?);
        peers.push(theirs);
    }
    stage.tells(&["A: read hello"])?;
    let mut theirs = fresh.take().ok_or("no channel was opened")?;
    same("bytes sent", stage.net().send(&mut theirs, b"news")?, Some(4))?;
    stage.tells(&["A: read hello", "D: read news"])
}

fn stale_key<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut stage = Stage::<G, B>::new()?;
    let (old, _gone) = stage.pair(stage.actor("A"))?;
    stage.events.close(old)?;
    let (new, _theirs) = stage.pair(stage.actor("B"))?;
    same("the slot", new.index(), old.index())?;
    let stale = Err(ErrorKind::Stale);
    same("the old key's channel", stage.events.channel(old).map(drop).map_err(|why| why.kind()), stale)?;
    same("the old key's touch", stage.events.touch(old).map_err(|why| why.kind()), stale)?;
    stage.events.handle_read_event(old);
    stage.events.handle_write_event(old);
    stage.events.settle();
    stage.rests(A_WHILE, 3)?;
    hold(stage.events.channel(new).is_ok(), || "the new channel is gone".into())
}
