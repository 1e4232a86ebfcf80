//! From a path to an open file, and nowhere else.
//!
//! The path is walked one name at a time, each opened within the folder before it and without following links. There is no
//! name that leads upwards, so there is nothing to escape by, whatever changes in the folders meanwhile.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use stheno::{Error, Produced, Producer, Reader, Result};

/// The folder whose files are served.
pub struct Root(OwnedFd);

/// What a path led to.
pub enum Found {
    File(Opened),
    /// A folder that was named without its slash: where it is.
    Moved(String),
    /// The status to answer with.
    Nothing(u16),
}

/// A regular file, open to be read.
pub struct Opened {
    pub file: File,
    pub length: u64,
    pub modified: Option<SystemTime>,
    pub media_type: &'static str,
}

impl Root {
    pub fn open(folder: &Path) -> std::result::Result<Self, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, folder, flags, Mode::empty());
        opened.map(Self).map_err(|why| format!("the root {}: {}", folder.display(), io::Error::from(why)))
    }

    /// What a path of a URL leads to: a file, or the `index.html` of a folder.
    pub fn find(&self, path: &str) -> Found {
        self.walk(path).unwrap_or_else(|why| Found::Nothing(status_of(why)))
    }

    fn walk(&self, path: &str) -> std::result::Result<Found, Errno> {
        let mut names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).map(decoded).collect();
        let is_folder = path.ends_with('/');
        if is_folder {
            names.push(b"index.html".to_vec());
        }
        // What a name must not be: hidden, `.` or `..`, or several names. (One with a NUL the system refuses.)
        if names.is_empty() || names.iter().any(|name| name.starts_with(b".") || name.contains(&b'/')) {
            return Err(Errno::NOENT);
        }
        let mut at = None;
        for name in &names {
            let folder = at.as_ref().unwrap_or(&self.0);
            // Without blocking, as a pipe in the folder would be waited for.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            at = Some(openat(folder.as_fd(), name.as_slice(), flags, Mode::empty())?);
        }
        let file = File::from(at.ok_or(Errno::NOENT)?);
        let metadata = file.metadata().map_err(|why| Errno::from_io_error(&why).unwrap_or(Errno::IO))?;
        if metadata.is_dir() && !is_folder {
            return Ok(Found::Moved(location(&names)));
        }
        if !metadata.is_file() {
            return Err(Errno::NOENT);
        }
        let media_type = media_type(names.last().map_or(b"", Vec::as_slice));
        Ok(Found::File(Opened { file, length: metadata.len(), modified: metadata.modified().ok(), media_type }))
    }
}

fn decoded(name: &str) -> Vec<u8> {
    percent_decode_str(name).collect()
}

/// The folder that these names lead to, as a path of a URL. It begins with one slash, whatever was asked for, as two would
/// make a host of the first name.
fn location(names: &[Vec<u8>]) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let mut path = String::from("/");
    for name in names {
        path.extend(percent_encode(name, PLAIN));
        path.push('/');
    }
    path
}

fn status_of(why: Errno) -> u16 {
    match why {
        // What is no file is not there, and neither is what no name can have.
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL => 404,
        // A symbolic link, a socket.
        Errno::LOOP | Errno::MLINK | Errno::NXIO => 404,
        Errno::ACCESS | Errno::PERM => 403,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => 503,
        _ => 500,
    }
}

/// What the names of the usual files say of them.
fn media_type(name: &[u8]) -> &'static str {
    let ending = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_slice() {
        b"html" | b"htm" => "text/html; charset=utf-8",
        b"css" => "text/css; charset=utf-8",
        b"js" | b"mjs" => "text/javascript; charset=utf-8",
        b"txt" | b"md" | b"log" => "text/plain; charset=utf-8",
        b"csv" => "text/csv; charset=utf-8",
        b"json" | b"map" => "application/json",
        b"xml" => "application/xml",
        b"wasm" => "application/wasm",
        b"pdf" => "application/pdf",
        b"zip" => "application/zip",
        b"gz" => "application/gzip",
        b"svg" => "image/svg+xml",
        b"png" => "image/png",
        b"jpg" | b"jpeg" => "image/jpeg",
        b"gif" => "image/gif",
        b"webp" => "image/webp",
        b"avif" => "image/avif",
        b"ico" => "image/vnd.microsoft.icon",
        b"mp3" => "audio/mpeg",
        b"ogg" => "audio/ogg",
        b"mp4" => "video/mp4",
        b"webm" => "video/webm",
        b"woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// What is left to be sent of a file: a producer, which an outbox asks for more when it has room.
pub struct Part {
    file: Reader<File>,
    left: u64,
}

impl Part {
    /// The next so many bytes of the file, from where it stands.
    pub const fn of(file: File, length: u64) -> Self {
        Self { file: Reader::new(file), left: length }
    }

    pub const fn is_done(&self) -> bool {
        self.left == 0
    }
}

impl Producer for Part {
    fn more(&mut self, into: &mut [u8]) -> Result<Produced> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(Produced::Done);
        }
        match self.file.more(&mut into[..most])? {
            // The length that was promised cannot be kept any more, which only a close can say.
            Produced::Done => Err(Error::user("a file became shorter while it was sent", 0)),
            Produced::Data(n) => {
                self.left -= n as u64;
                Ok(Produced::Data(n))
            }
            Produced::NothingYet => Ok(Produced::NothingYet),
        }
    }
}
