//! Sends back whatever its clients send, over TLS.
//!
//! A certificate is given as files, or made at the start and shown, for a client to trust. What one client does wrong, in
//! its handshake or later, ends that client alone, and who is silent for too long is cut off.

mod session;

use std::error::Error as StdError;
use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use stheno::{Address, AnyBackend, Channel, Dispatcher, Eof, Error, EventLoop, Guest, Os, Reason, Result, waker};

use session::Session;

const HELP: &str = "\
Sends back whatever its clients send, over TLS.

Usage: tls_echo [--port N] [--cert FILE --key FILE] [--timeout SECONDS]

  --port N           listen on this port of 127.0.0.1; 0 takes a free one (default: 7443)
  --cert FILE        the certificates to show, in PEM (default: one for localhost, made now)
  --key FILE         the key of the first of them, in PEM
  --timeout SECONDS  how long a client may be silent (default: 60)
  --help             this text

Talk to it with: openssl s_client -quiet -connect 127.0.0.1:7443";

enum Echo {
    Door { config: Arc<ServerConfig>, patience: Duration },
    Client(Box<Session>),
}

impl Dispatcher<Os> for Echo {
    fn readable(&self) -> bool {
        match self {
            Self::Door { .. } => true,
            Self::Client(session) => session.readable(),
        }
    }

    fn writable(&self) -> bool {
        matches!(self, Self::Client(session) if session.writable())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, door: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Door { config, patience } = self else { return Ok(()) };
        let Ok(session) = Session::new(config, guest.address().clone(), *patience) else {
            return Err(Error::user("no session can be made with this certificate", 0));
        };
        // A caller that has gone already has no options to set; reading will tell.
        let _ = guest.socket()?.set_nodelay(true);
        let key = door.adopt(guest, Self::Client(Box::new(session)))?;
        door.neighbour(key)?.1.set_timeout(session::HANDSHAKE.min(*patience));
        Ok(())
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Client(session) = self else { return Ok(()) };
        session.receive(channel)
    }

    fn handle_eof(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<Eof> {
        let Self::Client(session) = self else { return Ok(Eof::Close) };
        session.end(channel)
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Client(session) = self else { return Ok(()) };
        session.send(channel)
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Client(session) = self else { return Ok(()) };
        session.gave_up();
        channel.close();
        Ok(())
    }

    fn handle_drain(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Client(session) = self else { return Ok(()) };
        session.say_goodbye(channel)
    }

    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Client(session) = self else { return Ok(()) };
        session.ended(reason);
        Ok(())
    }
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("tls_echo: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> std::result::Result<(), Box<dyn StdError>> {
    let (mut port, mut cert, mut key, mut patience) = (7443, None, None, 60);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("port") => port = args.value()?.parse()?,
            Long("cert") => cert = Some(args.value()?),
            Long("key") => key = Some(args.value()?),
            Long("timeout") => patience = args.value()?.parse()?,
            Long("help") | Short('h') => return Ok(writeln!(stdout(), "{HELP}")?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    let (chain, key) = match (cert, key) {
        (Some(cert), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(&cert).and_then(Iterator::collect);
            let key = PrivateKeyDer::from_pem_file(&key).map_err(|why| format!("{}: {why}", key.display()))?;
            (chain.map_err(|why| format!("{}: {why}", cert.display()))?, key)
        }
        (None, None) => {
            let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])?;
            (vec![made.cert.into()], made.signing_key.into())
        }
        _ => return Err("--cert and --key belong together".into()),
    };
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    let door = Echo::Door { config: Arc::new(config), patience: Duration::from_secs(patience) };

    let mut events = EventLoop::<Echo, Os, AnyBackend>::new()?;
    let door = events.listen(Address::from((Ipv4Addr::LOCALHOST, port)), door)?;
    let waker = waker(&mut events)?;
    ctrlc::set_handler(move || waker.stop().unwrap_or_else(|why| eprintln!("cannot stop: {why}")))?;
    writeln!(stdout(), "listening on {}", events.channel(door)?.1.local_address()?)?;
    events.run()?;
    Ok(events.drain(session::GOODBYE)?)
}
