//go:build !linux || !(amd64 || arm64)

package packetio

import "net/netip"

// toPortZero spoils the address that reply i goes to.
func toPortZero(b *Batch, i int) {
	b.from[i] = netip.AddrPortFrom(b.from[i].Addr(), 0)
}
