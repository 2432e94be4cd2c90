//go:build linux

package e2e

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"testing"
)

// TestProbe asks as the sites do that list working trackers, newTrackon above
// all: a torrent nobody has heard of, from a seeder that nobody knows. A
// tracker that refuses, or names an interval that they think odd, is listed as
// dead.
func TestProbe(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	asker, other := net.host(t, "asker"), net.host(t, "other")
	s := startShoal(t, net.host(t, "shoal"), "")
	for _, by := range []transport{http4, http6, udp4, udp6} {
		t.Run(by.name, func(t *testing.T) {
			announce := func(h *host, q question) (answer, error) {
				if by.scheme == "udp" {
					return announceUDP(h, s.listener(by), q)
				}
				// What the asker takes to be its address is not to be believed.
				return announceHTTP(h, s.listener(by), q, "&ipv6=fd99::9&ipv4=10.99.0.9")
			}
			q := question{port: 6881, started: by.scheme == "udp"}
			rand.Read(q.infoHash[:])
			q.infoHash[7] = ' '
			copy(q.peerID[:], "-qB4390-"+randomHex(6))

			got, err := announce(asker, q)
			if err != nil {
				t.Fatal(err)
			}
			if got.interval < 300 || got.interval > 10800 {
				t.Errorf("interval is %d s, want 300 to 10800", got.interval)
			}
			if got.complete != 1 || got.incomplete != 0 || len(got.peers) != 0 {
				t.Errorf("a lone seeder is told %+v, want itself counted and no peers", got)
			}

			copy(q.peerID[:], "-qB4390-"+randomHex(6))
			q.left, q.port = 1, 6882
			got, err = announce(other, q)
			if err != nil {
				t.Fatal(err)
			}
			want := netip.AddrPortFrom(asker.v4, 6881)
			if by.v6 {
				want = netip.AddrPortFrom(asker.v6, 6881)
			}
			if got.complete != 1 || got.incomplete != 1 || !slices.Equal(got.peers, []netip.AddrPort{want}) {
				t.Errorf("a leecher is told %+v, want both counted and the peer %v", got, want)
			}
		})
	}
	s.stop(t)
}
