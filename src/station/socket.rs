//! The local socket of a running station: one JSON request a line, one JSON reply a line. Only the owner of the folder can reach it.

use super::Handle;
use crate::command::Outcome;
use crate::engine::{PROTOCOL_VERSION, Reply, Request, RequestBody};
use std::path::Path;

/// The name of the socket in a station folder.
pub const SOCKET_FILE: &str = "polder.sock";
/// Longest line that is read.
#[cfg(unix)]
const LINE_BYTES: u64 = 1 << 20;

/// Serves requests until its task is dropped.
#[cfg(unix)]
pub(super) async fn serve(handle: Handle) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let path = handle.folder().join(SOCKET_FILE);
    // The lock on the folder is ours, so a socket that lies here is left over from a station that was killed.
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_ours(&stream, &path) => drop(tokio::spawn(converse(stream, handle.clone()))),
            Ok(_) => tracing::warn!("somebody else's account was turned away from {}", path.display()),
            // Such as too many open files: others may still come later.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

/// Whether the other end belongs to the owner of the socket, or to the system's administrator.
#[cfg(unix)]
fn is_ours(stream: &tokio::net::UnixStream, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(path).map(|file| file.uid());
    match (stream.peer_cred(), owner) {
        (Ok(peer), Ok(owner)) => peer.uid() == owner || peer.uid() == 0,
        _ => false,
    }
}

#[cfg(unix)]
async fn converse(stream: tokio::net::UnixStream, handle: Handle) {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read.take(LINE_BYTES));
    let mut line = String::new();
    while matches!(reader.read_line(&mut line).await, Ok(count) if count > 0) {
        reader.get_mut().set_limit(LINE_BYTES);
        let reply = match serde_json::from_str::<Request>(&line) {
            Ok(mut request) => {
                // Who asks is known from the socket, not from what they say.
                request.principal = handle.person().clone();
                match request.body {
                    RequestBody::Tool(tool) if request.version == PROTOCOL_VERSION => {
                        Some(handle.tool(tool).await.map_or_else(|why| Reply::Refused { why }, Reply::Tool))
                    }
                    _ => handle.submit(request).wait().await,
                }
            }
            Err(error) => Some(Reply::Refused { why: format!("this is not a request: {error}") }),
        };
        let reply = reply.unwrap_or_else(|| Reply::Refused { why: "the station is stopping".to_owned() });
        let Ok(mut text) = serde_json::to_string(&reply) else { return };
        text.push('\n');
        if write.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(not(unix))]
pub(super) async fn serve(_handle: Handle) -> std::io::Result<()> {
    std::future::pending().await
}

/// The reply to a command whose station stopped before it answered.
pub fn went_away() -> Reply {
    let detail = "the station went away before it answered; it may have been sent".to_owned();
    Reply::Command { outcome: Outcome::Unknown, detail }
}

/// Asks the station that runs in `folder`; `None` when none does.
#[cfg(unix)]
pub fn ask(folder: &Path, request: &Request) -> std::io::Result<Option<Reply>> {
    use std::io::{BufRead, BufReader, ErrorKind, Write};
    let mut stream = match std::os::unix::net::UnixStream::connect(folder.join(SOCKET_FILE)) {
        Ok(stream) => stream,
        // A path that is too long for a socket has no station behind it either.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut text = serde_json::to_string(request)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    let read = BufReader::new(stream).read_line(&mut answer);
    match (read, serde_json::from_str(&answer)) {
        (Ok(_), Ok(reply)) => Ok(Some(reply)),
        // It was asked and went away: what became of a command is not known.
        _ if request.body.reaches_the_field() => Ok(Some(went_away())),
        (Err(error), _) => Err(error),
        (_, Err(error)) => Err(error.into()),
    }
}

/// Asks the station that runs in `folder`; there is no such socket on this system.
#[cfg(not(unix))]
pub fn ask(_folder: &Path, _request: &Request) -> std::io::Result<Option<Reply>> {
    Ok(None)
}
