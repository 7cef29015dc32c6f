//! Streams to the server: TCP, and TLS over it where the URL says https.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::store::trusted_roots;

/// Longest wait for a connection or an answer. A server answers within 5 s.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// A stream of bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A server's address.
#[derive(Clone)]
pub(super) struct Server {
    host: String,
    port: u16,
    /// The connector, if the URL says https.
    tls: Option<TlsConnector>,
    /// The value of `Host`: without the scheme's own port.
    pub(super) authority: String,
}

impl Server {
    /// Reads a URL such as `https://chat.example`. It has no path, because a server has the whole of its host.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let refused = || format!("--server: {url:?} is no URL such as http://127.0.0.1:8080 or https://chat.example");
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refused()),
        };
        let authority = uri.authority().ok_or_else(refused)?;
        if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refused());
        }
        let default_port = if is_tls { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let authority = if port == default_port { authority.host().to_owned() } else { authority.as_str().to_owned() };
        let tls = if is_tls { Some(connector()?) } else { None };
        Ok(Self { host, port, tls, authority })
    }

    /// Connects. Fails after [`TIMEOUT`].
    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connected = timeout(TIMEOUT, self.handshake()).await;
        connected.unwrap_or_else(|_| Err(no_answer()))
    }

    async fn handshake(&self) -> Result<Box<dyn Stream>, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.authority);
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(socket)) };
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        Ok(Box::new(tls.connect(name, socket).await.map_err(failed)?))
    }
}

/// Returns the words for a server that does not answer.
pub(super) fn no_answer() -> String {
    format!("the server did not answer within {} s", TIMEOUT.as_secs())
}

fn connector() -> Result<TlsConnector, String> {
    let roots = trusted_roots().map_err(|error| error.detail.into_owned())?;
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn a_url_names_a_host_and_perhaps_a_port() {
        let authority = |url: &str| Server::parse(url).map(|server| (server.host, server.port, server.authority));
        let expected = |host: &str, port, authority: &str| Ok((host.to_owned(), port, authority.to_owned()));
        assert_eq!(authority("http://127.0.0.1:8080"), expected("127.0.0.1", 8080, "127.0.0.1:8080"));
        assert_eq!(authority("http://chat.example/"), expected("chat.example", 80, "chat.example"));
        assert_eq!(authority("http://[::1]:8080"), expected("::1", 8080, "[::1]:8080"));
        for wrong in ["", "chat.example", "ftp://chat.example", "http://ada@chat.example", "http://chat.example/x?y"] {
            assert!(authority(wrong).is_err_and(|reason| reason.starts_with("--server")), "{wrong:?}");
        }
    }
}
