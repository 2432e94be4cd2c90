package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// sourceOf returns whom a request counts for: an IPv4 address, or the /64 of an
// IPv6 address, which is the least that anybody has. What proxies that are
// trusted pass on counts for those they name.
func sourceOf(r *http.Request, proxies []netip.Prefix) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if trusts(proxies, addr) {
		addr = forwardedFor(r.Header.Values("X-Forwarded-For"), proxies, addr)
	}
	return networkOf(addr)
}

func networkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

// forwardedFor returns the right-most address that is no proxy's: each proxy
// appends whom it saw, and what stands left of that was written by anyone. Where
// a trusted proxy wrote what is no address, it stands for it itself.
func forwardedFor(lines []string, proxies []netip.Prefix, proxy netip.Addr) netip.Addr {
	hops := strings.Split(strings.Join(lines, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" {
			continue
		}
		addr, ok := parseHop(hop)
		if !ok {
			return proxy
		}
		if proxy = addr; !trusts(proxies, addr) {
			return addr
		}
	}
	return proxy
}

// parseHop reads an address as proxies write them, with or without a port.
func parseHop(hop string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(hop); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

func trusts(proxies []netip.Prefix, addr netip.Addr) bool {
	for _, network := range proxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
