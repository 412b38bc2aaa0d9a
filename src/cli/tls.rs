//! How a tool speaks TLS.

use std::path::PathBuf;

/// Whom to trust, and as whom to speak, where the address asks for TLS.
#[derive(Debug, clap::Args)]
pub(super) struct TlsArguments {
    /// With TLS: file of those who may sign the certificate of the other side.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// With TLS: our certificate.
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// With TLS: the key of our certificate.
    #[arg(long)]
    key: Option<PathBuf>,
    /// With TLS: the name in the certificate of the other side.
    #[arg(long)]
    server_name: Option<String>,
}

impl TlsArguments {
    /// Puts them into an entry of a station file, as they would stand there.
    pub(super) fn put_into(&self, entry: &mut serde_json::Value) {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let given = [
            ("ca", path(&self.ca)),
            ("certificate", path(&self.certificate)),
            ("key", path(&self.key)),
            ("server_name", self.server_name.clone()),
        ];
        for (key, value) in given {
            if let Some(value) = value {
                entry[key] = value.into();
            }
        }
    }
}
