//! A web server on loopback that answers as a test says, and remembers what it was asked.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(own, _)| own == name).map(|(_, it)| &**it)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The connection is closed before it is sent.
    pub is_lost: bool,
}

impl Answer {
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            is_lost: false,
        }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            is_lost: false,
        }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// A server that runs as long as the process.
pub struct WebServer {
    address: SocketAddr,
    scheme: &'static str,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl WebServer {
    /// Starts one on a free port; requests are answered one after another.
    pub fn start(answer: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        Self::start_with(None, answer)
    }

    /// The same behind TLS, with the certificate that `authority.pem` of the registry's tests has signed.
    pub fn start_tls(answer: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/registry/tls");
        let certificates = CertificateDer::pem_file_iter(folder.join("registry.pem")).unwrap();
        let certificates = certificates.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(folder.join("registry.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = builder.with_no_client_auth();
        let config = config.with_single_cert(certificates, key).unwrap();
        Self::start_with(Some(Arc::new(config)), answer)
    }

    fn start_with(
        tls: Option<Arc<ServerConfig>>,
        mut answer: impl FnMut(&Asked) -> Answer + Send + 'static,
    ) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let shared = log.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is no concern of the server.
                let _ = match &tls {
                    None => exchange(stream, &shared, &mut answer),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls.clone()).unwrap();
                        let stream = StreamOwned::new(connection, stream);
                        exchange(stream, &shared, &mut answer)
                    }
                };
            }
        });
        Self {
            address,
            scheme,
            log,
        }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The requests so far.
    pub fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

fn exchange(
    stream: impl Read + Write,
    log: &Mutex<Vec<Asked>>,
    answer: &mut impl FnMut(&Asked) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split_whitespace();
    let mut asked = Asked {
        method: words.next().unwrap_or_default().to_owned(),
        target: words.next().unwrap_or_default().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        let header = (name.to_ascii_lowercase(), value.trim().to_owned());
        asked.headers.push(header);
    }
    let length = asked.header("content-length");
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.by_ref().take(length).read_to_end(&mut asked.body)?;
    let mut stream = reader.into_inner();
    let answer = answer(&asked);
    log.lock().unwrap().push(asked);
    if answer.is_lost {
        return Ok(());
    }
    write!(
        stream,
        "HTTP/1.1 {} .\r\nConnection: close\r\n",
        answer.status
    )?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    // 204 has no body and no length.
    if answer.status != 204 {
        write!(stream, "Content-Length: {}\r\n", answer.body.len())?;
    }
    write!(stream, "\r\n")?;
    stream.write_all(&answer.body)?;
    stream.flush()
}
