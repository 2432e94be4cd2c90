package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// resolve turns HOST:PORT into an address that may be put under load.
func resolve(ctx context.Context, target string, mine bool) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return netip.AddrPort{}, usageError{fmt.Errorf("--target %q must be HOST:PORT", target)}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, usageError{fmt.Errorf("--target %q: %q is no port", target, port)}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("looking up the target: %w", err)
	}
	if len(addrs) == 0 {
		return netip.AddrPort{}, fmt.Errorf("the target %s has no address", host)
	}
	addr := addrs[0].Unmap()
	for _, a := range addrs { // names of this machine often have both families, and 127/8 is the one with many sources
		if a.Unmap().Is4() {
			addr = a.Unmap()
			break
		}
	}
	return netip.AddrPortFrom(addr, uint16(n)), permitted(addr, mine)
}

// permitted refuses targets that are likely to be someone else's.
func permitted(a netip.Addr, mine bool) error {
	switch {
	case a.IsUnspecified() || a.IsMulticast():
		return usageError{fmt.Errorf("--target %v is no address of a tracker", a)}
	case mine, a.IsLoopback(), a.IsPrivate(), a.IsLinkLocalUnicast(), onThisMachine(a):
		return nil
	}
	return fmt.Errorf("the target %v is a public address: load on a tracker that is not yours is an attack; if it is yours, say --i-run-this-tracker", a)
}

func onThisMachine(a netip.Addr) bool {
	own, err := interfaceAddresses(a)
	return err == nil && slices.Contains(own, a)
}
