//! A server, and a folder that it serves.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::client::{Client, Response};
use crate::programs::Program;

/// What the served folder's neighbour says, which nobody must hear.
pub const SECRET: &str = "nobody must read this";

/// A folder with some files in it, which goes with its guard.
pub struct Site(PathBuf);

impl Site {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let site = Self(std::env::temp_dir().join(format!("stheno-site-{}-{number}", std::process::id())));
        fs::create_dir_all(site.root().join("folder/inner")).unwrap();
        fs::write(site.0.join("secret.txt"), SECRET).unwrap();
        for (name, content) in [
            ("index.html", "<h1>the front page</h1>"),
            ("hello.txt", "hello, world\n"),
            ("empty.txt", ""),
            ("with space.txt", "a space"),
            ("bild-\u{e4}.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
            ("folder/index.html", "<h1>a folder</h1>"),
            ("folder/style.css", "p { color: red }"),
            (".hidden", SECRET),
        ] {
            fs::write(site.root().join(name), content).unwrap();
        }
        for (link, to) in [("out.txt", "../secret.txt"), ("out", ".."), ("passwd", "/etc/passwd"), ("loop", "loop")] {
            symlink(to, site.root().join(link)).unwrap();
        }
        rustix::fs::mknodat(
            rustix::fs::CWD,
            site.root().join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        site
    }

    pub fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// Puts a file of this length there, of bytes that repeat nowhere soon, and gives them.
    pub fn with_big_file(&self, name: &str, length: usize) -> Vec<u8> {
        let bytes = pattern(length);
        fs::write(self.root().join(name), &bytes).unwrap();
        bytes
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Bytes that repeat nowhere soon.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// Starts a server of a folder.
#[track_caller]
pub fn serve(root: &Path, options: &[&str]) -> Program {
    let mut args = vec!["--port", "0", "--root", root.to_str().expect("a path of ours is text")];
    args.extend(options);
    Program::start("http_server", &args)
}

/// The server's counters, asked for on a connection of its own.
#[track_caller]
pub fn status(server: &Program) -> Response {
    Client::dial(server.address).get("/status.json")
}
