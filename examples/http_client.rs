//! Fetches what a URL names from an HTTP server and writes its body to standard output.

use std::io::{Write, stdout};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use httparse::Status;
use stheno::{Buffer, Channel, Dispatcher, Error, EventLoop, Os, Outbox, Reason, Result, With};

const HELP: &str = "Writes what a URL names to standard output.\n\nUsage: http_client http://HOST[:PORT][/PATH]";

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// The system's net, and how the fetch ended.
type World = With<Os, Option<Result<()>>>;

#[derive(Default)]
struct Client {
    request: Outbox<[u8; 4096]>,
    response: Buffer<[u8; 16384]>,
    /// Whether the response's head has been read, and its body is under way.
    in_body: bool,
    /// Where else the host can be reached, should it not answer here.
    others: std::vec::IntoIter<SocketAddr>,
}

impl Dispatcher<World> for Client {
    fn writable(&self) -> bool {
        !self.request.is_empty()
    }

    fn handle_connect(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.set_timeout(PATIENCE);
        self.request.flush(channel)
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.request.flush(channel)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.recv_into(&mut self.response)?;
        channel.set_timeout(PATIENCE);
        if self.in_body || self.read_head()? {
            let written = self.response.filled().into_iter().try_for_each(|piece| stdout().write_all(piece));
            written.map_err(|_| Error::user("standard output is closed", 0))?;
            self.response.clear();
        }
        Ok(())
    }

    fn handle_timeout(&mut self, _: &mut Channel<'_, World, Self>) -> Result<()> {
        Err(Error::user("the server is silent", 0))
    }

    /// A host may have several addresses, of which the first ones need not answer.
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        while let Some(next) = self.others.next().filter(|_| channel.connecting()) {
            let retry = Self { others: self.others.clone(), request: self.request.clone(), ..Self::default() };
            if channel.connect_to(next, retry).is_ok() {
                break;
            }
        }
        Err(error)
    }

    fn handle_close(&mut self, reason: Reason, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        channel.net().shared = Some(match reason {
            Reason::End if self.in_body => Ok(()),
            Reason::End => Err(Error::user("the server closed without an answer", 0)),
            Reason::Disconnected(why) | Reason::Error(why) => Err(why),
            Reason::Drained | Reason::TimedOut => Err(Error::user("the answer took too long", 0)),
        });
        Ok(())
    }
}

impl Client {
    /// Takes the response's head off, once it is whole; an error where it is none, or no success.
    fn read_head(&mut self) -> Result<bool> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let [received, _] = self.response.filled();
        let parsed = head.parse(received).map_err(|_| Error::user("the server does not speak HTTP", 0))?;
        match (parsed, head.code.unwrap_or(0)) {
            (Status::Complete(length), 200..=299) => self.response.consume(length),
            (Status::Complete(_), code) => return Err(Error::user("the server answered with a status", code.into())),
            (Status::Partial, _) if self.response.is_full() => return Err(Error::user("the head is too long", 0)),
            (Status::Partial, _) => return Ok(false),
        }
        self.in_body = true;
        Ok(true)
    }
}

fn main() -> std::process::ExitCode {
    let fetched = match std::env::args().nth(1).as_deref() {
        Some("--help" | "-h") => writeln!(stdout(), "{HELP}").map_err(Into::into),
        Some(url) => fetch(url),
        None => Err(HELP.into()),
    };
    u8::from(fetched.inspect_err(|why| eprintln!("http_client: {why}")).is_err()).into()
}

fn fetch(url: &str) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url} does not begin with http://"))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let port = if host.ends_with(']') || !host.contains(':') { ":80" } else { "" };
    let mut others = format!("{host}{port}").to_socket_addrs()?.collect::<Vec<_>>().into_iter();
    let first = others.next().ok_or_else(|| format!("{host} has no address"))?;

    let mut client = Client { others, ..Client::default() };
    let slash = if path.is_empty() { "/" } else { "" };
    client.request.push(format!("GET {slash}{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes())?;
    let mut events = EventLoop::<Client, World>::new()?;
    events.connect(first, client)?;
    events.run()?;
    events.net_mut().shared.take().unwrap_or(Ok(())).map_err(|why| format!("{url}: {why}").into())
}
