//! Live graphs in a browser: a page, and what it shows as JSON.
//!
//! ```text
//! connections   at most so many; who has asked for nothing makes room
//! patient       who does not take an answer in time is dropped
//! guard         only reading, and only under names of ours
//! routes        ─ assets    the page
//!               ├ live      what happens, as events ─┬─ watch   what is new to one client
//!               ├ history   how series were before   └─ query   what it wants
//!               └ objects   hosts, series, senders, notifications, counts ─ json
//! ```
//!
//! One thread serves everybody, and locks the fleet for a page of it at a time. It only reads.

mod assets;
mod connections;
mod guard;
mod history;
mod json;
mod live;
mod objects;
mod patient;
mod query;
mod routes;
mod summary;
mod watch;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::watching::Watching;
use connections::{Answer, Connections, Place};
use live::Streams;
use patient::Patient;
use summary::{Counters, count};

pub(crate) use summary::Counts;

/// The port, unless another is asked for.
pub(crate) const PORT: u16 = 8258;
/// Octets of a request at the most, without its body, which nobody wants.
const MAX_REQUEST: usize = 16 << 10;
/// Octets that the kernel keeps of what a client does not take: more only hides that it is slow.
const SEND_BUFFER: usize = 128 << 10;
/// How long to wait when there are no descriptors for another connection.
const RETRY: Duration = Duration::from_millis(100);

/// Where to serve, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where; [`default_addresses`] for this machine only.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Names under which it may be asked, besides `localhost` and the address.
    pub(crate) names: Vec<String>,
    /// Connections, and streams of events among them.
    pub(crate) max_connections: usize,
    /// See there.
    pub(crate) max_streams: usize,
    /// How long a client may take for a request, or to take what was sent to it.
    pub(crate) patience: Duration,
    /// How often a stream tells what is new.
    pub(crate) tick: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addresses: default_addresses(PORT).into(),
            names: Vec::new(),
            max_connections: 256,
            max_streams: 32,
            patience: Duration::from_secs(10),
            tick: Duration::from_secs(1),
        }
    }
}

/// This machine's own addresses.
pub(crate) const fn default_addresses(port: u16) -> [SocketAddr; 2] {
    [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)]
}

/// What serves the page, as long as it is not dropped.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Vec<SocketAddr>,
    counters: Arc<Counters>,
    end: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to serve what is watched.
    ///
    /// # Errors
    /// If an address cannot be had. Where this machine has only one of the two families, its own address of that one is enough.
    pub(crate) fn start(watching: &Arc<Watching>, settings: &Settings) -> Result<Self, ServerError> {
        let listeners = bind(&settings.addresses)?;
        let failed = |error| ServerError { address: None, error };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
        let listeners = {
            let _entered = runtime.enter();
            listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<Vec<_>>>().map_err(failed)?
        };
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>().map_err(failed)?;
        let counters = Arc::<Counters>::default();
        let state = routes::State {
            watching: Arc::clone(watching),
            streams: Arc::new(Streams::new(settings.max_streams, Arc::clone(&counters))),
            counters: Arc::clone(&counters),
            tick: settings.tick,
        };
        let connections = Arc::new(Connections::new(settings.max_connections, Arc::clone(&counters)));
        let host = Arc::new(Host {
            router: routes::routes(state),
            names: settings.names.clone(),
            patience: settings.patience,
            counters: Arc::clone(&counters),
            connections,
        });
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("web".into());
        let thread = thread.spawn(move || run(&runtime, listeners, &host, ended)).map_err(failed)?;
        Ok(Self { addresses, counters, end: Some(end), thread: Some(thread) })
    }

    /// Where it is to be found.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has told why.
            let _ = thread.join();
        }
    }
}

/// Why the page cannot be served.
#[derive(Debug)]
pub(crate) struct ServerError {
    address: Option<SocketAddr>,
    error: io::Error,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, error } = self;
        match address {
            Some(address) => write!(f, "cannot serve the page on {address}: {error}")?,
            None => return write!(f, "cannot serve the page: {error}"),
        }
        match error.kind() {
            io::ErrorKind::AddrInUse => f.write_str("; --web=:PORT takes another port, --web=:0 any that is free"),
            io::ErrorKind::AddrNotAvailable => f.write_str("; --web takes an address of this machine"),
            io::ErrorKind::PermissionDenied => f.write_str("; ports below 1024 are for root"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ServerError {}

/// What all connections share.
#[derive(Debug)]
struct Host {
    router: Router,
    names: Vec<String>,
    patience: Duration,
    counters: Arc<Counters>,
    connections: Arc<Connections>,
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>, ServerError> {
    let mut listeners = Vec::new();
    let mut missing = None;
    for address in addresses {
        match listen(*address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if address.ip().is_loopback() && has_no_family(&error) => missing = Some((*address, error)),
            Err(error) => return Err(ServerError { address: Some(*address), error }),
        }
    }
    match missing {
        Some((address, error)) if listeners.is_empty() => Err(ServerError { address: Some(address), error }),
        _ => Ok(listeners),
    }
}

/// Whether this machine knows nothing of such addresses.
fn has_no_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32)
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // What is left of connections of a server before this one is no hindrance.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Serves until the other end of `ended` is dropped.
fn run(runtime: &Runtime, listeners: Vec<TcpListener>, host: &Arc<Host>, ended: oneshot::Receiver<Infallible>) {
    runtime.block_on(async move {
        for listener in listeners {
            let host = Arc::clone(host);
            tokio::spawn(async move { accept(&listener, &host).await });
        }
        // Nothing is ever sent: that the other end is gone ends it.
        let _ = ended.await;
    });
}

async fn accept(listener: &TcpListener, host: &Arc<Host>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Some(place) = host.connections.take() else { continue };
                let number = place.number();
                let task = tokio::spawn(serve(stream, Arc::clone(host), Arc::new(place)));
                host.connections.seat(number, task.abort_handle());
            }
            // The client is gone already, or there are no descriptors: others will go.
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// Serves a connection until its end.
async fn serve(stream: TcpStream, host: Arc<Host>, place: Arc<Place>) {
    let Ok(to) = stream.local_addr() else { return };
    // What is small is not to wait for more.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, host.patience, Arc::clone(&host.counters));
    let patience = host.patience;
    let service = service_fn(move |request| {
        let (host, busy) = (Arc::clone(&host), place.busy());
        async move { Ok::<_, Infallible>(answer(&host, request, to).await.map(|body| Answer::new(body, busy))) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(MAX_REQUEST);
    // However it ends: the client is gone, or it was refused and told so.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(host: &Host, request: Request<Incoming>, to: SocketAddr) -> Response<axum::body::Body> {
    let mut response = match guard::refusal(&request, to, &host.names) {
        Some(refusal) => {
            count(&host.counters.refused_requests);
            refusal
        }
        None => match TowerToHyperService::new(host.router.clone()).call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
    };
    guard::protect(response.headers_mut());
    response
}

#[cfg(test)]
mod tests;
