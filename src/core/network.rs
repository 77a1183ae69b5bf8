//! Client networks: what of an address may be shown to staff, and what limits count by.

use std::net::IpAddr;

use crate::core::secret::Secret;

/// The network a request came from. The full address is never stored: see [`Network::shown`] and [`Network::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpAddr);

impl Network {
    /// From the address of the peer or of the trusted proxy's header; IPv4 in IPv6 clothes is IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// For people to see: the /24 (IPv4) or /48 (IPv6), such as `203.0.113.0/24`.
    #[must_use]
    pub fn shown(self) -> String {
        match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        }
    }

    /// The block limits count by, in memory only: the address, for IPv6 its /64.
    #[must_use]
    pub fn block(self) -> [u8; 16] {
        match self.0 {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => (u128::from(v6) >> 64 << 64).to_be_bytes(),
        }
    }

    /// For limits: a keyed hash of the address (IPv6 by its /64), worth nothing without the site's key.
    #[must_use]
    pub fn key(self, secret: &Secret) -> Vec<u8> {
        secret.mac("network", &self.block()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_shortened_and_ipv6_counts_by_64() {
        let shown = |text: &str| Network::of(text.parse().unwrap()).shown();
        assert_eq!(shown("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(shown("::ffff:203.0.113.77"), "203.0.113.0/24");
        assert_eq!(shown("2001:db8:7:1::5"), "2001:db8:7::/48");
        let key = |text: &str| Network::of(text.parse().unwrap()).key(&Secret::new([1; 32]));
        assert_eq!(key("2001:db8:7:1::5"), key("2001:db8:7:1:ffff::1"));
        assert_ne!(key("2001:db8:7:1::5"), key("2001:db8:7:2::5"));
        assert_ne!(key("203.0.113.77"), key("203.0.113.78"));
    }
}
