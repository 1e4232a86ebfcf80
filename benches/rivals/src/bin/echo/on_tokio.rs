//! tokio's runtime of one thread, with a task and a buffer for each client, as in its tutorial.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

use crate::Failure;
use stheno_rivals::census::Census;

/// Each task has a buffer of its own, of the tutorial's size.
const BUFFER: usize = 1024;

pub fn serve(door: TcpListener) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let done = Rc::new(Notify::new());
    let over = Rc::clone(&done);
    let accepting = async move {
        let door = tokio::net::TcpListener::from_std(door)?;
        let census = Rc::new(RefCell::new(Census::default()));
        loop {
            let (stream, _) = door.accept().await?;
            stream.set_nodelay(true)?;
            census.borrow_mut().came();
            let (census, done) = (Rc::clone(&census), Rc::clone(&done));
            spawn_local(async move {
                // That the connection broke is the end of this client alone.
                let _ = serve_one(stream).await;
                if census.borrow_mut().left() {
                    done.notify_one();
                }
            });
        }
    };
    LocalSet::new().block_on(&runtime, async move {
        let accepting: tokio::task::JoinHandle<Result<(), std::io::Error>> = spawn_local(accepting);
        over.notified().await;
        accepting.abort();
    });
    Ok(())
}

async fn serve_one(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
