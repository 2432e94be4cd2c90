//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

const (
	payloadName = "payload.bin"
	payloadSize = 5_000_000 // not a multiple of the piece length
	pieceLength = 64 << 10
)

// payload is one file of random bytes, and the private torrent of it: peers
// may be learnt from the tracker alone (BEP 27).
type payload struct {
	data     []byte
	info     []byte // bencoded info dictionary
	infoHash [20]byte
}

func newPayload() *payload {
	p := &payload{data: make([]byte, payloadSize)}
	rand.Read(p.data)
	var pieces []byte
	for rest := p.data; len(rest) > 0; {
		n := min(pieceLength, len(rest))
		sum := sha1.Sum(rest[:n])
		pieces = append(pieces, sum[:]...)
		rest = rest[n:]
	}
	p.info = fmt.Appendf(nil, "d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%s7:privatei1ee",
		len(p.data), len(payloadName), payloadName, pieceLength, len(pieces), pieces)
	p.infoHash = sha1.Sum(p.info)
	return p
}

// torrent is the .torrent that names one tracker.
func (p *payload) torrent(announce string) []byte {
	return fmt.Appendf(nil, "d8:announce%d:%s4:info%se", len(announce), announce, p.info)
}

// write stores the data in dir, where a seeder looks for it.
func (p *payload) write(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, payloadName), p.data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// verify compares the checksum of what a leecher stored in dir.
func (p *payload) verify(t *testing.T, dir string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, payloadName))
	if err != nil {
		t.Fatal(err)
	}
	want, have := sha256.Sum256(p.data), sha256.Sum256(got)
	if !bytes.Equal(want[:], have[:]) {
		t.Errorf("%d bytes with SHA-256 %x arrived, want %d bytes with %x", len(got), have, len(p.data), want)
	}
}
