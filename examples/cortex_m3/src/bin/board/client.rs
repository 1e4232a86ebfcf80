//! Whoever visits the board's server, and looks at every byte of what it answers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::Failure;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many bytes an echo gives back, and how many of them are on the way at most.
const MUCH: usize = 30_000;
const PIECE: usize = 1_700;

/// Everybody who visits: several at once, some who leave in the middle, more one after the other than there are sockets, and
/// one who ends it. Says how many there were.
pub fn visits(echo: u16, lines: u16) -> Result<String, Failure> {
    let together: Vec<_> = (0..4_u8)
        .map(|salt| thread::spawn(move || echoes(echo, MUCH, salt).map_err(|why| format!("echo {salt}: {why}"))))
        .chain((0..2).map(|who| thread::spawn(move || talks(lines, who).map_err(|why| format!("talk {who}: {why}")))))
        .collect();
    let at_once = together.len();
    for visitor in together {
        visitor.join().map_err(|_| "a visitor panicked")??;
    }
    for _ in 0..3 {
        leaves(echo)?;
    }
    for salt in 0..24 {
        echoes(echo, 500, salt).map_err(|why| format!("echo {salt}, one by one: {why}"))?;
    }
    let mut last = visit(lines)?;
    last.write_all(b"shutdown\n")?;
    hears(&mut last, b"bye\n")?;
    ends(&mut last)?;
    Ok(format!("{} visitors, {at_once} of them at once, heard what they should", at_once + 3 + 24 + 1))
}

fn visit(port: u16) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads exactly this.
fn hears(stream: &mut TcpStream, expected: &[u8]) -> Result<(), Failure> {
    let mut heard = vec![0; expected.len()];
    stream.read_exact(&mut heard)?;
    match heard.iter().zip(expected).position(|(heard, expected)| heard != expected) {
        Some(at) => Err(format!("byte {at} of {} is {}, not {}", expected.len(), heard[at], expected[at]).into()),
        None => Ok(()),
    }
}

/// Reads the end.
fn ends(stream: &mut TcpStream) -> Result<(), Failure> {
    match stream.read(&mut [0; 1])? {
        0 => Ok(()),
        _ => Err("there is more than there should be".into()),
    }
}

/// Sends so many bytes in uneven pieces, hears them all come back, and then the end.
fn echoes(port: u16, much: usize, salt: u8) -> Result<(), Failure> {
    let mut stream = visit(port)?;
    let text: Vec<u8> = (0..much).map(|at| (at * 7 % 251) as u8 ^ salt).collect();
    let (mut sent, mut heard) = (0, 0);
    for size in (1..).map(|at| (at * 397 + usize::from(salt)) % PIECE + 1) {
        let piece = &text[sent..(sent + size).min(much)];
        stream.write_all(piece)?;
        sent += piece.len();
        // Some stays on the way, but for the last.
        let behind = if sent == much { 0 } else { size / 3 };
        hears(&mut stream, &text[heard..sent.saturating_sub(behind).max(heard)])?;
        heard = sent.saturating_sub(behind).max(heard);
        if sent == much {
            break;
        }
    }
    stream.shutdown(Shutdown::Write)?;
    ends(&mut stream)
}

/// Talks in lines that come in pieces, one of them too long, and says goodbye.
fn talks(port: u16, who: usize) -> Result<(), Failure> {
    let mut stream = visit(port)?;
    for number in 1..=40_usize {
        let line = format!("{who} says {}", "word ".repeat(number % 20));
        let (first, second) = line.split_at(line.len() * (number % 5) / 4 % line.len());
        for piece in [first, second, "\n"] {
            stream.write_all(piece.as_bytes())?;
        }
        let turned: String = line.chars().rev().collect();
        hears(&mut stream, format!("{number:04} {turned}\n").as_bytes())?;
    }
    stream.write_all(&[b'x'; 500])?;
    stream.write_all(b"\nafter all\nquit\nnever heard\n")?;
    hears(&mut stream, b"too long\n0042 lla retfa\nbye\n")?;
    ends(&mut stream)
}

/// Leaves in the middle: without having read what came back.
fn leaves(port: u16) -> Result<(), Failure> {
    let mut stream = visit(port)?;
    stream.write_all(&[b'y'; 900])?;
    stream.read_exact(&mut [0; 10])?;
    Ok(())
}
