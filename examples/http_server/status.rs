//! The loop's counters, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use stheno::{Channel, Counters};

use crate::answer::Answer;
use crate::client::{Http, World};

/// What there is to be told, by name, and what it means.
struct Status {
    backend: &'static str,
    uptime: Duration,
    counts: Vec<(&'static str, u64, &'static str)>,
}

impl Status {
    fn of(channel: &mut Channel<'_, World, Http>) -> Self {
        let Counters {
            turns,
            waits,
            wakes,
            fired,
            events,
            timeouts,
            errors,
            accepts,
            refusals,
            rests,
            opens,
            closes,
            received,
            sent,
            ..
        } = channel.counters();
        let server = &channel.net().shared;
        let channels = opens.wrapping_sub(closes);
        Self {
            backend: server.backend,
            uptime: server.began.elapsed(),
            counts: vec![
                ("channels", channels, "in the table now: the door, and a connection each"),
                ("requests", server.requests, "answered"),
                ("turns", turns, "of the loop"),
                ("waits", waits, "for the system to say what is ready"),
                ("wakes", wakes, "by another thread, or by a signal"),
                ("fired", fired, "times that a channel was ready"),
                ("events", events, "handlers that ran for it"),
                ("timeouts", timeouts, "deadlines that came due"),
                ("errors", errors, "told to handlers"),
                ("accepts", accepts, "callers let in"),
                ("refusals", refusals, "of them hung up on, for want of room"),
                ("rests", rests, "times that the door waited for descriptors or room"),
                ("opens", opens, "channels that came"),
                ("closes", closes, "channels that went"),
                ("received", received, "bytes"),
                ("sent", sent, "bytes"),
            ],
        }
    }
}

pub fn json(channel: &mut Channel<'_, World, Http>) -> Answer {
    let Status { backend, uptime, counts } = Status::of(channel);
    let mut text = format!("{{\"backend\":\"{backend}\",\"uptime\":{:.3}", uptime.as_secs_f64());
    for (name, count, _) in counts {
        // Writing to a string cannot fail.
        let _ = write!(text, ",\"{name}\":{count}");
    }
    text.push_str("}\n");
    Answer::text("application/json", text)
}

/// A page that asks for itself again every two seconds.
pub fn page(channel: &mut Channel<'_, World, Http>) -> Answer {
    let Status { backend, uptime, counts } = Status::of(channel);
    let mut rows = String::new();
    for (name, count, meaning) in counts {
        let _ = writeln!(rows, "<tr><th>{name}</th><td>{count}</td><td>{meaning}</td></tr>");
    }
    let seconds = uptime.as_secs();
    Answer::text(
        "text/html; charset=utf-8",
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"2\">\n\
             <title>Status</title>\n<style>{STYLE}</style>\n<h1>Status</h1>\n\
             <p>On {backend}, up for {} h {} min {} s.</p>\n<table>\n{rows}</table>\n</html>\n",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    )
}

const STYLE: &str = "body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 40rem; padding: 0 1rem }\
 table { border-collapse: collapse } th { text-align: left; font-weight: 600 }\
 th, td { padding: .15rem 1rem .15rem 0 } td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums }\
 :root { color-scheme: light dark }";
