package main

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
)

// On loopback, peers announce from addresses of their own, which nothing else
// on the machine is likely to use.
var firstLoopback = netip.MustParseAddr("127.64.0.1")

const (
	maxSources = 1 << 14
	// minSources are used where there may be many: trackers spread their
	// sockets' load by the address.
	minSources = 32
)

// connectionsOfSource is how many connections may be open from an address at a
// time: the system gives each a port, and Linux has 28,232 to give.
const connectionsOfSource = 20_000

// neededSources is how many addresses it takes to hold the connections.
func (s *settings) neededSources() int {
	if !s.idle && !s.held {
		return 1
	}
	return (s.connections + connectionsOfSource - 1) / connectionsOfSource
}

// chooseSources returns the addresses that peers announce from; n 0 leaves to
// us how many, but no fewer than least. There are never more than peers: from each
// announces one at least.
func chooseSources(target netip.AddrPort, n, least int, peers uint64) ([]netip.Addr, error) {
	n = int(min(uint64(n), peers))
	switch {
	case target.Addr().IsLoopback() && target.Addr().Is4() && hasLoopbackNetwork():
		if n == 0 {
			needed := (peers + population.Ports - 1) / population.Ports
			n = int(min(max(needed, minSources, uint64(least)), maxSources, peers))
		}
		sources := make([]netip.Addr, 0, n)
		for a := firstLoopback; len(sources) < n; a = a.Next() {
			sources = append(sources, a)
		}
		return sources, nil
	case n <= 1:
		own, err := ownAddress(target)
		return []netip.Addr{own}, err
	}
	own, err := interfaceAddresses(target.Addr())
	if err != nil {
		return nil, err
	}
	if len(own) < n {
		return nil, fmt.Errorf("--sources %d: this machine has %d addresses to reach %v from", n, len(own), target.Addr())
	}
	return own[:n], nil
}

// hasLoopbackNetwork: others have 127.0.0.1 alone unless more are set up.
func hasLoopbackNetwork() bool { return runtime.GOOS == "linux" || runtime.GOOS == "windows" }

// ownAddress returns the address that the system would send from.
func ownAddress(target netip.AddrPort) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(target)) // sends nothing
	if err != nil {
		return netip.Addr{}, fmt.Errorf("finding the way to the target: %w", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone(""), nil
}

// interfaceAddresses returns the machine's addresses that may reach a target.
func interfaceAddresses(target netip.Addr) (own []netip.Addr, err error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing the machine's addresses: %w", err)
	}
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		addr := prefix.Addr().Unmap()
		if addr.Is4() == target.Is4() && addr.IsLoopback() == target.IsLoopback() && !addr.IsLinkLocalUnicast() {
			own = append(own, addr)
		}
	}
	return own, nil
}
