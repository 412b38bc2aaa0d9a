//! The local socket of a running station: one JSON request a line, one JSON reply a line. Only the owner of the folder can reach it.

use super::Handle;
use crate::engine::{Reply, Request};
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
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(stream, handle.clone()));
    }
}

#[cfg(unix)]
async fn converse(stream: tokio::net::UnixStream, handle: Handle) {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(LINE_BYTES)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let reply = match serde_json::from_str::<Request>(&line) {
            Ok(mut request) => {
                // Who asks is known from the socket, not from what they say.
                request.principal = handle.person().clone();
                handle.submit(request).wait().await
            }
            Err(error) => Some(Reply::Refused { why: format!("this is not a request: {error}") }),
        };
        let reply = reply.unwrap_or_else(|| Reply::Refused { why: "the station is stopping".to_owned() });
        let Ok(mut text) = serde_json::to_string(&reply) else { return };
        text.push('\n');
        if write.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[cfg(not(unix))]
pub(super) async fn serve(_handle: Handle) -> std::io::Result<()> {
    std::future::pending().await
}

/// Asks the station that runs in `folder`; `None` when none does.
#[cfg(unix)]
pub fn ask(folder: &Path, request: &Request) -> std::io::Result<Option<Reply>> {
    use std::io::{BufRead, BufReader, ErrorKind, Write};
    let mut stream = match std::os::unix::net::UnixStream::connect(folder.join(SOCKET_FILE)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = serde_json::to_string(request)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(Some(serde_json::from_str(&answer)?))
}

/// Asks the station that runs in `folder`; there is no such socket on this system.
#[cfg(not(unix))]
pub fn ask(_folder: &Path, _request: &Request) -> std::io::Result<Option<Reply>> {
    Ok(None)
}
