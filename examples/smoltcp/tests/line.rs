//! Callers in line: who is let in, who is refused, and what becomes of those who go before they were let in.

mod host;

use host::{Still, stack};
use std::time::Duration;

use smoltcp::phy::Loopback as Wire;
use smoltcp::wire::{IpAddress, IpEndpoint};
use stheno::{Error, ErrorKind, Kind, Net, Received, Result};
use stheno_smoltcp::{Socket, Stack};

type Small<const N: usize> = Stack<'static, Wire, Still, N>;

const DOOR: IpEndpoint = IpEndpoint { addr: IpAddress::v4(127, 0, 0, 1), port: 7 };

fn door<const N: usize>(net: &mut Small<N>, backlog: u32) -> Result<Socket> {
    let mut door = net.socket(Kind::Stream, &DOOR)?;
    net.bind(&mut door, &DOOR)?;
    net.listen(&mut door, backlog)?;
    Ok(door)
}

fn caller<const N: usize>(net: &mut Small<N>) -> Result<(Socket, Option<Error>)> {
    let mut caller = net.socket(Kind::Stream, &DOOR)?;
    net.connect(&mut caller, &DOOR)?;
    net.drive();
    let error = net.take_error(&mut caller)?;
    Ok((caller, error))
}

#[test]
fn without_a_fresh_socket_nobody_is_let_in_and_nobody_is_lost() -> Result<()> {
    let mut net = stack::<4>();
    let mut door = door(&mut net, 8)?;
    let (first, second) = (caller(&mut net)?.0, caller(&mut net)?.0);
    assert_eq!(net.vacant(), 0, "two callers, the door, and one beside it");
    for _ in 0..2 {
        assert_eq!(net.accept(&mut door).unwrap_err().kind(), ErrorKind::Exhausted);
    }
    let from = [net.local_address(&first)?, net.local_address(&second)?];
    net.reset(second);
    assert_eq!(net.vacant(), 0, "what it had listens for the next");
    let (mut one, at) = net.accept(&mut door)?.expect("it waits");
    assert_eq!(at, from[0]);
    // The other has gone, which is known when it is asked.
    let (mut two, at) = net.accept(&mut door)?.expect("it had been let in by the stack");
    assert_eq!(at, from[1]);
    assert_eq!(net.recv(&mut two, &mut [0; 8]).map_err(|why| why.code()), Err(104));
    assert_eq!(net.recv(&mut one, &mut [0; 8]), Ok(Received::WouldBlock));
    assert_eq!(net.accept(&mut door), Ok(None));
    Ok(())
}

#[test]
fn a_line_is_as_long_as_the_backlog_and_one_more() -> Result<()> {
    let mut net = stack::<9>();
    let mut door = door(&mut net, 1)?;
    let (_first, _second) = (caller(&mut net)?.0, caller(&mut net)?.0);
    let (third, refused) = caller(&mut net)?;
    assert_eq!(refused.map(|why| why.code()), Some(111), "nobody listens for the third");
    net.close(third);
    assert!(net.accept(&mut door)?.is_some());
    assert_eq!(caller(&mut net)?.1, None, "there is room for one again");
    Ok(())
}

#[test]
fn a_stale_socket_is_nobody_elses() -> Result<()> {
    let mut net = stack::<2>();
    let first = door(&mut net, 0)?;
    let number = format!("{first:?}");
    net.close(first);
    let again = door(&mut net, 0)?;
    assert_ne!(format!("{again:?}"), number);
    assert_eq!(net.vacant(), 1);
    Ok(())
}

#[test]
fn a_closed_listener_cuts_off_who_waits_and_gives_all_sockets_back() -> Result<()> {
    let mut net = stack::<8>();
    let door = door(&mut net, 8)?;
    let (mut first, mut second) = (caller(&mut net)?.0, caller(&mut net)?.0);
    net.close(door);
    net.drive();
    for caller in [&mut first, &mut second] {
        assert_eq!(net.recv(caller, &mut [0; 8]).map_err(|why| why.code()), Err(104));
    }
    net.close(first);
    net.close(second);
    assert_eq!(net.vacant(), 8);
    Ok(())
}

/// Beside the caller's own there is one to be had again, however little the caller does about it; and what the program had set
/// for a socket is as it was.
#[test]
fn whoever_never_finishes_keeps_no_socket_of_ours() -> Result<()> {
    let mut net = stack::<3>();
    let mut door = door(&mut net, 0)?;
    let mut silent = caller(&mut net)?.0;
    let (guest, _) = net.accept(&mut door)?.expect("it waits");
    net.close(guest);
    net.pass(Duration::from_secs(59))?;
    assert_eq!((net.vacant(), net.recv(&mut silent, &mut [0; 8])), (0, Ok(Received::End)));
    net.pass(Duration::from_secs(2))?;
    assert_eq!(net.vacant(), 1);
    Ok(())
}
