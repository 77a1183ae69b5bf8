//! The web server: limits set, not defaulted (requirements D4); stops cleanly (R3).

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use tokio::sync::watch;

use crate::app::{App, Parts};
use crate::core::limits;
use crate::web::{error_pages, routes};

/// Binds the address to listen on; port 0 is given by the kernel.
///
/// **Errors** the address cannot be had, with what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => format!("{address} is in use by another program. Stop it, or choose another address with STET_LISTEN"),
        std::io::ErrorKind::PermissionDenied => format!("{address} needs more rights: ports under 1024 are for root. Choose a higher port with STET_LISTEN and put a reverse proxy in front"),
        _ => format!("{address} cannot be listened on ({error}). Set STET_LISTEN to an address of this machine"),
    })?;
    cut_who_does_not_read(&listener);
    Ok(listener)
}

// actix waits for ever for a client that stopped reading. The kernel need not: connections inherit this from
// their listener, and an answer nobody takes for so long ends its connection (requirements S19).
#[cfg(target_os = "linux")]
fn cut_who_does_not_read(listener: &TcpListener) {
    if let Err(error) = socket2::SockRef::from(listener).set_tcp_user_timeout(Some(limits::UNREAD_TIMEOUT)) {
        tracing::warn!(%error, "clients that do not read are not cut");
    }
}

#[cfg(not(target_os = "linux"))]
fn cut_who_does_not_read(_: &TcpListener) {}

/// As many open files as the machine allows: each connection is one, and the usual soft limit of 1,024 would be
/// used up by a thousand slow clients (requirements S19).
pub fn allow_many_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limits::OPEN_FILES.min(limit.maximum.unwrap_or(u64::MAX));
    if limit.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit on open files stays low");
    }
}

/// Serves until `stop` turns true, then lets requests in flight finish.
pub async fn serve(
    parts: Arc<Parts>,
    listener: TcpListener,
    workers: usize,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let pages = Arc::clone(&parts.db.pages);
    let server = HttpServer::new(move || {
        let app = App::for_thread(&parts, limits::DB_CONNECTIONS_A_WORKER);
        ActixApp::new().app_data(web::Data::new(app)).wrap(from_fn(error_pages::pages)).configure(routes::configure)
    })
    .workers(workers)
    .tcp_nodelay(true)
    .backlog(2_048)
    .max_connections(limits::CONNECTIONS_MAX / workers.max(1))
    .client_request_timeout(limits::HEADERS_TIMEOUT)
    .keep_alive(limits::IDLE_TIMEOUT)
    .client_disconnect_timeout(limits::HEADERS_TIMEOUT)
    .shutdown_timeout(limits::STOP_TIMEOUT.as_secs())
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let stopper = async move {
        while !*stop.borrow() {
            if stop.changed().await.is_err() {
                break;
            }
        }
        pages.live().close(); // who waits for news would be a request in flight for an hour
        handle.stop(true).await;
    };
    let (outcome, ()) = tokio::join!(server, stopper);
    outcome
}
