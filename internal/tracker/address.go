package tracker

import (
	"net/netip"

	"github.com/shoal-tracker/shoal"
)

// claims says whose word is taken for the address of a peer.
type claims uint8

const (
	claimsOfNobody claims = iota
	claimsOfPrivate
	claimsOfTrusted
)

func claimsOf(useIPParam string) claims {
	switch useIPParam {
	case "private":
		return claimsOfPrivate
	case "trusted":
		return claimsOfTrusted
	}
	return claimsOfNobody
}

// externals returns the stand-ins for loopback addresses of each family. One
// alone stands for both: a client on the tracker's machine that happens to
// announce over ::1 is reached at the machine's IPv4 address as well, and at
// ::1 by nobody.
func externals(addrs []netip.Addr) (ip4, ip6 netip.Addr) {
	for _, a := range addrs {
		if a.Is4() {
			ip4 = a
		} else {
			ip6 = a
		}
	}
	if !ip4.IsValid() {
		ip4 = ip6
	}
	if !ip6.IsValid() {
		ip6 = ip4
	}
	return ip4, ip6
}

// locate makes req.Addr the address that others are given, for every transport
// alike and before anything looks at it: what is stored, what the rules judge
// and what the client is told (BEP 24) is that address, and a peer that stops
// is found by it again. Only the address of a proxy that names nobody can be
// wrong. A WebTorrent peer is its connection, and nobody is given its address:
// the rules judge the one it connected from.
func (s *settings) locate(req *shoal.AnnounceRequest) shoal.Failure {
	if req.Link != 0 {
		if req.FromProxy {
			return shoal.ForwardedMissing
		}
		return shoal.OK
	}
	if s.believes(req) {
		req.Addr = netip.AddrPortFrom(req.Claimed, req.Addr.Port())
	} else if req.FromProxy {
		return shoal.ForwardedMissing
	}
	// The kernel lets no packet in from outside that claims to be from here.
	if s.external4.IsValid() && req.Addr.Addr().IsLoopback() {
		external := s.external4
		if req.Addr.Addr().Is6() {
			external = s.external6
		}
		req.Addr = netip.AddrPortFrom(external, req.Addr.Port())
	}
	return shoal.OK
}

// believes reports whether the announce comes from somebody whose word is taken
// for the address. A proxy that names nobody may be passing on the request of
// anyone, and so is not a private sender, wherever it stands.
func (s *settings) believes(req *shoal.AnnounceRequest) bool {
	if s.claims == claimsOfNobody || !req.Claimed.IsValid() || req.Claimed.IsUnspecified() {
		return false
	}
	sender := req.Addr.Addr()
	if req.Claimed.Is4() != sender.Is4() {
		return false
	}
	if s.claims == claimsOfTrusted {
		return req.FromProxy
	}
	return !req.FromProxy && (sender.IsPrivate() || sender.IsLoopback())
}
