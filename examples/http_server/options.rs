//! The command line.

use std::error::Error as StdError;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use stheno::BackendName;

pub const HELP: &str = "\
Serves the files below a folder over HTTP/1.1, and the loop's own counters.

Usage: http_server [OPTION]…

  --root FOLDER          what to serve (default: examples/site)
  --host ADDRESS         listen at this address of this host (default: 127.0.0.1)
  --port N               listen on this port; 0 takes a free one (default: 7007)
  --backend NAME         wait with select, poll or epoll (default: $STHENO_BACKEND, else the best there is)
  --max-connections N    serve at most N at a time, and let others wait in line
                         (default: half the descriptors there may be, as each may have a file open, and 10000 at most)
  --max-requests N       close a connection after N requests (default: 1000)
  --request-timeout S    how long a whole request may take to arrive, however its bytes drip (default: 10)
  --idle-timeout S       how long a connection may be without a request (default: 30)
  --write-timeout S      how long a client may take nothing of its answer (default: 30)
  --drain-timeout S      how long answers may take that are under way when the server ends (default: 5)
  --help                 this text

Times are in seconds, with a fraction if need be. Names that begin with a dot are not served, and symbolic links
are not followed. /status is a page with the loop's counters, /status.json the same for programs.
Ctrl-C or SIGTERM finishes the answers under way and ends; a second one ends at once.";

/// How long a connection may stay in each of its phases.
#[derive(Clone, Copy)]
pub struct Timeouts {
    pub request: Duration,
    pub idle: Duration,
    pub write: Duration,
    pub drain: Duration,
}

pub struct Options {
    pub root: PathBuf,
    pub host: IpAddr,
    pub port: u16,
    pub backend: Option<BackendName>,
    pub max_connections: Option<NonZero<u32>>,
    pub max_requests: NonZero<u32>,
    pub timeouts: Timeouts,
}

impl Options {
    /// What the command line asks for; `None` for the help.
    pub fn from_env() -> Result<Option<Self>, Box<dyn StdError>> {
        let seconds = Duration::from_secs;
        let mut options = Self {
            root: "examples/site".into(),
            host: Ipv4Addr::LOCALHOST.into(),
            port: 7007,
            backend: None,
            max_connections: None,
            max_requests: const { NonZero::new(1000).unwrap() },
            timeouts: Timeouts { request: seconds(10), idle: seconds(30), write: seconds(30), drain: seconds(5) },
        };
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            use lexopt::prelude::*;
            match arg {
                Long("root") => options.root = args.value()?.into(),
                Long("host") => options.host = args.value()?.parse()?,
                Long("port") => options.port = args.value()?.parse()?,
                Long("backend") => options.backend = Some(args.value()?.string()?.parse()?),
                Long("max-connections") => options.max_connections = Some(args.value()?.parse()?),
                Long("max-requests") => options.max_requests = args.value()?.parse()?,
                Long("request-timeout") => options.timeouts.request = args.value()?.parse_with(time)?,
                Long("idle-timeout") => options.timeouts.idle = args.value()?.parse_with(time)?,
                Long("write-timeout") => options.timeouts.write = args.value()?.parse_with(time)?,
                Long("drain-timeout") => options.timeouts.drain = args.value()?.parse_with(time)?,
                Long("help") | Short('h') => return Ok(None),
                arg => return Err(arg.unexpected().into()),
            }
        }
        Ok(Some(options))
    }
}

fn time(seconds: &str) -> Result<Duration, String> {
    let seconds = seconds.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|why| why.to_string())
}

/// How many connections can have a file open each, where there may be so many descriptors.
pub fn most_connections(descriptors: u64) -> u32 {
    (descriptors.saturating_sub(32) / 2).clamp(1, 10_000) as u32
}
