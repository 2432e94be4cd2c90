package udpserver

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// ownListeners are the addresses this process listens on, for telling whether a
// datagram claims to come from one of them. It never changes: new listeners
// are a new ownListeners.
type ownListeners struct {
	ports []uint16 // of any listener, each once; nearly every packet is told by these
	addrs map[netip.AddrPort]struct{}
	// Ports listened on at every address of the machine, of each family.
	wildcards4 []uint16
	wildcards6 []uint16
	machine    map[netip.Addr]struct{}
}

// newOwnListeners looks up the machine's addresses once. Without them, when it
// returns an error, a wildcard still matches the loopback addresses.
func newOwnListeners(addrs []netip.AddrPort) (*ownListeners, error) {
	o := &ownListeners{
		addrs:   make(map[netip.AddrPort]struct{}),
		machine: make(map[netip.Addr]struct{}),
	}
	for _, a := range addrs {
		addr, port := a.Addr().Unmap().WithZone(""), a.Port()
		if !slices.Contains(o.ports, port) {
			o.ports = append(o.ports, port)
		}
		switch {
		case !addr.IsUnspecified():
			o.addrs[netip.AddrPortFrom(addr, port)] = struct{}{}
		case addr.Is4():
			o.wildcards4 = append(o.wildcards4, port)
		default:
			o.wildcards6 = append(o.wildcards6, port)
		}
	}
	if o.wildcards4 == nil && o.wildcards6 == nil {
		return o, nil
	}
	found, err := net.InterfaceAddrs()
	if err != nil {
		return o, fmt.Errorf("look up the addresses of the interfaces: %w", err)
	}
	for _, a := range found {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				o.machine[addr.Unmap()] = struct{}{}
			}
		}
	}
	return o, nil
}

// contains reports whether from, which is neither IPv4-mapped nor zoned, is the
// address of one of the listeners.
func (o *ownListeners) contains(from netip.AddrPort) bool {
	if !slices.Contains(o.ports, from.Port()) {
		return false
	}
	if _, ok := o.addrs[from]; ok {
		return true
	}
	wildcards := o.wildcards4
	if !from.Addr().Is4() {
		wildcards = o.wildcards6
	}
	if !slices.Contains(wildcards, from.Port()) {
		return false
	}
	// A packet from the unspecified address reaches a socket as little as one
	// to it does, but where it comes up it is ours.
	if from.Addr().IsLoopback() || from.Addr().IsUnspecified() {
		return true
	}
	_, ok := o.machine[from.Addr()]
	return ok
}
