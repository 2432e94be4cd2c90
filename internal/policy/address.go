package policy

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// deniedAddresses are networks, looked up by the bytes of the address: an
// announce pays for the length of the longest one, not for their number.
type deniedAddresses struct{ networks bart.Lite }

// compileDeniedAddresses returns nil where there is nothing to deny. What is not
// a network, which Validate does not let through, is left out.
func compileDeniedAddresses(networks []netip.Prefix) *deniedAddresses {
	var d *deniedAddresses
	for _, network := range networks {
		if !network.IsValid() {
			continue
		}
		if d == nil {
			d = new(deniedAddresses)
		}
		d.networks.Insert(unmapped(network))
	}
	if d != nil {
		d.networks.Aggregate()
	}
	return d
}

// unmapped returns networks of IPv4-mapped addresses as those of IPv4: that is
// how the addresses of announces are written.
func unmapped(network netip.Prefix) netip.Prefix {
	const mapped = 128 - 32 // bits in front of the IPv4 address
	if a := network.Addr(); a.Is4In6() && network.Bits() >= mapped {
		return netip.PrefixFrom(a.Unmap(), network.Bits()-mapped)
	}
	return network
}

func (d *deniedAddresses) match(addr netip.Addr) bool {
	return d.networks.Contains(addr)
}

// isPrivate reports whether only neighbours of the peer could dial it: private
// networks (RFC 1918, RFC 4193), those behind a carrier's NAT (RFC 6598), the
// machine itself and its link.
func isPrivate(addr netip.Addr) bool {
	if addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		return true
	}
	if !addr.Is4() {
		return false
	}
	a := addr.As4()
	return a[0] == 100 && a[1]&0xc0 == 64
}
