//go:build !race

package streamio

import (
	"crypto/tls"
	"testing"
)

func TestSecureWriteDoesNotAllocate(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p := newTLSStand(version).meet(t)
		message := make([]byte, 500)
		out := make([]byte, 0, 1000)
		if n := testing.AllocsPerRun(100, func() { p.server.write(message, out) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// Reading costs what crypto/tls itself allocates for each record, and no buffer.
func TestSecureReadAllocatesLittle(t *testing.T) {
	s := newTLSStand(tls.VersionTLS13).keyed()
	p := s.meet(t)
	f := forgerOf(t, p, true)
	const runs = 100
	var records [][]byte
	for range runs + 1 {
		records = append(records, f.record(dataRecord, make([]byte, 500)))
	}
	plain := make([]byte, 1000)
	n := testing.AllocsPerRun(runs, func() {
		p.server.feed(records[0])
		records = records[1:]
		for {
			if _, err := p.server.read(plain); err == errMore {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		p.server.trim()
	})
	t.Logf("%v allocations a record", n)
	if n > 4 {
		t.Errorf("%v allocations", n)
	}
}
