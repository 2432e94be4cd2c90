package httptracker

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func BenchmarkParseAnnounce(b *testing.B) {
	for name, query := range map[string]string{
		"usual":  testMinimal + "&uploaded=0&downloaded=0&left=1048576&corrupt=0&key=ABCDEF12&event=started&numwant=200&compact=1&no_peer_id=1&supportcrypto=1&redundant=0",
		"double": strings.Repeat("?info_hash=", 700), // must stay linear
	} {
		b.Run(name, func(b *testing.B) {
			var req shoal.AnnounceRequest
			var form Form
			query := []byte(query)
			b.SetBytes(int64(len(query)))
			for b.Loop() {
				ParseAnnounce(query, &req, &form)
			}
		})
	}
}

func BenchmarkPrependAnnounce(b *testing.B) {
	res := testResponse()
	external := netip.MustParseAddr("203.0.113.9")
	buf := make([]byte, 512)
	for b.Loop() {
		PrependAnnounce(buf, Headroom, res, external)
	}
}
