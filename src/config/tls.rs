//! The files of a connection with TLS.

use super::problem::{Place, Problems};
use crate::driver::socket::Tls;
use std::path::Path;
use std::sync::Arc;

/// The files as an entry names them, relative to the station folder.
pub(super) struct TlsFiles<'a> {
    pub(super) authority: Option<&'a str>,
    pub(super) certificate: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) server_name: Option<&'a str>,
}

impl TlsFiles<'_> {
    /// The keys that are given.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("ca", self.authority),
            ("certificate", self.certificate),
            ("key", self.key),
            ("server_name", self.server_name),
        ];
        keys.into_iter().filter(|(_, given)| given.is_some()).map(|(key, _)| key)
    }

    /// Checks that all that is needed is there; `what` is the word that asks for TLS.
    pub(super) fn settings(&self, what: &str, folder: &Path, place: &Place, problems: &mut Problems) -> Option<Tls> {
        let mut file = |key: &str, name: Option<&str>| -> Option<Arc<Path>> {
            let path = folder.join(name?);
            if !path.is_file() {
                problems.error(&place.at(key), format!("there is no file {}", path.display()));
            }
            Some(path.into())
        };
        let (authority, certificate, key) =
            (file("ca", self.authority), file("certificate", self.certificate), file("key", self.key));
        if certificate.is_some() != key.is_some() {
            problems.error(place, "\"certificate\" and \"key\" belong together");
        }
        if authority.is_none() {
            let words = format!("{what} needs a \"ca\": the file of those who may sign the other side's certificate");
            problems.error(place, words);
        }
        Some(Tls { authority: authority?, certificate, key, server_name: self.server_name.map(Into::into) })
    }
}
