//! One connection to an engine (Unix socket, TCP, TLS or ssh), and one HTTP request on it.

use std::{
    io,
    path::Path,
    pin::Pin,
    process::Stdio,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http_body_util::BodyExt;
use hyper::{
    Request, Response,
    body::{Body, Incoming},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use crate::build::engine::host::{Certificates, EngineAddress};

/// A stream of bytes in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What a request fails with.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Opens a connection, to anything but a container.
pub(super) async fn direct(address: &EngineAddress) -> io::Result<Box<dyn Duplex>> {
    Ok(match address {
        EngineAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
        EngineAddress::Tcp { address, tls: None } => Box::new(TcpStream::connect(address).await?),
        EngineAddress::Tcp {
            address,
            tls: Some(certificates),
        } => Box::new(secure(address, certificates).await?),
        EngineAddress::Ssh { target, port } => Box::new(Ssh::start(
            target,
            *port,
            &["docker", "system", "dial-stdio"],
        )?),
        EngineAddress::BuildkitOverSsh {
            target,
            port,
            socket,
        } => {
            let address = socket.as_ref().map(|socket| format!("unix://{socket}"));
            let mut words = vec!["buildctl"];
            if let Some(address) = &address {
                words.extend(["--addr", address]);
            }
            words.push("dial-stdio");
            Box::new(Ssh::start(target, *port, &words)?)
        }
        EngineAddress::InContainer { .. } => {
            return Err(io::Error::other("a container is not reached directly"));
        }
    })
}

/// Sends one request on a connection, which is its own. The connection ends when the body of the
/// response is dropped, and an engine stops a build whose connection ends.
pub(super) async fn send<B>(
    stream: Box<dyn Duplex>,
    mut request: Request<B>,
) -> Result<Response<Incoming>, BoxError>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    request.headers_mut().insert(
        hyper::header::HOST,
        hyper::header::HeaderValue::from_static("docker"),
    );
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    Ok(sender
        .send_request(request.map(|body| body.map_err(Into::into)))
        .await?)
}

async fn secure(address: &str, certificates: &Certificates) -> io::Result<impl Duplex + use<>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let name = certificates.server_name.as_deref().unwrap_or(host);
    let name = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(tls_config(certificates)?));
    let stream = TcpStream::connect(address).await?;
    connector.connect(name, stream).await
}

fn tls_config(certificates: &Certificates) -> io::Result<ClientConfig> {
    let Certificates { ca, client, .. } = certificates;
    let named = |path: &Path| {
        let name = path.display().to_string();
        move |error| io::Error::other(format!("`{name}` cannot be read: {error}"))
    };
    let mut roots = RootCertStore::empty();
    let authorities = CertificateDer::pem_file_iter(ca).map_err(named(ca))?;
    for certificate in authorities {
        roots
            .add(certificate.map_err(named(ca))?)
            .map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    let Some((cert, key)) = client else {
        return Ok(config.with_no_client_auth());
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(named(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(named(key))?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(io::Error::other)
}

/// A program on another machine that passes on what an engine there says, reached through the `ssh` program, so that the user's keys, agent
/// and configuration apply.
struct Ssh {
    /// Killed when this value is dropped.
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Whether the other machine has said anything.
    answered: bool,
}

impl Ssh {
    fn start(target: &str, port: Option<u16>, words: &[&str]) -> io::Result<Self> {
        let mut command = Command::new("ssh");
        command.args(["-T", "-o", "ConnectTimeout=30"]);
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        let mut child = command
            .args(["--", target])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("the pipes of `ssh` are missing");
        Ok(Self {
            stdin: child.stdin.take().ok_or_else(missing)?,
            stdout: child.stdout.take().ok_or_else(missing)?,
            answered: false,
            _child: child,
        })
    }
}

impl AsyncRead for Ssh {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.answered = true;
        } else if !self.answered && buffer.remaining() > 0 {
            // Its standard error is ours, so that it can ask for a password.
            let why = "`ssh` ended without an answer of the other machine; what it says is above";
            return Poll::Ready(Err(io::Error::other(why)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ssh {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(context)
    }
}
