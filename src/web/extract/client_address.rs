//! The network a request came from. A forwarding header counts only from a configured proxy (goal sheet O34).

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;

use crate::app::App;
use crate::core::network::Network;

/// The client's network: the peer, or behind trusted proxies the last address they did not add themselves.
#[must_use]
pub fn of(app: &App, request: &HttpRequest) -> Network {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    if !app.trusts_proxy(peer) {
        return Network::of(peer);
    }
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .collect::<Vec<_>>()
        .join(",");
    Network::of(last_untrusted(&forwarded, |address| app.trusts_proxy(address)).unwrap_or(peer))
}

// From the right: each proxy appends the address it saw. A text that is no address ends the search, since
// nothing left of it was written by a proxy of ours.
fn last_untrusted(forwarded: &str, trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    for text in forwarded.rsplit(',').map(str::trim) {
        let address: IpAddr = text.parse().ok()?;
        if !trusted(address) {
            return Some(address);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_forges_stands_left_of_what_the_proxy_saw() {
        let proxy = |address: IpAddr| address == IpAddr::from([10, 0, 0, 1]);
        let of = |text: &str| last_untrusted(text, proxy).map(|address| address.to_string());
        assert_eq!(of("1.2.3.4, 203.0.113.9"), Some("203.0.113.9".into()));
        assert_eq!(of("1.2.3.4, 203.0.113.9, 10.0.0.1"), Some("203.0.113.9".into()));
        assert_eq!(of("1.2.3.4, nonsense"), None);
        assert_eq!(of(""), None);
    }
}
