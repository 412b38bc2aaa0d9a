//! TLS 1.2 or newer to devices and brokers, with our own certificate authorities: what nobody vouches for is not spoken to. For Modbus it
//! is Modbus/TCP Security (MODBUS/TCP Security Protocol Specification V21).

use super::Tls;
use crate::tag::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Where a certificate says which role its owner has (V21, section 8).
const ROLE_OID: &str = "1.3.6.1.4.1.50316.802.1";

/// What our own certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Who it is made out to.
    pub subject: String,
    /// The role that it carries; none where it carries none.
    pub role: Option<String>,
    /// When it ends.
    pub ends: Timestamp,
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))?;
    let list: Result<Vec<_>, _> = read.collect();
    match list {
        Ok(list) if list.is_empty() => Err(format!("{} holds no certificate (PEM)", path.display())),
        Ok(list) => Ok(list),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

/// Reads the files and prepares a connection.
pub(super) fn client(tls: &Tls) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&tls.authority)? {
        roots.add(certificate).map_err(|error| format!("{}: {}", tls.authority.display(), tls_words(&error)))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let config = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| unreadable(key_file, &error))?;
            let words = |error: rustls::Error| format!("{}: {}", certificate.display(), tls_words(&error));
            builder.with_client_auth_cert(certificates(certificate)?, key).map_err(words)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the other side's certificate has to carry.
pub(super) fn server_name(tls: &Tls, host: &str) -> Result<ServerName<'static>, String> {
    let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
    ServerName::try_from(name.clone()).map_err(|_| format!("\"{name}\" is not a host name or an address"))
}

/// What went wrong in a handshake, in words that say whose certificate is meant.
pub(in crate::driver) fn words(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => tls_words(error),
        None if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            "the other side broke off the TLS handshake; it may want a client certificate, not take ours, or speak no TLS here"
                .to_owned()
        }
        None => error.to_string(),
    }
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};
    match error {
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the other side's certificate has expired".to_owned()
        }
        Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "the other side's certificate is not valid yet: check the clocks".to_owned()
        }
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "the other side's certificate is not signed by our certificate authority".to_owned()
        }
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the other side's certificate is made out to another name; give the right one as \"server_name\"".to_owned()
        }
        Error::AlertReceived(Alert::CertificateRequired) => {
            "the other side asks for a client certificate, and none is set up".to_owned()
        }
        Error::AlertReceived(Alert::CertificateExpired) => {
            "the other side says that our certificate has expired".to_owned()
        }
        Error::AlertReceived(Alert::UnknownCA) => {
            "the other side does not know the authority that signed our certificate".to_owned()
        }
        Error::AlertReceived(alert) => format!("the other side refused our certificate or our TLS version ({alert:?})"),
        other => format!("TLS: {other}"),
    }
}

/// Whether an I/O error came out of TLS: then it has words of its own.
pub(in crate::driver) fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// What a certificate file says of itself: for warnings before it ends, and to show the role.
pub fn certificate_facts(path: &Path) -> Result<CertificateFacts, String> {
    let list = certificates(path)?;
    let words = || format!("{} holds no certificate that can be read", path.display());
    let (_, parsed) = x509_parser::parse_x509_certificate(list.first().ok_or_else(words)?).map_err(|_| words())?;
    let role = parsed.extensions().iter().find(|extension| extension.oid.to_id_string() == ROLE_OID);
    Ok(CertificateFacts {
        subject: parsed.subject().to_string(),
        role: role.map(|extension| role_text(extension.value)),
        ends: Timestamp::from_micros(parsed.validity().not_after.timestamp().saturating_mul(1_000_000)),
    })
}

/// The standard wants a UTF8String; others are met that hold the bare text or another string type.
fn role_text(value: &[u8]) -> String {
    let text = match value {
        [0x0C | 0x13 | 0x16 | 0x1E | 0x04, length, rest @ ..] if usize::from(*length) == rest.len() => rest,
        other => other,
    };
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_leniently() {
        assert_eq!(role_text(b"\x0C\x08operator"), "operator");
        assert_eq!(role_text(b"\x13\x08operator"), "operator");
        assert_eq!(role_text(b"operator"), "operator");
        assert_eq!(role_text(b""), "");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = certificate_facts(Path::new("/nowhere/client.pem")).unwrap_err();
        assert!(error.starts_with("/nowhere/client.pem cannot be read"), "{error}");
    }
}
