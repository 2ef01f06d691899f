//! A way to DynamoDB that tells what goes there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What stands once in each request.
const MARK: &[u8] = b"\r\nx-amz-target:";

/// A way to DynamoDB that counts the bytes that go there, and can be cut.
#[derive(Debug, Default)]
pub struct Line {
    /// How many bytes were sent.
    pub sent: AtomicUsize,
    /// How many requests were sent.
    pub requests: AtomicUsize,
    /// Whether nothing gets through.
    pub cut: AtomicBool,
}

impl Line {
    /// An empty database, and the line to it: its endpoint, and what is known of it.
    pub async fn to_a_database() -> (String, Arc<Self>) {
        let database = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let target = database.local_addr().expect("an address").to_string();
        let memory = dynoxide::Database::memory().expect("a database");
        tokio::spawn(dynoxide::server::serve_on(database, memory));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let line = Arc::new(Self::default());
        let kept = Arc::clone(&line);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (line, target) = (Arc::clone(&line), target.clone());
                tokio::spawn(async move { line.pass_on(client, target).await });
            }
        });
        (endpoint, kept)
    }

    async fn pass_on(&self, client: TcpStream, target: String) {
        let Ok(server) = TcpStream::connect(target).await else { return };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            self.sent.fetch_add(read, Ordering::SeqCst);
            // Each request names its operation in one header, and none is sent in pieces that would cut it.
            let heads = buffer[..read].windows(MARK.len()).filter(|window| window.eq_ignore_ascii_case(MARK));
            self.requests.fetch_add(heads.count(), Ordering::SeqCst);
            if self.cut.load(Ordering::SeqCst) || to_server.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
        back.abort();
    }
}
